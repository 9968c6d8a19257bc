// The interactive flow in two steps, for servers that keep their own sessions; and what belongs to it.

import { createTokenClient } from 'grantkit'

import { equal, ok, refused } from './check.mjs'
import { DISCOVERY, confidential, discovering, endpoints, formOf, scripted } from './clients.mjs'

const roundTrip = (record) => JSON.parse(JSON.stringify(record))

/** A server where people sign in: the code says who (see the server's kind `people`). */
async function peopled(stage, options, claims) {
  const said = { iss: stage.serverUrl, aud: 'app', ...claims }
  await stage.server.script({
    [DISCOVERY]: { json: endpoints(stage) },
    '/keys': { json: { keys: stage.keys } },
    '/token': { kind: 'people', claims: said },
    '/userinfo': { json: { sub: 'alice', name: 'Alice' } },
  })
  return discovering(stage, { scope: 'openid', ...options })
}

/** The address that the browser comes back to. */
function answerOf(stage, request, said, more) {
  const url = new URL(request.redirectUri)
  url.search = new URLSearchParams({
    code: JSON.stringify({ nonce: request.nonce, ...said }),
    state: request.state,
    iss: stage.serverUrl,
    ...more,
  })
  return url.href
}

export const cases = {
  async 'a sign-in at a real provider, with a record that went through JSON'(stage) {
    for (const clientId of ['spa', 'spa-ps256', 'spa-es256', 'spa-eddsa']) {
      const client = await createTokenClient({
        issuer: stage.issuer,
        clientId,
        redirectUri: stage.callback,
        scope: 'openid profile offline_access',
      })
      const request = await client.authorizationRequest({
        appState: { cart: [1, 2], é: null },
        maxAge: 3600,
        acrValues: 'tenant:x',
        loginHint: 'bob',
      })
      const query = Object.fromEntries(new URL(request.url).searchParams)
      ok(/^[\w-]{43}$/.test(query.code_challenge), query.code_challenge)
      equal(
        { ...query, code_challenge: '' },
        {
          response_type: 'code',
          client_id: clientId,
          redirect_uri: stage.callback,
          state: request.state,
          nonce: request.nonce,
          code_challenge: '',
          code_challenge_method: 'S256',
          scope: 'openid profile offline_access',
          acr_values: 'tenant:x',
          login_hint: 'bob',
          max_age: '3600',
        },
      )
      ok(!request.url.includes(request.codeVerifier), 'the verifier is in the address')
      equal(
        [request.issuer, request.redirectUri, request.scope, request.maxAge, request.acrValues],
        [stage.issuer, stage.callback, 'openid profile offline_access', 3600, 'tenant:x'],
      )
      equal(request.appState, { cart: [1, 2], é: null })
      equal(roundTrip(request), request, 'not plain')
      ok(Math.abs(request.createdAt - Date.now()) < 60_000, `${request.createdAt}`)

      const answer = await stage.person.signIn(request.url, 'bob')
      const tokens = await client.callback(answer, roundTrip(request))
      equal([tokens.claims.sub, tokens.claims.aud], ['bob', clientId])
      equal([tokens.claims.iss, tokens.claims.nonce], [stage.issuer, request.nonce])
      ok(Object.isFrozen(tokens) && Object.isFrozen(tokens.claims), 'not frozen')
      equal(Object.getPrototypeOf(tokens.claims), null)
      ok(tokens.expiresAt > Date.now() && tokens.refresh_token, 'no refresh token')

      const person = await client.userInfo(tokens.access_token, 'bob')
      equal([person.sub, person.name], ['bob', 'Bob Jones'])
      const { id_token: idToken, access_token: accessToken } = tokens
      const expected = { nonce: request.nonce, accessToken }
      equal((await client.validateIdToken(idToken, expected)).sub, 'bob')

      const again = client.callback(answer, roundTrip(request))
      await refused(again, 'token_error', { error: 'invalid_grant' })
    }
  },

  async 'r028 r031 r032 state, nonce and verifier are new for each request'(stage) {
    const client = await peopled(stage)
    const requests = await Promise.all(
      Array.from({ length: 300 }, () => client.authorizationRequest()),
    )
    for (const name of ['state', 'nonce', 'codeVerifier']) {
      equal(new Set(requests.map((request) => request[name])).size, 300, name)
      ok(
        requests.every((request) => /^[\w-]{43}$/.test(request[name])),
        name,
      )
    }
  },

  async 'the answer as an address, as a path, and as a form (form_post)'(stage) {
    const client = await peopled(stage)
    const sub = 'alice'
    const ways = [
      (url) => url,
      (url) => url.slice('https://app.example'.length),
      (url) => new URL(url).searchParams,
      (url) => new URLSearchParams(new URL(url).search),
    ]
    for (const way of ways) {
      const request = roundTrip(await client.authorizationRequest())
      const tokens = await client.callback(way(answerOf(stage, request, { sub })), request)
      equal([tokens.claims.sub, tokens.verifier], [sub, request.codeVerifier])
    }
    const [{ body }] = await stage.server.requests('/token')
    equal(Object.keys(formOf({ body })), ['grant_type', 'code', 'redirect_uri', 'code_verifier'])
    const request = await client.authorizationRequest()
    for (const nothing of [undefined, null, 7, '', {}, new URLSearchParams()]) {
      const error = await client.callback(nothing, request).catch((reason) => reason)
      const codes = ['config_invalid', 'state_missing', 'redirect_uri_mismatch', 'state_unknown']
      ok(codes.includes(error.code), `${String(nothing)}: ${error}`)
    }
  },

  async 'r173 a090 a thousand sign-ins through one client, interleaved, do not mix'(stage) {
    const client = await peopled(stage)
    const people = Array.from({ length: 1000 }, (_, i) => ({
      sub: `person ${i}`,
      alg: ['RS256', 'PS256', 'ES256', 'EdDSA'][i % 4],
    }))
    const requests = []
    const open = []
    let settled = 0
    async function check(i) {
      const request = roundTrip(requests[i])
      const tokens = await client.callback(answerOf(stage, request, people[i]), request)
      const { sub, nonce } = tokens.claims
      equal([sub, nonce], [people[i].sub, requests[i].nonce])
      equal([tokens.access_token, tokens.verifier], [`access of ${sub}`, requests[i].codeVerifier])
      equal(requests[i].appState, { sub })
      settled++
    }
    // Some come back while others leave, in another order than they left in; a hundred at a time, for
    // the server's sake.
    for (const [i, { sub }] of people.entries()) {
      requests.push(await client.authorizationRequest({ appState: { sub } }))
      if (i % 50 !== 49) continue
      for (let back = 0; back < 50; back++) open.push(check(i - ((back * 7) % 50)))
      if (open.length > 50) await Promise.all(open.splice(0, 50))
    }
    await Promise.all(open)
    equal(settled, 1000)
    // One person's answer is not accepted for another.
    const crossed = client.callback(answerOf(stage, requests[0], people[0]), requests[1])
    await refused(crossed, 'state_unknown')
    const nonces = client.callback(
      answerOf(stage, requests[1], { ...people[1], nonce: requests[0].nonce }),
      requests[1],
    )
    await refused(nonces, 'id_token_invalid', { detail: 'nonce' })
    equal([await stage.server.count(DISCOVERY), await stage.server.count('/keys')], [1, 1])
  },

  async 'r046 to r056 answers that are refused before the code is spent'(stage) {
    const client = await peopled(stage, {}, {})
    const request = await client.authorizationRequest()
    const good = answerOf(stage, request, { sub: 'alice' })
    const changed = (change) => {
      const url = new URL(good)
      change(url)
      return url.href
    }
    for (const [title, answer, code] of [
      ['no state', changed((url) => url.searchParams.delete('state')), 'state_missing'],
      [
        'other state',
        changed((url) => url.searchParams.set('state', `${request.state}1`)),
        'state_unknown',
      ],
      ['state twice', `${good}&state=${request.state}`, 'callback_duplicate_param'],
      ['code twice', `${good}&code=x`, 'callback_duplicate_param'],
      ['iss twice', `${good}&iss=x`, 'callback_duplicate_param'],
      ['code and error', `${good}&error=x`, 'callback_malformed'],
      ['empty code', changed((url) => url.searchParams.set('code', '')), 'callback_malformed'],
      ['no code', changed((url) => url.searchParams.delete('code')), 'callback_malformed'],
      ['a token', `${good}&access_token=x`, 'callback_unexpected_token'],
      ['a token behind the hash', `${good}#id_token=x`, 'callback_unexpected_token'],
      ['an answer behind the hash', `${good}#code=evil`, 'callback_malformed'],
      [
        'other issuer',
        changed((url) => url.searchParams.set('iss', 'https://evil.example')),
        'issuer_mismatch',
      ],
      [
        'issuer with a slash',
        changed(
          (url) =>
            url.searchParams.append('iss', '') ||
            url.searchParams.set('iss', `${stage.serverUrl}/`),
        ),
        'issuer_mismatch',
      ],
      ['other path', good.replace('/callback', '/other'), 'redirect_uri_mismatch'],
      ['other origin', good.replace('app.example', 'evil.example'), 'redirect_uri_mismatch'],
      ['a megabyte', `${good}&x=${'y'.repeat(1 << 20)}`, 'callback_malformed'],
    ]) {
      await refused(client.callback(answer, request), code, {}, title)
    }
    equal(await stage.server.count('/token'), 0)
    equal((await client.callback(good, request)).claims.sub, 'alice')
  },

  async 'r050 r051 iss, where the server says that it names itself'(stage) {
    const client = await peopled(stage)
    await stage.server.script({
      [DISCOVERY]: {
        json: endpoints(stage, { authorization_response_iss_parameter_supported: true }),
      },
      '/keys': { json: { keys: stage.keys } },
    })
    const request = await client.authorizationRequest()
    const url = new URL(answerOf(stage, request, { sub: 'alice' }))
    url.searchParams.delete('iss')
    await refused(client.callback(url.href, request), 'issuer_missing')
    equal(await stage.server.count('/token'), 0)
  },

  async 'r045 r070 a record of another client, of another issuer, too old, or damaged'(stage) {
    let now = Date.now()
    const client = await peopled(stage, { now: () => now })
    const request = roundTrip(await client.authorizationRequest())
    const answer = answerOf(stage, request, { sub: 'alice' })
    for (const [change, code, detail] of [
      [{ clientId: 'other' }, 'state_unknown', 'unknown'],
      [{ issuer: 'https://other.example' }, 'state_unknown', 'unknown'],
      [{ createdAt: now - 10 * 60_000 - 1 }, 'state_unknown', 'expired'],
      [{ state: undefined }, 'config_invalid', 'request'],
      [{ codeVerifier: 7 }, 'config_invalid', 'request'],
      [{ redirectUri: null }, 'config_invalid', 'request'],
      [{ createdAt: 'today' }, 'config_invalid', 'request'],
    ]) {
      const wrong = { ...request, ...change }
      const title = JSON.stringify(change)
      await refused(client.callback(answer, wrong), code, { detail }, title)
    }
    for (const nothing of [undefined, null, 'x', 7, [], {}]) {
      await refused(client.callback(answer, nothing), 'config_invalid', { detail: 'request' })
    }
    now += 10 * 60_000 + 1
    await refused(client.callback(answer, request), 'state_unknown', { detail: 'expired' })
    equal(await stage.server.count('/token'), 0)
  },

  async 'r052 r053 the person said no'(stage) {
    const client = await confidential(stage, { scope: 'openid' })
    const request = await client.authorizationRequest()
    const answer = await stage.person.refuse(request.url)
    const error = await refused(client.callback(answer, request), 'authorization_error', {
      error: 'access_denied',
      error_description: 'The person said no',
      retryable: false,
    })
    ok(!error.message.includes('said no'), error.message)
    const wrong = client.callback(answer, { ...request, state: `${request.state}x` })
    await refused(wrong, 'state_unknown', { error: undefined })
  },

  async 'r059 prompt=none without a session'(stage) {
    const client = await confidential(stage, { scope: 'openid' })
    const request = await client.authorizationRequest({ prompt: 'none' })
    const answer = await stage.person.signIn(request.url, 'alice')
    const fields = { error: 'login_required' }
    await refused(client.callback(answer, request), 'authorization_error', fields)
  },

  async 'r079 to r102 id_tokens that are refused, whatever else the answer holds'(stage) {
    const client = await peopled(stage)
    const now = Math.floor(Date.now() / 1000)
    for (const [detail, said] of [
      ['nonce', { nonce: 'other' }],
      ['nonce', { nonce: undefined }],
      ['iss', { iss: 'https://evil.example' }],
      ['aud', { aud: 'other' }],
      ['aud', { aud: ['app', 'other'] }],
      ['azp', { azp: 'other' }],
      ['exp', { exp: now - 360 }],
      ['iat', { iat: now + 3600 }],
      ['nbf', { nbf: now + 600 }],
      ['sub', { sub: '' }],
      ['sub', { sub: 7 }],
      ['at_hash', { at_hash: 'AAAAAAAAAAAAAAAAAAAAAA' }],
      ['c_hash', { c_hash: 'AAAAAAAAAAAAAAAAAAAAAA' }],
    ]) {
      const request = await client.authorizationRequest()
      const answer = answerOf(stage, request, { sub: 'alice', ...said })
      const title = JSON.stringify(said)
      const error = await refused(
        client.callback(answer, request),
        'id_token_invalid',
        { detail, fault: 'response', response: undefined },
        title,
      )
      ok(!JSON.stringify(error).includes('access of'), 'a token came with the error')
    }
    const aged = await client.authorizationRequest({ maxAge: 60 })
    const old = answerOf(stage, aged, { sub: 'alice', auth_time: now - 600 })
    await refused(client.callback(old, aged), 'id_token_invalid', { detail: 'auth_time' })
    const claims = { id_token: { acr: { essential: true, values: ['gold'] } } }
    const gold = await client.authorizationRequest({ claims })
    const silver = answerOf(stage, gold, { sub: 'alice', acr: 'silver' })
    await refused(client.callback(silver, roundTrip(gold)), 'id_token_invalid', { detail: 'acr' })
    const golden = answerOf(stage, gold, { sub: 'alice', acr: 'gold' })
    equal((await client.callback(golden, roundTrip(gold))).claims.acr, 'gold')
  },

  async 'r079 no id_token although openid was asked for, and the other way round'(stage) {
    await peopled(stage)
    const metadata = { ...endpoints(stage), jwks: { keys: stage.keys } }
    const client = await scripted(stage, { metadata, scope: 'openid' })
    await stage.server.script({
      '/token': { json: { access_token: 'x', token_type: 'Bearer', id_token: undefined } },
    })
    const request = await client.authorizationRequest()
    const answer = answerOf(stage, request, { sub: 'alice' })
    await refused(client.callback(answer, request), 'id_token_missing')
    const json = { access_token: 'x', token_type: 'Bearer', id_token: 'not.a.token' }
    await stage.server.script({ '/token': { json } })
    const plain = await scripted(stage, { metadata, scope: 'api' })
    const other = await plain.authorizationRequest()
    const tokens = await plain.callback(answerOf(stage, other, {}), other)
    equal([tokens.access_token, 'claims' in tokens, other.nonce], ['x', false, undefined])
    equal(await stage.server.count('/keys'), 0)
  },

  async validateIdToken(stage) {
    const client = await peopled(stage)
    const now = Math.floor(Date.now() / 1000)
    const claims = { iss: stage.serverUrl, aud: 'app', sub: 'alice', iat: now, exp: now + 600 }
    const sign = (more, options) => stage.server.sign({ ...claims, ...more }, options)
    const good = await client.validateIdToken(await sign({ __proto__x: 1, deep: [{ a: 1 }] }))
    equal([good.sub, good.deep], ['alice', [{ a: 1 }]])
    equal([Object.isFrozen(good), Object.getPrototypeOf(good)], [true, null])
    equal((await client.validateIdToken(await sign({ nonce: 'n' }), { nonce: 'n' })).nonce, 'n')
    const hashed = await sign({ at_hash: 'n4bQgYhMfWWaL-qgxVrQFQ' })
    equal((await client.validateIdToken(hashed, { accessToken: 'test' })).sub, 'alice')
    for (const [detail, token, expected] of [
      ['nonce', await sign({ nonce: 'n' }), undefined],
      ['nonce', await sign({}), { nonce: 'n' }],
      ['auth_time', await sign({}), { maxAge: 60 }],
      ['at_hash', hashed, { accessToken: 'other' }],
      ['c_hash', await sign({ c_hash: 'x' }), { code: 'y' }],
      ['signature', await sign({}).then((jwt) => `${jwt.slice(0, -8)}AAAAAAAA`), undefined],
      ['malformed', `${await sign({})}=`, undefined],
      ['malformed', 'x', undefined],
      ['malformed', '', undefined],
      ['format', 'a.b.c.d.e', undefined],
      ['typ', await sign({}, { header: { typ: 'at+jwt' } }), undefined],
      ['crit', await sign({}, { header: { crit: ['exp'] } }), undefined],
    ]) {
      await refused(client.validateIdToken(token, expected), 'id_token_invalid', { detail }, detail)
    }
    const unsigned = `${btoa('{"alg":"none"}').replaceAll('=', '')}.${hashed.split('.')[1]}.`
    await refused(client.validateIdToken(unsigned), 'id_token_invalid', { detail: 'alg' })
    await refused(client.validateIdToken('x'.repeat(1 << 20)), 'id_token_invalid', {
      detail: 'too_large',
    })
    const unknown = await sign({}, { header: { kid: 'unknown' } })
    await refused(client.validateIdToken(unknown), 'jwks_key_not_found')
    // The cooldown: the unknown key was asked for once.
    await refused(client.validateIdToken(unknown), 'jwks_key_not_found')
    equal(await stage.server.count('/keys'), 2)
    const only = await discovering(stage, { idTokenAlgorithms: ['ES256'] })
    await refused(only.validateIdToken(await sign({})), 'id_token_invalid', { detail: 'alg' })
    equal((await only.validateIdToken(await sign({}, { alg: 'ES256' }))).sub, 'alice')
  },

  async 'r105 what is no key set'(stage) {
    let passed = 0
    const client = await peopled(stage, { now: () => Date.now() + passed })
    for (const [answer, code] of [
      [{ json: { keys: {} } }, 'jwks_invalid'],
      [{ json: {} }, 'jwks_invalid'],
      [{ json: { keys: Array.from({ length: 101 }, () => stage.keys[0]) } }, 'jwks_invalid'],
      [{ text: '<h1>', type: 'text/html' }, 'response_content_type'],
      [{ status: 503 }, 'response_status'],
      [{ kind: 'endless' }, 'response_too_large'],
      [{ kind: 'reset' }, 'network_error'],
    ]) {
      await stage.server.script({ [DISCOVERY]: { json: endpoints(stage) }, '/keys': answer })
      const title = JSON.stringify(answer).slice(0, 40)
      await refused(client.authorizationRequest(), code, {}, title)
      // Longer than a server is left alone whose documents fail time and again.
      passed += 10_000
    }
    await stage.server.script({ '/keys': { json: { keys: stage.keys } } })
    ok((await client.authorizationRequest()).nonce, 'a failure was remembered')
  },

  async 'r035 r036 what a sign-in may not ask for'(stage) {
    const client = await peopled(stage)
    for (const [detail, ask] of [
      ['prompt', { prompt: 'none login' }],
      ['prompt', { prompt: 'login  consent' }],
      ['maxAge', { maxAge: -1 }],
      ['maxAge', { maxAge: 1.5 }],
      ['maxAge', { maxAge: '5' }],
      ['maxAge', { maxAge: NaN }],
      ['claims', { claims: '{}' }],
      ['claims', { claims: [] }],
      ['authorizationDetails', { authorizationDetails: {} }],
      ['authorizationDetails', { authorizationDetails: [{}] }],
      ['resource', { resource: 'relative' }],
      ['appState', { appState: () => {} }],
    ]) {
      const title = JSON.stringify(ask)
      await refused(client.authorizationRequest(ask), 'config_invalid', { detail }, title)
    }
    const without = await discovering(stage, { redirectUri: undefined })
    await refused(without.authorizationRequest(), 'config_invalid', { detail: 'redirectUri' })
    const { url } = await client.authorizationRequest({
      prompt: 'login consent',
      maxAge: 0,
      uiLocales: 'de en',
      claims: { userinfo: { name: null } },
      authorizationDetails: [{ type: 'payment', amount: 1.5 }],
      resource: ['https://a/', 'https://b/'],
      audience: 'urn:c',
      parameters: { custom: ['x', 'y'] },
    })
    const query = new URL(url).searchParams
    equal(
      ['prompt', 'max_age', 'ui_locales', 'claims', 'authorization_details', 'audience'].map(
        (name) => query.get(name),
      ),
      [
        'login consent',
        '0',
        'de en',
        '{"userinfo":{"name":null}}',
        '[{"type":"payment","amount":1.5}]',
        'urn:c',
      ],
    )
    equal(
      [query.getAll('resource'), query.getAll('custom')],
      [
        ['https://a/', 'https://b/'],
        ['x', 'y'],
      ],
    )
  },

  async endSessionUrl(stage) {
    const client = await peopled(stage, { postLogoutRedirectUri: 'https://app.example/bye' })
    const query = async (request) => {
      const url = new URL(await client.endSessionUrl(request))
      equal(url.origin + url.pathname, `${stage.serverUrl}/logout`)
      return Object.fromEntries(url.searchParams)
    }
    equal(await query(), {
      client_id: 'app',
      post_logout_redirect_uri: 'https://app.example/bye',
    })
    const all = {
      idTokenHint: 'a token',
      state: 'a&state',
      logoutHint: 'alice',
      postLogoutRedirectUri: 'https://app.example/other?x=y',
    }
    equal(await query(all), {
      id_token_hint: 'a token',
      logout_hint: 'alice',
      client_id: 'app',
      post_logout_redirect_uri: 'https://app.example/other?x=y',
      state: 'a&state',
    })
  },

  async 'a person leaves the real provider by that address'(stage) {
    const client = await confidential(stage, { scope: 'openid' })
    const request = await client.authorizationRequest()
    const answer = await stage.person.signIn(request.url, 'alice')
    const { id_token: idTokenHint } = await client.callback(answer, request)
    const url = await client.endSessionUrl({ idTokenHint, state: 's' })
    ok(url.startsWith(`${stage.issuer}/connect/endsession?`), url)
    equal((await fetch(url)).status, 200)
  },

  async 'r114 to r116 a064 userInfo of somebody else, and other answers'(stage) {
    const client = await peopled(stage)
    equal((await client.userInfo('token', 'alice')).name, 'Alice')
    const [{ headers, method }] = await stage.server.requests('/userinfo')
    equal([headers.authorization, method], ['Bearer token', 'GET'])
    const text = '{"sub":"bob","sub":"alice"}'
    for (const [answer, code, status] of [
      [{ json: { sub: 'bob' } }, 'userinfo_invalid'],
      [{ json: { sub: 'Alice' } }, 'userinfo_invalid'],
      [{ json: {} }, 'userinfo_invalid'],
      [{ json: { sub: ['alice'] } }, 'userinfo_invalid'],
      [{ text, type: 'application/json' }, 'response_not_json', 200],
      [{ text: 'x.y.z', type: 'application/jwt' }, 'userinfo_invalid'],
      [{ text: 'x.y.z', type: 'text/plain' }, 'response_content_type', 200],
      [{ status: 401, headers: { 'www-authenticate': 'Bearer' } }, 'response_status', 401],
      [{ status: 204, type: null }, 'response_status', 204],
      [{ kind: 'endless' }, 'response_too_large', 200],
    ]) {
      await stage.server.script({ [DISCOVERY]: { json: endpoints(stage) }, '/userinfo': answer })
      const title = JSON.stringify(answer)
      await refused(client.userInfo('token', 'alice'), code, { status }, title)
    }
    const registered = await peopled(stage, { signedUserInfo: true })
    await stage.server.script({
      [DISCOVERY]: { json: endpoints(stage) },
      '/userinfo': { json: { sub: 'alice' } },
    })
    await refused(registered.userInfo('token', 'alice'), 'response_content_type', { status: 200 })
    const [signed] = await stage.server.requests('/userinfo')
    equal(signed.headers.accept, 'application/jwt')
    await stage.server.script({ '/userinfo': { json: { sub: '' } } })
    await refused(client.userInfo('token', ''), 'userinfo_invalid')
    for (const token of [undefined, 7, 'a\r\nb: c']) {
      await refused(client.userInfo(token, 'alice'), 'config_invalid', {}, String(token))
    }
    await refused(client.userInfo('token'), 'config_invalid')
  },

  async 'r145 to r147 revoke'(stage) {
    const client = await peopled(stage)
    await client.metadata()
    for (const answer of [
      {},
      { text: '<h1>Welcome</h1>', type: 'text/html' },
      { text: '{"error":"x"}', type: 'application/json' },
      { text: '{', type: 'application/json' },
    ]) {
      await stage.server.script({ '/revoke': answer })
      equal(await client.revoke('token', { tokenTypeHint: 'refresh_token' }), undefined)
      const [{ body, headers }] = await stage.server.requests('/revoke')
      equal(formOf({ body }), { token: 'token', token_type_hint: 'refresh_token' })
      ok(headers.authorization.startsWith('Basic '), headers.authorization)
    }
    for (const [answer, code, fields] of [
      [
        { status: 400, json: { error: 'unsupported_token_type' } },
        'token_error',
        { error: 'unsupported_token_type', status: 400 },
      ],
      [
        { status: 503, headers: { 'retry-after': '9' } },
        'response_status',
        { status: 503, retryable: true, retryAfter: 9 },
      ],
      [{ status: 404, text: 'x' }, 'response_status', { status: 404 }],
      [{ status: 400, text: '<h1>', type: 'text/html' }, 'response_status', { status: 400 }],
      [{ kind: 'reset' }, 'network_error', { retryable: true }],
    ]) {
      await stage.server.script({ '/revoke': answer })
      await refused(client.revoke('token'), code, fields, JSON.stringify(answer))
    }
  },

  async 'a refresh token that was revoked at a real provider'(stage) {
    const client = await confidential(stage)
    const scope = 'openid offline_access'
    const { refresh_token: refreshToken } = await client.password({
      username: 'alice',
      password: 'alice',
      scope,
    })
    await client.revoke(refreshToken, { tokenTypeHint: 'refresh_token' })
    await client.revoke('nobody knows this one')
    await refused(client.refreshToken({ refreshToken }), 'token_error', { error: 'invalid_grant' })
  },

  async 'r120 an id_token that comes with a renewal continues the sign-in, or is refused'(stage) {
    const client = await peopled(stage)
    const request = await client.authorizationRequest()
    const { claims } = await client.callback(answerOf(stage, request, { sub: 'alice' }), request)
    const renew = (said, more) =>
      client.refreshToken({ refreshToken: JSON.stringify(said), ...more })
    const kept = roundTrip(claims)
    equal((await renew({ sub: 'alice' }, { claims: kept })).claims.sub, 'alice')
    // A server may repeat the nonce of the sign-in, but has no other.
    equal((await renew({ sub: 'alice', nonce: kept.nonce }, { claims })).claims.sub, 'alice')
    for (const [said, detail] of [
      [{ sub: 'mallory' }, 'sub'],
      [{ sub: 'alice', nonce: 'another' }, 'nonce'],
      [{ sub: 'alice', iss: 'https://evil.example' }, 'iss'],
      [{ sub: 'alice', aud: 'another' }, 'aud'],
    ]) {
      await refused(renew(said, { claims }), 'id_token_invalid', { detail })
    }
    equal((await renew({ sub: 'mallory' })).claims, undefined, 'nothing is claimed without them')
    for (const wrong of [{}, { sub: 'alice' }, 'alice', null]) {
      await refused(renew({ sub: 'alice' }, { claims: wrong }), 'config_invalid', {
        detail: 'claims',
      })
    }
  },
}
