// An API's guard, against a real provider, and against a server that says what it is told to.

import { createTokenValidator } from 'grantkit'

import { equal, includes, ok, refused } from './check.mjs'
import { claimsOf, confidential, endpoints } from './clients.mjs'

const API = 'https://api.example/'
const URL_ = `${API}orders?page=2`
const INTROSPECT = '/introspect'

const guardOf = (stage, more) =>
  createTokenValidator({ issuer: stage.issuer, audience: API, ...more })

/** At the server that does what it is told, with a secret. */
const asking = (stage, more) =>
  createTokenValidator({
    issuer: stage.serverUrl,
    audience: API,
    metadata: endpoints(stage, { introspection_endpoint: stage.serverUrl + INTROSPECT }),
    clientId: 'api',
    clientSecret: 'a secret',
    ...more,
  })

const request = (authorization, headers = {}) =>
  new Request(URL_, { headers: authorization ? { authorization, ...headers } : headers })
const bearer = (token) => request(`Bearer ${token}`)

const machine = async (stage, scope = 'api') =>
  (await (await confidential(stage)).clientCredentials({ scope })).access_token

// ── proofs by hand ────────────────────────────────────────────────────────────────────────────────

const bytes = (text) => new TextEncoder().encode(text)
const base64url = (data) =>
  btoa(String.fromCharCode(...new Uint8Array(data)))
    .replaceAll('+', '-')
    .replaceAll('/', '_')
    .replaceAll('=', '')
const ECDSA = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' }

async function keyPair() {
  const pair = await crypto.subtle.generateKey(ECDSA, true, ['sign', 'verify'])
  const { kty, crv, x, y } = await crypto.subtle.exportKey('jwk', pair.publicKey)
  return { jwk: { kty, crv, x, y }, privateKey: pair.privateKey }
}

async function proof(key, claims, token) {
  const header = { typ: 'dpop+jwt', alg: 'ES256', jwk: key.jwk }
  const said = { jti: crypto.randomUUID(), iat: Math.floor(Date.now() / 1000), ...claims }
  if (token) said.ath = base64url(await crypto.subtle.digest('SHA-256', bytes(token)))
  const input = [header, said].map((part) => base64url(bytes(JSON.stringify(part)))).join('.')
  const signature = await crypto.subtle.sign(ECDSA, key.privateKey, bytes(input))
  return `${input}.${base64url(signature)}`
}

/** A token that the real provider bound to a key. */
async function boundToken(stage, key) {
  const url = `${stage.issuer}/connect/token`
  const answer = await fetch(url, {
    method: 'POST',
    headers: {
      authorization: `Basic ${btoa(`worker:${stage.secret}`)}`,
      'content-type': 'application/x-www-form-urlencoded',
      dpop: await proof(key, { htm: 'POST', htu: url }),
    },
    body: 'grant_type=client_credentials&scope=api',
  })
  const { access_token: token, token_type: type } = await answer.json()
  equal(type, 'DPoP')
  return token
}

export const cases = {
  async 'rfc 9068 a token of a real server'(stage) {
    const guard = await guardOf(stage)
    const token = await machine(stage)
    const claims = await guard.validate(bearer(token), { scope: 'api' })
    equal({ ...claims }, claimsOf(token))
    equal([claims.client_id, claims.aud, claims.iss], ['worker', API, stage.issuer])
    ok(Object.isFrozen(claims), 'not frozen')
    equal(Object.getPrototypeOf(claims), null)
    const plain = { method: 'GET', url: '/orders', headers: { authorization: `bearer ${token}` } }
    equal((await guard.validate(plain)).sub, claims.sub)
    equal((await stage.provider.requests('/.well-known/openid-configuration/jwks')).length, 1)
  },

  async 'rfc 6750 how a request is refused'(stage) {
    const resourceMetadata = `${API}.well-known/oauth-protected-resource`
    const guard = await guardOf(stage, { resourceMetadata, dpop: false })
    const token = await machine(stage)
    const end = `resource_metadata="${resourceMetadata}"`
    const start = `Bearer realm="${API}"`
    const expired = await stage.provider.resign(token, { exp: 1 })
    const elsewhere = await stage.provider.resign(token, { aud: 'https://other.example/' })
    const spoilt = token.replace(/\.[^.]*$/, `.${'A'.repeat(342)}`)
    for (const [title, shown, status, code, detail, challenge] of [
      ['nothing', request(), 401, 'token_invalid', 'missing', `${start}, scope="api", ${end}`],
      ['Basic', request('Basic x'), 401, 'token_invalid', 'missing', undefined],
      ['DPoP', request(`DPoP ${token}`), 401, 'token_invalid', 'missing', undefined],
      [
        'two',
        request('Bearer a, Bearer b'),
        400,
        'token_invalid',
        'authorization',
        `${start}, error="invalid_request", ${end}`,
      ],
      [
        'opaque',
        bearer('opaque'),
        401,
        'token_invalid',
        'malformed',
        `${start}, error="invalid_token", ${end}`,
      ],
      ['expired', bearer(expired), 401, 'token_invalid', 'exp', undefined],
      ['elsewhere', bearer(elsewhere), 401, 'token_invalid', 'aud', undefined],
      ['spoilt', bearer(spoilt), 401, 'token_invalid', 'signature', undefined],
    ]) {
      const fields = { status, detail, fault: 'response', retryable: false }
      const error = await refused(guard.validate(shown, { scope: 'api' }), code, fields, title)
      if (challenge) equal(error.wwwAuthenticate, challenge, title)
      ok(error.wwwAuthenticate.startsWith(start), title)
      ok(!error.message.includes(token) && !JSON.stringify(error).includes(token), title)
      // What it says can be sent as it is.
      const headers = new Headers({ 'www-authenticate': error.wwwAuthenticate })
      equal(headers.get('www-authenticate'), error.wwwAuthenticate)
    }
    const more = guard.validate(bearer(token), { scope: 'api orders' })
    const error = await refused(more, 'insufficient_scope', { status: 403 })
    equal(error.wwwAuthenticate, `${start}, error="insufficient_scope", scope="api orders", ${end}`)
  },

  async 'rfc 6750 a server that cannot be asked is not the fault of the request'(stage) {
    const guard = await asking(stage)
    const token = await machine(stage)
    await stage.server.script({ '/keys': { status: 503, headers: { 'retry-after': '7' } } })
    const down = { status: 503, wwwAuthenticate: undefined, retryable: true, retryAfter: 7 }
    await refused(guard.validate(bearer(token)), 'response_status', down)
    await stage.server.script({ [INTROSPECT]: { status: 401, json: { error: 'invalid_client' } } })
    const wrong = { status: 503, wwwAuthenticate: undefined, error: 'invalid_client' }
    await refused(guard.validate(bearer('opaque')), 'token_error', wrong)
    const controller = new AbortController()
    controller.abort()
    const { signal } = controller
    await refused(guard.validate(bearer(token), { signal }), 'aborted', { status: 500 })
  },

  async 'rfc 9449 a token that a real server bound'(stage) {
    const guard = await guardOf(stage)
    const [key, other] = [await keyPair(), await keyPair()]
    const token = await boundToken(stage, key)
    const with_ = async (by, claims, of = token) =>
      request(`DPoP ${of}`, {
        dpop: await proof(by, { htm: 'GET', htu: `${API}orders`, ...claims }, of),
      })
    const first = await with_(key)
    equal((await guard.validate(first, { scope: 'api' })).client_id, 'worker')
    const told = async (shown, detail, error, options) => {
      const fields = { status: 401, detail }
      const denied = await refused(guard.validate(shown, options), 'token_invalid', fields, detail)
      includes(denied.wwwAuthenticate, `DPoP realm="${API}", error="${error}"`)
      includes(denied.wwwAuthenticate, 'algs="ES256 ')
    }
    await told(first, 'dpop_replayed', 'invalid_dpop_proof')
    await told(await with_(other), 'cnf', 'invalid_token')
    await told(bearer(token), 'scheme', 'invalid_token')
    await told(request(`DPoP ${token}`), 'dpop_missing', 'invalid_dpop_proof')
    await told(await with_(key, { htm: 'POST' }), 'dpop_htm', 'invalid_dpop_proof')
    await told(await with_(key, { htu: API }), 'dpop_htu', 'invalid_dpop_proof')
    await told(await with_(key, { iat: 1 }), 'dpop_iat', 'invalid_dpop_proof')
    const nonce = { dpopNonce: ['new', 'old'] }
    await told(await with_(key), 'dpop_nonce', 'use_dpop_nonce', nonce)
    await guard.validate(await with_(key, { nonce: 'old' }), nonce)
    const twice = first.headers.get('dpop')
    const doubled = request(`DPoP ${token}`, { dpop: `${twice}, ${twice}` })
    await told(doubled, 'dpop_format', 'invalid_dpop_proof')

    const strict = await guardOf(stage, { dpop: 'required' })
    await strict.validate(await with_(key))
    const plain = await machine(stage)
    for (const shown of [bearer(plain), bearer(token)]) {
      await refused(strict.validate(shown), 'token_invalid', { status: 401, detail: 'scheme' })
    }
    const none = await refused(strict.validate(request()), 'token_invalid', { detail: 'missing' })
    ok(none.wwwAuthenticate.startsWith('DPoP ') && !none.wwwAuthenticate.includes('Bearer'))
    const both = await refused(guard.validate(request()), 'token_invalid', { detail: 'missing' })
    ok(/^Bearer realm="[^"]*", DPoP realm="[^"]*", algs="/.test(both.wwwAuthenticate))
    const without = await guardOf(stage, { dpop: false })
    await refused(without.validate(bearer(token)), 'token_invalid', { detail: 'cnf' })
  },

  async 'rfc 9449 the key of a proof is no point of its curve'(stage) {
    const guard = await guardOf(stage)
    const key = await keyPair()
    const token = await boundToken(stage, key)
    const bent = { jwk: { ...key.jwk, y: key.jwk.x }, privateKey: key.privateKey }
    const dpop = await proof(bent, { htm: 'GET', htu: `${API}orders` }, token)
    const fields = { status: 401, detail: 'dpop_jwk' }
    const asked = guard.validate(request(`DPoP ${token}`, { dpop }))
    const denied = await refused(asked, 'token_invalid', fields)
    includes(denied.wwwAuthenticate, 'error="invalid_dpop_proof"')
  },

  async 'rfc 7662 an opaque token, asked about once'(stage) {
    const json = { active: true, aud: API, sub: 'alice', scope: 'api', n: '$n' }
    await stage.server.script({ [INTROSPECT]: { json } })
    let shift = 0
    const guard = await asking(stage, { now: () => Date.now() + shift })
    const all = await Promise.all(
      Array.from({ length: 20 }, () => guard.validate(bearer('opaque'), { scope: 'api' })),
    )
    for (const claims of all) equal([claims.sub, claims.n], ['alice', '1'])
    equal((await guard.validate(bearer('another'))).n, '2')
    const [first, ...more] = await stage.server.requests(INTROSPECT)
    equal([first.body, more.length], ['token=opaque&token_type_hint=access_token', 1])
    equal(first.headers.authorization, `Basic ${btoa('api:a+secret')}`)
    shift = 61_000
    await stage.server.script({ [INTROSPECT]: { json: { active: false, sub: 'alice' } } })
    for (let i = 0; i < 3; i++) {
      const fields = { status: 401, detail: 'active', response: undefined }
      const error = await refused(guard.validate(bearer('opaque')), 'token_invalid', fields)
      includes(error.wwwAuthenticate, 'error="invalid_token"')
    }
    equal(await stage.server.count(INTROSPECT), 1)
  },

  async 'rfc 7662 a real server, whose opaque token is for no API'(stage) {
    const client = await confidential(stage)
    const person = { username: 'alice', password: 'alice', scope: 'openid' }
    const { access_token: token } = await client.password(person)
    ok(!token.includes('.'), 'not opaque')
    const guard = await guardOf(stage, { clientId: 'worker', clientSecret: stage.secret })
    await refused(guard.validate(bearer(token)), 'token_invalid', { status: 401, detail: 'aud' })
    await refused(guard.validate(bearer('x')), 'token_invalid', { status: 401, detail: 'active' })
    await guard.validate(bearer(await machine(stage)))
    equal((await stage.provider.requests('/connect/introspect')).length, 2)
  },

  async 'law 11 options of a guard'(stage) {
    for (const [detail, more] of [
      ['audience', { audience: undefined }],
      ['audience', { audience: '' }],
      ['audience', { audience: [API] }],
      ['issuer', { issuer: undefined }],
      ['clientSecret', { clientId: 'x' }],
      ['clientSecret', { clientSecret: 'x' }],
      ['clientSecret', { clientId: 'x', clientSecret: '' }],
      ['clientSecret', { clientId: '', clientSecret: 'x' }],
      ['algorithms', { algorithms: ['HS256'] }],
      ['algorithms', { algorithms: [] }],
      ['algorithms', { algorithms: 'RS256' }],
      ['dpop', { dpop: 'always' }],
      ['dpop', { dpop: 1 }],
      ['clockTolerance', { clockTolerance: -1 }],
      ['scope', { scope: 'api' }],
      ['redirectUri', { redirectUri: stage.callback }],
      ['lenient', { lenient: true }],
    ]) {
      const made = guardOf(stage, more)
      await refused(made, 'config_invalid', { detail }, JSON.stringify(more))
    }
    const metadata = { resourceMetadata: 'http://api.example/x' }
    await refused(guardOf(stage, metadata), 'url_insecure', { detail: 'resourceMetadata' })
    await refused(createTokenValidator(), 'config_invalid')
    const guard = await guardOf(stage, { algorithms: ['ES256'] })
    const token = await machine(stage)
    await refused(guard.validate(bearer(token)), 'token_invalid', { detail: 'alg' })
    for (const [detail, shown, options] of [
      ['request', undefined],
      ['request', token],
      ['request', { method: 'GET', url: URL_ }],
      ['request', { url: URL_, headers: {} }],
      ['scopes', request(), { scopes: 'x' }],
      ['scope', request(), { scope: 'a  b' }],
      ['scope', request(), { scope: ['a'] }],
      ['dpopNonce', request(), { dpopNonce: 7 }],
      ['dpopNonce', request(), { dpopNonce: [] }],
      ['dpopNonce', request(), { dpopNonce: '' }],
      ['dpopNonce', request(), { dpopNonce: ['n', ''] }],
      ['scope', request(), { scope: '' }],
      ['signal', request(), { signal: 'x' }],
    ]) {
      const fields = { detail, status: 500, wwwAuthenticate: undefined }
      await refused(guard.validate(shown, options), 'config_invalid', fields, detail)
    }
  },

  async 'law 11 a request whose parts throw'(stage) {
    const guard = await guardOf(stage)
    const broken = { get: () => never() }
    for (const headers of [
      broken,
      {
        get authorization() {
          return never()
        },
      },
    ]) {
      const shown = { method: 'GET', url: URL_, headers }
      await refused(guard.validate(shown), 'token_invalid', { detail: 'missing', status: 401 })
    }
    const lists = { authorization: ['Bearer a', 'Bearer b'] }
    const shown = { method: 'GET', url: URL_, headers: lists }
    await refused(guard.validate(shown), 'token_invalid', { detail: 'missing' })
  },

  async 'r175 r180 nothing shows of a guard, and after close every call is refused'(stage) {
    const guard = await guardOf(stage, { clientId: 'worker', clientSecret: stage.secret })
    equal(
      [JSON.stringify(guard), `${guard}`, Object.keys(guard)],
      ['"[redacted]"', '[redacted]', []],
    )
    ok(!String(guard[Symbol.for('nodejs.util.inspect.custom')]()).includes(stage.secret))
    guard.close()
    guard.close()
    await refused(guard.validate(request()), 'closed', { fault: 'caller' })
    guard[Symbol.dispose ?? Symbol.for('Symbol.dispose')]()
  },
}

function never() {
  throw new Error('never')
}
