// What must hold in every engine, on the clock on the wall and with no other help: tabs that share a
// renewal and a sign-out, with Web Locks and without (R123, R164), forgeries that are refused, faults on
// the way (R122), and pages that slept (R124).
import assert from 'node:assert/strict'
import { breakSignature } from '../../support/provider.mjs'
import { suite } from '../suite.mjs'

const TOKEN = '/connect/token'

const newest = (provider) => provider.granted().at(-1)

/** Two tabs with the same session: in `local` they share a store, in `session` one is a duplicate. */
async function twoTabs(stage, storage, options) {
  const parts = await stage.open({ session: { storage, backgroundRenewal: false }, ...options })
  const { app } = parts
  await app.visit()
  assert.equal((await app.signIn()).value.kind, 'signed-in')
  const other = await app.tab()
  await other.visit()
  if (storage === 'session') {
    const entries = await app.run(() => Object.entries(sessionStorage))
    await other.run((entries) => {
      for (const [key, value] of entries) sessionStorage.setItem(key, value)
    }, entries)
    await other.reload()
  }
  assert.equal(await other.run(() => session.signedIn), true)
  return { ...parts, other }
}

/** Ten calls in each tab, all under way before the provider answers the first request. */
async function allRenew({ app, other, provider }) {
  const defect = provider.setDefects({ path: TOKEN, kind: 'hold', times: 1 })
  for (const tab of [app, other]) {
    await tab.run(() => {
      const call = () => settle(session.getAccessToken({ forceRenewal: true }))
      globalThis.asked = Promise.all(Array.from({ length: 10 }, call))
    })
  }
  await defect.reached
  defect.release()
  const answers = await Promise.all([app, other].map((tab) => tab.run(() => asked)))
  const { access_token: value } = newest(provider)
  assert.deepEqual(answers, [Array(10).fill({ value }), Array(10).fill({ value })])
}

/** What a tab holds as its refresh token. */
async function held(tab) {
  const { session, local } = await tab.stored()
  const [record] = Object.entries({ ...session, ...local }).filter(([key]) =>
    /\.tokens\./.test(key),
  )
  return record && JSON.parse(record[1]).refresh_token
}

// As on a page that is not secure.
const withoutLocks = () => Object.defineProperty(Navigator.prototype, 'locks', { value: undefined })

export const together = suite('two tabs', (test) => {
  for (const [storage, how, prepare] of [
    ['local', 'that share a store'],
    ['session', 'of which one is a duplicate'],
    ['local', 'that share a store, without Web Locks', withoutLocks],
    ['session', 'of which one is a duplicate, without Web Locks', withoutLocks],
  ]) {
    test(`r123 ${how}: one request for each refresh token`, async (stage) => {
      const parts = await twoTabs(stage, storage, { prepare })
      const { app, other, provider } = parts
      for (let round = 1; round <= 2; round++) {
        await allRenew(parts)
        assert.equal(provider.count('refresh_token'), round)
        for (const tab of [app, other]) {
          assert.equal(await held(tab), newest(provider).refresh_token)
        }
      }
      // No lease is left behind.
      await app.until(() => !Object.keys(localStorage).some((key) => key.endsWith('.lease')))
    })
  }

  for (const storage of ['local', 'session']) {
    test(`r164 storage ${storage}: a sign-out is known in both`, async (stage) => {
      const { app, other } = await twoTabs(stage, storage)
      await app.call('signOut', { local: true })
      const { reason } = await other.event('signed-out')
      assert.equal(reason, 'other-tab')
      assert.equal(await other.run(() => session.signedIn), false)
      assert.equal((await other.call('getAccessToken')).error.code, 'login_required')
      const { session, local } = await other.stored()
      const keys = [...Object.keys(session), ...Object.keys(local)]
      assert.ok(!keys.some((key) => key.includes('.tokens.')))
    })
  }

  test('r164 where they share a store, a sign-in is known in both', async (stage) => {
    const { app, provider } = await stage.open({ session: { storage: 'local' } })
    await app.visit()
    const other = await app.tab()
    await other.visit()
    assert.equal((await app.signIn()).value.kind, 'signed-in')
    const { otherTab, claims } = await other.event('signed-in')
    assert.deepEqual([otherTab, claims.sub], [true, 'alice'])
    const { access_token: value } = newest(provider)
    assert.deepEqual(await other.call('getAccessToken'), { value })
    assert.equal(provider.count(), 1)
  })
})

export const forged = suite('what is forged', (test) => {
  const tokens = async (app) => {
    const { session, local } = await app.stored()
    return [...Object.keys(session), ...Object.keys(local)].filter((key) => /\.tokens\./.test(key))
  }

  test('r031 r046 a callback with another state; the true one is still good', async (stage) => {
    const { app, provider } = await stage.open({ byHand: '/callback' })
    await app.visit('/orders')
    const { url } = await app.signIn()
    const { error, url: left } = await app.arriveAt(url.replace('state=', 'state=another-'))
    assert.deepEqual([error.code, error.detail], ['state_unknown', 'unknown'])
    assert.equal(left, '/callback')
    assert.deepEqual(await tokens(app), [])
    assert.equal(provider.count(), 0)
    const { value } = await app.arriveAt(url)
    assert.deepEqual(value, { kind: 'signed-in', returnTo: '/orders', repeated: false })
  })

  test('r090 r104 an id_token with a bad signature: nothing of the answer is kept', async (stage) => {
    const { app, provider } = await stage.open()
    const mutate = (json) => ({ ...json, id_token: breakSignature(json.id_token) })
    provider.setDefects({ path: TOKEN, kind: 'mutate', mutate })
    await app.visit()
    const { error } = await app.signIn()
    assert.deepEqual([error.code, error.detail], ['id_token_invalid', 'signature'])
    assert.equal(await app.run(() => session.signedIn), false)
    assert.deepEqual(await tokens(app), [])
    provider.setDefects()
    assert.equal((await app.signIn()).value.kind, 'signed-in')
  })
})

/** What a server or a network does to an answer of the token endpoint, and what a caller is told. */
const FAULTS = [
  [{ kind: 'reset' }, { code: 'network_error', fault: 'network' }],
  [{ kind: 'half' }, { code: 'network_error', fault: 'network' }],
  [
    { kind: 'status', status: 503 },
    { code: 'response_status', status: 503 },
  ],
  [
    { kind: 'status', status: 429 },
    { code: 'response_status', status: 429 },
  ],
]

function assertTold(error, defect, fields) {
  const told = Object.keys(fields).map((name) => [name, error?.[name]])
  assert.deepEqual(Object.fromEntries(told), fields, defect.kind)
  assert.equal(error.retryable, true, defect.kind)
}

export const faults = suite('faults on the way', (test) => {
  test('r076 r122 of a sign-in: nothing is kept, and the next one works', async (stage) => {
    const { app, provider } = await stage.open()
    await app.visit()
    for (const [defect, fields] of FAULTS) {
      provider.setDefects({ path: TOKEN, ...defect })
      assertTold((await app.signIn()).error, defect, fields)
      assert.equal(await app.run(() => session.signedIn), false)
      assert.equal(await held(app), undefined)
    }
    const slow = provider.setDefects({ path: TOKEN, kind: 'hold', times: 1 })
    const arrival = app.signIn()
    await slow.reached
    slow.release()
    assert.equal((await arrival).value.kind, 'signed-in')
  })

  test('r122 of a renewal: the session stays as it was, and the next one works', async (stage) => {
    const session = { backgroundRenewal: false }
    const { app, provider } = await stage.open({ session, provider: { rotation: false } })
    await app.visit()
    await app.signIn()
    const before = await app.stored()
    for (const [defect, fields] of FAULTS) {
      provider.setDefects({ path: TOKEN, ...defect })
      assertTold((await app.call('getAccessToken', { forceRenewal: true })).error, defect, fields)
      assert.equal(await app.run(() => session.signedIn), true)
      assert.deepEqual(await app.stored(), before)
    }
    provider.setDefects()
    const { value } = await app.call('getAccessToken', { forceRenewal: true })
    assert.equal(value, newest(provider).access_token)
  })
})

export const waking = suite('a page that is looked at again', (test) => {
  for (const [target, type] of [
    ['document', 'visibilitychange'],
    ['window', 'pageshow'],
    ['window', 'online'],
  ]) {
    test(`r124 ${type}: what became old meanwhile is renewed`, async (stage) => {
      // A page that slept: its clock went on, its timers did not.
      const prepare = () => {
        const { now } = Date
        globalThis.slept = 0
        Date.now = () => now() + slept
      }
      const lifetimes = { idToken: 86_400 }
      const { app, provider } = await stage.open({ prepare, provider: { lifetimes } })
      await app.visit()
      await app.signIn()
      const wake = ([target, type]) => void globalThis[target].dispatchEvent(new Event(type))
      await app.run(wake, [target, type])
      assert.deepEqual(await app.call('getAccessToken'), { value: newest(provider).access_token })
      assert.equal(provider.count('refresh_token'), 0, 'not before')
      await app.run(() => (globalThis.slept = 3_590_000))
      await app.run(wake, [target, type])
      assert.equal((await app.event('renewed')).otherTab, false)
      assert.equal(provider.count('refresh_token'), 1)
      assert.deepEqual(await app.call('getAccessToken'), { value: newest(provider).access_token })
    })
  }
})
