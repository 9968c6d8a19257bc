import { dynamic } from './cases/dynamic.mjs'
import { runPlan } from './plan.mjs'

runPlan('Dynamic', dynamic, {
  variants: ['none', 'client_secret_basic', 'client_secret_post', 'private_key_jwt'],
  registers: true,
})
