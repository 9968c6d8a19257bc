// Signing out: this browser first, then the tokens, then the provider; and the way back.
import assert from 'node:assert/strict'
import { suite } from '../suite.mjs'

const REVOCATION = '/connect/revocation'
const END = '/connect/endsession'

async function signedIn(stage, options) {
  const parts = await stage.open(options)
  await parts.app.visit('/orders')
  assert.equal((await parts.app.signIn()).value.kind, 'signed-in')
  return parts
}

const paths = (provider) => provider.requests.map(({ path }) => path)

/** What a thief would get for a refresh token. */
async function refresh(provider, token) {
  const body = new URLSearchParams({
    grant_type: 'refresh_token',
    client_id: 'spa',
    refresh_token: token,
  })
  const answer = await fetch(`${provider.issuer}/connect/token`, { method: 'POST', body })
  return (await answer.json()).error
}

/** Signs out without waiting, for the page is left. */
const leave = (app, options) =>
  app.run((options) => void (globalThis.leaving = settle(session.signOut(options))), options)

export const signingOut = suite('signing out', (test) => {
  test('r148 r158 everywhere: storage first, then the tokens, then the provider', async (stage) => {
    const { app, provider, session } = await signedIn(stage, {
      prepare: () =>
        navigation.addEventListener('navigate', ({ destination }) => {
          if (!destination.url.includes('/connect/endsession')) return
          const stored = { ...sessionStorage, ...localStorage }
          const told = events.filter(({ type }) => type === 'signed-out')
          tell({ leaving: { url: destination.url, stored, told } })
        }),
    })
    const [granted] = provider.granted()
    const since = provider.requests.length
    const arrival = app.arrival()
    await leave(app, { returnTo: '/orders?x=1#top' })
    const seen = await app.next('leaving')
    assert.deepEqual(await arrival, {
      value: { kind: 'signed-out', returnTo: '/orders?x=1#top', stateMatched: true },
      url: '/bye',
    })

    const kept = Object.entries(seen.stored)
    assert.ok(!kept.some(([key]) => key.includes('.tokens.')))
    for (const [, text] of kept) {
      for (const name of ['access_token', 'refresh_token', 'id_token']) {
        assert.ok(!text.includes(granted[name]), name)
      }
    }
    assert.deepEqual(seen.told, [{ type: 'signed-out', reason: 'sign-out' }])
    assert.deepEqual(paths(provider).slice(since, since + 3), [REVOCATION, REVOCATION, END])
    const hints = provider.requests
      .filter(({ path }) => path === REVOCATION)
      .map(({ body }) => [body.token_type_hint, body.client_id, body.token])
    assert.deepEqual(hints, [
      ['refresh_token', 'spa', `[${granted.refresh_token.length} characters]`],
      ['access_token', 'spa', `[${granted.access_token.length} characters]`],
    ])
    const { state, ...sent } = Object.fromEntries(new URL(seen.url).searchParams)
    assert.match(state, /^[\w-]{43}$/)
    assert.deepEqual(sent, {
      id_token_hint: granted.id_token,
      client_id: 'spa',
      post_logout_redirect_uri: session.postLogoutRedirectUri,
    })
    assert.equal(await refresh(provider, granted.refresh_token), 'invalid_grant')
    assert.deepEqual((await app.visit('/bye')).value, { kind: 'none' }, 'once')
    // The provider has forgotten the person as well: its form is shown.
    assert.equal((await app.signIn({}, { form: true })).value.kind, 'signed-in')
  })

  test('r158 locally: the page stays, the tokens are given back', async (stage) => {
    const { app, provider } = await signedIn(stage)
    assert.deepEqual(await app.call('signOut', { local: true }), { value: undefined })
    assert.equal(await app.run(() => location.pathname), '/callback')
    assert.deepEqual(await app.event('signed-out'), { type: 'signed-out', reason: 'sign-out' })
    const known = await app.run(() => [
      session.signedIn,
      session.claims,
      session.idToken,
      session.expiresAt,
      session.scope,
    ])
    assert.deepEqual(known, [false, null, null, null, null])
    assert.equal((await app.call('getAccessToken')).error.code, 'login_required')
    assert.ok(!paths(provider).includes(END))
    assert.equal(paths(provider).filter((path) => path === REVOCATION).length, 2)
    assert.equal(await refresh(provider, provider.granted()[0].refresh_token), 'invalid_grant')
    // Once more: nothing is there to give back, and nothing is told.
    assert.deepEqual(await app.call('signOut', { local: true }), { value: undefined })
    assert.equal(await app.run(() => events.filter(({ type }) => type === 'signed-out').length), 1)
    assert.equal(paths(provider).filter((path) => path === REVOCATION).length, 2)
  })

  test('r148 a079 a revocation that hangs holds nobody up', async (stage) => {
    const { app, provider } = await stage.open()
    await app.clock.install()
    await app.visit()
    await app.signIn()
    const defect = provider.setDefects({ path: REVOCATION, kind: 'hold' })
    const end = provider.next({ path: END })
    const arrival = app.arrival()
    await leave(app)
    await defect.reached
    const before = await app.run(() => [
      session.signedIn,
      Object.keys(sessionStorage).filter((key) => key.includes('.tokens.')),
    ])
    assert.deepEqual(before, [false, []], 'before any answer')
    assert.ok(!paths(provider).includes(END))
    await app.clock.fastForward(2000)
    await end
    assert.equal((await arrival).value.kind, 'signed-out')
    assert.equal(defect.hits, 1)
  })

  for (const [name, defect] of [
    ['503', { kind: 'status', status: 503 }],
    ['HTML', { kind: 'html', status: 400 }],
    ['no CORS', { kind: 'empty', cors: false }],
    ['a redirect', { kind: 'redirect', location: 'https://evil.example/' }],
  ]) {
    test(`r146 r147 a079 a revocation that answers ${name} changes nothing`, async (stage) => {
      const { app, provider } = await signedIn(stage)
      provider.setDefects({ path: REVOCATION, ...defect })
      const arrival = app.arrival()
      await leave(app)
      assert.equal((await arrival).value.kind, 'signed-out')
    })
  }

  test('r158 a provider without a logout page: the sign-out is local', async (stage) => {
    const { app, provider } = await stage.open()
    const mutate = ({ end_session_endpoint: end, revocation_endpoint: revoke, ...json }) => json
    provider.setDefects({ path: '/.well-known/openid-configuration', kind: 'mutate', mutate })
    await app.visit()
    await app.signIn()
    assert.deepEqual(await app.call('signOut'), { value: undefined })
    assert.equal(await app.run(() => session.signedIn), false)
    assert.ok(!paths(provider).some((path) => [END, REVOCATION].includes(path)))
  })

  test('r148 a provider that is down: this browser is signed out all the same', async (stage) => {
    const { app, provider } = await signedIn(stage)
    await provider.goOffline()
    assert.deepEqual(await app.call('signOut', { local: true }), { value: undefined })
    assert.equal(await app.run(() => session.signedIn), false)
    assert.ok(!Object.keys((await app.stored()).session).some((key) => key.includes('.tokens.')))
  })

  test('r158 a person who was never signed in can leave, too', async (stage) => {
    const { app, provider } = await stage.open()
    await app.visit()
    const arrival = app.arrival()
    await leave(app)
    assert.equal((await arrival).value.kind, 'signed-out')
    const end = provider.requests.find(({ path }) => path === END)
    assert.equal(end.query.id_token_hint, undefined)
    assert.equal(end.query.client_id, 'spa')
    assert.ok(!paths(provider).includes(REVOCATION))
  })

  test('the tokens of a page that comes back from the cache are gone', async (stage) => {
    const { app, provider } = await signedIn(stage)
    const arrival = app.arrival()
    await leave(app)
    await arrival
    const { url } = await app.travel(-1)
    assert.equal(url, '/callback')
    assert.equal(await app.run(() => session.signedIn), false)
    assert.equal((await app.call('getAccessToken')).error.code, 'login_required')
    assert.equal(provider.count(), 1)
  })
})

export const wayBack = suite('the way back from the logout', (test) => {
  for (const [name, change] of [
    ['another state', (query) => query.set('state', 'forged')],
    ['no state', (query) => query.delete('state')],
    ['two states', (query) => query.append('state', 'forged')],
  ]) {
    test(`r159 ${name}: signed out, and it is told`, async (stage) => {
      const { app } = await signedIn(stage, { byHand: '/bye' })
      const arrival = app.arrival()
      await leave(app, { returnTo: '/orders' })
      const query = new URLSearchParams((await arrival).url.split('?')[1])
      change(query)
      const { value, url } = await app.arriveAt(`/bye?${query}`)
      assert.deepEqual([value.kind, value.stateMatched], ['signed-out', false], `${query}`)
      assert.equal(url, '/bye')
      assert.equal(await app.run(() => session.signedIn), false)
    })
  }

  test('r159 without a sign-out of ours it is a page like any other', async (stage) => {
    const { app } = await signedIn(stage)
    assert.deepEqual(await app.visit('/bye?state=forged'), {
      value: { kind: 'none' },
      url: '/bye?state=forged',
    })
    assert.equal(await app.run(() => session.signedIn), true)
  })

  test('r043 r159 a returnTo of another origin is dropped, and none is sent to the server', async (stage) => {
    const { app, provider } = await signedIn(stage)
    const arrival = app.arrival()
    await leave(app, { returnTo: 'https://evil.example/' })
    assert.deepEqual((await arrival).value, { kind: 'signed-out', stateMatched: true })
    const { query } = provider.requests.find(({ path }) => path === END)
    assert.ok(!JSON.stringify(query).includes('evil'))
  })
})

export const historyCache = suite('the back/forward cache', (test) => {
  test('signIn rejects aborted when the page comes back, and works again', async (stage) => {
    const { app } = await stage.open()
    await app.visit('/orders')
    await app.run(() => {
      globalThis.left = settle(session.signIn())
    })
    await app.form()
    assert.deepEqual(await app.travel(-1), { persisted: true, url: '/orders' })
    const { error } = await app.run(() => left)
    assert.deepEqual([error.code, error.fault, error.retryable], ['aborted', 'caller', false])
    assert.equal((await app.signIn()).value.kind, 'signed-in')
  })

  test('forward to the form again: the sign-in goes on', async (stage) => {
    const { app } = await stage.open()
    await app.visit('/orders')
    await app.leave()
    await app.form()
    await app.travel(-1)
    const arrival = app.arrival()
    await app.run(() => history.forward())
    await app.fillIn()
    assert.equal((await arrival).value.kind, 'signed-in')
  })
})
