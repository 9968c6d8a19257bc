import { refresh } from './cases/refresh.mjs'
import { runPlan } from './plan.mjs'

runPlan('Refresh Token', refresh, {
  variants: ['none', 'client_secret_basic', 'client_secret_post'],
})
