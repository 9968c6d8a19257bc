// The provider itself: an RP by another hand passes without a fault, and each thing that the suite holds
// against an RP is noticed here, too.

import assert from 'node:assert/strict'
import http from 'node:http'
import { test } from 'node:test'
import { SignJWT, createLocalJWKSet, exportJWK, generateKeyPair, jwtVerify } from 'jose'
import * as oauth from 'oauth4webapi'

import { listen, readAll, stop } from '../support/provider/front.mjs'
import { browse } from './browser.mjs'
import { startProvider } from './provider.mjs'
import { sha256 } from './provider/checks.mjs'
import { decoyKeys } from './provider/keys.mjs'

const REDIRECT_URI = 'https://rp.example/callback'
const HTTP = { [oauth.allowInsecureRequests]: true }

async function start(t, flow) {
  const client = { id: 'other hand', secret: 's:e+c%r t', redirectUris: [REDIRECT_URI] }
  const provider = await startProvider({ ...flow, client: { ...client, ...flow?.client } })
  t.after(provider.close)
  return provider
}

async function discovered({ issuer }) {
  const url = new URL(issuer)
  const as = await oauth.processDiscoveryResponse(url, await oauth.discoveryRequest(url, HTTP))
  return { as, client: { client_id: 'other hand' } }
}

async function asked(scope = 'openid') {
  const verifier = oauth.generateRandomCodeVerifier()
  const parameters = {
    client_id: 'other hand',
    response_type: 'code',
    redirect_uri: REDIRECT_URI,
    scope,
    state: oauth.generateRandomState(),
    nonce: oauth.generateRandomNonce(),
    code_challenge: await oauth.calculatePKCECodeChallenge(verifier),
    code_challenge_method: 'S256',
  }
  return { verifier, parameters, query: new URLSearchParams(parameters) }
}

const authorized = (as, query) => browse(`${as.authorization_endpoint}?${query}`, REDIRECT_URI)

test('an RP by another hand signs a person in', async (t) => {
  const provider = await start(t, { client: { auth: 'client_secret_basic' } })
  const { as, client } = await discovered(provider)
  const { verifier, parameters, query } = await asked('openid email offline_access')
  const callback = new URL(await authorized(as, query))
  const params = oauth.validateAuthResponse(as, client, callback, parameters.state)
  const auth = oauth.ClientSecretBasic('s:e+c%r t')
  const response = await oauth.authorizationCodeGrantRequest(
    ...[as, client, auth, params, REDIRECT_URI, verifier, HTTP],
  )
  const tokens = await oauth.processAuthorizationCodeResponse(as, client, response, {
    expectedNonce: parameters.nonce,
    requireIdToken: true,
  })
  await oauth.validateApplicationLevelSignature(as, response, HTTP)
  const told = await oauth.userInfoRequest(as, client, tokens.access_token, HTTP)
  const user = await oauth.processUserInfoResponse(as, client, provider.user.sub, told)
  assert.equal(user.email, provider.user.email)
  const again = await oauth.refreshTokenGrantRequest(
    ...[as, client, auth, tokens.refresh_token, HTTP],
  )
  assert.ok((await oauth.processRefreshTokenResponse(as, client, again)).refresh_token)
  assert.deepEqual(provider.faults, [])
})

for (const alg of ['PS256', 'ES256', 'EdDSA']) {
  test(`an RP by another hand signs a person in by FAPI 2.0 and ${alg}, signed both ways`, async (t) => {
    const pair = await oauth.generateKeyPair(alg === 'EdDSA' ? 'Ed25519' : alg, {
      extractable: true,
    })
    const jwk = { ...(await crypto.subtle.exportKey('jwk', pair.publicKey)), kid: 'ours' }
    const provider = await start(t, {
      ...{ fapi: true, dpop: true, signedRequests: true, responseMode: 'jwt', alg },
      keys: await decoyKeys(alg),
      client: {
        auth: 'private_key_jwt',
        jwks: {
          keys: [
            { kty: jwk.kty, crv: jwk.crv, x: jwk.x, y: jwk.y, n: jwk.n, e: jwk.e, kid: 'ours' },
          ],
        },
        assertionAlgs: [alg, 'Ed25519'],
        kid: 'ours',
      },
    })
    const { as, client } = await discovered(provider)
    const { verifier, parameters } = await asked()
    const key = { key: pair.privateKey, kid: 'ours' }
    const auth = oauth.PrivateKeyJwt(key)
    const DPoP = oauth.DPoP(client, await oauth.generateKeyPair('ES256'))
    const options = { ...HTTP, DPoP }
    const twice = async (work) => work().catch(work)

    const request = await oauth.issueRequestObject(
      ...[as, client, { ...parameters, response_mode: 'jwt' }, key],
    )
    const pushed = await twice(async () =>
      oauth.processPushedAuthorizationResponse(
        ...[as, client],
        await oauth.pushedAuthorizationRequest(as, client, auth, { request }, options),
      ),
    )
    const query = new URLSearchParams({
      client_id: client.client_id,
      request_uri: pushed.request_uri,
    })
    const callback = new URL(await authorized(as, query))
    const params = await oauth.validateJwtAuthResponse(
      ...[as, client, callback, parameters.state, HTTP],
    )
    const response = await oauth.authorizationCodeGrantRequest(
      ...[as, client, auth, params, REDIRECT_URI, verifier, options],
    )
    const tokens = await oauth.processAuthorizationCodeResponse(as, client, response, {
      expectedNonce: parameters.nonce,
    })
    const user = await twice(async () =>
      oauth.processUserInfoResponse(
        ...[as, client, provider.user.sub],
        await oauth.userInfoRequest(as, client, tokens.access_token, options),
      ),
    )
    assert.equal(user.sub, provider.user.sub)
    assert.deepEqual(provider.faults, [])
    const whole = ['discovery', 'par', 'authorize', 'jwks', 'token', 'userinfo']
    assert.deepEqual(provider.calls(), whole)
    assert.deepEqual(provider.challenges(), ['par', 'userinfo'])
  })
}

test('an RP by another hand makes itself known, and gets signed user info', async (t) => {
  const provider = await start(t, { client: { auth: 'none' } })
  const { as } = await discovered(provider)
  const metadata = {
    redirect_uris: [REDIRECT_URI],
    token_endpoint_auth_method: 'client_secret_post',
    userinfo_signed_response_alg: 'RS256',
  }
  const answer = await oauth.dynamicClientRegistrationRequest(as, metadata, HTTP)
  const client = await oauth.processDynamicClientRegistrationResponse(answer)
  const { verifier, parameters, query } = await asked()
  query.set('client_id', client.client_id)
  const callback = new URL(await authorized(as, query))
  const params = oauth.validateAuthResponse(as, client, callback, parameters.state)
  const auth = oauth.ClientSecretPost(client.client_secret)
  const response = await oauth.authorizationCodeGrantRequest(
    ...[as, client, auth, params, REDIRECT_URI, verifier, HTTP],
  )
  const tokens = await oauth.processAuthorizationCodeResponse(as, client, response, {
    expectedNonce: parameters.nonce,
  })
  const told = await oauth.userInfoRequest(as, client, tokens.access_token, HTTP)
  const user = await oauth.processUserInfoResponse(as, client, provider.user.sub, told)
  assert.equal(user.iss, provider.issuer)
  assert.deepEqual(provider.faults, [])

  for (const wrong of [{ redirect_uris: [] }, { contacts: 'me' }, { subject_type: 'odd' }]) {
    const body = JSON.stringify({ ...metadata, ...wrong })
    const headers = { 'content-type': 'application/json' }
    await fetch(as.registration_endpoint, { method: 'POST', body, headers })
  }
  assert.deepEqual(provider.faults, [
    'register: registration: redirect_uris',
    'register: registration: contacts',
    'register: registration: subject_type',
  ])
})

test('an RP by another hand hears that a person signed out', async (t) => {
  const heard = []
  const rp = http.createServer(async (req, res) => {
    heard.push(new URLSearchParams((await readAll(req)).toString('utf8')).get('logout_token'))
    res.writeHead(heard.length === 1 ? 200 : 400, { 'cache-control': 'no-store' }).end()
  })
  await listen(rp, 0)
  t.after(() => stop(rp))
  const place = 'https://rp.example/bye'
  const provider = await start(t, {
    leave: () => ({ state: 'another' }),
    client: {
      auth: 'none',
      postLogoutRedirectUris: [place],
      backchannelLogoutUri: `http://127.0.0.1:${rp.address().port}/`,
    },
  })
  const { as } = await discovered(provider)
  provider.idTokens.add('issued')
  const url = (hint) =>
    `${as.end_session_endpoint}?${new URLSearchParams({
      id_token_hint: hint,
      post_logout_redirect_uri: place,
      state: 'one',
    })}`
  assert.equal(await browse(url('issued'), place), `${place}?state=another`)
  assert.equal(await browse(url('issued'), place), `${place}?state=another`)
  assert.deepEqual(provider.op.logouts, [200, 400])
  const keys = createLocalJWKSet(provider.op.keys.document)
  const expected = { issuer: provider.issuer, audience: 'other hand', algorithms: ['RS256'] }
  const [one, two] = await Promise.all(heard.map((token) => jwtVerify(token, keys, expected)))
  assert.equal(one.payload.sid, provider.op.sid)
  assert.notEqual(one.payload.jti, two.payload.jti)
  assert.deepEqual(provider.faults, [])
  await fetch(url('another'))
  assert.deepEqual(provider.faults, ['end_session: id_token_hint'])
})

/** What an RP does wrong in the request that the person takes along, and how it is called. */
const ASKED = {
  'authorization request: openid is not in scope': (query) => query.set('scope', 'email'),
  'authorization request: response_type': (query) => query.set('response_type', 'id_token'),
  'authorization request: redirect_uri': (query) => query.set('redirect_uri', `${REDIRECT_URI}/`),
  'authorization request: client_id': (query) => query.set('client_id', 'another'),
  'authorization request: code_challenge_method': (query) => query.delete('code_challenge_method'),
  'authorization request: response_mode': (query) => query.set('response_mode', 'fragment'),
  'authorization request: scope stands twice': (query) => query.append('scope', 'openid'),
  'nonce: a b': (query) => query.set('nonce', 'a b'),
  'nonce: null': (query) => query.delete('nonce'),
  [`state: ${'a'.repeat(129)}`]: (query) => query.set('state', 'a'.repeat(129)),
  'prompt=none with max_age=0': (query) => {
    query.set('prompt', 'none')
    query.set('max_age', '0')
  },
}

test('a wrong authorization request is noticed', async (t) => {
  for (const [fault, change] of Object.entries(ASKED)) {
    const provider = await start(t, { client: { auth: 'none' } })
    const { query } = await asked()
    change(query)
    await (await fetch(`${provider.issuer}authorize?${query}`, { redirect: 'manual' })).text()
    assert.equal(provider.faults.length, 1, `${fault}: ${provider.faults}`)
    assert.ok(provider.faults[0].endsWith(fault), `${fault}: ${provider.faults}`)
  }
})

const basic = (text) => `Basic ${Buffer.from(text).toString('base64')}`

/** What an RP does wrong at the token endpoint. */
const EXCHANGED = {
  'code_verifier: too weak': { verifier: 'ab'.repeat(22) },
  'token: code_verifier': { form: { code_verifier: 'another'.repeat(7) } },
  'token: redirect_uri': { form: { redirect_uri: `${REDIRECT_URI}?` } },
  'token: client authentication: client_id': { form: { client_id: 'another' } },
  'token: code': { form: { code: 'another' } },
  'token: grant_type: password': { form: { grant_type: 'password' } },
  'token: client authentication: not two halves': { authorization: basic('other hand:s:e+c%r t') },
  'token: client authentication: the secret': { authorization: basic('other+hand:s%3Ae+c%25r+t') },
  'token: client authentication: client_secret_basic is registered, not client_secret_basic,client_secret_post':
    { form: { client_secret: 's:e+c%r t' } },
  'token: client authentication: client_secret_basic is registered, not ': { authorization: null },
}

test('a wrong token request is noticed', async (t) => {
  for (const [fault, { verifier, form, authorization }] of Object.entries(EXCHANGED)) {
    const provider = await start(t, { client: { auth: 'client_secret_basic' } })
    const { as } = await discovered(provider)
    const begun = await asked()
    if (verifier) begun.query.set('code_challenge', sha256(verifier))
    const callback = new URL(await authorized(as, begun.query))
    const body = new URLSearchParams({
      grant_type: 'authorization_code',
      code: callback.searchParams.get('code'),
      redirect_uri: REDIRECT_URI,
      code_verifier: verifier ?? begun.verifier,
      ...form,
    })
    const header = authorization ?? basic('other+hand:s%3Ae%2Bc%25r+t')
    const headers = authorization === null ? {} : { authorization: header }
    await (await fetch(as.token_endpoint, { method: 'POST', body, headers })).text()
    assert.deepEqual(provider.faults, [fault])
  }
})

test('a code and a verifier are good once', async (t) => {
  const provider = await start(t, { client: { auth: 'none' } })
  const { as } = await discovered(provider)
  const begun = await asked()
  const exchange = async (code) => {
    const body = new URLSearchParams({
      grant_type: 'authorization_code',
      client_id: 'other hand',
      code,
      redirect_uri: REDIRECT_URI,
      code_verifier: begun.verifier,
    })
    return (await fetch(as.token_endpoint, { method: 'POST', body })).json()
  }
  const code = async () => new URL(await authorized(as, begun.query)).searchParams.get('code')
  const first = await code()
  assert.ok((await exchange(first)).access_token)
  assert.equal((await exchange(first)).error, 'invalid_grant')
  assert.ok((await exchange(await code())).access_token)
  assert.deepEqual(provider.faults, ['token: code', 'code_verifier: used before'])
})

test('a token anywhere but in the header is noticed', async (t) => {
  const provider = await start(t, { client: { auth: 'none' } })
  const url = `${provider.issuer}userinfo`
  await fetch(`${url}?access_token=x`)
  await fetch(url, { method: 'POST', body: new URLSearchParams({ access_token: 'x' }) })
  await fetch(url, { headers: { authorization: 'DPoP x' } })
  await fetch(`${provider.issuer}nowhere`)
  assert.deepEqual(provider.faults, [
    'userinfo: the access token is in a parameter',
    'userinfo: the access token is in a parameter',
    'userinfo: authorization: DPoP',
    'nowhere: there is nothing here',
  ])
})

test('a wrong proof is noticed', async (t) => {
  const client = { auth: 'none' }
  const provider = await start(t, { client, fapi: true, dpop: true, dpopNonce: false })
  const { privateKey, publicKey } = await generateKeyPair('ES256')
  const url = `${provider.issuer}userinfo`
  provider.op.accessTokens.set('token', { jkt: 'of another key', scope: 'openid' })
  const now = Math.floor(Date.now() / 1000)
  const good = { htm: 'GET', htu: url, iat: now, jti: 'one', ath: sha256('token') }
  const proof = async (claims, typ = 'dpop+jwt') =>
    new SignJWT({ ...good, ...claims })
      .setProtectedHeader({ alg: 'ES256', typ, jwk: await exportJWK(publicKey) })
      .sign(privateKey)
  const send = (dpop) => fetch(url, { headers: { authorization: 'DPoP token', dpop } })
  const wrong = [
    [{}, 'the token is bound to another key'],
    [{}, 'proof one: used before'],
    [{ jti: '2', htm: 'POST' }, 'proof: htm'],
    [{ jti: '3', htu: `${url}?` }, `proof: htu: ${url}?`],
    [{ jti: '4', iat: now - 600 }, 'proof: iat'],
    [{ jti: '5', iat: now + 60 }, 'proof: iat'],
    [{ jti: '6', ath: sha256('another') }, 'proof: ath'],
  ]
  for (const [claims] of wrong) await send(await proof(claims))
  const broken = (await proof({ jti: '7' })).replace(/.{8}$/, 'AAAAAAAA')
  await send(broken)
  await send(await proof({ jti: '8' }, 'jwt'))
  assert.deepEqual(provider.faults, [
    ...wrong.map(([, fault]) => `userinfo: ${fault}`),
    'userinfo: proof: signature verification failed',
    'userinfo: proof: unexpected "typ" JWT header value',
  ])
})

test('a wrong assertion is noticed', async (t) => {
  const { privateKey, publicKey } = await generateKeyPair('PS256')
  const client = {
    auth: 'private_key_jwt',
    jwks: { keys: [await exportJWK(publicKey)] },
    assertionAlgs: ['PS256'],
  }
  const provider = await start(t, { client, fapi: true })
  const now = Math.floor(Date.now() / 1000)
  const id = 'other hand'
  const good = { iss: id, sub: id, aud: provider.issuer, iat: now, exp: now + 60, jti: 'one' }
  const wrong = [
    [{}, 'token: grant_type: none'],
    [{}, 'token: assertion one: used before'],
    [{ sub: 'another' }, 'unexpected "sub" claim value'],
    [{ iss: 'another' }, 'unexpected "iss" claim value'],
    [{ aud: `${provider.issuer}token` }, `aud: ${provider.issuer}token`],
    [{ aud: [provider.issuer, 'another'] }, `aud: ${provider.issuer},another`],
    [{ exp: now - 60 }, '"exp" claim timestamp check failed'],
    [{ exp: now + 3600 }, 'exp: too far'],
    [{ jti: undefined }, 'missing required "jti" claim'],
  ]
  for (const [claims] of wrong) {
    const body = new URLSearchParams({
      grant_type: 'none',
      client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
      client_assertion: await new SignJWT({ ...good, ...claims })
        .setProtectedHeader({ alg: 'PS256' })
        .sign(privateKey),
    })
    await fetch(`${provider.issuer}token`, { method: 'POST', body })
  }
  assert.deepEqual(
    provider.faults.map((fault) => fault.replace('token: client authentication: ', '')),
    wrong.map(([, fault]) => fault),
  )
})
