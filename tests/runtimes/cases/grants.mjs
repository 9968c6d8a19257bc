// Every grant against a real provider.

import { createTokenClient } from 'grantkit'

import { equal, includes, ok, refused } from './check.mjs'
import { claimsOf, confidential } from './clients.mjs'

// RFC 7636, appendix B.
const VERIFIER = 'dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk'
const CHALLENGE = 'E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM'
const ACCESS_TOKEN_TYPE = 'urn:ietf:params:oauth:token-type:access_token'

/** A code out of the login form. */
async function codeFor(stage, { clientId = 'worker', scope = 'openid', login = 'alice' } = {}) {
  const url = new URL('/connect/authorize', stage.issuer)
  url.search = new URLSearchParams({
    client_id: clientId,
    response_type: 'code',
    redirect_uri: stage.callback,
    scope,
    state: 'a state',
    code_challenge: CHALLENGE,
    code_challenge_method: 'S256',
  })
  return new URL(await stage.person.signIn(url.href, login)).searchParams.get('code')
}

async function post(stage, path, parameters) {
  const answer = await fetch(stage.issuer + path, {
    method: 'POST',
    headers: {
      authorization: `Basic ${btoa(`worker:${stage.secret}`)}`,
      'content-type': 'application/x-www-form-urlencoded',
    },
    body: new URLSearchParams(parameters).toString(),
  })
  return answer.json()
}

/** What the custom grant says that it was sent. */
const echoed = async (client, parameters) =>
  (await client.requestToken({ grantType: 'delegation', parameters })).echo

export const cases = {
  async 'client credentials, and when the token expires'(stage) {
    const now = Date.now()
    const client = await confidential(stage, { now: () => now })
    const answer = await client.clientCredentials({ scope: 'api' })
    equal(answer.token_type, 'Bearer')
    equal(answer.expires_in, 3600)
    equal(answer.expiresAt, now + 3600_000)
    equal(answer.scope, 'api')
    equal(claimsOf(answer.access_token).client_id, 'worker')
    equal(await stage.provider.count('client_credentials'), 1)
  },

  async 'client credentials with several scopes, a resource and acr_values'(stage) {
    const client = await confidential(stage)
    const answer = await client.clientCredentials({
      scope: 'api orders',
      resource: 'https://orders.example/',
      acrValues: 'tenant:x',
      parameters: { custom: 'a&b=c é' },
    })
    const claims = claimsOf(answer.access_token)
    equal([claims.aud, claims.scope, claims.tenant], ['https://orders.example/', 'api orders', 'x'])
    const [{ body }] = await stage.provider.requests('/connect/token')
    equal(body, {
      grant_type: 'client_credentials',
      scope: 'api orders',
      resource: 'https://orders.example/',
      acr_values: 'tenant:x',
      custom: 'a&b=c é',
    })
  },

  async 'the client adds its own scope to grants that start something, not to the others'(stage) {
    const client = await confidential(stage, { scope: 'api offline_access' })
    equal((await client.clientCredentials({ resource: 'https://orders.example/' })).scope, 'api')
    const person = await client.password({ username: 'alice', password: 'alice' })
    await client.refreshToken({ refreshToken: person.refresh_token })
    const bodies = (await stage.provider.requests('/connect/token')).map(({ body }) => body.scope)
    equal(bodies, ['api offline_access', 'api offline_access', undefined])
  },

  async 'password, and a wrong one'(stage) {
    const client = await confidential(stage)
    const answer = await client.password({
      username: 'bob',
      password: 'bob',
      scope: 'openid api',
      acrValues: 'tenant:x',
    })
    equal(claimsOf(answer.id_token).sub, 'bob')
    const [{ body }] = await stage.provider.requests('/connect/token')
    equal(body.acr_values, 'tenant:x')
    await refused(client.password({ username: 'bob', password: 'wrong' }), 'token_error', {
      error: 'invalid_grant',
      error_description: 'invalid_username_or_password',
      status: 400,
      loginRequired: true,
      retryable: false,
    })
  },

  async 'authorization code with PKCE, once'(stage) {
    const client = await confidential(stage)
    const code = await codeFor(stage, { scope: 'openid profile' })
    const request = { code, redirectUri: stage.callback, codeVerifier: VERIFIER }
    const answer = await client.authorizationCode(request)
    equal(claimsOf(answer.id_token).sub, 'alice')
    const [{ body }] = await stage.provider.requests('/connect/token')
    equal(body, {
      grant_type: 'authorization_code',
      code: `[${code.length} characters]`,
      redirect_uri: stage.callback,
      code_verifier: '[43 characters]',
    })
    await refused(client.authorizationCode(request), 'token_error', { error: 'invalid_grant' })
  },

  async 'authorization code of a public client, whose redirect URI is an option'(stage) {
    const { issuer, callback: redirectUri } = stage
    const client = await createTokenClient({ issuer, clientId: 'spa', redirectUri })
    const code = await codeFor(stage, { clientId: 'spa' })
    const answer = await client.authorizationCode({ code, codeVerifier: VERIFIER })
    equal(claimsOf(answer.id_token).aud, 'spa')
    const [{ body, scheme }] = await stage.provider.requests('/connect/token')
    equal([body.client_id, body.redirect_uri, scheme], ['spa', redirectUri, undefined])
  },

  async 'authorization code with another verifier or redirect URI'(stage) {
    const client = await confidential(stage)
    for (const wrong of [
      { codeVerifier: VERIFIER.replace('d', 'e') },
      { redirectUri: 'https://x/' },
    ]) {
      const request = { code: await codeFor(stage), codeVerifier: VERIFIER, ...wrong }
      await refused(client.authorizationCode(request), 'token_error', { error: 'invalid_grant' })
    }
  },

  async 'refresh token, rotated, and the old one used again'(stage) {
    const client = await confidential(stage)
    const scope = 'openid api offline_access'
    const first = await client.password({ username: 'alice', password: 'alice', scope })
    const second = await client.refreshToken({ refreshToken: first.refresh_token })
    ok(second.refresh_token !== first.refresh_token, 'not rotated')
    equal(claimsOf(second.id_token).sub, 'alice')
    const third = await client.refreshToken({ refreshToken: second.refresh_token, scope: 'api' })
    equal(third.scope, 'api')
    const again = client.refreshToken({ refreshToken: first.refresh_token })
    await refused(again, 'token_error', { error: 'invalid_grant', loginRequired: true })
    // Whoever uses an old one ends the whole family.
    const last = client.refreshToken({ refreshToken: third.refresh_token })
    await refused(last, 'token_error', { error: 'invalid_grant' })
  },

  async 'device code, pending, then allowed on the page of the provider'(stage) {
    const client = await confidential(stage)
    const device = await post(stage, '/connect/deviceauthorization', { scope: 'openid api' })
    const request = { deviceCode: device.device_code }
    await refused(client.deviceCode(request), 'token_error', {
      error: 'authorization_pending',
      retryable: true,
      loginRequired: false,
    })
    includes(await stage.person.connect(device.verification_uri_complete, 'bob'), 'can go on')
    const answer = await client.deviceCode(request)
    equal(claimsOf(answer.id_token).sub, 'bob')
    const grant = 'urn:ietf:params:oauth:grant-type:device_code'
    equal(await stage.provider.count(grant), 2)
  },

  async 'backchannel (CIBA), pending, approved and denied'(stage) {
    const client = await confidential(stage)
    const begin = async () => {
      const asked = { scope: 'openid', login_hint: 'alice' }
      return (await post(stage, '/connect/ciba', asked)).auth_req_id
    }
    const authReqId = await begin()
    await refused(client.backchannel({ authReqId }), 'token_error', {
      error: 'authorization_pending',
    })
    await stage.provider.approveBackchannel(authReqId)
    equal(claimsOf((await client.backchannel({ authReqId })).id_token).sub, 'alice')
    equal(await stage.provider.count('urn:openid:params:grant-type:ciba'), 2)
    const other = await begin()
    await stage.provider.denyBackchannel(other)
    await refused(client.backchannel({ authReqId: other }), 'token_error', {
      error: 'access_denied',
    })
  },

  async 'r069 token exchange, with an actor'(stage) {
    const client = await confidential(stage)
    const subject = await client.password({ username: 'bob', password: 'bob', scope: 'api' })
    const actor = await client.password({ username: 'alice', password: 'alice', scope: 'api' })
    const answer = await client.tokenExchange({
      subjectToken: subject.access_token,
      subjectTokenType: ACCESS_TOKEN_TYPE,
      actorToken: actor.access_token,
      actorTokenType: ACCESS_TOKEN_TYPE,
      requestedTokenType: ACCESS_TOKEN_TYPE,
      audience: 'https://orders.example/',
      scope: 'orders',
    })
    const { sub, aud } = claimsOf(answer.access_token)
    equal([sub, aud], ['bob', 'https://orders.example/'])
    equal([answer.issued_token_type, answer.act.sub], [ACCESS_TOKEN_TYPE, 'alice'])
    const one = { subjectToken: 'x', subjectTokenType: ACCESS_TOKEN_TYPE }
    for (const wrong of [
      { subjectToken: 'x' },
      { ...one, actorToken: 'y' },
      { ...one, actorTokenType: ACCESS_TOKEN_TYPE },
    ]) {
      await refused(client.tokenExchange(wrong), 'config_invalid')
    }
  },

  async 'JWT bearer'(stage) {
    const client = await confidential(stage)
    const assertion = await stage.provider.assertion('bob')
    const answer = await client.jwtBearer({
      assertion,
      scope: 'orders',
      resource: 'https://orders.example/',
    })
    equal(claimsOf(answer.access_token).sub, 'bob')
    await refused(client.jwtBearer({ assertion: `${assertion}x` }), 'token_error', {
      error: 'invalid_grant',
    })
  },

  async 'requestToken sends exactly the parameters of a custom grant'(stage) {
    const client = await confidential(stage, { scope: 'orders', parameters: { more: 'x' } })
    equal(await echoed(client), { grant_type: 'delegation' })
    const parameters = {
      scope: 'api orders',
      resource: 'https://api.example/',
      acr_values: 'tenant:x',
      redirect_uri: 'https://app.example/other',
      code_verifier: VERIFIER,
      custom: ' %&+=£€\u2028\r\n\0😀',
      several: ['one', 'two'],
    }
    // A parameter without a value is not sent (R004).
    const echo = await echoed(client, { ...parameters, empty: '' })
    equal(echo, { grant_type: 'delegation', ...parameters })
  },

  async 'requestToken speaks the standard grants, too'(stage) {
    const client = await confidential(stage)
    const parameters = { scope: 'api', acr_values: 'tenant:x' }
    const one = await client.requestToken({ grantType: 'client_credentials', parameters })
    equal(claimsOf(one.access_token).tenant, 'x')
    const code = await codeFor(stage)
    const two = await client.requestToken({
      grantType: 'authorization_code',
      parameters: { code, redirect_uri: stage.callback, code_verifier: VERIFIER },
    })
    equal(claimsOf(two.id_token).sub, 'alice')
  },

  async 'r064 a044 client_secret_basic with odd characters'(stage) {
    const { id: clientId, secret: clientSecret } = stage.oddClient
    const client = await confidential(stage, { clientId, clientSecret })
    equal((await client.clientCredentials()).token_type, 'Bearer')
    const [{ scheme, body }] = await stage.provider.requests('/connect/token')
    equal([scheme, body], ['Basic', { grant_type: 'client_credentials' }])
  },

  async 'r063 client_secret_post'(stage) {
    const clientAuthentication = 'client_secret_post'
    const client = await confidential(stage, { clientId: 'worker-post', clientAuthentication })
    equal((await client.clientCredentials()).token_type, 'Bearer')
    const [{ scheme, body }] = await stage.provider.requests('/connect/token')
    equal(scheme, undefined)
    equal(Object.keys(body), ['grant_type', 'client_id', 'client_secret'])
  },

  async 'r063 no authentication: the name alone'(stage) {
    const { issuer } = stage
    const client = await createTokenClient({
      issuer,
      clientId: 'device',
      clientAuthentication: 'none',
    })
    const error = await refused(client.deviceCode({ deviceCode: 'unknown' }), 'token_error')
    equal([error.error, error.status], ['invalid_grant', 400])
    const [{ scheme, body }] = await stage.provider.requests('/connect/token')
    equal([scheme, body.client_id], [undefined, 'device'])
  },

  async 'a wrong secret'(stage) {
    const client = await confidential(stage, { clientSecret: 'wrong' })
    await refused(client.clientCredentials(), 'token_error', {
      error: 'invalid_client',
      status: 401,
      retryable: false,
      loginRequired: false,
    })
  },

  async 'r179 all grants at once'(stage) {
    const client = await confidential(stage)
    const signIn = { username: 'alice', password: 'alice', scope: 'openid api offline_access' }
    const { access_token: subjectToken, refresh_token: refreshToken } =
      await client.password(signIn)
    const asked = { scope: 'openid', login_hint: 'alice' }
    const { auth_req_id: authReqId } = await post(stage, '/connect/ciba', asked)
    await stage.provider.approveBackchannel(authReqId)
    const device = await post(stage, '/connect/deviceauthorization', { scope: 'openid' })
    await stage.person.connect(device.verification_uri_complete, 'alice')
    const code = await codeFor(stage)
    const assertion = await stage.provider.assertion('alice')
    const answers = await Promise.all([
      client.clientCredentials(),
      client.password(signIn),
      client.refreshToken({ refreshToken }),
      client.authorizationCode({ code, codeVerifier: VERIFIER }),
      client.deviceCode({ deviceCode: device.device_code }),
      client.backchannel({ authReqId }),
      client.tokenExchange({ subjectToken, subjectTokenType: ACCESS_TOKEN_TYPE }),
      client.jwtBearer({ assertion }),
      client.requestToken({ grantType: 'delegation' }),
    ])
    const tokens = answers.map(({ access_token: accessToken }) => accessToken)
    equal(new Set(tokens).size, 9)
    const sent = await stage.provider.requests('/connect/token')
    const grants = new Set(sent.map(({ grantType }) => grantType))
    equal(grants.size, 9)
  },
}
