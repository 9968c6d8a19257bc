import { basic } from './cases/basic.mjs'
import { runPlan } from './plan.mjs'

runPlan('Basic', basic, { variants: ['none', 'client_secret_basic'] })
