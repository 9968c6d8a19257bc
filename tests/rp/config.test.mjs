import { config } from './cases/config.mjs'
import { runPlan } from './plan.mjs'

runPlan('Config', config, { variants: ['none', 'client_secret_basic'] })
