// The cases in WebKitGTK.
import assert from 'node:assert/strict'
import { findWebKit } from '../../scripts/browsers.mjs'
import { chosen, without } from './elsewhere.mjs'
import { run, suite } from './suite.mjs'
import { launch } from './webkit.mjs'

const CLOCK = "it moves the page's clock, which WebDriver cannot"
const NAVIGATION = 'it looks through the Navigation API, which this WebKit has not'

const LEFT_OUT = {
  'a tab that the browser duplicates gets the new tokens, and keeps them': CLOCK,
  'where cookies of others are blocked no frame is needed, and none made': CLOCK,
  'offline when the token expires, then online: the session goes on': CLOCK,
  'everywhere: storage first, then the tokens, then the provider': NAVIGATION,
  'importing the package does nothing yet': 'WebDriver uses the timers of the page itself',
}

// Unlike the others, this one blocks popups while it is driven.
const blocked = suite('a popup that nobody clicked for', (test) => {
  test('a084 is blocked: popup_blocked, and nothing is sent', async (stage) => {
    const { app, provider } = await stage.open({ prepare: () => (globalThis.windows = open) })
    await app.visit()
    const { error } = await app.run(() => {
      globalThis.open = windows
      return settle(session.signIn({ mode: 'popup' }))
    })
    assert.deepEqual([error.code, error.fault, error.retryable], ['popup_blocked', 'caller', false])
    assert.equal(await app.run(() => session.signedIn), false)
    assert.deepEqual(provider.requests, [])
  })
})

const browser = () => launch(findWebKit())
run('WebKitGTK', browser, without(LEFT_OUT, [...chosen, blocked]))
