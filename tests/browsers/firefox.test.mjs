// The cases in Firefox.
import assert from 'node:assert/strict'
import { firefox } from 'playwright-core'
import { findFirefox } from '../../scripts/browsers.mjs'
import { chosen, without } from './elsewhere.mjs'
import { run, suite } from './suite.mjs'

const PREFERENCES = {
  // Every host is this machine; nothing leaves it.
  'network.dns.forceResolve': '127.0.0.1',
  // Pages of one case are not dropped from the cache for those of another.
  'browser.sessionhistory.max_total_viewers': 64,
  // An icon is one more request to everybody.
  'browser.chrome.site_icons': false,
  // A process for the next site, whatever it may be.
  'dom.ipc.processPrelaunch.enabled': false,
}

const UNHEARD = 'Playwright hears nothing of a page out of this cache; those below look instead'

const LEFT_OUT = {
  'the way back through the history does no harm': UNHEARD,
  'the tokens of a page that comes back from the cache are gone': UNHEARD,
  'signIn rejects aborted when the page comes back, and works again': UNHEARD,
  'forward to the form again: the sign-in goes on': UNHEARD,
}

/** Goes back to a page of ours that is in the back/forward cache. */
async function back(app, path) {
  await app.run(() => history.back())
  // The page that is left still answers for a while.
  await app.until(`location.pathname === '${path}' && globalThis.persisted`)
}

const remember = () =>
  addEventListener('pageshow', ({ persisted }) => (globalThis.persisted = persisted))

const cached = suite('the back/forward cache, looked at', (test) => {
  test('the tokens of a page that comes back from it are gone', async (stage) => {
    const { app, provider } = await stage.open({ prepare: remember })
    await app.visit('/orders')
    await app.signIn()
    const arrival = app.arrival()
    await app.run(() => void settle(session.signOut()))
    assert.equal((await arrival).value.kind, 'signed-out')
    await back(app, '/callback')
    assert.equal(await app.run(() => session.signedIn), false)
    assert.equal((await app.call('getAccessToken')).error.code, 'login_required')
    assert.equal(provider.count(), 1)
  })

  test('signIn rejects aborted in a page that comes back from it, and works again', async (stage) => {
    const { app } = await stage.open({ prepare: remember })
    await app.visit('/orders')
    await app.run(() => {
      globalThis.left = settle(session.signIn())
    })
    await app.form()
    await back(app, '/orders')
    assert.equal((await app.run(() => left)).error.code, 'aborted')
    assert.equal((await app.signIn()).value.kind, 'signed-in')
  })

  test('forward to the form again after that: the sign-in goes on', async (stage) => {
    const { app } = await stage.open({ prepare: remember })
    await app.visit('/orders')
    await app.leave()
    await app.form()
    await back(app, '/orders')
    const arrival = app.arrival()
    await app.run(() => history.forward())
    await app.fillIn()
    assert.equal((await arrival).value.kind, 'signed-in')
  })
})

const launch = async () =>
  firefox.launch({
    channel: 'moz-firefox',
    executablePath: findFirefox(),
    headless: true,
    firefoxUserPrefs: PREFERENCES,
  })

run('Firefox', launch, without(LEFT_OUT, [...chosen, cached]))
