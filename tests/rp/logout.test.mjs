import { logout } from './cases/logout.mjs'
import { runPlan } from './plan.mjs'

runPlan('Back-Channel Logout', logout, { variants: ['none', 'client_secret_basic'] })
