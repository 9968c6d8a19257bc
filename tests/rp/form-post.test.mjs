import { formPost } from './cases/form-post.mjs'
import { runPlan } from './plan.mjs'

runPlan('Form Post', formPost, {
  variants: ['none', 'client_secret_basic'],
  responseMode: 'form_post',
})
