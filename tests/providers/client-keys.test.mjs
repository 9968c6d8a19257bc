// RFC 7523 on real providers: a client that shows who it is by a signature.

import assert from 'node:assert/strict'

import { SignJWT } from 'jose'

import { SECRET } from '../support/provider.mjs'
import { recorder, refused } from './client.mjs'
import { onEach } from './each.mjs'

const ALGORITHMS = {
  ES256: { name: 'ECDSA', namedCurve: 'P-256' },
  PS256: rsa('RSA-PSS'),
  RS256: rsa('RSASSA-PKCS1-v1_5'),
  EdDSA: { name: 'Ed25519' },
}

function rsa(name) {
  const publicExponent = new Uint8Array([1, 0, 1])
  return { name, modulusLength: 2048, publicExponent, hash: 'SHA-256' }
}

const keys = new Map()
for (const [alg, algorithm] of Object.entries(ALGORITHMS)) {
  const pair = await crypto.subtle.generateKey(algorithm, true, ['sign', 'verify'])
  const kid = `key-${alg}`
  const jwk = { ...(await crypto.subtle.exportKey('jwk', pair.publicKey)), alg, kid, use: 'sig' }
  keys.set(alg, { alg, kid, pair, jwk })
}
const stranger = await crypto.subtle.generateKey(ALGORITHMS.ES256, true, ['sign', 'verify'])

const machine = { grant_types: ['client_credentials'], redirect_uris: [], response_types: [] }
const each = onEach(['oidc-provider'], {
  clients: [
    ...[...keys.values()].map(({ alg, jwk }) => ({
      ...machine,
      client_id: alg,
      token_endpoint_auth_method: 'private_key_jwt',
      token_endpoint_auth_signing_alg: alg,
      jwks: { keys: [jwk] },
    })),
    {
      ...machine,
      client_id: 'shared',
      client_secret: SECRET,
      token_endpoint_auth_method: 'client_secret_jwt',
    },
  ],
})

const keyed = (server, clientId, more) =>
  server.client({ clientId, clientSecret: undefined, scope: server.api, ...more })

each('keys: private_key_jwt by every algorithm, as CryptoKey and as JWK', async (server) => {
  for (const { alg, kid, pair } of keys.values()) {
    const jwk = await crypto.subtle.exportKey('jwk', pair.privateKey)
    for (const key of [pair.privateKey, jwk]) {
      const client = await keyed(server, alg, { privateKey: { key, kid, alg } })
      assert.equal(typeof (await client.getAccessToken()), 'string', alg)
    }
  }
})

each('keys: each request has an assertion of its own, and no secret', async (server) => {
  const { fetch, to } = recorder()
  const { pair } = keys.get('ES256')
  const client = await keyed(server, 'ES256', { privateKey: pair.privateKey, fetch })
  await client.clientCredentials()
  await client.clientCredentials()
  const sent = to('/connect/token').map(({ form, headers }) => ({ form, headers }))
  assert.equal(new Set(sent.map(({ form }) => form.client_assertion)).size, 2)
  for (const { form, headers } of sent) {
    assert.equal(headers.authorization, undefined)
    assert.deepEqual(Object.keys(form).sort(), [
      'client_assertion',
      'client_assertion_type',
      'client_id',
      'grant_type',
      'scope',
    ])
  }
})

each('keys: the key of somebody else is refused', async (server) => {
  const privateKey = { key: stranger.privateKey, kid: 'key-ES256' }
  const client = await keyed(server, 'ES256', { privateKey })
  const fields = { error: 'invalid_client', status: 401 }
  await refused(client.getAccessToken(), 'token_error', fields)
})

each('keys: client_secret_jwt, and another secret', async (server) => {
  const options = { clientId: 'shared', clientAuthentication: 'client_secret_jwt' }
  const client = await server.client({ ...options, scope: server.api })
  assert.equal(typeof (await client.getAccessToken()), 'string')
  const clientSecret = 'not this secret, but 32 characters'
  const other = await server.client({ ...options, clientSecret })
  await refused(other.getAccessToken(), 'token_error', { error: 'invalid_client' })
})

each('keys: an assertion that was made elsewhere', async (server) => {
  const { alg, kid, pair } = keys.get('ES256')
  const clientAssertion = () =>
    new SignJWT({})
      .setProtectedHeader({ alg, kid })
      .setIssuer(alg)
      .setSubject(alg)
      .setAudience(server.issuer)
      .setJti(crypto.randomUUID())
      .setIssuedAt()
      .setExpirationTime('1m')
      .sign(pair.privateKey)
  const client = await keyed(server, alg, { clientAssertion })
  assert.equal(typeof (await client.getAccessToken()), 'string')
  assert.equal(typeof (await client.getAccessToken({ forceRenewal: true })), 'string')
})

each('keys: revocation is by the key, too', async (server) => {
  const { fetch, to } = recorder()
  const { pair } = keys.get('ES256')
  const client = await keyed(server, 'ES256', { privateKey: pair.privateKey, fetch })
  await client.revoke(await client.getAccessToken())
  assert.equal(typeof to('/connect/revocation')[0].form.client_assertion, 'string')
})
