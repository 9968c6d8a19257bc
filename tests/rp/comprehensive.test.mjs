import { comprehensive } from './cases/comprehensive.mjs'
import { runPlan } from './plan.mjs'

runPlan('comprehensive', comprehensive, { variants: ['none', 'client_secret_basic'] })
