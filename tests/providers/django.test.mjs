// The package against django-oauth-toolkit: an issuer with a path, one grant type for each client,
// opaque access tokens, and what its discovery leaves out.

import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'

import { CALLBACK, createTokenClient, recorder, refused, signedIn as comeBack } from './client.mjs'
import { ODD_SECRET, SECRET, skip, startDjango } from './django.mjs'

const django = (name, run) => test(`django: ${name}`, { skip }, run)

let provider
before(async () => {
  if (!skip) provider = await startDjango()
})
after(() => provider?.close())

const client = (clientId, more) =>
  createTokenClient({
    issuer: provider.issuer,
    clientId,
    clientSecret: SECRET,
    redirectUri: CALLBACK,
    ...more,
  })

const signedIn = (one, request) => comeBack(one, provider.person(), request)

django('an issuer with a path is discovered below it', async () => {
  const { fetch, requests } = recorder()
  const metadata = await (await client('machine', { fetch })).metadata()
  assert.equal(metadata.issuer, `${provider.origin}/o`)
  assert.equal(metadata.token_endpoint, `${provider.origin}/o/token/`)
  assert.deepEqual(
    requests.map(({ path }) => path),
    ['/o/.well-known/openid-configuration'],
  )
})

django('an issuer with a slash too many is refused', async () => {
  const one = await client('machine', { issuer: `${provider.issuer}/` })
  await refused(one.getAccessToken(), 'metadata_issuer_mismatch', { detail: 'issuer' })
})

django('client credentials are asked for once and cached', async () => {
  const { fetch, to } = recorder()
  const one = await client('machine', { fetch, scope: 'orders' })
  const tokens = await Promise.all([one.getAccessToken(), one.getAccessToken()])
  assert.deepEqual(tokens, Array(2).fill(await one.getAccessToken()))
  assert.match(tokens[0], /^\w{30}$/, 'an opaque token')
  assert.equal(to('/o/token/').length, 1)
  const other = await one.getAccessToken({ scope: 'introspection' })
  assert.notEqual(other, tokens[0])
  assert.equal(to('/o/token/').length, 2)
  const response = await one.clientCredentials()
  assert.deepEqual(
    [response.token_type, response.expires_in, response.scope, response.refresh_token],
    ['Bearer', 3600, 'orders', undefined],
  )
})

django('a secret of any characters, by Basic and in the body', async () => {
  for (const method of ['client_secret_basic', 'client_secret_post']) {
    const options = { clientSecret: ODD_SECRET, clientAuthentication: method }
    assert.match(await (await client('odd', options)).getAccessToken(), /^\w{30}$/)
  }
})

django('a code with PKCE becomes tokens, an id_token that is checked, and user info', async () => {
  const one = await client('app', { scope: 'openid profile email' })
  const tokens = await signedIn(one)
  const { claims } = tokens
  assert.deepEqual(
    [claims.iss, claims.aud, claims.sub, claims.name],
    [provider.issuer, 'app', '1', 'Alice'],
  )
  assert.equal(typeof claims.at_hash, 'string')
  assert.equal(tokens.scope, 'openid profile email')
  const person = await one.userInfo(tokens.access_token, claims.sub)
  assert.deepEqual([person.sub, person.email], ['1', 'alice@example.com'])
  await refused(one.userInfo(tokens.access_token, '2'), 'userinfo_invalid')
  await refused(one.userInfo('nobody knows it', '1'), 'response_status', { status: 401 })
})

django('a public client has no secret', async () => {
  const one = await client('public', { clientSecret: undefined, scope: 'openid' })
  const tokens = await signedIn(one)
  assert.equal(tokens.claims.aud, 'public')
})

django('no iss in the callback is tolerated, as its discovery promises none', async () => {
  const one = await client('app', { scope: 'openid' })
  const pending = await one.authorizationRequest()
  const answer = await provider.person().signIn(pending.url)
  assert.deepEqual([...new URL(answer).searchParams.keys()].sort(), ['code', 'state'])
  assert.equal((await one.callback(answer, pending)).claims.sub, '1')
})

django(
  'no iss in the callback is refused where it was promised, and a foreign one always',
  async () => {
    const metadata = { authorization_response_iss_parameter_supported: true }
    const one = await client('app', { scope: 'openid', metadata })
    const pending = await one.authorizationRequest()
    const answer = await provider.person().signIn(pending.url)
    await refused(one.callback(answer, pending), 'issuer_missing')
    const foreign = `${answer}&iss=${encodeURIComponent(provider.origin)}`
    const other = await client('app', { scope: 'openid' })
    await refused(other.callback(foreign, pending), 'issuer_mismatch')
  },
)

django('an id_token under the client secret (HS256) is refused', async () => {
  const one = await client('app-hs256', { scope: 'openid' })
  await refused(signedIn(one), 'id_token_invalid', { detail: 'alg' })
})

django('another verifier is refused', async () => {
  const one = await client('app', { scope: 'openid' })
  const pending = await one.authorizationRequest()
  const answer = await provider.person().signIn(pending.url)
  const wrong = { ...pending, codeVerifier: 'x'.repeat(43) }
  await refused(one.callback(answer, wrong), 'token_error', { error: 'invalid_grant' })
})

django('the person says no', async () => {
  // Not what somebody allowed before, which would not be asked again.
  const one = await client('app', { scope: 'openid orders' })
  const pending = await one.authorizationRequest()
  const answer = await provider.person().refuse(pending.url)
  await refused(one.callback(answer, pending), 'authorization_error', { error: 'access_denied' })
})

django('prompt=none answers login_required, and a code where somebody is signed in', async () => {
  const one = await client('app', { scope: 'openid' })
  const nobody = await one.authorizationRequest({ prompt: 'none' })
  const refusal = await provider.person().pass(nobody.url)
  await refused(one.callback(refusal, nobody), 'authorization_error', { error: 'login_required' })

  const person = provider.person()
  const first = await one.authorizationRequest()
  await one.callback(await person.signIn(first.url), first)
  const silent = await one.authorizationRequest({ prompt: 'none' })
  const tokens = await one.callback(await person.pass(silent.url), silent)
  assert.equal(tokens.claims.sub, '1')
})

django('max_age is ignored by the server, and held against auth_time by the client', async () => {
  const one = await client('app', { scope: 'openid' })
  const fresh = await signedIn(one, { maxAge: 600 })
  assert.equal(typeof fresh.claims.auth_time, 'number')
  const pending = await one.authorizationRequest({ maxAge: 600 })
  const answer = await provider.person('bob').signIn(pending.url)
  await refused(one.callback(answer, pending), 'id_token_invalid', { detail: 'auth_time' })
})

django('a refresh token rotates, and its re-use ends the family', async () => {
  const one = await client('app', { scope: 'openid profile' })
  const first = await signedIn(one)
  const second = await one.refreshToken({ refreshToken: first.refresh_token })
  assert.notEqual(second.refresh_token, first.refresh_token)
  assert.notEqual(second.access_token, first.access_token)
  assert.equal(second.scope, 'openid profile')
  for (const refreshToken of [first.refresh_token, second.refresh_token]) {
    await refused(one.refreshToken({ refreshToken }), 'token_error', {
      error: 'invalid_grant',
      loginRequired: true,
    })
  }
})

django(
  'an id_token of a refresh without a nonce is tolerated, and held to its at_hash',
  async () => {
    const one = await client('app', { scope: 'openid' })
    const first = await signedIn(one)
    const second = await one.refreshToken({ refreshToken: first.refresh_token })
    const idToken = second.id_token
    const claims = await one.validateIdToken(idToken, { accessToken: second.access_token })
    assert.deepEqual([claims.sub, claims.nonce], [first.claims.sub, undefined])
    const other = one.validateIdToken(idToken, { accessToken: first.access_token })
    await refused(other, 'id_token_invalid', { detail: 'at_hash' })
  },
)

django('a password becomes tokens, where the client may', async () => {
  const one = await client('trusted')
  const alice = { username: 'alice', password: 'alice', scope: 'openid profile' }
  const tokens = await one.password(alice)
  assert.equal(tokens.scope, 'openid profile')
  assert.equal((await one.userInfo(tokens.access_token, '1')).name, 'Alice')
  const wrong = { ...alice, password: 'bob' }
  await refused(one.password(wrong), 'token_error', { error: 'invalid_grant', status: 400 })
  const machine = await client('machine')
  await refused(machine.password(alice), 'token_error', { error: 'unauthorized_client' })
})

django('discovery without a revocation endpoint: refused, until it is set by hand', async () => {
  const without = await client('app', { scope: 'openid' })
  const metadata = await without.metadata()
  for (const name of Object.keys(provider.endpoints)) assert.equal(metadata[name], undefined, name)
  const tokens = await signedIn(without)
  await refused(without.revoke(tokens.refresh_token), 'metadata_unsupported', {
    detail: 'revocation_endpoint',
  })

  const one = await client('app', { metadata: provider.endpoints })
  await one.revoke(tokens.refresh_token, { tokenTypeHint: 'refresh_token' })
  await one.revoke('nobody knows this one')
  const { refresh_token: refreshToken, access_token: accessToken } = tokens
  await refused(one.refreshToken({ refreshToken }), 'token_error', { error: 'invalid_grant' })
  await refused(one.userInfo(accessToken, '1'), 'response_status', { status: 401 })
})

django('errors of the token endpoint come with their words', async () => {
  const wrong = await client('machine', { clientSecret: 'not this secret, but 32 characters' })
  await refused(wrong.getAccessToken(), 'token_error', { error: 'invalid_client', status: 401 })
  const one = await client('machine')
  const scope = one.getAccessToken({ scope: 'openid unknown' })
  await refused(scope, 'token_error', { error: 'invalid_scope', status: 400 })
  const strange = one.requestToken({ grantType: 'urn:example:strange' })
  await refused(strange, 'token_error', { error: 'unsupported_grant_type' })
  const used = one.authorizationCode({ code: 'x', codeVerifier: 'y'.repeat(43) })
  await refused(used, 'token_error', { error: 'unauthorized_client' })
})

django('a body is a form without a charset, which the device endpoint refuses', async () => {
  const { fetch: spy, requests } = recorder()
  const one = await client('machine', { fetch: spy })
  await one.getAccessToken()
  const { headers } = requests.at(-1)
  assert.equal(headers['content-type'], 'application/x-www-form-urlencoded')

  const ask = (body, headers) =>
    fetch(provider.endpoints.device_authorization_endpoint, { method: 'POST', body, headers })
  const body = 'client_id=device&scope=openid'
  assert.equal((await ask(body, headers)).status, 200)
  assert.equal((await ask(new URLSearchParams(body))).status, 400)
})

django('a device waits, is allowed, and is denied', async () => {
  const one = await client('device', { clientSecret: undefined })
  const begun = async () => {
    const response = await fetch(provider.endpoints.device_authorization_endpoint, {
      method: 'POST',
      body: 'client_id=device&scope=openid',
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
    })
    return response.json()
  }
  const asked = await begun()
  const poll = () => one.deviceCode({ deviceCode: asked.device_code })
  await refused(poll(), 'token_error', { error: 'authorization_pending', retryable: true })
  const person = provider.person()
  const page = await person.connect(asked.verification_uri_complete, asked.user_code, 'accept')
  assert.match(page, /Authorized/)
  const tokens = await poll()
  assert.equal(tokens.scope, 'openid')

  const other = await begun()
  await person.connect(other.verification_uri, other.user_code, 'deny')
  const denied = one.deviceCode({ deviceCode: other.device_code })
  await refused(denied, 'token_error', { error: 'access_denied' })
})

django('a device code that is unknown is a 404, with an error of its own', async () => {
  const one = await client('device', { clientSecret: undefined })
  const unknown = one.deviceCode({ deviceCode: 'unknown' })
  await refused(unknown, 'token_error', { error: 'device_not_found', status: 404 })
})

django('the end of a session by its endpoint', async () => {
  const one = await client('app', { scope: 'openid', postLogoutRedirectUri: CALLBACK })
  const person = provider.person()
  const pending = await one.authorizationRequest()
  const { id_token: idTokenHint } = await one.callback(await person.signIn(pending.url), pending)
  const url = await one.endSessionUrl({ idTokenHint, state: 'a state' })
  const answer = new URL(await person.pass(url))
  assert.equal(answer.origin + answer.pathname, CALLBACK)
  assert.equal(answer.searchParams.get('state'), 'a state')
  const silent = await one.authorizationRequest({ prompt: 'none' })
  const refusal = await person.pass(silent.url)
  await refused(one.callback(refusal, silent), 'authorization_error', { error: 'login_required' })
})
