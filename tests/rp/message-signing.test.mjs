import { messageSigning } from './cases/message-signing.mjs'
import { runPlan } from './plan.mjs'

runPlan('FAPI 2.0 Message Signing', messageSigning, { variants: ['private_key_jwt'] })
