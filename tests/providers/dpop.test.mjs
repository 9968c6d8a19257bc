// RFC 9449 on real providers that want nonces: tokens that are of use to who has the key alone.

import assert from 'node:assert/strict'

import { calculateJwkThumbprint, decodeProtectedHeader } from 'jose'

import { claimsOf, recorder, refused, signedIn } from './client.mjs'
import { onEach } from './each.mjs'

const OIDC = ['oidc-provider']
const each = onEach(['oidc-provider', 'glewlwyd'], { dpopNonce: true })

const thumbprint = (proof) => calculateJwkThumbprint(decodeProtectedHeader(proof).jwk)
const nonces = (requests) => requests.map(({ headers }) => claimsOf(headers.dpop).nonce)

each('dpop: a token is bound to a key; the nonce is asked for once and kept', async (server) => {
  const { fetch, requests } = recorder()
  const client = await server.client({ dpop: true, fetch })
  const first = await client.clientCredentials({ scope: server.api })
  const sent = requests.filter(({ headers }) => headers.dpop)
  assert.equal(first.token_type, 'DPoP')
  assert.equal(claimsOf(first.access_token).cnf.jkt, await thumbprint(sent[0].headers.dpop))
  const [none, nonce] = nonces(sent)
  assert.deepEqual([sent.length, none, typeof nonce], [2, undefined, 'string'])

  await client.clientCredentials({ scope: server.api })
  const again = requests.filter(({ headers }) => headers.dpop).slice(2)
  assert.deepEqual(nonces(again), [nonce])
})

each('dpop: the cached token is bound, too, and asked for once', async (server) => {
  const client = await server.client({ dpop: true, scope: server.api })
  const token = await client.getAccessToken()
  assert.equal(await client.getAccessToken(), token)
  assert.equal(typeof claimsOf(token).cnf.jkt, 'string')
})

each('dpop: code, tokens, user info and refresh of a person go by one key', async (server) => {
  const { fetch, requests } = recorder()
  const scope = server.kind === 'oidc-provider' ? 'openid offline_access' : 'openid'
  const client = await server.client({ dpop: true, scope, fetch })
  const tokens = await signedIn(client, server.person())
  assert.equal(tokens.token_type, 'DPoP')
  const { claims } = tokens
  assert.equal((await client.userInfo(tokens.access_token, claims.sub)).sub, claims.sub)
  const fresh = await client.refreshToken({ refreshToken: tokens.refresh_token })
  assert.equal(fresh.token_type, 'DPoP')
  const proofs = requests.flatMap(({ headers }) => headers.dpop ?? [])
  assert.equal(new Set(await Promise.all(proofs.map(thumbprint))).size, 1)
  assert.equal(new Set(proofs.map((proof) => claimsOf(proof).jti)).size, proofs.length)
})

each(
  'dpop: whoever has the token has not the key',
  async (server) => {
    const client = await server.client({ dpop: true, scope: 'openid' })
    const { access_token: token, claims } = await signedIn(client, server.person())
    for (const dpop of [true, false]) {
      const other = await server.client({ dpop })
      await refused(other.userInfo(token, claims.sub), 'response_status', { status: 401 })
    }
  },
  // glewlwyd wants a proof, with a nonce, and takes that of any key.
  OIDC,
)

each(
  'dpop: a code is not spent with another key than the one that asked for it',
  async (server) => {
    const client = await server.client({ dpop: true, scope: 'openid' })
    const pending = await client.authorizationRequest()
    assert.equal(new URL(pending.url).searchParams.get('dpop_jkt'), pending.dpopJkt)
    const answer = await server.person().signIn(pending.url)
    const other = await server.client({ dpop: true, scope: 'openid' })
    await refused(other.callback(answer, pending), 'state_unknown', { detail: 'dpop' })
    assert.equal((await client.callback(answer, pending)).token_type, 'DPoP')
  },
)

each('dpop: a key pair of the caller', async (server) => {
  const curve = { name: 'ECDSA', namedCurve: 'P-256' }
  const keyPair = await crypto.subtle.generateKey(curve, false, ['sign', 'verify'])
  const { kty, crv, x, y } = await crypto.subtle.exportKey('jwk', keyPair.publicKey)
  const client = await server.client({ dpop: { keyPair }, scope: server.api })
  const { jkt } = claimsOf(await client.getAccessToken()).cnf
  assert.equal(jkt, await calculateJwkThumbprint({ kty, crv, x, y }))
})

each(
  "dpop: a public client's refresh token is of use with its key alone",
  async (server) => {
    const spa = { clientId: 'spa', clientSecret: undefined, scope: 'openid offline_access' }
    const client = await server.client({ ...spa, dpop: true })
    const { refresh_token: refreshToken } = await signedIn(client, server.person())
    const other = await server.client({ ...spa, dpop: true })
    await refused(other.refreshToken({ refreshToken }), 'token_error', { error: 'invalid_grant' })
    assert.equal((await client.refreshToken({ refreshToken })).token_type, 'DPoP')
  },
  OIDC,
)

each(
  'dpop: a token of another type is refused',
  async (server) => {
    const client = await server.client({ dpop: true, scope: server.api })
    for (const [type, code] of [
      ['Bearer', 'token_binding_downgrade'],
      ['mac', 'token_type_unsupported'],
    ]) {
      const mutate = (json) => void (json.access_token && (json.token_type = type))
      server.setDefects({ path: '/connect/token', kind: 'mutate', mutate })
      await refused(client.getAccessToken(), code)
    }
    server.setDefects([])
    assert.equal(typeof (await client.getAccessToken()), 'string')
  },
  OIDC,
)

each(
  'dpop: a server that is never content is asked twice',
  async (server) => {
    const client = await server.client({ dpop: true, scope: server.api })
    await client.metadata()
    const defect = server.setDefects({
      path: '/connect/token',
      kind: 'json',
      status: 400,
      json: { error: 'use_dpop_nonce' },
      headers: { 'dpop-nonce': 'never' },
    })
    await refused(client.getAccessToken(), 'dpop_nonce_rejected')
    assert.equal(defect.hits, 2)
    server.setDefects([])
  },
  OIDC,
)
