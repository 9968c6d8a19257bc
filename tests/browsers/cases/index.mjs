// All suites, for any browser.
import * as beside from './beside.mjs'
import * as bound from './bound.mjs'
import * as callback from './callback.mjs'
import * as fetch from './fetch.mjs'
import * as idToken from './id-token.mjs'
import * as importing from './import.mjs'
import * as instance from './instance.mjs'
import * as journeys from './journeys.mjs'
import * as policy from './policy.mjs'
import * as renewal from './renewal.mjs'
import * as secrecy from './secrecy.mjs'
import * as signIn from './sign-in.mjs'
import * as signOut from './sign-out.mjs'
import * as storage from './storage.mjs'
import * as tabs from './tabs.mjs'
import * as tokenEndpoint from './token-endpoint.mjs'

export const suites = [
  signIn,
  callback,
  idToken,
  tokenEndpoint,
  renewal,
  storage,
  signOut,
  beside,
  tabs,
  journeys,
  fetch,
  bound,
  importing,
  policy,
  secrecy,
  instance,
].flatMap((file) => Object.values(file))
