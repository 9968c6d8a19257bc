import { authentication } from './cases/authentication.mjs'
import { runPlan } from './plan.mjs'

runPlan('client authentication', authentication, {
  variants: [
    'client_secret_post',
    'client_secret_jwt',
    'private_key_jwt',
    'self_signed_tls_client_auth',
  ],
})
