import assert from 'node:assert/strict'
import crypto from 'node:crypto'
import { once } from 'node:events'
import { connect } from 'node:net'
import { after, before, test } from 'node:test'

import { createPerson } from './person.mjs'
import { ODD_CLIENT, RESOURCE, SECRET, readJwt, startProvider } from './provider.mjs'
import { verifyJwt } from './provider/keys.mjs'

const CALLBACK = 'http://127.0.0.1:1/callback'
const DEVICE_GRANT = 'urn:ietf:params:oauth:grant-type:device_code'
const CIBA_GRANT = 'urn:openid:params:grant-type:ciba'
const EXCHANGE_GRANT = 'urn:ietf:params:oauth:grant-type:token-exchange'
const BEARER_GRANT = 'urn:ietf:params:oauth:grant-type:jwt-bearer'

let provider
before(async () => {
  provider = await startProvider({ redirectUris: [CALLBACK] })
})
after(async () => {
  assert.deepEqual(provider.server_errors, [])
  await provider.close()
})

const form = (text) => encodeURIComponent(text).replaceAll('%20', '+')
const basic = (id, secret) =>
  `Basic ${Buffer.from(`${form(id)}:${form(secret)}`).toString('base64')}`

async function post(path, parameters, headers = { authorization: basic('worker', SECRET) }) {
  const response = await fetch(provider.issuer + path, {
    method: 'POST',
    headers: { 'content-type': 'application/x-www-form-urlencoded', ...headers },
    body: new URLSearchParams(parameters).toString(),
    redirect: 'manual',
  })
  const text = await response.text()
  return {
    status: response.status,
    headers: response.headers,
    text,
    json: text.startsWith('{') ? JSON.parse(text) : undefined,
  }
}
const token = (parameters, headers) => post('/connect/token', parameters, headers)

async function login(
  person,
  { clientId = 'spa', scope = 'openid profile email offline_access', ...more } = {},
) {
  const verifier = crypto.randomBytes(32).toString('base64url')
  const url = new URL('/connect/authorize', provider.issuer)
  url.search = new URLSearchParams({
    client_id: clientId,
    response_type: 'code',
    redirect_uri: CALLBACK,
    scope,
    state: 'the-state',
    nonce: 'the-nonce',
    code_challenge: crypto.createHash('sha256').update(verifier).digest('base64url'),
    code_challenge_method: 'S256',
    ...more,
  })
  const callback = new URL(await person.signIn(url.href))
  return { verifier, callback, answer: Object.fromEntries(callback.searchParams) }
}

async function signedIn(person, options = {}) {
  const { verifier, answer } = await login(person, options)
  return token(
    {
      grant_type: 'authorization_code',
      client_id: options.clientId ?? 'spa',
      code: answer.code,
      redirect_uri: CALLBACK,
      code_verifier: verifier,
    },
    {},
  )
}

test('discovery names the routes of IdentityServer and open CORS', async () => {
  const response = await fetch(`${provider.issuer}/.well-known/openid-configuration`, {
    headers: { origin: 'http://127.0.0.1:1' },
  })
  const metadata = await response.json()
  assert.equal(metadata.issuer, provider.issuer)
  assert.equal(metadata.token_endpoint, `${provider.issuer}/connect/token`)
  assert.equal(metadata.authorization_endpoint, `${provider.issuer}/connect/authorize`)
  assert.equal(metadata.authorization_response_iss_parameter_supported, true)
  assert.equal(response.headers.get('access-control-allow-origin'), 'http://127.0.0.1:1')
  const jwks = await (await fetch(metadata.jwks_uri)).json()
  assert.deepEqual(
    jwks.keys.map((key) => key.kty),
    ['RSA', 'RSA', 'EC', 'OKP'],
  )
  assert.ok(jwks.keys.every((key) => !key.d))
})

test('client credentials give a JWT for the API, by Basic, by body and for an odd client', async () => {
  const started = provider.count('client_credentials')
  const one = await token({
    grant_type: 'client_credentials',
    scope: 'api',
    acr_values: 'tenant:a',
  })
  assert.equal(one.status, 200, one.text)
  assert.equal(one.json.expires_in, 3600)
  const { payload } = readJwt(one.json.access_token)
  assert.equal(payload.aud, RESOURCE)
  assert.equal(payload.scope, 'api')
  assert.equal(payload.tenant, 'a')
  const two = await token(
    { grant_type: 'client_credentials', client_id: 'worker-post', client_secret: SECRET },
    {},
  )
  assert.equal(two.status, 200, two.text)
  const three = await token(
    { grant_type: 'client_credentials' },
    { authorization: basic(ODD_CLIENT.id, ODD_CLIENT.secret) },
  )
  assert.equal(three.status, 200, three.text)
  const raw = Buffer.from(`${ODD_CLIENT.id}:${ODD_CLIENT.secret}`).toString('base64')
  const four = await token({ grant_type: 'client_credentials' }, { authorization: `Basic ${raw}` })
  assert.equal(four.json.error, 'invalid_request')
  const wrong = await token(
    { grant_type: 'client_credentials' },
    { authorization: basic('worker', 'wrong') },
  )
  assert.equal(wrong.status, 401)
  assert.equal(wrong.json.error, 'invalid_client')
  assert.equal(provider.count('client_credentials'), started + 5)
})

test('an unknown scope and an unknown resource are refused', async () => {
  const scope = await token({ grant_type: 'client_credentials', scope: 'nothing' })
  assert.equal(scope.json.error, 'invalid_scope')
  const resource = await token({
    grant_type: 'client_credentials',
    resource: 'https://no.example/',
  })
  assert.equal(resource.json.error, 'invalid_target')
  const known = await token({
    grant_type: 'client_credentials',
    resource: 'https://orders.example/',
    scope: 'orders',
  })
  assert.equal(readJwt(known.json.access_token).payload.aud, 'https://orders.example/')
})

test('the password grant, its id_token and its refresh token', async () => {
  const { json, text } = await token({
    grant_type: 'password',
    username: 'alice',
    password: 'alice',
    scope: 'openid profile api offline_access',
  })
  assert.ok(json.refresh_token, text)
  assert.equal(readJwt(json.id_token).payload.name, 'Alice Smith')
  const refreshed = await token({ grant_type: 'refresh_token', refresh_token: json.refresh_token })
  assert.equal(refreshed.status, 200, refreshed.text)
  const wrong = await token({ grant_type: 'password', username: 'alice', password: 'bob' })
  assert.equal(wrong.status, 400)
  assert.deepEqual(wrong.json, {
    error: 'invalid_grant',
    error_description: 'invalid_username_or_password',
  })
  const log = JSON.stringify(provider.requests)
  assert.ok(!log.includes(json.refresh_token))
  assert.ok(!log.includes(SECRET))
})

test('the device grant waits for the person, who may say no', async () => {
  const { json } = await post('/connect/deviceauthorization', { scope: 'openid api' })
  const ask = (code) => token({ grant_type: DEVICE_GRANT, device_code: code })
  assert.equal((await ask(json.device_code)).json.error, 'authorization_pending')
  await provider.approveDevice(json.user_code, 'bob')
  const granted = await ask(json.device_code)
  assert.equal(readJwt(granted.json.id_token).payload.sub, 'bob')
  const other = await post('/connect/deviceauthorization', { scope: 'openid' })
  await provider.denyDevice(other.json.user_code)
  assert.equal((await ask(other.json.device_code)).json.error, 'access_denied')
})

test('a person connects a device on its page', async () => {
  const { json } = await post('/connect/deviceauthorization', { scope: 'openid' })
  const person = createPerson()
  let page = await person.follow(json.verification_uri_complete)
  page = await person.submit(page, {})
  page = await person.submit(page, {})
  page = await person.submit(page, { login: 'alice', password: 'alice' })
  assert.match(await page.response.text(), /Your device can go on/)
  const granted = await token({ grant_type: DEVICE_GRANT, device_code: json.device_code })
  assert.equal(granted.status, 200, granted.text)
})

test('CIBA is approved and denied', async () => {
  const ask = (id) => token({ grant_type: CIBA_GRANT, auth_req_id: id })
  const start = async () =>
    (await post('/connect/ciba', { scope: 'openid', login_hint: 'alice' })).json.auth_req_id
  const first = await start()
  assert.equal((await ask(first)).json.error, 'authorization_pending')
  await provider.approveBackchannel(first)
  assert.equal(readJwt((await ask(first)).json.id_token).payload.sub, 'alice')
  const second = await start()
  await provider.denyBackchannel(second)
  assert.equal((await ask(second)).json.error, 'access_denied')
})

test('token exchange, JWT bearer and the custom grant', async () => {
  const subject = await token({
    grant_type: 'password',
    username: 'bob',
    password: 'bob',
    scope: 'api',
  })
  const exchanged = await token({
    grant_type: EXCHANGE_GRANT,
    subject_token: subject.json.access_token,
    subject_token_type: 'urn:ietf:params:oauth:token-type:access_token',
    audience: RESOURCE,
  })
  assert.equal(exchanged.status, 200, exchanged.text)
  assert.equal(exchanged.json.issued_token_type, 'urn:ietf:params:oauth:token-type:access_token')
  assert.equal(readJwt(exchanged.json.access_token).payload.sub, 'bob')

  const bearer = await token({ grant_type: BEARER_GRANT, assertion: provider.assertion('alice') })
  assert.equal(bearer.status, 200, bearer.text)
  const forged = provider.breakSignature(provider.assertion('alice'))
  const refused = await token({ grant_type: BEARER_GRANT, assertion: forged })
  assert.equal(refused.json.error, 'invalid_grant')

  const custom = await token([
    ['grant_type', 'delegation'],
    ['colour', 'blue'],
    ['list', 'a'],
    ['list', 'b'],
  ])
  assert.deepEqual(custom.json.echo, { grant_type: 'delegation', colour: 'blue', list: ['a', 'b'] })
})

test('code with PKCE through the form: iss in the callback, rotation, reuse ends the family', async () => {
  const person = createPerson()
  const { answer, verifier } = await login(person)
  assert.equal(answer.iss, provider.issuer)
  assert.equal(answer.state, 'the-state')
  const exchange = {
    grant_type: 'authorization_code',
    client_id: 'spa',
    code: answer.code,
    redirect_uri: CALLBACK,
    code_verifier: verifier,
  }
  const first = await token(exchange, {})
  assert.equal(first.status, 200, first.text)
  const claims = readJwt(first.json.id_token).payload
  assert.equal(claims.nonce, 'the-nonce')
  assert.equal(claims.email, 'alice@example.com')
  assert.ok(first.json.scope.includes('offline_access'))

  const refresh = (value) =>
    token({ grant_type: 'refresh_token', client_id: 'spa', refresh_token: value }, {})
  const second = await refresh(first.json.refresh_token)
  assert.equal(second.status, 200, second.text)
  assert.notEqual(second.json.refresh_token, first.json.refresh_token)
  assert.equal((await refresh(first.json.refresh_token)).json.error, 'invalid_grant')
  assert.equal((await refresh(second.json.refresh_token)).json.error, 'invalid_grant')

  const silent = await login(person, { prompt: 'none' })
  assert.ok(silent.answer.code)
  const stranger = await login(createPerson(), { prompt: 'none' })
  assert.equal(stranger.answer.error, 'login_required')
  assert.equal(stranger.answer.iss, provider.issuer)
})

test('without offline_access there is no refresh token, and a resource makes the token a JWT', async () => {
  const plain = await signedIn(createPerson(), { scope: 'openid api' })
  assert.equal(plain.json.refresh_token, undefined)
  assert.ok(!plain.json.access_token.includes('.'))
  const userInfo = await fetch(`${provider.issuer}/connect/userinfo`, {
    headers: { authorization: `Bearer ${plain.json.access_token}` },
  })
  assert.equal((await userInfo.json()).sub, 'alice')
  const api = await signedIn(createPerson(), {
    scope: 'openid api offline_access',
    resource: RESOURCE,
  })
  assert.equal(readJwt(api.json.access_token).payload.scope, 'api')
  const next = await token(
    { grant_type: 'refresh_token', client_id: 'spa', refresh_token: api.json.refresh_token },
    {},
  )
  assert.equal(readJwt(next.json.access_token).payload.aud, RESOURCE, next.text)
})

test('a person may cancel, mistype, and be asked again', async () => {
  const url = new URL('/connect/authorize', provider.issuer)
  url.search = new URLSearchParams({
    client_id: 'spa',
    response_type: 'code',
    redirect_uri: CALLBACK,
    scope: 'openid',
    state: 's',
    code_challenge: 'E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM',
    code_challenge_method: 'S256',
  })
  const person = createPerson()
  const denied = new URL(await person.refuse(url.href))
  assert.equal(denied.searchParams.get('error'), 'access_denied')
  const page = await person.follow(url.href)
  const again = await person.submit(page, { login: 'alice', password: 'no' })
  assert.match(await again.response.clone().text(), /do not belong together/)
  const done = await person.submit(again, { login: 'alice', password: 'alice' })
  assert.ok(new URL(done.url).searchParams.get('code'))
})

test('prompt=consent asks, and the session gives a code after it', async () => {
  const person = createPerson()
  await login(person)
  const url = new URL('/connect/authorize', provider.issuer)
  url.search = new URLSearchParams({
    client_id: 'spa',
    response_type: 'code',
    redirect_uri: CALLBACK,
    scope: 'openid offline_access',
    state: 's',
    prompt: 'consent',
    code_challenge: 'E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM',
    code_challenge_method: 'S256',
  })
  const page = await person.follow(url.href)
  const { url: end } = await person.submit(page, { allow: 'yes' })
  assert.ok(new URL(end).searchParams.get('code'))
})

test('signing out returns to the page and ends the session', async () => {
  const person = createPerson()
  const { json } = await signedIn(person)
  const url = new URL('/connect/endsession', provider.issuer)
  url.search = new URLSearchParams({
    id_token_hint: json.id_token,
    post_logout_redirect_uri: 'http://127.0.0.1:1/',
    state: 'bye',
  })
  const page = await person.follow(url.href)
  const { url: end } = await person.submit(page, {})
  assert.equal(end, 'http://127.0.0.1:1/?state=bye')
  const silent = await login(person, { prompt: 'none' })
  assert.equal(silent.answer.error, 'login_required')
})

test('revocation and introspection', async () => {
  const { json } = await signedIn(createPerson())
  const ask = async () =>
    (await post('/connect/introspect', { token: json.access_token })).json.active
  assert.equal(await ask(), true)
  const revoked = await post(
    '/connect/revocation',
    { client_id: 'spa', token: json.refresh_token, token_type_hint: 'refresh_token' },
    { origin: 'http://127.0.0.1:1' },
  )
  assert.equal(revoked.status, 200)
  assert.equal(revoked.headers.get('access-control-allow-origin'), 'http://127.0.0.1:1')
  assert.equal(await ask(), false)
  const jwt = await token({ grant_type: 'client_credentials' })
  const unknown = await post('/connect/revocation', { token: jwt.json.access_token })
  assert.equal(unknown.status, 200, unknown.text)
})

test('CORS is for known origins', async () => {
  const { json } = await signedIn(createPerson())
  const refresh = (origin) =>
    token(
      { grant_type: 'refresh_token', client_id: 'spa', refresh_token: json.refresh_token },
      { origin },
    )
  const evil = await refresh('http://evil.example')
  assert.equal(evil.status, 400)
  assert.equal(evil.headers.get('access-control-allow-origin'), null)
  provider.origins.add('http://other.example')
  assert.equal((await refresh('http://other.example')).status, 200)
})

for (const [clientId, alg] of [
  ['spa', 'RS256'],
  ['spa-ps256', 'PS256'],
  ['spa-es256', 'ES256'],
  ['spa-eddsa', 'EdDSA'],
]) {
  test(`id_tokens of ${clientId} are signed by ${alg}, and can be signed anew`, async () => {
    const { json } = await signedIn(createPerson(), { clientId })
    assert.equal(readJwt(json.id_token).header.alg, alg)
    const jwks = await (
      await fetch(`${provider.issuer}/.well-known/openid-configuration/jwks`)
    ).json()
    assert.ok(verifyJwt(json.id_token, jwks.keys))
    const changed = provider.resign(json.id_token, { nonce: 'other', email: undefined })
    assert.ok(verifyJwt(changed, jwks.keys))
    assert.equal(readJwt(changed).payload.nonce, 'other')
    assert.ok(!('email' in readJwt(changed).payload))
    assert.ok(!verifyJwt(provider.breakSignature(changed), jwks.keys))
    const lied = provider.resign(
      json.id_token,
      {},
      { alg: 'none', headerChanges: { kid: undefined } },
    )
    assert.ok(lied.endsWith('.'))
  })
}

test('keys rotate, sessions and refresh tokens stay', async () => {
  const person = createPerson()
  const { json } = await signedIn(person)
  const before = readJwt(json.id_token).header.kid
  await provider.rotateKeys()
  const next = await token(
    { grant_type: 'refresh_token', client_id: 'spa', refresh_token: json.refresh_token },
    {},
  )
  assert.notEqual(readJwt(next.json.id_token).header.kid, before)
  assert.ok((await login(person, { prompt: 'none' })).answer.code)
  await provider.rotateKeys({ keepOld: true })
  assert.equal(provider.keys.length, 8)
})

test('defects claim what they match, as often as told', async () => {
  const ask = () => token({ grant_type: 'client_credentials' })
  const once = { path: '/connect/token', times: 1 }
  const defect = provider.setDefects({
    ...once,
    kind: 'status',
    headers: { 'retry-after': '7' },
  })
  const busy = await ask()
  assert.equal(busy.status, 503)
  assert.equal(busy.headers.get('retry-after'), '7')
  assert.equal(defect.hits, 1)
  assert.equal((await ask()).status, 200)

  provider.setDefects([
    { ...once, kind: 'html' },
    { ...once, kind: 'empty' },
    { ...once, kind: 'redirect', status: 307, location: 'http://127.0.0.1:1/stolen' },
    { ...once, kind: 'content-type', type: 'text/plain' },
    { ...once, kind: 'headers', headers: { 'x-mine': '1' } },
    { ...once, kind: 'json', json: { error: 'invalid_grant' } },
    { ...once, kind: 'mutate', mutate: (json) => ({ ...json, expires_in: '60' }) },
    { ...once, kind: 'status', status: 429 },
  ])
  assert.match((await ask()).text, /<h1>/)
  assert.equal((await ask()).text, '')
  assert.equal((await ask()).headers.get('location'), 'http://127.0.0.1:1/stolen')
  assert.equal((await ask()).headers.get('content-type'), 'text/plain')
  const { headers, json } = await ask()
  assert.ok(headers.get('x-mine') === '1' && json.access_token)
  assert.equal((await ask()).json.error, 'invalid_grant')
  assert.equal((await ask()).json.expires_in, '60')
  assert.equal((await ask()).status, 429)
  provider.setDefects({ ...once, kind: 'reset' })
  await assert.rejects(ask())
  provider.setDefects({ ...once, kind: 'half' })
  await assert.rejects(ask())
  provider.setDefects({ ...once, grant: 'password', kind: 'html' })
  assert.equal((await ask()).status, 200)
  provider.setDefects()
})

test('a request is heard as it came, and as a test would have it', async () => {
  const since = provider.received().length
  const rewrite = (url) => url.searchParams.delete('nonce')
  provider.setDefects({ path: '/connect/authorize', kind: 'rewrite', rewrite })
  const { json } = await signedIn(createPerson())
  provider.setDefects()
  assert.equal(readJwt(json.id_token).payload.nonce, undefined)
  const [authorize, ...others] = provider.received().slice(since)
  assert.deepEqual([authorize.method, authorize.path], ['GET', '/connect/authorize'])
  assert.equal(new URLSearchParams(authorize.query).get('nonce'), 'the-nonce')
  const { path, headers, body } = others.at(-1)
  assert.equal(path, '/connect/token')
  assert.equal(headers['content-type'], 'application/x-www-form-urlencoded')
  assert.match(new URLSearchParams(body).get('code'), /^[\w-]{43}$/)
})

test('an answer is held until it is released', async () => {
  const defect = provider.setDefects({ path: '/connect/token', kind: 'hold', times: 1 })
  let settled = false
  const held = token({ grant_type: 'client_credentials' }).finally(() => (settled = true))
  const entry = await defect.reached
  assert.equal(entry.grantType, 'client_credentials')
  assert.equal(settled, false)
  const seen = provider.next({ grant: 'client_credentials' })
  defect.release()
  assert.equal((await held).status, 200)
  assert.equal((await seen).status, 200)
})

test('a lost answer: the provider has rotated, the client does not know', async () => {
  const { json } = await signedIn(createPerson())
  provider.setDefects({ grant: 'refresh_token', kind: 'reset', after: true, times: 1 })
  const refresh = () =>
    token({ grant_type: 'refresh_token', client_id: 'spa', refresh_token: json.refresh_token }, {})
  await assert.rejects(refresh())
  assert.equal((await refresh()).json.error, 'invalid_grant')
})

test('offline refuses connections and comes back on the same port', async () => {
  await provider.goOffline()
  // A connection of its own: one that fetch has kept would fail in its own way.
  const [error] = await once(connect(provider.port, '127.0.0.1'), 'error')
  assert.equal(error.code, 'ECONNREFUSED')
  await provider.goOnline()
  assert.equal((await token({ grant_type: 'client_credentials' })).status, 200)
})

test('an issuer with a path', async () => {
  const tenant = await startProvider({ path: '/tenant', redirectUris: [CALLBACK] })
  try {
    for (const url of [
      `${tenant.issuer}/.well-known/openid-configuration`,
      `${tenant.origin}/.well-known/oauth-authorization-server/tenant`,
    ]) {
      const response = await fetch(url)
      assert.equal(response.status, 200, url)
      assert.equal((await response.json()).issuer, tenant.issuer)
    }
    const callback = await createPerson().signIn(
      `${tenant.issuer}/connect/authorize?client_id=spa&response_type=code&scope=openid&redirect_uri=${encodeURIComponent(CALLBACK)}&code_challenge=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM&code_challenge_method=S256`,
    )
    assert.ok(new URL(callback).searchParams.get('code'))
  } finally {
    await tenant.close()
  }
})

test('DPoP with nonces, opaque tokens, lifetimes and a port of choice', async () => {
  const strict = await startProvider({
    dpopNonce: true,
    opaque: true,
    lifetimes: { accessToken: 5 },
  })
  const { port } = strict
  const body = 'grant_type=client_credentials'
  const headers = {
    authorization: basic('worker', SECRET),
    'content-type': 'application/x-www-form-urlencoded',
  }
  const answer = await fetch(`${strict.issuer}/connect/token`, { method: 'POST', headers, body })
  const json = await answer.json()
  assert.equal(json.expires_in, 5)
  assert.ok(!json.access_token.includes('.'))
  await strict.close()
  const next = await startProvider({ port })
  assert.equal(next.port, port)
  await assert.rejects(startProvider({ port }), { code: 'EADDRINUSE' })
  await next.close()
})
