// The package against glewlwyd: access tokens that are JWTs, refusals without a body, error codes of
// its own, and pages that are scripts, whose calls a person makes here.

import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'

import {
  CALLBACK,
  claimsOf,
  createTokenClient,
  recorder,
  refused,
  signedIn as comeBack,
} from './client.mjs'
import { SECRET, skip, startGlewlwyd } from './glewlwyd.mjs'

const glewlwyd = (name, run) => test(`glewlwyd: ${name}`, { skip }, run)

let provider
before(async () => {
  if (!skip) provider = await startGlewlwyd()
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

/** A request of the test's own, by the client `app`. */
async function ask(path, parameters) {
  const response = await fetch(`${provider.issuer}${path}`, {
    method: 'POST',
    body: new URLSearchParams(parameters).toString(),
    headers: {
      authorization: `Basic ${btoa(`app:${SECRET}`)}`,
      'content-type': 'application/x-www-form-urlencoded',
    },
  })
  const text = await response.text()
  return { status: response.status, text, json: () => JSON.parse(text) }
}

glewlwyd('client credentials are asked for once and cached; the token is a JWT', async () => {
  const { fetch, to } = recorder()
  const one = await client('app', { fetch, scope: 'orders' })
  const tokens = await Promise.all([one.getAccessToken(), one.getAccessToken()])
  assert.equal(tokens[0], tokens[1])
  assert.equal(await one.getAccessToken(), tokens[0])
  assert.equal(to('/api/oidc/token').length, 1)
  const { iss, client_id: clientId, scope } = claimsOf(tokens[0])
  assert.deepEqual([iss, clientId, scope], [provider.issuer, 'app', 'orders'])
})

glewlwyd('token_type bearer in small letters is tolerated, and sent as Bearer', async () => {
  const { fetch, to } = recorder()
  const one = await client('app', { fetch, scope: 'orders', allowedUrls: [provider.issuer] })
  assert.equal((await one.clientCredentials()).token_type, 'bearer')
  const token = await one.getAccessToken()
  await one.fetch(`${provider.issuer}/jwks`)
  assert.equal(to('/api/oidc/jwks')[0].headers.authorization, `Bearer ${token}`)
})

glewlwyd('an answer of 403 without a body to a wrong secret: response_not_json', async () => {
  const one = await client('app', { clientSecret: 'not this secret, but 32 characters' })
  const fields = { status: 403, retryable: false, error: undefined }
  await refused(one.getAccessToken({ scope: 'orders' }), 'response_not_json', fields)
  // Nothing of it was cached: the same is asked and refused anew.
  await refused(one.getAccessToken({ scope: 'orders' }), 'response_not_json', fields)
})

glewlwyd('an answer of 400 without a body to a bad refresh token: response_not_json', async () => {
  const { fetch, to } = recorder()
  const one = await client('app', { fetch })
  const bad = one.refreshToken({ refreshToken: 'nobody knows this one' })
  await refused(bad, 'response_not_json', { status: 400, loginRequired: false })
  assert.equal(to('/api/oidc/token').length, 1)
})

glewlwyd('error codes of its own come as they are', async () => {
  const one = await client('app')
  const scope = one.clientCredentials({ scope: 'unknown' })
  await refused(scope, 'token_error', { error: 'scope_invalid', status: 400 })
  const code = { code: 'unknown', codeVerifier: 'x'.repeat(43), redirectUri: CALLBACK }
  await refused(one.authorizationCode(code), 'token_error', { error: 'invalid_code', status: 403 })
  const trusted = await client('trusted')
  const grant = trusted.clientCredentials({ scope: 'orders' })
  await refused(grant, 'token_error', { error: 'authorization_type_invalid', status: 400 })
  const strange = one.requestToken({ grantType: 'urn:example:strange' })
  await refused(strange, 'response_not_json', { status: 400 })
})

glewlwyd(
  'a code with PKCE becomes tokens, an id_token that is checked, and user info',
  async () => {
    const one = await client('app', { scope: 'openid' })
    const tokens = await signedIn(one)
    const { claims } = tokens
    assert.deepEqual(
      [claims.iss, claims.aud, claims.azp, claims.name],
      [provider.issuer, 'app', 'app', 'Alice'],
    )
    assert.equal(typeof claims.c_hash, 'string')
    const person = await one.userInfo(tokens.access_token, claims.sub)
    assert.deepEqual([person.sub, person.email], [claims.sub, 'alice@example.com'])
    await refused(one.userInfo(tokens.access_token, 'somebody else'), 'userinfo_invalid')
    await refused(one.userInfo('x.y.z', claims.sub), 'response_status', { status: 401 })
  },
)

glewlwyd('a public client has no secret', async () => {
  const one = await client('public', { clientSecret: undefined, scope: 'openid' })
  assert.equal((await signedIn(one)).claims.aud, 'public')
})

glewlwyd(
  'an iss in the callback that discovery does not promise is checked all the same',
  async () => {
    const one = await client('app', { scope: 'openid' })
    const pending = await one.authorizationRequest()
    const answer = new URL(await provider.person().signIn(pending.url))
    assert.equal(answer.searchParams.get('iss'), provider.issuer)
    assert.ok(answer.searchParams.has('session_state'))
    answer.searchParams.set('iss', provider.origin)
    await refused(one.callback(answer.href, pending), 'issuer_mismatch')
  },
)

glewlwyd('auth_time 0 is tolerated, but not where max_age was asked for', async () => {
  const one = await client('app', { scope: 'openid' })
  assert.equal((await signedIn(one)).claims.auth_time, 0)
  await refused(signedIn(one, { maxAge: 600 }), 'id_token_invalid', { detail: 'auth_time' })
})

glewlwyd('a code that is used again takes the tokens back', async () => {
  const one = await client('app', { scope: 'openid' })
  const pending = await one.authorizationRequest()
  const answer = await provider.person().signIn(pending.url)
  const tokens = await one.callback(answer, pending)
  await refused(one.callback(answer, pending), 'token_error', { error: 'invalid_code' })
  const told = one.userInfo(tokens.access_token, tokens.claims.sub)
  await refused(told, 'response_status', { status: 401 })
})

glewlwyd('another verifier is refused', async () => {
  const one = await client('app', { scope: 'openid' })
  const pending = await one.authorizationRequest()
  const answer = await provider.person().signIn(pending.url)
  const wrong = { ...pending, codeVerifier: 'x'.repeat(43) }
  await refused(one.callback(answer, wrong), 'token_error', { error: 'invalid_code' })
})

glewlwyd('prompt=none is refused without an id_token_hint', async () => {
  const one = await client('app', { scope: 'openid' })
  const person = provider.person()
  const first = await one.authorizationRequest()
  const { id_token: hint, claims } = await one.callback(await person.signIn(first.url), first)
  const without = await one.authorizationRequest({ prompt: 'none' })
  for (const [somebody, error] of [
    [person, 'invalid_request'],
    [provider.person(), 'interaction_required'],
  ]) {
    const refusal = await somebody.pass(without.url)
    await refused(one.callback(refusal, without), 'authorization_error', { error })
  }
  const parameters = { id_token_hint: hint }
  const silent = await one.authorizationRequest({ prompt: 'none', parameters })
  const tokens = await one.callback(await person.pass(silent.url), silent)
  assert.equal(tokens.claims.sub, claims.sub)
})

glewlwyd('a refresh token rotates without an id_token, and its re-use ends the chain', async () => {
  const one = await client('app', { scope: 'openid' })
  const first = await signedIn(one)
  const second = await one.refreshToken({ refreshToken: first.refresh_token })
  assert.notEqual(second.refresh_token, first.refresh_token)
  assert.deepEqual([second.id_token, second.claims], [undefined, undefined])
  for (const refreshToken of [first.refresh_token, second.refresh_token]) {
    await refused(one.refreshToken({ refreshToken }), 'response_not_json', { status: 400 })
  }
})

glewlwyd('a password becomes tokens, and a wrong one a 403 without a body', async () => {
  const one = await client('trusted')
  const alice = { username: 'alice', password: 'alice pass', scope: 'orders' }
  const tokens = await one.password(alice)
  assert.deepEqual([tokens.scope, typeof tokens.refresh_token], ['orders', 'string'])
  assert.equal(claimsOf(tokens.access_token).client_id, 'trusted')
  const wrong = { ...alice, password: 'bob' }
  await refused(one.password(wrong), 'response_not_json', { status: 403 })
})

glewlwyd('a token that was revoked is refused', async () => {
  const one = await client('app', { scope: 'openid' })
  const tokens = await signedIn(one)
  await one.revoke(tokens.access_token, { tokenTypeHint: 'access_token' })
  const told = one.userInfo(tokens.access_token, tokens.claims.sub)
  await refused(told, 'response_status', { status: 401 })
  await one.revoke(tokens.refresh_token, { tokenTypeHint: 'refresh_token' })
  const { refresh_token: refreshToken } = tokens
  await refused(one.refreshToken({ refreshToken }), 'response_not_json', { status: 400 })
  await one.revoke('nobody knows this one')
})

glewlwyd('a device waits, is told to slow down, and is allowed', async () => {
  const { fetch: spy, to } = recorder()
  const one = await client('public', { clientSecret: undefined, fetch: spy })
  const { device_authorization_endpoint: endpoint } = await one.metadata()
  const body = 'client_id=public&scope=openid'
  const headers = { 'content-type': 'application/x-www-form-urlencoded' }
  const device = await (await fetch(endpoint, { method: 'POST', body, headers })).json()
  const poll = () => one.deviceCode({ deviceCode: device.device_code })
  const waiting = { error: 'authorization_pending', retryable: true }
  await refused(poll(), 'token_error', waiting)
  await refused(poll(), 'token_error', { ...waiting, error: 'slow_down' })
  await provider.person().connect(device, 'public', 'openid')
  const tokens = await poll()
  assert.equal(tokens.scope, 'openid')
  const expected = { accessToken: tokens.access_token }
  const claims = await one.validateIdToken(tokens.id_token, expected)
  assert.deepEqual([claims.aud, claims.name], ['public', 'Alice'])
  const unknown = one.deviceCode({ deviceCode: 'unknown' })
  await refused(unknown, 'token_error', { error: 'access_denied' })
  assert.equal(to('/api/oidc/token').length, 4)
})

glewlwyd(
  'a person is asked elsewhere (CIBA), whose login_hint is JSON, and says yes or no',
  async () => {
    const one = await client('app')
    const begun = async (message) => {
      const hint = JSON.stringify({ username: 'alice' })
      const parameters = { scope: 'openid', login_hint: hint, binding_message: message }
      const { auth_req_id: authReqId } = (await ask('/ciba', parameters)).json()
      return () => one.backchannel({ authReqId })
    }
    const poll = await begun('first')
    await refused(poll(), 'token_error', { error: 'authorization_pending', retryable: true })
    await provider.person().decide('first', 'connect_uri')
    const tokens = await poll()
    const claims = await one.validateIdToken(tokens.id_token, { accessToken: tokens.access_token })
    assert.equal(claims.aud, 'app')

    const denied = await begun('second')
    await provider.person().decide('second', 'cancel_uri')
    await refused(denied(), 'token_error', { error: 'access_denied' })
  },
)

glewlwyd('the end of a session is asked for at a page of the server', async () => {
  const one = await client('app', { scope: 'openid', postLogoutRedirectUri: CALLBACK })
  const { id_token: idTokenHint } = await signedIn(one)
  const url = await one.endSessionUrl({ idTokenHint, state: 'a state' })
  const page = new URL(await provider.person().pass(url))
  assert.equal(page.pathname, '/login.html')
  assert.match(page.search, /prompt=end_session/)
})
