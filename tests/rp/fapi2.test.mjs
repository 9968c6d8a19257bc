import { fapi2 } from './cases/fapi2.mjs'
import { runPlan } from './plan.mjs'

runPlan('FAPI 2.0 Security Profile', fapi2, { variants: ['private_key_jwt'] })
