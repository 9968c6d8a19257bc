// A person signs in: the way to the provider and back, and what the session knows afterwards.
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { readJwt } from '../../support/provider.mjs'
import { NOWHERE, SCOPE } from '../stage.mjs'
import { suite } from '../suite.mjs'

/** What the page asked of the provider since that many requests. */
const asked = (provider, since = 0) =>
  provider.requests.slice(since).map(({ method, path }) => `${method} ${path}`)

/** What the first authorization request says. */
const authorization = (provider) => {
  const { query } = provider.received().find(({ path }) => path === '/connect/authorize')
  return Object.fromEntries(new URLSearchParams(query))
}

export const signingIn = suite('signing in', (test) => {
  test('r046 r079 r090 a person signs in through the login form and is known', async (stage) => {
    const { app, api, provider } = await stage.open()
    assert.deepEqual(await app.visit('/orders?x=1#top'), {
      value: { kind: 'none' },
      url: '/orders?x=1#top',
    })
    assert.equal(await app.run(() => session.signedIn), false)
    const appState = { cart: [1, { name: 'é' }], empty: null }
    const began = Date.now()
    const arrival = await app.signIn({ appState })
    const ended = Date.now()
    assert.deepEqual(arrival, {
      value: { kind: 'signed-in', returnTo: '/orders?x=1#top', appState, repeated: false },
      url: '/callback',
    })

    const [tokens] = provider.granted()
    const known = await app.run(() => {
      const { signedIn, expiresAt, sessionExpiresAt, idToken, scope, claims } = session
      const frozen = Object.isFrozen(claims) && Object.getPrototypeOf(claims) === null
      return {
        signedIn,
        expiresAt,
        sessionExpiresAt,
        idToken,
        scope,
        frozen,
        claims: { ...claims },
      }
    })
    const { expiresAt, ...rest } = known
    const claims = readJwt(tokens.id_token).payload
    assert.deepEqual(rest, {
      signedIn: true,
      sessionExpiresAt: null,
      idToken: tokens.id_token,
      scope: SCOPE,
      frozen: true,
      claims,
    })
    assert.equal(claims.name, 'Alice Smith')
    assert.ok(expiresAt >= began + 3_600_000 && expiresAt <= ended + 3_600_000)
    assert.deepEqual(await app.event('signed-in'), { type: 'signed-in', claims, otherTab: false })

    assert.deepEqual(await app.call('getAccessToken'), { value: tokens.access_token })
    const info = { sub: 'alice', name: 'Alice Smith', preferred_username: 'alice' }
    assert.deepEqual(await app.call('userInfo'), { value: info })
    const orders = await app.run(
      (url) => session.fetch(url).then(async (answer) => [answer.status, await answer.json()]),
      `${api.origin}/orders/7`,
    )
    assert.deepEqual(orders, [200, { orders: [1, 2, 3] }])
    assert.equal(api.requests[0].headers.authorization, `Bearer ${tokens.access_token}`)
    assert.equal(provider.count(), 1)
  })

  test('r081 from the callback to signed in it takes one request, signature checked', async (stage) => {
    const { app, provider } = await stage.open({
      prepare: () => {
        globalThis.verified = []
        const { verify } = SubtleCrypto.prototype
        SubtleCrypto.prototype.verify = async function (...values) {
          const good = await verify.apply(this, values)
          globalThis.verified.push([values[0].name ?? values[0], good])
          return good
        }
      },
    })
    await app.visit()
    const { value } = await app.signIn()
    assert.equal(value.kind, 'signed-in')
    const paths = asked(provider)
    const back = paths.findLastIndex((path) => path.startsWith('GET /connect/authorize/'))
    assert.deepEqual(paths.slice(back + 1), ['POST /connect/token'])
    assert.deepEqual(
      paths.slice(0, 2),
      ['GET /.well-known/openid-configuration', 'GET /.well-known/openid-configuration/jwks'],
      'metadata and keys are fetched before the page is left',
    )
    assert.deepEqual(await app.run(() => verified), [['RSASSA-PKCS1-v1_5', true]])
  })

  test('r028 r029 r031 r032 r062 what the two requests of a sign-in carry', async (stage) => {
    const { app, provider, session } = await stage.open()
    await app.visit()
    await app.signIn()
    const { state, nonce, code_challenge: challenge, ...rest } = authorization(provider)
    assert.deepEqual(rest, {
      response_type: 'code',
      client_id: 'spa',
      redirect_uri: session.redirectUri,
      code_challenge_method: 'S256',
      scope: SCOPE,
    })
    for (const random of [state, nonce]) assert.match(random, /^[\w-]{43}$/)
    assert.notEqual(state, nonce)

    const token = provider.received().find(({ path }) => path === '/connect/token')
    const body = Object.fromEntries(new URLSearchParams(token.body))
    const { code, code_verifier: verifier, ...form } = body
    assert.deepEqual(form, {
      grant_type: 'authorization_code',
      redirect_uri: session.redirectUri,
      client_id: 'spa',
    })
    assert.ok(code)
    assert.match(verifier, /^[\w-]{43,128}$/)
    assert.equal(createHash('sha256').update(verifier).digest('base64url'), challenge)
    assert.equal(token.headers['content-type'], 'application/x-www-form-urlencoded')
    for (const name of ['authorization', 'cookie', 'referer'])
      assert.equal(token.headers[name], undefined)
  })

  test('r007 no request to the provider says where the page is', async (stage) => {
    const { app, provider } = await stage.open()
    await app.visit('/?secret=in-the-address')
    await app.signIn()
    await app.call('userInfo')
    await app.call('getAccessToken', { forceRenewal: true })
    await app.call('signOut', { local: true })
    // All but what a person sees.
    const sent = provider
      .received()
      .filter(({ path }) => !/^\/(connect\/authorize|login)/.test(path))
    const paths = sent.map(({ path }) => path)
    for (const path of ['/connect/token', '/connect/userinfo', '/connect/revocation']) {
      assert.ok(paths.includes(path), path)
    }
    for (const { path, headers } of sent) {
      assert.equal(headers.referer, undefined, path)
      assert.equal(headers.cookie, undefined, path)
    }
    assert.ok(!asked(provider).some((line) => line.startsWith('OPTIONS /connect/token')))
  })

  test('r007 a085 a page sends nothing beside what is needed, and no cache keeps the answer', async (stage) => {
    const { app } = await stage.open({
      prepare: () => {
        const { fetch } = globalThis
        options.fetch = (url, { signal, body, ...init }) => {
          const { pathname } = new URL(url)
          console.log(`sent ${JSON.stringify([pathname, typeof body, signal.aborted, init])}`)
          return fetch(url, { signal, body, ...init })
        }
      },
    })
    await app.visit()
    await app.signIn()
    await app.call('userInfo')
    await app.call('getAccessToken', { forceRenewal: true })
    await app.call('signOut', { local: true })
    const lines = app.console.filter((line) => line.startsWith('sent '))
    const sent = lines.map((line) => JSON.parse(line.slice(5)))
    const form = { 'content-type': 'application/x-www-form-urlencoded' }
    const bearer = ({ headers }) => ({ authorization: headers.authorization })
    const wanted = [
      ['/.well-known/openid-configuration'],
      ['/.well-known/openid-configuration/jwks'],
      ['/connect/token', form],
      ['/connect/userinfo', bearer(sent[3][3])],
      ['/connect/token', form],
      ['/connect/revocation', form],
      ['/connect/revocation', form],
    ].map(([path, headers]) => [
      path,
      headers === form ? 'string' : 'undefined',
      false,
      {
        method: headers === form ? 'POST' : 'GET',
        headers: { accept: 'application/json', ...headers },
        redirect: 'manual',
        mode: 'cors',
        credentials: 'omit',
        cache: 'no-store',
        referrerPolicy: 'no-referrer',
        keepalive: path === '/connect/revocation',
      },
    ])
    assert.deepEqual(sent, wanted)
    assert.match(sent[3][3].headers.authorization, /^Bearer \S+$/)
  })

  test('r034 without openid it is plain OAuth: no nonce, no claims', async (stage) => {
    const { app, provider } = await stage.open({ session: { scope: 'api offline_access' } })
    await app.visit()
    assert.equal((await app.signIn()).value.kind, 'signed-in')
    assert.ok(!('nonce' in authorization(provider)))
    const known = await app.run(() => [session.signedIn, session.claims, session.idToken])
    assert.deepEqual(known, [true, null, null])
    const { claims } = await app.event('signed-in')
    assert.equal(claims, null)
    assert.equal((await app.call('userInfo')).error.code, 'unsupported')
  })

  test('r036 what a sign-in asks for reaches the provider; what cannot be meant does not', async (stage) => {
    const { app, provider } = await stage.open()
    await app.visit()
    for (const [ask, detail] of [
      [{ prompt: 'none login' }, 'prompt'],
      [{ maxAge: -1 }, 'maxAge'],
      [{ maxAge: 1.5 }, 'maxAge'],
      [{ maxAge: '5' }, 'maxAge'],
      [{ claims: [] }, 'claims'],
      [{ scope: 'a"b' }, 'scope'],
      [{ scopes: 'api' }, 'scopes'],
      [{ authorizationDetails: [{}] }, 'authorizationDetails'],
      [{ parameters: { state: 'mine' } }, 'parameters'],
      [{ parameters: { code_challenge_method: 'plain' } }, 'parameters'],
      [{ parameters: { redirect_uri: 'https://evil.example/' } }, 'parameters'],
    ]) {
      const { error } = await app.call('signIn', ask)
      assert.deepEqual([error.code, error.detail], ['config_invalid', detail], JSON.stringify(ask))
    }
    assert.ok(!asked(provider).some((line) => line.includes('/connect/authorize')))
    assert.deepEqual((await app.stored()).session, {}, 'no record of what was refused')

    await app.signIn({
      prompt: 'login',
      loginHint: 'alice',
      maxAge: 100,
      uiLocales: 'de en',
      acrValues: 'tenant:blue',
      claims: { id_token: { email: null } },
      parameters: { display: 'page' },
    })
    const sent = authorization(provider)
    assert.equal(sent.prompt, 'login')
    assert.equal(sent.login_hint, 'alice')
    assert.equal(sent.max_age, '100')
    assert.equal(sent.ui_locales, 'de en')
    assert.equal(sent.acr_values, 'tenant:blue')
    assert.deepEqual(JSON.parse(sent.claims), { id_token: { email: null } })
    assert.equal(sent.display, 'page')
    const claims = await app.run(() => ({ ...session.claims }))
    assert.equal(claims.email, 'alice@example.com')
    assert.equal(typeof claims.auth_time, 'number')
  })

  test('r043 only a path of this origin is returned to', async (stage) => {
    const { app, provider, site } = await stage.open()
    await app.visit('/start')
    provider.setDefects(NOWHERE)
    const kept = async (returnTo) => {
      const left = provider.next({ path: NOWHERE.path })
      await app.leave({ returnTo })
      const { state } = (await left).query
      const record = await app.run(
        (key) => sessionStorage.getItem(key),
        `grantkit.1.tx.spa.${state}`,
      )
      return JSON.parse(record).return_to
    }
    for (const trick of [
      '//evil.example',
      '///evil.example',
      'https://evil.example',
      'https:evil.example',
      'javascript:alert(1)',
      'data:text/html,x',
      '/\\evil.example',
      '\\\\evil.example',
      '\t//evil.example',
      '/\t/evil.example',
      '/\n/evil.example',
      '/%0d//evil.example',
      '/%5cevil.example',
      '/%2fevil.example',
      '/..//evil.example',
      `${site.origin}@evil.example/`,
      `${site.origin}.evil.example/`,
      '',
    ]) {
      assert.equal(await kept(trick), undefined, JSON.stringify(trick))
    }
    assert.equal(await kept('/orders?x=1#top'), '/orders?x=1#top')
    assert.equal(await kept(`${site.origin}/orders`), '/orders')
    assert.equal(await kept(undefined), '/start')

    provider.setDefects()
    const { value } = await app.signIn({ returnTo: '//evil.example/' })
    assert.deepEqual(value, { kind: 'signed-in', repeated: false })
  })

  test('r052 a person who says no gets an error, and may say yes later', async (stage) => {
    const { app, provider } = await stage.open()
    await app.visit('/orders')
    const arrival = app.arrival()
    await app.leave({ appState: 7 })
    await app.refuse()
    const { error, url } = await arrival
    assert.equal(error.code, 'authorization_error')
    assert.equal(error.error, 'access_denied')
    assert.equal(error.error_description, 'The person said no')
    assert.equal(error.fault, 'server')
    assert.ok(!error.message.includes('denied') && !error.message.includes('person'))
    assert.equal(url, '/callback')
    assert.equal(provider.count(), 0)
    assert.equal(await app.run(() => session.signedIn), false)
    assert.equal((await app.signIn()).value.kind, 'signed-in')
  })

  test('r059 prompt=none refused is an answer, and granted needs no form', async (stage) => {
    const { app, provider } = await stage.open()
    await app.visit('/orders')
    const silent = { prompt: 'none', appState: [1] }
    assert.deepEqual(await app.signIn(silent, { form: false }), {
      value: {
        kind: 'login-required',
        error: 'login_required',
        returnTo: '/orders',
        appState: [1],
      },
      url: '/callback',
    })
    assert.equal(await app.run(() => session.signedIn), false)
    assert.equal(provider.count(), 0)
    await app.signIn()
    const again = await app.signIn(silent, { form: false })
    assert.equal(again.value.kind, 'signed-in')
    assert.equal(provider.count(), 2)
  })

  test('a provider that is down, then up: the same page signs in', async (stage) => {
    const { app, provider } = await stage.open()
    await provider.goOffline()
    await app.visit()
    const { error } = await app.call('signIn')
    assert.deepEqual([error.code, error.retryable, error.fault], ['network_error', true, 'network'])
    assert.deepEqual((await app.stored()).session, {})
    await provider.goOnline()
    assert.equal((await app.signIn()).value.kind, 'signed-in')
  })

  test('r018 r022 a failed discovery is not kept', async (stage) => {
    const { app, provider } = await stage.open()
    const path = '/.well-known/openid-configuration'
    await app.visit()
    for (const [defect, code] of [
      [{ kind: 'status', status: 503 }, 'metadata_invalid'],
      [{ kind: 'html' }, 'metadata_invalid'],
      [
        { kind: 'mutate', mutate: (json) => ({ ...json, issuer: `${json.issuer}/` }) },
        'metadata_issuer_mismatch',
      ],
      [
        { kind: 'mutate', mutate: (json) => ({ ...json, token_endpoint: 'javascript:1' }) },
        'metadata_invalid',
      ],
      [{ kind: 'redirect', location: 'https://evil.example/' }, 'redirect_refused'],
    ]) {
      provider.setDefects({ path, ...defect })
      const { error } = await app.call('signIn')
      assert.equal(error.code, code, defect.kind)
      // Once may be a moment's failure; a second in a row would rest for a second.
      await app.visit()
    }
    provider.setDefects({ path: `${path}/jwks`, kind: 'html' })
    assert.equal((await app.call('signIn')).error.code, 'response_content_type')
    provider.setDefects()
    assert.deepEqual((await app.stored()).session, {})
    const before = provider.requests.length
    assert.equal((await app.signIn()).value.kind, 'signed-in')
    assert.deepEqual(asked(provider, before).slice(0, 1), [`GET ${path}/jwks`], 'metadata is known')
  })

  test('users_a26 r022 a server without CORS: the error names it; by hand nothing of it is asked', async (stage) => {
    const { app, provider } = await stage.open()
    const path = '/.well-known/openid-configuration'
    const paths = [path, `${path}/jwks`, '/.well-known/oauth-authorization-server']
    const [metadata, jwks] = await Promise.all(
      paths.slice(0, 2).map(async (path) => (await fetch(provider.issuer + path)).json()),
    )
    provider.setDefects(paths.map((path) => ({ path, kind: 'json', json: metadata, cors: false })))
    await app.visit()
    const { error } = await app.call('signIn')
    assert.deepEqual([error.code, error.retryable], ['network_error', true])
    assert.match(error.message, /\bCORS\b/)

    await app.prepare((metadata) => Object.assign(options, { metadata }), { ...metadata, jwks })
    await app.reload()
    const before = provider.requests.length
    assert.equal((await app.signIn()).value.kind, 'signed-in')
    assert.ok((await app.call('getAccessToken', { forceRenewal: true })).value)
    const since = asked(provider, before)
    assert.ok(!since.some((line) => line.includes('.well-known')), since.join('\n'))
    assert.ok(!since.some((line) => line.startsWith('OPTIONS')), 'and no preflight')
  })

  test('a server without a refresh token: a warning says so', async (stage) => {
    const { app } = await stage.open({ session: { scope: 'openid api' } })
    await app.visit()
    await app.signIn()
    const warning = await app.event('warning')
    assert.equal(warning.code, 'no_refresh_token')
    assert.match(warning.message, /offline_access/)
    assert.equal(await app.run(() => session.signedIn), true)
  })
})

export const wrongClocks = suite('a clock that is wrong', (test) => {
  for (const seconds of [-600, 600, 4000]) {
    test(`users_a10 r094 r124 by ${seconds} s: the sign-in works, and no storm of renewals`, async (stage) => {
      const { app, provider } = await stage.open({
        given: seconds * 1000,
        prepare: (wrong) => {
          const Right = Date
          globalThis.Date = class extends Right {
            constructor(...values) {
              super(...(values.length ? values : [Right.now() + wrong]))
            }
            static now() {
              return Right.now() + wrong
            }
          }
        },
      })
      await app.visit()
      assert.equal((await app.signIn()).value.kind, 'signed-in')
      const life = await app.run(() => session.expiresAt - Date.now())
      assert.ok(life > 3_500_000 && life <= 3_600_000, String(life))
      for (let call = 0; call < 5; call++) await app.call('getAccessToken')
      assert.equal(provider.count(), 1)
      assert.ok((await app.call('getAccessToken', { forceRenewal: true })).value)
      await app.reload()
      assert.equal(await app.run(() => session.signedIn), true)
      assert.ok((await app.call('getAccessToken', { forceRenewal: true })).value)
      assert.equal(provider.count('refresh_token'), 2)
    })
  }
})
