// Which cases run in browsers other than Chromium too: those in which an engine goes its own way, be it
// navigation, history, windows, storage, locks, channels, cookies, WebCrypto, fetch, policies or wasm.
// What is left is our own logic, which is the same wasm everywhere.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as beside from './cases/beside.mjs'
import * as callback from './cases/callback.mjs'
import * as fetch from './cases/fetch.mjs'
import * as idToken from './cases/id-token.mjs'
import * as importing from './cases/import.mjs'
import * as instance from './cases/instance.mjs'
import * as journeys from './cases/journeys.mjs'
import * as policy from './cases/policy.mjs'
import * as renewal from './cases/renewal.mjs'
import * as signIn from './cases/sign-in.mjs'
import * as signOut from './cases/sign-out.mjs'
import * as storage from './cases/storage.mjs'
import * as tabs from './cases/tabs.mjs'
import { suite } from './suite.mjs'

/** The cases of a suite whose names match; there are some. */
const only = ({ name, body }, wanted) =>
  suite(name, (test) => {
    let count = 0
    body((name, work) => {
      if (!wanted.test(name)) return
      count++
      test(name, work)
    })
    if (count === 0) throw new Error(`${name} has no case like ${wanted}`)
  })

export const chosen = [
  ...Object.values(journeys),
  only(tabs.apart, /that the browser duplicates/),
  only(
    beside.popups,
    /signs the page in|the click itself|two clicks|page itself|an abort closes|to sign in|forged/,
  ),
  only(beside.silent, /in a frame that goes|no loop|never answers|others are blocked|at once each/),
  only(signIn.signingIn, /r046|r081|r007|r052|r059|is down/),
  only(callback.repeated, /r061|by two sessions|loaded again|history/),
  only(callback.address, /r057/),
  only(idToken.acceptedTokens, /ES256|EdDSA/),
  only(renewal.renewal, /on the wall/),
  only(renewal.failures, /r122 offline/),
  only(storage.places, /this tab|'memory'|promises|r166/),
  only(storage.refusals, /reached|every call|r170 it is full|too large/),
  only(storage.requests, /r169/),
  only(signOut.signingOut, /everywhere|locally|from the cache/),
  signOut.historyCache,
  policy.policies,
  only(policy.wasm, /truncated|else: it runs|loaded once/),
  only(policy.insecurePages, /r029|r034/),
  only(fetch.destinations, /r128|base element|cookie/),
  only(fetch.answers, /a 401 is answered|a Request is an input|r008/),
  importing.importing,
  only(instance.concurrent, /on several sessions/),
  only(instance.traps, /in the middle/),
]

/**
 * The same suites without some cases: { how the name ends: why it cannot run there }; what stands before
 * is whose word a case is for. They are told, with the reason.
 */
export function without(reasons, suites) {
  const met = new Set()
  const left = suites.map(({ name, body }) =>
    suite(name, (one) =>
      body((name, work) => {
        const ending = Object.keys(reasons).find((ending) => name.endsWith(ending))
        if (!ending) return one(name, work)
        met.add(ending)
        test(name, { skip: reasons[ending] }, () => {})
      }),
    ),
  )
  const complete = suite('what is left out', (one) =>
    one('is a case by that name', () =>
      assert.deepEqual([...met].sort(), Object.keys(reasons).sort()),
    ),
  )
  return [...left, complete]
}
