import { session } from './cases/session.mjs'
import { runPlanInPage } from './page.mjs'

runPlanInPage('Refresh Token and RP-Initiated Logout', session)
