// RFC 9449: tokens that are of use to who has the key, at the token endpoint and at an API, with the
// nonces of either; RFC 9470 and RFC 6750: what an API wants beyond a token.

import { createTokenClient } from 'grantkit'

import { equal, ok, refused } from './check.mjs'

const ISSUER = 'https://as.example'
const API = 'https://api.example/orders'

const decoded = (part) => atob(part.replaceAll('-', '+').replaceAll('_', '/'))
const bytes = (text) => Uint8Array.from(text, (c) => c.charCodeAt(0))
const base64url = (data) =>
  btoa(String.fromCharCode(...new Uint8Array(data)))
    .replaceAll('+', '-')
    .replaceAll('/', '_')
    .replaceAll('=', '')
const hash = async (text) =>
  base64url(await crypto.subtle.digest('SHA-256', new TextEncoder().encode(text)))

/** A proof whose signature was checked by the key in its own header. */
async function proved(jwt) {
  const [head, claims, signature] = jwt.split('.')
  const header = JSON.parse(decoded(head))
  const curve = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' }
  const key = await crypto.subtle.importKey('jwk', header.jwk, curve, false, ['verify'])
  const input = new TextEncoder().encode(`${head}.${claims}`)
  ok(await crypto.subtle.verify(curve, key, bytes(decoded(signature)), input), 'a bad signature')
  const { crv, kty, x, y } = header.jwk
  const thumbprint = await hash(JSON.stringify({ crv, kty, x, y }))
  return { header, claims: JSON.parse(decoded(claims)), thumbprint }
}

const json = (status, body, headers) =>
  new Response(JSON.stringify(body), {
    status,
    headers: { 'content-type': 'application/json', ...headers },
  })

/**
 * A server and an API as a `fetch`. `answers` has a list for each of them, of which the last stays;
 * `seen` has what came.
 */
function world({ token = [], api = [] } = {}) {
  const seen = []
  const lists = {
    token: [...token, () => json(200, { access_token: 't1', token_type: 'DPoP', expires_in: 600 })],
    api: [...api, () => json(200, { orders: [] })],
  }
  const fetch = async (input, init) => {
    const request = new Request(input, init)
    const where = request.url.startsWith(API) ? 'api' : 'token'
    const proof = request.headers.get('dpop')
    seen.push({
      where,
      method: request.method,
      authorization: request.headers.get('authorization'),
      body: await request.text(),
      proof: proof && (await proved(proof)),
    })
    const list = lists[where]
    return (list.length > 1 ? list.shift() : list[0])()
  }
  return { fetch, seen, of: (where) => seen.filter((one) => one.where === where) }
}

const bound = (here, more) =>
  createTokenClient({
    metadata: { issuer: ISSUER, token_endpoint: `${ISSUER}/token` },
    clientId: 'app',
    scope: 'api',
    allowedUrls: [API],
    dpop: true,
    fetch: here.fetch,
    ...more,
  })

const wantsNonce = (nonce) => () =>
  json(400, { error: 'use_dpop_nonce' }, nonce && { 'dpop-nonce': nonce })
const challenged = (status, challenge, headers) => () =>
  new Response('', { status, headers: { 'www-authenticate': challenge, ...headers } })
const apiWantsNonce = (nonce) =>
  challenged(401, 'DPoP error="use_dpop_nonce"', nonce && { 'dpop-nonce': nonce })

export const cases = {
  async 'r133 r134 r136 each request has a proof of its own'() {
    const here = world()
    const client = await bound(here)
    equal((await client.fetch(`${API}?a=b#c`)).status, 200)
    equal((await client.fetch(API, { method: 'PUT', body: 'x' })).status, 200)
    const [token, first, second] = here.seen
    equal(token.authorization, null)
    equal([first.authorization, second.authorization], ['DPoP t1', 'DPoP t1'])
    for (const { proof } of here.seen) {
      equal([proof.header.typ, proof.header.alg], ['dpop+jwt', 'ES256'])
      equal(Object.keys(proof.header.jwk).sort(), ['crv', 'kty', 'x', 'y'])
      ok(proof.claims.jti.length >= 22)
      ok(Math.abs(proof.claims.iat - Date.now() / 1000) < 60, proof.claims.iat)
      equal(proof.thumbprint, token.proof.thumbprint)
    }
    const claims = (one) => [one.proof.claims.htm, one.proof.claims.htu]
    equal(claims(token), ['POST', `${ISSUER}/token`])
    equal(
      [claims(first), claims(second)],
      [
        ['GET', API],
        ['PUT', API],
      ],
    )
    equal(token.proof.claims.ath, undefined)
    equal([first.proof.claims.ath, second.proof.claims.ath], [await hash('t1'), await hash('t1')])
    equal(new Set(here.seen.map(({ proof }) => proof.claims.jti)).size, 3)
  },

  async 'r138 the server wants a nonce: once more, with a new proof'() {
    const here = world({ token: [wantsNonce('n1')] })
    const client = await bound(here)
    equal(await client.getAccessToken(), 't1')
    const [first, second] = here.of('token')
    equal([first.proof.claims.nonce, second.proof.claims.nonce], [undefined, 'n1'])
    ok(first.proof.claims.jti !== second.proof.claims.jti)
    equal(first.body, second.body)
    // It is kept for the next one.
    await client.getAccessToken({ forceRenewal: true })
    equal(here.of('token').at(-1).proof.claims.nonce, 'n1')
  },

  async 'r138 r140 r143 a server that is not content with it'() {
    for (const [answer, requests, detail] of [
      [wantsNonce('n1'), 2, 'repeated'],
      [wantsNonce(), 1, 'missing'],
      [wantsNonce('a"b'), 1, 'missing'],
      [wantsNonce('x'.repeat(4096)), 1, 'missing'],
    ]) {
      const here = world({ token: [answer, answer, answer] })
      const client = await bound(here)
      await refused(client.getAccessToken(), 'dpop_nonce_rejected', { detail })
      equal(here.seen.length, requests)
    }
  },

  async 'r137 a nonce of one side is not shown to the other, and the newest wins'() {
    const here = world({
      token: [() => json(200, { access_token: 't1', token_type: 'DPoP' }, { 'dpop-nonce': 'as' })],
      api: [
        () => json(200, {}, { 'dpop-nonce': 'rs1' }),
        () => json(200, {}, { 'dpop-nonce': 'rs2' }),
      ],
    })
    const client = await bound(here)
    for (let turn = 0; turn < 3; turn++) await client.fetch(API)
    await client.getAccessToken({ forceRenewal: true })
    equal(
      here.of('api').map(({ proof }) => proof.claims.nonce),
      [undefined, 'rs1', 'rs2'],
    )
    equal(here.of('token').at(-1).proof.claims.nonce, 'as')
  },

  async 'r139 an API wants a nonce: once more, and with a body that can be sent again'() {
    const here = world({ api: [apiWantsNonce('n1')] })
    const client = await bound(here)
    equal((await client.fetch(API, { method: 'PUT', body: 'twice' })).status, 200)
    const [first, second] = here.of('api')
    equal([first.proof.claims.nonce, second.proof.claims.nonce], [undefined, 'n1'])
    equal([first.body, second.body], ['twice', 'twice'])
    equal(here.of('token').length, 1)
    const from = new Request(API, { method: 'PUT', body: 'again' })
    equal((await client.fetch(from)).status, 200)
  },

  async 'r139 an API that is never content, and one that says Bearer'() {
    const never = world({ api: Array(4).fill(apiWantsNonce('n1')) })
    await refused((await bound(never)).fetch(API), 'dpop_nonce_rejected', { detail: 'repeated' })
    equal(never.of('api').length, 2)
    const bearer = challenged(401, 'Bearer error="use_dpop_nonce"', { 'dpop-nonce': 'n1' })
    const here = world({ api: [bearer] })
    equal((await (await bound(here)).fetch(API)).status, 401)
    equal(here.of('api').length, 1)
  },

  async 'r139 what wants a nonce did nothing: any method may come again, unless its body is gone'() {
    const posted = world({ api: [apiWantsNonce('n1')] })
    const client = await bound(posted)
    equal((await client.fetch(API, { method: 'post', body: 'twice' })).status, 200)
    equal(
      posted.of('api').map(({ method, body, proof }) => [method, body, proof.claims.htm]),
      Array(2).fill(['POST', 'twice', 'POST']),
    )
    const streamed = world({ api: [apiWantsNonce('n1')] })
    const other = await bound(streamed)
    const body = () => new Response('once').body
    const init = () => ({ method: 'POST', body: body(), duplex: 'half' })
    equal((await other.fetch(API, init())).status, 401)
    // The caller hears of it, and the nonce is known the next time.
    equal((await other.fetch(API, init())).status, 200)
    equal(streamed.of('api')[1].proof.claims.nonce, 'n1')
  },

  async 'r135 the method is proved as it is sent'() {
    const here = world()
    const client = await bound(here)
    for (const method of ['get', 'put', 'delete', 'OPTIONS']) await client.fetch(API, { method })
    // Some runtimes send it as it is, some in capitals, some not at all.
    await client.fetch(API, { method: 'patch' }).catch(() => {})
    const sent = here.of('api')
    for (const { method, proof } of sent) equal(proof.claims.htm, method)
    equal(
      sent.slice(0, 4).map(({ method }) => method),
      ['GET', 'PUT', 'DELETE', 'OPTIONS'],
    )
  },

  async 'r135 a method of small and capital letters is proved as it is sent'() {
    const here = world()
    await (await bound(here)).fetch(API, { method: 'Put' })
    const [{ method, proof }] = here.of('api')
    equal([method, proof.claims.htm], ['PUT', 'PUT'])
  },

  async 'r130 a refused token is replaced, and the proof is of the new one'() {
    const token = (access_token) => () => json(200, { access_token, token_type: 'DPoP' })
    const here = world({
      token: [token('t1'), token('t2')],
      api: [challenged(401, 'dPoP error="invalid_token"'), apiWantsNonce('n1')],
    })
    equal((await (await bound(here)).fetch(API)).status, 200)
    equal(
      here.of('api').map(({ authorization }) => authorization),
      ['DPoP t1', 'DPoP t2', 'DPoP t2'],
    )
    equal(here.of('api')[2].proof.claims.ath, await hash('t2'))
  },

  async 'r073 what was asked for bound must come bound, and the other way round'() {
    const bearer = () => json(200, { access_token: 't1', token_type: 'Bearer' })
    const here = world({ token: [bearer] })
    await refused((await bound(here)).getAccessToken(), 'token_binding_downgrade')
    const plain = await bound(world(), { dpop: false })
    await refused(plain.getAccessToken(), 'token_binding_downgrade')
  },

  async 'r133 a server that lists no algorithm that the key can do'() {
    const metadata = {
      issuer: ISSUER,
      token_endpoint: `${ISSUER}/token`,
      dpop_signing_alg_values_supported: ['RS256'],
    }
    const here = world()
    const client = await bound(here, { metadata })
    await refused(client.getAccessToken(), 'metadata_unsupported', {
      detail: 'dpop_signing_alg_values_supported',
    })
    equal(here.seen.length, 0)
  },

  async 'a pair of keys of the caller’s'() {
    const curve = { name: 'ECDSA', namedCurve: 'P-256' }
    const keyPair = await crypto.subtle.generateKey(curve, false, ['sign', 'verify'])
    const [one, other] = [world(), world()]
    await (await bound(one, { dpop: { keyPair } })).fetch(API)
    await (await bound(other, { dpop: { keyPair } })).fetch(API)
    const thumbprints = [...one.seen, ...other.seen].map(({ proof }) => proof.thumbprint)
    equal(new Set(thumbprints).size, 1)
    const own = world()
    await (await bound(own)).fetch(API)
    ok(own.seen[0].proof.thumbprint !== thumbprints[0], 'each client has a key of its own')
    for (const dpop of [
      'yes',
      {},
      { keyPair: {} },
      { keyPair: { publicKey: keyPair.publicKey, privateKey: keyPair.publicKey } },
      { keyPair: { privateKey: keyPair.privateKey } },
      { keyPair, more: 1 },
    ]) {
      await refused(bound(world(), { dpop }), 'config_invalid', { detail: 'dpop' })
    }
  },

  async 'a shared cache wants a key that is shared, too'() {
    const options = { cache: new Map(), cacheKey: crypto.getRandomValues(new Uint8Array(32)) }
    await refused(bound(world(), options), 'config_invalid', { detail: 'dpop' })
    const curve = { name: 'ECDSA', namedCurve: 'P-256' }
    const pair = () => crypto.subtle.generateKey(curve, false, ['sign', 'verify'])
    const keyPair = await pair()
    const isolates = [world(), world()]
    for (const here of isolates) {
      const client = await bound(here, { ...options, dpop: { keyPair } })
      equal(await client.getAccessToken(), 't1')
    }
    equal(isolates[1].seen.length, 0, 'the second finds it in the store')
    const stranger = world()
    const client = await bound(stranger, { ...options, dpop: { keyPair: await pair() } })
    await client.getAccessToken()
    equal(stranger.seen.length, 1, 'for another key there is none')
  },

  async 'r131 a step-up is an error with a ready request'() {
    const challenge =
      'Bearer error="insufficient_user_authentication", acr_values="gold silver", max_age="5", scope="pay"'
    const here = world({ api: [challenged(401, challenge)] })
    const client = await bound(here)
    const error = await refused(client.fetch(API), 'step_up_required', {
      status: 401,
      error: 'insufficient_user_authentication',
      loginRequired: true,
      retryable: false,
    })
    equal(error.response, { acr_values: 'gold silver', max_age: 5, scope: 'pay' })
    equal(error.signIn, { acrValues: 'gold silver', maxAge: 5, scope: 'api pay' })
    equal([here.of('api').length, here.of('token').length], [1, 1], 'nothing is tried')
  },

  async 'r131 more scope is wanted'() {
    const challenge = 'DPoP error="insufficient_scope", scope="api orders:write"'
    const here = world({ api: [challenged(403, challenge), challenged(403, 'Bearer')] })
    const client = await bound(here)
    const error = await refused(client.fetch(API), 'insufficient_scope', { status: 403 })
    equal(error.response, { scope: 'api orders:write' })
    equal(error.signIn, { scope: 'api orders:write' })
    equal((await client.fetch(API)).status, 403, 'a 403 that says nothing is an answer')
  },

  async 'a header of the caller’s in place of ours is refused'() {
    const here = world()
    const client = await bound(here)
    await refused(client.fetch(API, { headers: { DPoP: 'x' } }), 'config_invalid', {
      detail: 'dpop',
    })
    equal(here.seen.length, 0)
  },
}
