// The other endpoints of a server, and what servers and others send by themselves.

import { createTokenClient } from 'grantkit'

import { equal, includes, ok, refused } from './check.mjs'
import { claimsOf, confidential, endpoints, formOf, scripted, token } from './clients.mjs'

const roundTrip = (record) => JSON.parse(JSON.stringify(record))
const refusal = (error, status = 400) => ({ status, json: { error } })

/** A client of the server that does what it is told, with one more endpoint. */
const at = (stage, more, options) =>
  scripted(stage, { metadata: endpoints(stage, more), ...options })

const DEVICE = {
  device_code: 'canary-device',
  user_code: 'WDJB-MJHT',
  verification_uri: 'https://as.example/device',
  expires_in: 600,
  interval: 1,
}

const devices = (stage, options) =>
  at(stage, { device_authorization_endpoint: `${stage.serverUrl}/device` }, options)

const backchannel = (stage, options) =>
  at(stage, { backchannel_authentication_endpoint: `${stage.serverUrl}/ciba` }, options)

const introspecting = (stage, options) =>
  at(stage, { introspection_endpoint: `${stage.serverUrl}/introspect` }, options)

const LOGOUT = 'http://schemas.openid.net/event/backchannel-logout'

async function logoutToken(stage, more, header = { typ: 'logout+jwt' }) {
  const now = Math.floor(Date.now() / 1000)
  const claims = {
    iss: stage.serverUrl,
    aud: 'app',
    iat: now,
    exp: now + 120,
    jti: crypto.randomUUID(),
    sub: 'alice',
    events: { [LOGOUT]: {} },
    ...more,
  }
  return stage.server.sign(claims, { header })
}

const posted = (body, type = 'application/x-www-form-urlencoded') =>
  new Request('https://app.example/logout', {
    method: 'POST',
    body,
    headers: { 'content-type': type },
  })

async function keyPair() {
  const algorithm = { name: 'ECDSA', namedCurve: 'P-256' }
  const pair = await crypto.subtle.generateKey(algorithm, true, ['sign', 'verify'])
  const { kty, crv, x, y } = await crypto.subtle.exportKey('jwk', pair.publicKey)
  return { pair, jwk: { kty, crv, x, y, kid: 'mine', use: 'sig', alg: 'ES256' } }
}

export const cases = {
  async 'r150 r151 a device at a real provider, whose answer was kept'(stage) {
    let ahead = 0
    const client = await confidential(stage, { now: () => Date.now() + ahead })
    const response = await client.deviceAuthorization({ scope: 'openid api' })
    ok(response.user_code && Object.isFrozen(response), 'no answer')
    ok(response.expiresAt > Date.now(), 'over already')
    const page = await stage.person.connect(response.verification_uri_complete, 'bob')
    includes(page, 'can go on')
    ahead = 5000
    const answer = await client.pollDevice(roundTrip(response))
    equal([answer.claims.sub, answer.token_type], ['bob', 'Bearer'])
    equal(await stage.provider.count('urn:ietf:params:oauth:grant-type:device_code'), 1)
  },

  async 'r151 r152 polls end with the tokens, a refusal, the end, or who asked'(stage) {
    await stage.server.script({
      '/device': { json: { ...DEVICE, expiresAt: 'theirs' } },
      '/token': [refusal('authorization_pending'), token()],
    })
    let ahead = 0
    const client = await devices(stage, { now: () => Date.now() + ahead })
    const response = await client.deviceAuthorization({ scope: 'api', acrValues: 'x' })
    equal(typeof response.expiresAt, 'number')
    const [asked] = await stage.server.requests('/device')
    equal(formOf(asked), { scope: 'api', acr_values: 'x' })
    equal((await client.pollDevice(response)).access_token, 't2')
    equal(await stage.server.count('/token'), 2)

    await stage.server.script({ '/token': refusal('access_denied') })
    await refused(client.pollDevice(response), 'token_error', { error: 'access_denied' })
    equal(await stage.server.count('/token'), 1)

    const controller = new AbortController()
    const patient = { ...response, interval: 300 }
    const polling = client.pollDevice(patient, { signal: controller.signal })
    controller.abort()
    await refused(polling, 'aborted')
    const gone = AbortSignal.abort()
    await refused(client.pollDevice(response, { signal: gone }), 'aborted')
    await refused(client.deviceAuthorization({ signal: gone }), 'aborted')

    ahead = 600_000
    const error = await refused(client.pollDevice(response), 'token_error', {
      error: 'expired_token',
      detail: 'expires_in',
    })
    ok(!JSON.stringify(error).includes('canary'), 'a secret')
    equal(await stage.server.count('/token'), 1)
  },

  async 'r150 what is no answer of a device is refused before anybody is asked'(stage) {
    const client = await devices(stage)
    for (const [wrong, detail] of [
      [undefined, 'response'],
      ['canary', 'response'],
      [[], 'response'],
      [{ ...DEVICE, device_code: undefined }, 'device_code'],
      [{ ...DEVICE, expires_in: '600' }, 'expires_in'],
      [{ ...DEVICE, interval: -1 }, 'interval'],
      [{ ...DEVICE, verification_uri: 'javascript:alert(1)' }, 'verification_uri'],
      [{ ...DEVICE, expiresAt: 'soon' }, 'expiresAt'],
    ]) {
      await refused(client.pollDevice(wrong), 'config_invalid', { detail })
    }
    await refused(client.pollDevice(DEVICE, { intervall: 1 }), 'config_invalid', {
      detail: 'intervall',
    })
    await refused(client.deviceAuthorization({ scopes: 'api' }), 'config_invalid')
    equal(await stage.server.count(), 0)
  },

  async 'r154 r156 a backchannel sign-in at a real provider'(stage) {
    let ahead = 0
    const client = await confidential(stage, { now: () => Date.now() + ahead })
    const request = { scope: 'openid', loginHint: 'alice', bindingMessage: 'W4SCT' }
    const response = await client.backchannelAuthentication(request)
    ok(response.expiresAt > Date.now(), 'over already')
    await stage.provider.approveBackchannel(response.auth_req_id)
    ahead = 5000
    const answer = await client.pollBackchannel(roundTrip(response))
    equal(answer.claims.sub, 'alice')
    equal(await stage.provider.count('urn:openid:params:grant-type:ciba'), 1)
  },

  async 'r154 r155 hints, and an answer that is none'(stage) {
    const client = await backchannel(stage)
    for (const [wrong, detail] of [
      [{ scope: 'openid' }, 'loginHint'],
      [{ scope: 'openid', loginHint: 'a', idTokenHint: 'canary' }, 'loginHint'],
      [{ scope: 'api', loginHint: 'a' }, 'scope'],
      [{ scope: 'openid', loginHint: 'a', clientNotificationToken: 'short' }, undefined],
      [{ scope: 'openid', loginHint: 'a', requestedExpiry: -1 }, 'requestedExpiry'],
      [{ scope: 'openid', loginHint: 'a', hint: 'b' }, 'hint'],
    ]) {
      const fields = detail ? { detail } : {}
      await refused(client.backchannelAuthentication(wrong), 'config_invalid', fields)
    }
    await refused(client.pollBackchannel({ auth_req_id: 'canary' }), 'config_invalid', {
      detail: 'expires_in',
    })
    equal(await stage.server.count(), 0)
    const nobody = await backchannel(stage, { clientSecret: undefined })
    const ask = { scope: 'openid', loginHint: 'a' }
    await refused(nobody.backchannelAuthentication(ask), 'config_invalid', {
      detail: 'clientAuthentication',
    })
    await stage.server.script({ '/ciba': { json: { auth_req_id: 'x' } } })
    await refused(client.backchannelAuthentication(ask), 'token_response_invalid', {
      detail: 'expires_in',
    })
  },

  async 'r154 a backchannel request that is signed'(stage) {
    const { pair, jwk } = await keyPair()
    const requestObjectKey = { key: pair.privateKey, kid: 'mine' }
    const client = await backchannel(stage, { requestObjectKey })
    const json = { auth_req_id: 'x', expires_in: 60 }
    await stage.server.script({ '/ciba': { json } })
    await client.backchannelAuthentication({ scope: 'openid', loginHint: 'jane' })
    const [sent] = await stage.server.requests('/ciba')
    const { request, ...rest } = formOf(sent)
    equal(rest, {})
    const { iss, aud, login_hint: hint } = claimsOf(request)
    equal([iss, aud, hint], ['app', stage.serverUrl, 'jane'])
    equal(JSON.parse(atob(request.split('.')[0])), { alg: 'ES256', kid: jwk.kid })
  },

  async 'r157 a notification, as a request and in parts'(stage) {
    const client = await backchannel(stage)
    const expected = { authReqId: 'one', clientNotificationToken: 'canary-token' }
    const good = { authorization: 'Bearer canary-token', body: '{"auth_req_id":"one"}' }
    const request = ({ authorization, body }, method = 'POST') =>
      new Request('https://app.example/ping', {
        method,
        headers: authorization ? { authorization } : {},
        body: method === 'GET' ? undefined : body,
      })
    equal(await client.validateBackchannelNotification(good, expected), undefined)
    equal(await client.validateBackchannelNotification(request(good), expected), undefined)
    for (const [wrong, status] of [
      [{ ...good, authorization: 'Bearer other' }, 401],
      [{ ...good, authorization: undefined }, 401],
      [{ ...good, body: '{"auth_req_id":"two"}' }, 400],
      [{ ...good, body: '{"auth_req_id":"one","id_token":"canary"}' }, 400],
      [{ ...good, body: 'x'.repeat(300_000) }, 400],
    ]) {
      for (const given of [wrong, request(wrong)]) {
        const answer = client.validateBackchannelNotification(given, expected)
        const error = await refused(answer, 'token_invalid', { status })
        ok(!JSON.stringify(error).includes('canary'), 'a secret')
      }
    }
    const got = client.validateBackchannelNotification(request(good, 'GET'), expected)
    await refused(got, 'token_invalid', { status: 405 })
    const used = request(good)
    await used.text()
    for (const [given, wanted, detail] of [
      [used, expected, 'request'],
      [good, {}, 'authReqId'],
      [good, { ...expected, other: 1 }, 'other'],
      [{ ...good, other: 1 }, expected, 'other'],
    ]) {
      const answer = client.validateBackchannelNotification(given, wanted)
      await refused(answer, 'config_invalid', { detail })
    }
    equal(await stage.server.count(), 0)
  },

  async 'r039 r040 a sign-in that was pushed at a real provider'(stage) {
    const client = await confidential(stage, { pushedAuthorization: true, scope: 'openid' })
    const request = await client.authorizationRequest()
    const query = Object.fromEntries(new URL(request.url).searchParams)
    equal(Object.keys(query).sort(), ['client_id', 'request_uri'])
    const back = await stage.person.signIn(request.url, 'alice')
    equal((await client.callback(back, request)).claims.sub, 'alice')

    const pushed = await client.pushAuthorization({
      response_type: 'code',
      redirect_uri: stage.callback,
      scope: 'openid',
      code_challenge: 'E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM',
      code_challenge_method: 'S256',
    })
    ok(pushed.request_uri.startsWith('urn:') && pushed.expires_in > 0, pushed.request_uri)
    for (const wrong of [undefined, 'x', [], { client_id: 'x' }, { request_uri: 'x' }]) {
      await refused(client.pushAuthorization(wrong), 'config_invalid', { detail: 'parameters' })
    }
    const unknown = client.pushAuthorization({ response_type: 'nothing' })
    await refused(unknown, 'token_error')
  },

  async 'r058 an answer that a real provider signed, and a plain one in its place'(stage) {
    for (const responseMode of ['jwt', 'query.jwt']) {
      const client = await confidential(stage, { responseMode, scope: 'openid' })
      const request = await client.authorizationRequest()
      equal(new URL(request.url).searchParams.get('response_mode'), responseMode)
      const back = new URL(await stage.person.signIn(request.url, 'alice'))
      equal([...back.searchParams.keys()], ['response'])
      const response = back.searchParams.get('response')
      const form = new URLSearchParams({ response })
      equal((await client.callback(form, roundTrip(request))).claims.sub, 'alice')
      const { code, state, iss } = claimsOf(response)
      const plain = new URLSearchParams({ code, state, iss })
      await refused(client.callback(plain, request), 'callback_malformed')
      const other = await stage.provider.resign(response, { aud: 'other' })
      const forged = new URLSearchParams({ response: other })
      await refused(client.callback(forged, request), 'jarm_invalid', { detail: 'aud' })
    }
    await refused(confidential(stage, { responseMode: 'fragment' }), 'config_invalid', {
      detail: 'responseMode',
    })
  },

  async 'r149 introspection at a real provider'(stage) {
    const client = await confidential(stage)
    const scope = 'openid api offline_access'
    const person = await client.password({ username: 'alice', password: 'alice', scope })
    const held = person.refresh_token
    const known = await client.introspect(held, { tokenTypeHint: 'refresh_token' })
    equal([known.active, known.client_id, known.sub], [true, 'worker', 'alice'])
    await client.revoke(held)
    equal(roundTrip(await client.introspect(held)), { active: false })
    equal(roundTrip(await client.introspect('unknown')), { active: false })
    for (const wrong of [undefined, '', 7]) {
      await refused(client.introspect(wrong), 'config_invalid', { detail: 'token' })
    }
    await refused(client.introspect('x', { hint: 'x' }), 'config_invalid', { detail: 'hint' })
  },

  async 'r149 an answer that is signed, and one that should be'(stage) {
    const client = await introspecting(stage)
    const iat = Math.floor(Date.now() / 1000)
    const claims = {
      iss: stage.serverUrl,
      aud: 'app',
      iat,
      token_introspection: { active: true, sub: 'alice' },
    }
    const header = { typ: 'token-introspection+jwt' }
    const type = 'application/token-introspection+jwt'
    const answer = async (changes) => ({
      '/keys': { json: { keys: stage.keys } },
      '/introspect': {
        text: await stage.server.sign({ ...claims, ...changes }, { header }),
        type,
      },
    })
    await stage.server.script(await answer())
    for (const signed of [true, false]) {
      const known = await client.introspect('token', { signed })
      equal(roundTrip(known), { active: true, sub: 'alice' })
    }
    const [first, second] = await stage.server.requests('/introspect')
    equal([first.headers.accept, second.headers.accept], [type, 'application/json'])
    await stage.server.script(await answer({ aud: 'other' }))
    await refused(client.introspect('token'), 'token_invalid', { detail: 'aud' })
    await stage.server.script({ '/introspect': { json: { active: true } } })
    await refused(client.introspect('token', { signed: true }), 'response_content_type')
    const nobody = await introspecting(stage, { clientSecret: undefined })
    await refused(nobody.introspect('token'), 'config_invalid', {
      detail: 'clientAuthentication',
    })
  },

  async 'rfc 7591 rfc 7592 r066 a client is made known, signs, changes and is gone'(stage) {
    const client = await confidential(stage)
    const { pair, jwk } = await keyPair()
    const metadata = {
      client_name: 'made',
      token_endpoint_auth_method: 'private_key_jwt',
      token_endpoint_auth_signing_alg: 'ES256',
      grant_types: ['client_credentials'],
      response_types: [],
      redirect_uris: [],
      jwks: { keys: [jwk] },
    }
    const made = await client.register(metadata)
    ok(made.client_id && made.registration_access_token, 'nothing to manage it by')

    for (const privateKey of [
      pair.privateKey,
      { key: pair.privateKey, kid: 'mine', alg: 'ES256' },
      await crypto.subtle.exportKey('jwk', pair.privateKey),
    ]) {
      const signing = await createTokenClient({
        issuer: stage.issuer,
        clientId: made.client_id,
        privateKey,
      })
      equal((await signing.clientCredentials()).token_type, 'Bearer')
      equal((await signing.clientCredentials()).token_type, 'Bearer')
    }

    const changed = await client.updateRegistration(roundTrip(made), {
      ...metadata,
      client_name: 'changed',
    })
    equal([changed.client_id, changed.client_name], [made.client_id, 'changed'])
    equal(await client.deleteRegistration(changed), undefined)
    await refused(client.deleteRegistration(changed), 'token_error', { status: 401 })
    for (const wrong of [undefined, 'x', {}]) {
      await refused(client.deleteRegistration(wrong), 'config_invalid')
    }
    await refused(client.register('x'), 'config_invalid', { detail: 'metadata' })
    await refused(client.register({}, { token: 'x' }), 'config_invalid', { detail: 'token' })
  },

  async 'r066 an assertion that is made elsewhere, anew for each request'(stage) {
    await stage.server.script({ '/token': token() })
    let count = 0
    const clientAssertion = async () => {
      count += 1
      if (count > 2) throw new Error('canary')
      return `a.b.${count}`
    }
    const client = await scripted(stage, { clientSecret: undefined, clientAssertion })
    await client.clientCredentials()
    await client.clientCredentials()
    const sent = (await stage.server.requests('/token')).map(formOf)
    equal(
      sent.map((form) => form.client_assertion),
      ['a.b.1', 'a.b.2'],
    )
    equal(sent[0].client_id, 'app')
    const error = await refused(client.clientCredentials(), 'config_invalid', {
      detail: 'clientAssertion',
    })
    ok(!JSON.stringify(error).includes('canary'), 'a text of the caller')
    for (const answer of ['', 7, undefined]) {
      const odd = await scripted(stage, {
        clientSecret: undefined,
        clientAssertion: () => answer,
      })
      await refused(odd.clientCredentials(), 'config_invalid', { detail: 'clientAssertion' })
    }
    equal(await stage.server.count('/token'), 2)
    const both = scripted(stage, { clientAssertion })
    await refused(both, 'config_invalid', { detail: 'clientAssertion' })
  },

  async 'r067 client_secret_jwt'(stage) {
    await stage.server.script({ '/token': token() })
    const clientAuthentication = 'client_secret_jwt'
    const clientSecret = 'canary-0123456789abcdef0123456789'
    const client = await scripted(stage, { clientSecret, clientAuthentication })
    await client.clientCredentials()
    const [{ body }] = await stage.server.requests('/token')
    ok(!body.includes('canary'), 'the secret')
    const { client_assertion: made } = Object.fromEntries(new URLSearchParams(body))
    const { iss, sub, aud } = claimsOf(made)
    equal([iss, sub, aud], ['app', 'app', stage.serverUrl])
    const short = await scripted(stage, { clientAuthentication })
    await refused(short.clientCredentials(), 'config_invalid', { detail: 'clientSecret' })
  },

  async 'r133 r138 tokens that are bound to a key, at a real provider and with a nonce'(stage) {
    const client = await confidential(stage, { dpop: true })
    const { token_type: kind } = await client.clientCredentials()
    equal(kind, 'DPoP')

    const nonce = { 'dpop-nonce': 'wanted' }
    await stage.server.script({
      '/token': [
        { ...refusal('use_dpop_nonce'), headers: nonce },
        { json: { access_token: 'x', token_type: 'DPoP', expires_in: 60 } },
      ],
    })
    const { pair } = await keyPair()
    const other = await scripted(stage, { dpop: { keyPair: pair } })
    await other.clientCredentials()
    const proofs = (await stage.server.requests('/token')).map(({ headers }) =>
      claimsOf(headers.dpop),
    )
    equal(
      proofs.map((proof) => proof.nonce),
      [undefined, 'wanted'],
    )
    ok(proofs[0].jti !== proofs[1].jti, 'the same proof')
    await stage.server.script({ '/token': { ...refusal('use_dpop_nonce'), headers: nonce } })
    await refused(other.clientCredentials(), 'dpop_nonce_rejected', { detail: 'repeated' })
    equal(await stage.server.count('/token'), 2)
  },

  async 'r160 r161 a logout token, alone and as it comes'(stage) {
    await stage.server.script({ '/keys': { json: { keys: stage.keys } } })
    const client = await scripted(stage)
    const alone = await logoutToken(stage, { sid: 'one', jti: 'a' })
    equal(roundTrip(await client.validateLogoutToken(alone)), {
      sub: 'alice',
      sid: 'one',
      jti: 'a',
    })
    const again = client.validateLogoutToken(alone)
    await refused(again, 'token_invalid', { status: 400, detail: 'jti' })

    const form = new URLSearchParams({ logout_token: await logoutToken(stage) })
    const over = await client.validateLogoutToken(posted(form.toString()))
    equal([over.sub, over.sid], ['alice', undefined])

    const good = await logoutToken(stage)
    const get = new Request(`https://app.example/logout?logout_token=${good}`)
    const bad = await logoutToken(stage, { nonce: 'canary' })
    for (const [given, status, detail] of [
      [get, 405, 'method'],
      [posted(good, 'application/jwt'), 400, 'malformed'],
      [posted('x'.repeat(200_000)), 400, 'malformed'],
      [posted(`logout_token=${good}&logout_token=${good}`), 400, 'logout_token'],
      [posted(''), 400, 'logout_token'],
      [posted(`logout_token=${bad}`), 400, 'nonce'],
      [await logoutToken(stage, {}, { typ: 'at+jwt' }), 400, 'typ'],
      ['', 400, 'malformed'],
    ]) {
      const answer = client.validateLogoutToken(given)
      const error = await refused(answer, 'token_invalid', { status, detail })
      ok(!JSON.stringify(error).includes('canary'), 'a text of somebody')
    }
    // The good one was not taken by all that.
    equal((await client.validateLogoutToken(posted(`logout_token=${good}`))).sub, 'alice')
    let cancelled
    const gone = new Promise((resolve) => (cancelled = resolve))
    const endless = new ReadableStream({
      pull: (controller) => controller.enqueue(new Uint8Array(16_384)),
      cancel: () => cancelled(),
    })
    const request = new Request('https://app.example/logout', {
      method: 'POST',
      body: endless,
      duplex: 'half',
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
    })
    await refused(client.validateLogoutToken(request), 'token_invalid', { status: 400 })
    await gone
    for (const wrong of [undefined, null, 7, {}, { method: 'POST' }]) {
      await refused(client.validateLogoutToken(wrong), 'config_invalid', { detail: 'request' })
    }
  },

  async 'r042 a sign-in that somebody else asks for'(stage) {
    const client = await scripted(stage)
    const query = (more) =>
      new URLSearchParams({
        iss: stage.serverUrl,
        login_hint: 'jane',
        target_link_uri: 'https://app.example/orders?x=1',
        ...more,
      })
    const wanted = { issuer: stage.serverUrl, loginHint: 'jane', returnTo: '/orders?x=1' }
    const address = `https://app.example/login?${query()}`
    for (const given of [address, `/login?${query()}`, query()]) {
      equal(roundTrip(await client.acceptThirdPartyLogin(given)), wanted)
    }
    const away = query({ target_link_uri: 'https://evil.example/' })
    equal((await client.acceptThirdPartyLogin(away)).returnTo, undefined)
    const evil = query({ iss: 'https://evil.example' })
    await refused(client.acceptThirdPartyLogin(evil), 'issuer_mismatch')
    await refused(client.acceptThirdPartyLogin(query(), { issuers: [] }), 'issuer_mismatch')
    const other = await client.acceptThirdPartyLogin(evil, { issuers: ['https://evil.example'] })
    equal(other.issuer, 'https://evil.example')
    const twice = `${address}&iss=x`
    await refused(client.acceptThirdPartyLogin(twice), 'callback_duplicate_param')
    await refused(client.acceptThirdPartyLogin(undefined), 'config_invalid')
    await refused(client.acceptThirdPartyLogin(address, { issuer: 'x' }), 'config_invalid')
    equal(await stage.server.count(), 0)
  },

  async 'r023 r024 r025 r132 what an API says of itself'(stage) {
    const resource = `${stage.serverUrl}/api/orders`
    const place = '/.well-known/oauth-protected-resource/api/orders'
    const json = {
      resource,
      authorization_servers: ['https://other.example', stage.serverUrl],
      scopes_supported: ['orders'],
      issuer: 'https://evil.example',
    }
    const challenge = (url) => ({
      status: 401,
      headers: { 'www-authenticate': `Bearer resource_metadata="${url}"` },
    })
    const script = {
      [place]: { json },
      '/elsewhere': { json },
      '/api/orders': challenge(`${stage.serverUrl}/elsewhere`),
      '/api/evil': challenge('https://169.254.169.254/latest'),
      '/api/silent': { status: 401 },
    }
    await stage.server.script(script)
    const client = await scripted(stage)
    const found = await client.discoverResource(resource)
    equal([found.issuer, found.resource], [stage.serverUrl, resource])
    equal(found.scopes_supported, ['orders'])
    const answer = await fetch(resource)
    const issuers = ['https://other.example']
    const other = await client.discoverResource(answer, { issuers })
    equal(other.issuer, 'https://other.example')
    await answer.text()

    const asked = []
    const accept = async (issuer) => asked.push(issuer) === 2
    equal((await client.discoverResource(resource, { accept })).issuer, stage.serverUrl)
    equal(asked, ['https://other.example', stage.serverUrl])
    for (const nobody of [{ issuers: [] }, { accept: () => 'yes' }, { accept: () => false }]) {
      await refused(client.discoverResource(resource, nobody), 'metadata_issuer_mismatch', {
        detail: 'authorization_servers',
      })
    }
    const fails = () => {
      throw new Error('canary')
    }
    await refused(client.discoverResource(resource, { accept: fails }), 'config_invalid', {
      detail: 'accept',
    })
    await refused(client.discoverResource(resource, { accept, issuers }), 'config_invalid')

    const evil = await fetch(`${stage.serverUrl}/api/evil`)
    await refused(client.discoverResource(evil), 'url_insecure', {
      detail: 'resource_metadata',
    })
    await evil.text()
    const silent = await fetch(`${stage.serverUrl}/api/silent`)
    await refused(client.discoverResource(silent), 'metadata_unsupported')
    await silent.text()
    for (const wrong of [undefined, {}, new Response('')]) {
      await refused(client.discoverResource(wrong), 'config_invalid', { detail: 'resource' })
    }
    await stage.server.script({ [place]: { json: { ...json, resource: `${resource}/` } } })
    await refused(client.discoverResource(resource), 'metadata_issuer_mismatch', {
      detail: 'resource',
    })
    const gone = client.discoverResource(resource, { signal: AbortSignal.abort() })
    await refused(gone, 'aborted')
  },

  async 'after close every one of them is refused'(stage) {
    const client = await scripted(stage)
    client.close()
    for (const call of [
      () => client.deviceAuthorization(),
      () => client.pollDevice(DEVICE),
      () => client.introspect('x'),
      () => client.register({}),
      () => client.validateLogoutToken('x'),
      () => client.acceptThirdPartyLogin('/x'),
      () => client.discoverResource('https://api.example/'),
      () => client.pushAuthorization({}),
    ]) {
      await refused(call(), 'closed')
    }
    equal(await stage.server.count(), 0)
  },
}
