// What comes back in the address: repeated, forged, damaged, or from somebody else.
import assert from 'node:assert/strict'
import { suite } from '../suite.mjs'

/** Waits at the callback with an answer of the provider's that nobody looked at yet. */
async function waiting(stage, options) {
  const parts = await stage.open({ byHand: '/callback', ...options })
  await parts.app.visit('/orders')
  return parts
}

/** The address of the callback with other parameters; undefined takes one away. */
function changed(url, changes) {
  const query = new URLSearchParams(url.slice(url.indexOf('?')))
  for (const [name, value] of Object.entries(changes)) {
    if (value === undefined) query.delete(name)
    else query.set(name, value)
  }
  return `/callback?${query}`
}

const parameter = (url, name) => new URLSearchParams(url.slice(url.indexOf('?'))).get(name)

/** No token of the session is anywhere in the browser's storage. */
async function assertNothingKept(app) {
  const { session, local } = await app.stored()
  const names = [...Object.keys(session), ...Object.keys(local)]
  assert.deepEqual(
    names.filter((name) => name.includes('.tokens.')),
    [],
  )
  assert.equal(await app.run(() => session.signedIn), false)
  assert.equal((await app.call('getAccessToken')).error.code, 'login_required')
}

export const repeated = suite('a callback that is repeated', (test) => {
  test('users_a05 r046 r061 handled twice at once: one request, the same answer', async (stage) => {
    const { app, provider } = await waiting(stage)
    await app.signIn({ appState: { n: 1 } })
    const outcomes = await app.run(async () => {
      globalThis.session = await open()
      const url = location.href
      return Promise.all([
        settle(session.handleCallback()),
        settle(session.handleCallback()),
        settle(session.handleCallback(url)),
      ])
    })
    const value = { kind: 'signed-in', returnTo: '/orders', appState: { n: 1 }, repeated: false }
    assert.deepEqual(outcomes, [{ value }, { value }, { value }])
    assert.equal(provider.count(), 1)
    const signedIn = await app.run(() => events.filter(({ type }) => type === 'signed-in').length)
    assert.equal(signedIn, 1)
  })

  test('r046 handled by two sessions at once: one request, both signed in', async (stage) => {
    const { app, provider } = await waiting(stage)
    await app.signIn()
    const [outcomes, tokens] = await app.run(async () => {
      const pair = await Promise.all([open(), open()])
      const outcomes = await Promise.all(pair.map((one) => settle(one.handleCallback())))
      return [outcomes, await Promise.all(pair.map((one) => settle(one.getAccessToken())))]
    })
    const value = { kind: 'signed-in', returnTo: '/orders', repeated: false }
    assert.deepEqual(outcomes, [{ value }, { value }])
    assert.ok(tokens[0].value)
    assert.deepEqual(tokens[0], tokens[1])
    assert.equal(provider.count(), 1)
  })

  test('r046 a session of another client does not take part', async (stage) => {
    const { app, provider } = await waiting(stage)
    await app.signIn()
    const outcomes = await app.run(async () => {
      const pair = await Promise.all([open(), open({ clientId: 'other' })])
      return Promise.all(pair.map((one) => settle(one.handleCallback())))
    })
    assert.equal(outcomes[0].value.kind, 'signed-in')
    assert.deepEqual(outcomes[1], { value: { kind: 'none' } })
    assert.equal(provider.count(), 1)
  })

  test('r046 asked again while it is under way, the answer is shared', async (stage) => {
    const { app, provider } = await waiting(stage)
    await app.signIn()
    const defect = provider.setDefects({ path: '/connect/token', kind: 'hold' })
    await app.run(async () => {
      globalThis.session = await open()
      globalThis.first = settle(session.handleCallback())
    })
    await defect.reached
    await app.run(() => void (globalThis.second = settle(session.handleCallback())))
    provider.setDefects()
    const outcomes = await app.run(() => Promise.all([first, second]))
    assert.equal(outcomes[0].value.kind, 'signed-in')
    assert.deepEqual(outcomes[0], outcomes[1])
    assert.equal(provider.count(), 1)
  })

  test('users_a03 users_a04 r046 loaded again: signed in already, or told why not', async (stage) => {
    const { app, provider, site, profile } = await waiting(stage)
    const { url } = await app.signIn()
    assert.equal((await app.arriveAt()).value.repeated, false)
    const again = await app.visit(url)
    assert.deepEqual(await app.arriveAt(), {
      value: { kind: 'signed-in', returnTo: '/orders', repeated: true },
      url: '/callback',
    })
    assert.equal(again.url, url)

    await app.call('signOut', { local: true })
    await app.visit(url)
    const used = await app.arriveAt()
    assert.deepEqual([used.error.code, used.error.detail], ['state_unknown', 'used'])
    assert.equal(used.url, '/callback')

    const clean = await profile()
    await clean.visit(url)
    const unknown = await clean.arriveAt()
    assert.deepEqual([unknown.error.code, unknown.error.detail], ['state_unknown', 'unknown'])
    assert.equal(unknown.url, '/callback')
    assert.equal(site.requests.filter((request) => request.url === url).length, 4)
    assert.equal(provider.count(), 1)
    assert.equal(await clean.run(() => session.signedIn), false)
  })

  test('users_a04 r046 the way back through the history does no harm', async (stage) => {
    const { app, provider } = await stage.open()
    await app.visit('/orders')
    await app.signIn()
    const token = await app.call('getAccessToken')
    // Over the provider's form to where it all began, and forth again.
    assert.equal((await app.travel(-2)).url, '/orders')
    assert.equal((await app.travel(2)).url, '/callback')
    assert.deepEqual(await app.call('handleCallback'), { value: { kind: 'none' } })
    assert.deepEqual(await app.call('getAccessToken'), token)
    // The authorization request itself, once more: the provider answers with a fresh code.
    const { path, query } = provider.received().find(({ path }) => path === '/connect/authorize')
    const value = { kind: 'signed-in', returnTo: '/orders', repeated: true }
    const arrival = await app.visit(provider.issuer + path + query)
    assert.deepEqual(arrival, { value, url: '/callback' })
    assert.equal(provider.count(), 1)
  })

  test('r061 a code whose request was lost is not sent again', async (stage) => {
    const { app, provider } = await waiting(stage)
    const { url } = await app.signIn()
    await provider.goOffline()
    assert.equal((await app.arriveAt()).error.code, 'network_error')
    await provider.goOnline()
    const again = await app.arriveAt(url)
    assert.deepEqual([again.error.code, again.error.detail], ['state_unknown', 'used'])
    assert.equal(provider.count(), 0)
    await app.signIn()
    assert.equal((await app.arriveAt()).value.kind, 'signed-in')
  })
})

export const address = suite('the address', (test) => {
  test('users_a04 r057 is clean before the first request; what is not ours is kept', async (stage) => {
    const { app } = await waiting(stage, {
      prepare: () => {
        globalThis.order = []
        const { fetch } = globalThis
        globalThis.fetch = (...values) => {
          order.push([String(values[0].url ?? values[0]).replace(/.*\/\/[^/]*/, ''), location.href])
          return fetch(...values)
        }
      },
    })
    const { url } = await app.signIn()
    const length = await app.run(() => {
      history.replaceState({ scroll: [1, 2] }, '')
      return history.length
    })
    const foreign = 'tab=a%20b&x&tab=2&error_code=1'
    const arrival = await app.arriveAt(`${url}&${foreign}#part-2`)
    assert.equal(arrival.value.kind, 'signed-in')
    assert.equal(arrival.url, `/callback?${foreign}#part-2`)
    const [order, state] = await app.run(() => [order, history.state])
    assert.deepEqual(state, { scroll: [1, 2] })
    const token = order.findIndex(([path]) => path === '/connect/token')
    assert.ok(token >= 0)
    for (const [path, address] of order.slice(token)) {
      assert.ok(!/[?&](code|state|iss)=/.test(address), `${path} left from ${address}`)
    }
    // No further entry in the history.
    assert.equal(length, await app.run(() => history.length))
  })

  test('r057 a code is in no referrer that leaves the origin', async (stage) => {
    const { app, api, provider, site } = await stage.open()
    await app.visit()
    await app.signIn()
    await app.call('userInfo')
    await app.run((url) => session.fetch(url).then(({ status }) => status), `${api.origin}/orders`)
    assert.ok(site.requests.some(({ url }) => url.includes('code=')))
    const sent = [...provider.received(), ...api.requests]
    assert.ok(sent.length >= 6)
    for (const { headers } of sent) assert.ok(!headers.referer?.includes('code='), headers.referer)
  })

  test('users_a03 r055 a page that is no callback answers none and is left alone', async (stage) => {
    const { app, provider } = await stage.open()
    for (const path of [
      '/?code=1&state=2',
      '/callback',
      '/callback?state=1',
      '/callback?tab=1#part',
      '/callback#error=mine',
      '/callback/?code=1&state=2',
      '/Callback?code=1&state=2',
    ]) {
      assert.deepEqual(await app.visit(path), { value: { kind: 'none' }, url: path })
    }
    assert.deepEqual(provider.requests, [])
  })
})

export const outOfOrder = suite('a callback that is not in order', (test) => {
  /** Each row: its requirement, what becomes of the good answer, the error's code and detail. */
  const refused = (name, rows) =>
    test(name, async (stage) => {
      const { app, provider } = await waiting(stage)
      for (const [change, code, detail] of rows) {
        const { url } = await app.signIn()
        const address = typeof change === 'function' ? change(url) : changed(url, change)
        const { error, url: left } = await app.arriveAt(address)
        const name = address.slice(0, 200)
        assert.ok(error, `refused: ${name}`)
        assert.equal(error.code, code, name)
        if (detail !== undefined) assert.equal(error.detail, detail, name)
        assert.ok(!/code=|state=|iss=|token|error/.test(left), `${left} is clean`)
        await assertNothingKept(app)
      }
      assert.equal(provider.count(), 0, 'no code was spent')
      await app.signIn()
      assert.equal((await app.arriveAt()).value.kind, 'signed-in', 'and a sign-in works')
    })

  refused('r031 r046 its state must be known', [
    [{ state: undefined }, 'state_missing'],
    [{ state: '' }, 'state_missing'],
    [(url) => changed(url, { state: `${parameter(url, 'state')}1` }), 'state_unknown', 'unknown'],
    [(url) => changed(url, { state: parameter(url, 'state').toLowerCase() }), 'state_unknown'],
    [{ state: '__proto__' }, 'state_unknown', 'unknown'],
    [{ state: 'x'.repeat(9000) }, 'callback_malformed', 'state'],
    [{ state: 'x'.repeat(1_000_000) }, 'callback_malformed', 'query'],
  ])

  refused('r049 r050 it must come from the issuer that was asked', [
    [(url) => changed(url, { iss: `${parameter(url, 'iss')}1` }), 'issuer_mismatch'],
    [(url) => changed(url, { iss: `${parameter(url, 'iss')}/` }), 'issuer_mismatch'],
    [(url) => changed(url, { iss: parameter(url, 'iss').toUpperCase() }), 'issuer_mismatch'],
    [{ iss: '' }, 'issuer_mismatch'],
    [{ iss: 'https://evil.example' }, 'issuer_mismatch'],
    [{ iss: undefined }, 'issuer_missing'],
    // A refusal is not believed before its issuer is (A014).
    [{ code: undefined, error: 'access_denied', iss: 'https://evil.example' }, 'issuer_mismatch'],
  ])

  refused('r047 r048 it says one thing, once', [
    [{ error: 'access_denied' }, 'callback_malformed'],
    [{ code: '' }, 'callback_malformed'],
    [{ code: undefined, error: '' }, 'callback_malformed'],
    [(url) => `${url}&code=other`, 'callback_duplicate_param', 'code'],
    [(url) => `${url}&state=${parameter(url, 'state')}`, 'callback_duplicate_param', 'state'],
    [(url) => `${url}&iss=https%3A%2F%2Fevil.example`, 'callback_duplicate_param', 'iss'],
  ])

  refused('r054 r055 no token is taken from it, and nothing from its fragment', [
    [{ access_token: 'canary' }, 'callback_unexpected_token', 'access_token'],
    [{ code: undefined, id_token: 'canary' }, 'callback_unexpected_token', 'id_token'],
    [{ refresh_token: 'canary' }, 'callback_unexpected_token', 'refresh_token'],
    [
      (url) => `/callback#access_token=canary&token_type=bearer&state=${parameter(url, 'state')}`,
      'callback_unexpected_token',
      'access_token',
    ],
    [(url) => `${url}#state=x&code=evil`, 'callback_malformed', 'fragment'],
    [(url) => `${url}#code=evil`, 'callback_malformed', 'fragment'],
    [(url) => `/callback#${url.slice(url.indexOf('?') + 1)}`, 'callback_malformed', 'fragment'],
  ])

  test('r055 an answer in the fragment is not merged with a state in the query', async (stage) => {
    const { app, provider } = await waiting(stage)
    const { url } = await app.signIn()
    const arrival = await app.arriveAt(`/callback?state=${parameter(url, 'state')}#code=evil`)
    assert.equal(arrival.error?.code, 'callback_malformed')
    assert.equal(provider.count(), 0)
  })

  test('r053 what a server says is inert text in fields of its own', async (stage) => {
    const { app } = await waiting(stage)
    const refusal = async (changes, rest = '') => {
      const { url } = await app.signIn()
      return (await app.arriveAt(changed(url, { code: undefined, ...changes }) + rest)).error
    }
    const image = '<img src=x onerror=alert(1)>'
    const error = await refusal({
      error: 'access_denied',
      error_description: image,
      error_uri: 'javascript:alert(1)',
    })
    assert.deepEqual([error.code, error.error], ['authorization_error', 'access_denied'])
    assert.equal(error.error_description, image)
    assert.equal(error.error_uri, undefined)
    assert.ok(!error.message.includes('img') && !error.message.includes('denied'))

    const odd = await refusal({
      error: 'made_up"\\error\u0000',
      error_description: `a\u202eb\u0007${'x'.repeat(5000)}`,
      error_uri: 'https://id.example/why',
    })
    assert.equal(odd.error, 'made_uperror')
    assert.equal(odd.error_description, `ab${'x'.repeat(510)}`)
    assert.equal(odd.error_uri, 'https://id.example/why')

    const broken = await refusal({ error: 'access_denied' }, '&error_description=%E0%A4%A')
    assert.equal(broken.code, 'authorization_error')
  })

  test('r020 r070 where the code goes is decided by configuration alone', async (stage) => {
    const { app, provider } = await waiting(stage)
    const evil = await stage.api()
    const { url } = await app.signIn()
    const there = encodeURIComponent(`${evil.origin}/token`)
    const arrival = await app.arriveAt(`${url}&token_endpoint=${there}&jwks_uri=${there}`)
    assert.equal(arrival.value.kind, 'signed-in')
    assert.equal(provider.count(), 1)
    assert.deepEqual([evil.requests, evil.preflights], [[], 0])
  })

  test('r026 r070 a callback for one issuer is unknown to a session of another', async (stage) => {
    const { app, provider } = await waiting(stage)
    const other = await stage.provider()
    await app.signIn()
    const outcome = await app.run(async (issuer) => {
      const session = await open({ issuer })
      return settle(session.handleCallback())
    }, other.issuer)
    assert.deepEqual([outcome.error.code, outcome.error.detail], ['state_unknown', 'unknown'])
    assert.deepEqual([provider.count(), other.count()], [0, 0])
  })

  test('r056 it must arrive where the request said', async (stage) => {
    const { app, provider, site } = await waiting(stage)
    const { url } = await app.signIn()
    const outcome = await app.run(
      async ([redirectUri, url]) => {
        const session = await open({ redirectUri })
        return settle(session.handleCallback(url))
      },
      [`${site.origin}/elsewhere`, url.replace('/callback', '/elsewhere')],
    )
    assert.equal(outcome.error.code, 'redirect_uri_mismatch')
    assert.equal(provider.count(), 0)
  })

  test("r062 another person's code is of no use", async (stage) => {
    const { app, provider, profile } = await waiting(stage)
    const bob = await profile()
    await bob.visit()
    const stolen = await bob.signIn({}, { name: 'bob' })
    const { url } = await app.signIn()
    const { error } = await app.arriveAt(changed(url, { code: parameter(stolen.url, 'code') }))
    assert.deepEqual([error.code, error.error, error.status], ['token_error', 'invalid_grant', 400])
    assert.equal(error.loginRequired, true)
    await assertNothingKept(app)
    assert.equal(provider.count(), 1)
  })

  test('r031 r046 the complete callback of a stranger is refused', async (stage) => {
    const { app, profile, provider } = await waiting(stage)
    const stranger = await profile()
    await stranger.visit()
    const { url } = await stranger.signIn({}, { name: 'bob' })
    await app.visit(url)
    const { error } = await app.arriveAt()
    assert.deepEqual([error.code, error.detail], ['state_unknown', 'unknown'])
    assert.equal(provider.count(), 0)
    await assertNothingKept(app)
  })

  test('users_a03 r045 a request that waited too long has expired', async (stage) => {
    const { app, provider } = await waiting(stage)
    await app.clock.install()
    await app.signIn()
    await app.clock.fastForward('11:00')
    const { error } = await app.arriveAt()
    assert.deepEqual([error.code, error.detail], ['state_unknown', 'expired'])
    const { session } = await app.stored()
    assert.deepEqual(
      Object.keys(session).filter((key) => key.includes('.tx.')),
      [],
    )
    assert.equal(provider.count(), 0)
  })
})
