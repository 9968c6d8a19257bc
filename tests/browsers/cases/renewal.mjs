// Tokens are renewed by a timer and on use, one request at a time; only a final answer ends a session.
import assert from 'node:assert/strict'
import { RESOURCE, readJwt } from '../../support/provider.mjs'
import { suite } from '../suite.mjs'

const TOKEN = '/connect/token'
const LATER = '59:30'

/** Signed in, with clocks of the page that a test moves; the provider's stand still meanwhile. */
async function signedIn(stage, options) {
  const lifetimes = { idToken: 86_400 }
  const parts = await stage.open({ ...options, provider: { lifetimes, ...options?.provider } })
  await parts.app.clock.install()
  await parts.app.visit()
  assert.equal((await parts.app.signIn()).value.kind, 'signed-in')
  return parts
}

const record = async (app) => {
  const { session } = await app.stored()
  const key = Object.keys(session).find((key) => key.includes('.tokens.'))
  return key && JSON.parse(session[key])
}

export const renewal = suite('renewal', (test) => {
  test('r124 a short life is renewed in the background, by the clock on the wall', async (stage) => {
    const { app, provider } = await stage.open({ provider: { lifetimes: { accessToken: 6 } } })
    await app.visit()
    await app.signIn()
    // What comes next lives longer than this test.
    provider.lifetimes.accessToken = 3600
    const [first] = provider.granted()
    const { expiresAt, otherTab } = await app.event('renewed')
    const [, second] = provider.granted()
    assert.notEqual(first.access_token, second.access_token)
    assert.equal(otherTab, false)
    assert.equal(await app.run(() => session.expiresAt), expiresAt)
    assert.deepEqual(await app.call('getAccessToken'), { value: second.access_token })
    assert.equal(provider.count(), 2)
  })

  test('users_a02 r119 r123 on use: ten calls at once are one request, and rotation goes on', async (stage) => {
    const { app, provider } = await signedIn(stage, { session: { backgroundRenewal: false } })
    for (let round = 1; round <= 3; round++) {
      const before = await record(app)
      await app.clock.fastForward(LATER)
      const values = await app.run(() => {
        const calls = Array.from({ length: 10 }, () => settle(session.getAccessToken()))
        return Promise.all(calls)
      })
      const tokens = provider.granted()
      assert.deepEqual(values, Array(10).fill({ value: tokens.at(-1).access_token }))
      assert.equal(provider.count('refresh_token'), round)
      const after = await record(app)
      assert.notEqual(after.refresh_token, before.refresh_token)
      assert.equal(after.refresh_token, tokens.at(-1).refresh_token)
      assert.equal(after.access.token, tokens.at(-1).access_token)
    }
    const renewed = await app.run(() => events.filter(({ type }) => type === 'renewed').length)
    assert.equal(renewed, 3)
    await app.reload()
    assert.deepEqual(await app.call('getAccessToken'), {
      value: provider.granted().at(-1).access_token,
    })
    assert.equal(provider.count(), 4)
  })

  test('r119 without rotation the old refresh token stays', async (stage) => {
    const { app, provider } = await signedIn(stage, { provider: { rotation: false } })
    const before = await record(app)
    provider.setDefects({
      path: TOKEN,
      kind: 'mutate',
      mutate: ({ refresh_token: token, id_token: id, ...json }) => json,
    })
    for (let round = 0; round < 2; round++) {
      assert.ok((await app.call('getAccessToken', { forceRenewal: true })).value)
    }
    const after = await record(app)
    assert.equal(after.refresh_token, before.refresh_token)
    assert.deepEqual(after.claims, before.claims)
    assert.equal(after.id_token, before.id_token)
  })

  test('r124 the timer and the callers share one request', async (stage) => {
    const { app, provider } = await signedIn(stage)
    const defect = provider.setDefects({ path: TOKEN, kind: 'hold' })
    await app.clock.fastForward(LATER)
    await defect.reached
    await app.run(() => {
      globalThis.calls = [1, 2, 3].map(() => settle(session.getAccessToken()))
    })
    defect.release()
    const values = await app.run(() => Promise.all(calls))
    const tokens = provider.granted()
    assert.deepEqual(values, Array(3).fill({ value: tokens.at(-1).access_token }))
    assert.equal(provider.count('refresh_token'), 1)
  })

  test('users_a20 r124 a token that lives a second makes no storm', async (stage) => {
    const lifetimes = { accessToken: 1, idToken: 86_400 }
    const { app, provider } = await signedIn(stage, { provider: { lifetimes } })
    // Half a minute in steps: each may start the timer's work, none more than once in five seconds.
    for (let second = 0; second < 30; second++) {
      const before = provider.count('refresh_token')
      await app.clock.runFor(1000)
      assert.ok(provider.count('refresh_token') - before <= 1)
      // The page's clock runs ahead of the network: an answer must arrive before its deadline does.
      if (provider.count('refresh_token') > before) await app.event('renewed')
    }
    await app.call('getAccessToken')
    const renewals = provider.count('refresh_token')
    assert.ok(renewals >= 1 && renewals <= 8, `${renewals} renewals in half a minute`)
    assert.equal(await app.run(() => session.signedIn), true)
  })

  for (const seconds of [-600, 600]) {
    test(`r124 a078 a clock that is set right by ${seconds} s keeps the session`, async (stage) => {
      const { app, provider } = await signedIn(stage, { session: { backgroundRenewal: false } })
      const now = await app.run(() => Date.now())
      await app.clock.setSystemTime(now + seconds * 1000)
      for (let call = 0; call < 4; call++) assert.ok((await app.call('getAccessToken')).value)
      assert.ok(provider.count('refresh_token') <= 1)
      assert.ok((await app.call('getAccessToken', { forceRenewal: true })).value)
      assert.equal(await app.run(() => session.signedIn), true)
    })
  }

  test('r124 a078 a clock that jumps by a day or a year: at most one renewal each', async (stage) => {
    const { app, provider } = await signedIn(stage)
    for (const days of [1, -2, 365]) {
      const now = await app.run(() => Date.now())
      await app.clock.setSystemTime(now + days * 86_400_000)
      const before = provider.count()
      for (let call = 0; call < 4; call++) await app.call('getAccessToken')
      assert.ok(provider.count() - before <= 1, `${days} days`)
      const left = await app.run(() => session.expiresAt && session.expiresAt - Date.now())
      assert.ok(left === null || left > 0, 'no expired token is held')
    }
  })

  for (const [target, type] of [
    ['document', 'visibilitychange'],
    ['window', 'pageshow'],
    ['window', 'online'],
  ]) {
    test(`users_a08 r124 ${type} after the timers slept: renewed before it is used`, async (stage) => {
      const { app, provider } = await signedIn(stage)
      const now = await app.run(() => Date.now())
      // The clock goes on, and no timer goes off.
      await app.clock.setSystemTime(now + 4_200_000)
      assert.equal(provider.count('refresh_token'), 0)
      await app.run(
        ([target, type]) => globalThis[target].dispatchEvent(new Event(type)),
        [target, type],
      )
      assert.equal((await app.event('renewed')).otherTab, false)
      const { value } = await app.call('getAccessToken')
      assert.equal(value, provider.granted().at(-1).access_token)
      assert.equal(provider.count('refresh_token'), 1)
    })
  }

  test('users_a08 r124 without an event the token is renewed when it is used', async (stage) => {
    const { app, provider } = await signedIn(stage)
    const now = await app.run(() => Date.now())
    await app.clock.setSystemTime(now + 4_200_000)
    const { value } = await app.call('getAccessToken')
    assert.equal(value, provider.granted()[1].access_token)
    assert.equal(provider.count('refresh_token'), 1)
  })

  test('r124 minLifetime and forceRenewal decide when to renew', async (stage) => {
    const { app, provider } = await signedIn(stage)
    const first = await app.call('getAccessToken')
    assert.deepEqual(await app.call('getAccessToken', { minLifetime: 600 }), first)
    assert.equal(provider.count('refresh_token'), 0)
    await app.clock.fastForward('55:00')
    assert.deepEqual(await app.call('getAccessToken'), first)
    const second = await app.call('getAccessToken', { minLifetime: 600 })
    assert.notDeepEqual(second, first)
    assert.equal(provider.count('refresh_token'), 1)
    assert.notDeepEqual(await app.call('getAccessToken', { forceRenewal: true }), second)
    assert.equal(provider.count('refresh_token'), 2)
    assert.equal(
      (await app.call('getAccessToken', { minLifetime: -1 })).error.code,
      'config_invalid',
    )
    assert.equal((await app.call('getAccessToken', { force: true })).error.detail, 'force')
  })

  test('r068 a token for another API, by the refresh token and kept apart', async (stage) => {
    const { app, provider } = await signedIn(stage, { session: { resource: RESOURCE } })
    const usual = await app.call('getAccessToken')
    assert.equal(readJwt(usual.value).payload.aud, RESOURCE)
    const wish = { audience: 'https://other.example/', scope: 'api' }
    const { value } = await app.call('getAccessToken', wish)
    const { payload } = readJwt(value)
    assert.deepEqual([payload.audience, payload.scope], [wish.audience, 'api'])
    assert.deepEqual(await app.call('getAccessToken', wish), { value })
    assert.deepEqual(await app.call('getAccessToken'), usual)
    assert.equal(provider.count('refresh_token'), 1)
    const { error } = await app.call('getAccessToken', { scope: 'api orders' })
    assert.deepEqual([error.code, error.detail], ['config_invalid', 'scope'])
    assert.equal(provider.count('refresh_token'), 1)
    await app.reload()
    assert.deepEqual(await app.call('getAccessToken', wish), { value })
    // Both at once: the refresh token is used by one after the other.
    const both = await app.run(
      (wish) =>
        Promise.all([
          settle(session.getAccessToken({ forceRenewal: true })),
          settle(session.getAccessToken({ ...wish, forceRenewal: true })),
        ]),
      wish,
    )
    assert.ok(both.every((outcome) => outcome.value))
    assert.equal(provider.count('refresh_token'), 3)
  })

  test('r008 one caller gives up, the others get the token', async (stage) => {
    const { app, provider } = await signedIn(stage)
    const defect = provider.setDefects({ path: TOKEN, kind: 'hold' })
    await app.run(() => {
      globalThis.controller = new AbortController()
      const { signal } = controller
      globalThis.calls = [
        settle(session.getAccessToken({ forceRenewal: true, signal })),
        settle(session.getAccessToken({ forceRenewal: true })),
      ]
    })
    await defect.reached
    const first = await app.run(() => (controller.abort(), calls[0]))
    assert.equal(first.error.code, 'aborted')
    defect.release()
    const second = await app.run(() => calls[1])
    assert.ok(second.value)
    assert.equal(provider.count('refresh_token'), 1)
  })
})

export const failures = suite('renewal that fails', (test) => {
  test('r122 offline when the token expires, then online: the session goes on', async (stage) => {
    const { app, provider } = await signedIn(stage, { session: { backgroundRenewal: false } })
    await provider.goOffline()
    await app.clock.fastForward('59:30')
    const old = provider.granted()[0].access_token
    assert.deepEqual(await app.call('getAccessToken'), { value: old }, 'for as long as it lives')
    const { error } = await app.event('renewal-failed')
    assert.deepEqual([error.code, error.retryable], ['network_error', true])
    await app.clock.fastForward('01:00')
    const late = await app.call('getAccessToken')
    assert.deepEqual([late.error.code, late.error.loginRequired], ['network_error', false])
    assert.equal(await app.run(() => session.signedIn), true)
    await app.reload()
    assert.equal(await app.run(() => session.signedIn), true, 'a reload keeps it')
    await provider.goOnline()
    assert.deepEqual(await app.call('getAccessToken'), {
      value: provider.granted().at(-1).access_token,
    })
    assert.equal(provider.count('refresh_token'), 1)
  })

  test('users_a07 offline at expiry, then online: a token', async (stage) => {
    const { app, provider } = await signedIn(stage)
    const [{ access_token: old }] = provider.granted()
    await app.offline(true)
    await app.clock.fastForward('01:00:01')
    const { error } = await app.call('getAccessToken')
    assert.deepEqual(
      [error.code, error.retryable, error.loginRequired],
      ['network_error', true, false],
    )
    assert.equal(await app.run(() => session.signedIn), true)
    assert.equal(provider.count('refresh_token'), 0)
    await app.offline(false)
    const { value } = await app.call('getAccessToken')
    assert.equal(value, provider.granted().at(-1).access_token)
    assert.notEqual(value, old)
    assert.equal(provider.count('refresh_token'), 1)
    assert.equal(await app.run(() => session.signedIn), true)
  })

  test('r122 in the background it is tried again, later each time', async (stage) => {
    const { app, provider } = await signedIn(stage)
    provider.setDefects({ path: TOKEN, kind: 'status', status: 503, times: 2 })
    await app.clock.fastForward(LATER)
    const { error } = await app.event('renewal-failed')
    assert.deepEqual([error.code, error.status, error.retryable], ['response_status', 503, true])
    await app.clock.fastForward(5000)
    await app.event('renewal-failed')
    await app.clock.fastForward(10_000)
    await app.event('renewed')
    assert.equal(provider.count('refresh_token'), 3)
  })

  const refusal = (status, error) => ({ kind: 'json', status, json: { error } })
  for (const [name, defect, code] of [
    ['a 500', { kind: 'status', status: 500 }, 'response_status'],
    ['a 429', { kind: 'status', status: 429 }, 'response_status'],
    ['a broken connection', { kind: 'reset' }, 'network_error'],
    ['invalid_client', refusal(401, 'invalid_client'), 'token_error'],
    ['invalid_scope', refusal(400, 'invalid_scope'), 'token_error'],
    ['temporarily_unavailable', refusal(400, 'temporarily_unavailable'), 'token_error'],
    ['HTML', { kind: 'html' }, 'response_content_type'],
  ]) {
    test(`users_a07 r122 ${name} keeps the session`, async (stage) => {
      const { app, provider } = await signedIn(stage)
      const before = await record(app)
      provider.setDefects({ path: TOKEN, ...defect })
      for (let time = 0; time < 3; time++) {
        const { error } = await app.call('getAccessToken', { forceRenewal: true })
        assert.deepEqual([error.code, error.loginRequired], [code, false])
      }
      assert.deepEqual(await record(app), before)
      provider.setDefects()
      assert.ok((await app.call('getAccessToken', { forceRenewal: true })).value)
    })
  }

  test('users_a24 r121 a refresh token that was used by a thief ends the session', async (stage) => {
    const { app, provider } = await signedIn(stage)
    const { refresh_token: token } = await record(app)
    const body = new URLSearchParams({
      grant_type: 'refresh_token',
      client_id: 'spa',
      refresh_token: token,
    })
    const theft = await fetch(`${provider.issuer}${TOKEN}`, { method: 'POST', body })
    assert.equal(theft.status, 200)
    const { error } = await app.call('getAccessToken', { forceRenewal: true })
    assert.deepEqual(
      [error.code, error.loginRequired, error.error, error.status],
      ['login_required', true, 'invalid_grant', 400],
    )
    const event = await app.event('signed-out')
    assert.equal(event.reason, 'final-error')
    assert.equal(event.error.code, 'token_error')
    assert.equal(event.error.error, 'invalid_grant')
    assert.equal(await app.run(() => session.signedIn), false)
    assert.equal(await record(app), undefined)
    const count = provider.count()
    assert.equal((await app.call('getAccessToken')).error.code, 'login_required')
    assert.equal(provider.count(), count, 'and nothing is asked again')
    assert.equal((await app.signIn()).value.kind, 'signed-in')
  })

  test('r122 an answer that was lost: the token is tried once more, and no loop', async (stage) => {
    const { app, provider } = await signedIn(stage)
    provider.setDefects({ path: TOKEN, kind: 'half', times: 1 })
    const lost = await app.call('getAccessToken', { forceRenewal: true })
    assert.equal(lost.error.code, 'network_error')
    // This provider takes the second use of a rotated token for theft.
    const { error } = await app.call('getAccessToken', { forceRenewal: true })
    assert.deepEqual([error.code, error.error], ['login_required', 'invalid_grant'])
    await app.call('getAccessToken')
    assert.equal(provider.count('refresh_token'), 2)
    assert.equal(await record(app), undefined)
  })

  test('r121 two refusals that cannot be read end the session, too', async (stage) => {
    const { app, provider } = await signedIn(stage)
    provider.setDefects({ path: TOKEN, kind: 'empty', status: 400 })
    const first = await app.call('getAccessToken', { forceRenewal: true })
    assert.equal(first.error.code, 'response_not_json')
    assert.equal(await app.run(() => session.signedIn), true)
    const second = await app.call('getAccessToken', { forceRenewal: true })
    assert.equal(second.error.code, 'login_required')
    assert.equal(await record(app), undefined)
  })

  for (const [claim, value] of [
    ['sub', 'bob'],
    ['iss', 'https://evil.example'],
    ['nonce', 'another'],
    ['aud', 'another'],
  ]) {
    test(`r120 a066 an id_token with another ${claim} ends the session`, async (stage) => {
      const { app, provider } = await signedIn(stage)
      const mutate = (json) => {
        json.id_token = provider.resign(json.id_token, { [claim]: value })
      }
      provider.setDefects({ path: TOKEN, kind: 'mutate', mutate })
      const { error } = await app.call('getAccessToken', { forceRenewal: true })
      assert.deepEqual([error.code, error.detail], ['id_token_invalid', claim])
      assert.equal((await app.event('signed-out')).reason, 'final-error')
      assert.equal(await record(app), undefined)
      assert.equal(await app.run(() => session.claims), null)
    })
  }

  test('a sign-out while it is under way: nothing comes back', async (stage) => {
    const { app, provider } = await signedIn(stage)
    const defect = provider.setDefects({ path: TOKEN, kind: 'hold', after: true })
    await app.run(() => {
      globalThis.renewal = settle(session.getAccessToken({ forceRenewal: true }))
    })
    await defect.reached
    await app.call('signOut', { local: true })
    const revoked = provider.next({ path: '/connect/revocation' })
    defect.release()
    const { error } = await app.run(() => renewal)
    assert.equal(error.code, 'login_required')
    await revoked
    assert.equal(await record(app), undefined)
    assert.equal(await app.run(() => session.signedIn), false)
  })
})

export const expiry = suite('expiry without a refresh token', (test) => {
  const scope = 'openid api'

  test('r165 the record goes when its time is over, and an event tells', async (stage) => {
    const { app, provider } = await signedIn(stage, { session: { scope } })
    assert.ok((await app.call('getAccessToken')).value)
    assert.equal((await record(app)).access.token, provider.granted()[0].access_token)
    await app.clock.fastForward('59:59')
    assert.equal(await app.run(() => session.signedIn), true)
    await app.clock.fastForward(1500)
    assert.deepEqual(await app.event('expired'), { type: 'expired' })
    assert.equal(await app.run(() => session.signedIn), false)
    assert.equal((await app.call('getAccessToken')).error.code, 'login_required')
    assert.deepEqual(
      await app.run(() => [session.claims, session.idToken, session.expiresAt, session.scope]),
      [null, null, null, null],
    )
    assert.equal(await record(app), undefined)
    assert.equal(provider.count(), 1)
  })

  test('r165 a page that slept finds it out on use', async (stage) => {
    const { app } = await signedIn(stage, { session: { scope } })
    const now = await app.run(() => Date.now())
    await app.clock.setSystemTime(now + 3_700_000)
    assert.equal((await app.call('getAccessToken')).error.code, 'login_required')
    await app.event('expired')
    assert.equal(await record(app), undefined)
  })

  test('r165 a page that was closed meanwhile finds nothing and leaves nothing', async (stage) => {
    const { app } = await signedIn(stage, { session: { scope } })
    const now = await app.run(() => Date.now())
    await app.clock.setSystemTime(now + 3_700_000)
    await app.reload()
    assert.equal(await app.run(() => session.signedIn), false)
    assert.equal(await app.run(() => session.claims), null)
    assert.equal(await record(app), undefined)
  })

  test('users_a30 r165 a refresh token whose end is known expires as well', async (stage) => {
    const { app, provider } = await stage.open({ provider: { lifetimes: { idToken: 86_400 } } })
    await app.clock.install()
    await app.visit()
    const mutate = (json) => ({ ...json, refresh_expires_in: 7200 })
    provider.setDefects({ path: TOKEN, kind: 'mutate', mutate })
    await app.signIn()
    const left = await app.run(() => session.sessionExpiresAt - session.expiresAt)
    assert.equal(left, 3_600_000)
    const now = await app.run(() => Date.now())
    await app.clock.setSystemTime(now + 7_300_000)
    assert.equal(await app.run(() => session.signedIn), false)
    assert.equal((await app.call('getAccessToken')).error.code, 'login_required')
    assert.equal(await record(app), undefined)
  })
})
