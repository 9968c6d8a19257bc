// Frameworks call twice: effects and hooks that run again, components that come, go and come back. For
// each callback and each expiry the provider sees one token request.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { FRAMEWORKS, TOGETHER, stage } from './stage.mjs'

const TOKEN = '/connect/token'
const ARRIVED = { kind: 'signed-in', returnTo: '/orders?x=1', repeated: false }
const CLOSED = { code: 'closed' }

/** What a framework calls a second call. */
const TWICE = {
  react: 'an effect that StrictMode runs twice',
  vue: 'onMounted twice',
  svelte: 'onMount twice',
}

for (const name of FRAMEWORKS)
  describe(name, TOGETHER, () => {
    const open = stage(name)

    /** The person has signed in at the provider and is sent back. */
    async function signIn(t, show) {
      const app = await open(t, { show })
      await app.leave()
      await app.fillIn()
      return app
    }

    test(`users_a05_${TWICE[name]}: one request, the same answer`, async (t) => {
      const { provider, shows, answers, troubles } = await signIn(t, ['careless'])
      assert.deepEqual(await answers(2), [ARRIVED, ARRIVED])
      await shows('alice', 1)
      assert.equal(provider.count(), 1)
      assert.deepEqual(troubles, [])
    })

    test('users_a05_two components that each handle the callback: one request', async (t) => {
      const { provider, shows, answers, troubles } = await signIn(t, ['careless', 'careless'])
      assert.deepEqual(await answers(4), [ARRIVED, ARRIVED, ARRIVED, ARRIVED])
      await shows('alice', 2)
      assert.equal(provider.count(), 1)
      assert.deepEqual(troubles, [])
    })

    test('users_a05_a component that is remounted while the code is spent: one request', async (t) => {
      const app = await open(t, { show: ['hasty'] })
      const { page, provider, shows, answers, troubles } = app
      await app.leave()
      const defect = provider.setDefects({ path: TOKEN, kind: 'hold' })
      await app.fillIn()
      await defect.reached
      await page.click('#toggle')
      await shows('', 0)
      await page.click('#toggle')
      // The calls of the component that came back share the answer that is on its way.
      await page.waitForFunction(() => globalThis.asked === 4)
      defect.release()
      // In StrictMode the first of the two is closed by then.
      assert.deepEqual(await answers(2), [name === 'react' ? CLOSED : ARRIVED, ARRIVED])
      await shows('alice', 1)
      assert.equal(provider.count(), 1)
      assert.deepEqual(troubles, [])
    })

    test('users_a05_the code of the README: one request, and none to come back', async (t) => {
      const { page, provider, shows, site, troubles } = await signIn(t)
      await shows('alice', 2)
      assert.equal(page.url(), `${site.origin}/orders?x=1`)
      for (let round = 0; round < 3; round++) {
        await page.click('#toggle')
        await shows('', 0)
        await page.click('#toggle')
        await shows('alice', 2)
      }
      assert.equal(provider.count(), 1)
      assert.deepEqual(troubles, [])
    })

    test('users_a04_reload, back, and the address of the callback again: no request', async (t) => {
      const app = await open(t)
      const { page, provider, shows, site, troubles } = app
      await app.leave('/start')
      const came = page.waitForRequest((request) =>
        request.url().startsWith(app.options.redirectUri),
      )
      await app.fillIn()
      const callback = (await came).url()
      await shows('alice', 2)
      await page.reload()
      await shows('alice', 2)
      await page.goto(callback)
      await shows('alice', 2)
      assert.equal(page.url(), `${site.origin}/start`)
      await page.goBack({ waitUntil: 'commit' })
      await shows('alice', 2)
      assert.equal(provider.count(), 1)
      assert.deepEqual(troubles, [])
    })

    test('users_a02_two components that fetch at expiry: one renewal', async (t) => {
      const app = await open(t)
      const { page, provider, shows, site, troubles } = app
      await page.clock.install()
      await app.leave()
      await app.fillIn()
      await shows('alice', 2)
      const now = await page.evaluate(() => Date.now())
      await page.clock.setSystemTime(now + 3_570_000)
      await page.evaluate(() => {
        for (const button of document.querySelectorAll('.ask')) button.click()
      })
      await page.waitForFunction(() =>
        [...document.querySelectorAll('output')].every(
          ({ textContent }) => textContent === '3 orders',
        ),
      )
      assert.equal(provider.count('refresh_token'), 1)
      assert.equal(provider.count(), 2)
      const [, { access_token: token }] = provider.granted()
      assert.deepEqual(site.bearers, [`Bearer ${token}`, `Bearer ${token}`])
      assert.deepEqual(troubles, [])
    })
  })
