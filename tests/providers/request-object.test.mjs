// RFC 9101 on a real provider: the request is signed.

import assert from 'node:assert/strict'

import { SECRET } from '../support/provider.mjs'
import { CALLBACK, claimsOf, refused, signedIn } from './client.mjs'
import { onEach } from './each.mjs'

const curve = { name: 'ECDSA', namedCurve: 'P-256' }
const generate = () => crypto.subtle.generateKey(curve, true, ['sign', 'verify'])
const [own, stranger] = await Promise.all([generate(), generate()])
const jwk = await crypto.subtle.exportKey('jwk', own.publicKey)

const each = onEach(['oidc-provider'], {
  requestObjects: true,
  clients: [
    {
      client_id: 'signer',
      client_secret: SECRET,
      grant_types: ['authorization_code'],
      response_types: ['code'],
      redirect_uris: [CALLBACK],
      jwks: { keys: [{ ...jwk, alg: 'ES256', kid: 'own', use: 'sig' }] },
      request_object_signing_alg: 'ES256',
      require_signed_request_object: true,
    },
  ],
})

const signer = (server, pair, more) =>
  server.client({
    clientId: 'signer',
    scope: 'openid',
    requestObjectKey: { key: pair.privateKey, kid: 'own' },
    ...more,
  })

each('request object: the address has the client and a signed request', async (server) => {
  const client = await signer(server, own)
  const pending = await client.authorizationRequest()
  const { searchParams } = new URL(pending.url)
  // The last two are what OpenID Connect wants beside it (Core, section 6.1).
  const names = ['client_id', 'request', 'response_type', 'scope']
  assert.deepEqual([...searchParams.keys()].sort(), names)
  const claims = claimsOf(searchParams.get('request'))
  assert.deepEqual([claims.iss, claims.aud, claims.state], ['signer', server.issuer, pending.state])
  const answer = await server.person().signIn(pending.url)
  assert.equal((await client.callback(answer, pending)).claims.sub, 'alice')
})

each('request object: signed and pushed', async (server) => {
  const client = await signer(server, own, { pushedAuthorization: true })
  assert.equal((await signedIn(client, server.person())).claims.sub, 'alice')
})

each('request object: a plain request and the key of somebody else are refused', async (server) => {
  const plain = await server.client({ clientId: 'signer', scope: 'openid' })
  const other = await signer(server, stranger, { pushedAuthorization: true })
  const { url } = await plain.authorizationRequest()
  const answer = await server.person().follow(url)
  assert.equal(new URL(answer.url).searchParams.get('error'), 'invalid_request')
  const fields = { error: 'invalid_request_object' }
  await refused(other.authorizationRequest(), 'token_error', fields)
})
