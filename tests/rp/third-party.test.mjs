import { thirdParty } from './cases/third-party.mjs'
import { runPlan } from './plan.mjs'

runPlan('3rd Party-Init', thirdParty, { variants: ['none', 'client_secret_basic'] })
