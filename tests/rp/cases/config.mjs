// The Config plan: everything about the provider is taken from its metadata, and its keys change.

import assert from 'node:assert/strict'

import { WHOLE } from '../rp.mjs'
import { basic } from './basic.mjs'

export const config = {
  async 'oidcc-client-test-discovery-openid-config'({ reachesUserInfo }) {
    const { client, provider } = await reachesUserInfo()
    const metadata = await client.metadata()
    assert.equal(metadata.issuer, provider.issuer)
    assert.ok(provider.issuer.endsWith('/'), 'the slash belongs to the name')
  },

  /** The last part of the address is another in each run. */
  async 'oidcc-client-test-discovery-jwks-uri-keys'({ reachesUserInfo }) {
    const { provider } = await reachesUserInfo()
    const [discovery, jwks] = provider.requests
    assert.equal(discovery.name, '.well-known/openid-configuration')
    assert.match(jwks.name, /^jwks_[0-9a-f]{12}$/)
  },

  async 'oidcc-client-test-discovery-issuer-mismatch'({ stopsBehind }) {
    const flow = { metadata: (document) => void (document.issuer += 'INVALID') }
    await stopsBehind('discovery', flow, ['metadata_issuer_mismatch', 'issuer'])
  },

  'oidcc-client-test-idtoken-sig-none': basic['oidcc-client-test-idtoken-sig-none'],

  /** The keys that were fetched before the person left are of no use: they are fetched once more. */
  async 'oidcc-client-test-signing-key-rotation-just-before-signing'({ reachesUserInfo }) {
    const calls = ['discovery', 'jwks', 'authorize', 'token', 'jwks', 'userinfo']
    await reachesUserInfo({ rotate: 'signing' }, { calls })
  },

  async 'oidcc-client-test-signing-key-rotation'({ start, visit }) {
    const parts = await start({ rotate: 'second authorization' })
    const first = await visit(parts)
    const second = await visit(parts)
    assert.deepEqual(parts.provider.calls(), [
      ...WHOLE,
      ...['authorize', 'token', 'jwks', 'userinfo'],
    ])
    assert.notEqual(kid(first.tokens), kid(second.tokens))
  },
}

const kid = ({ id_token: jwt }) => JSON.parse(Buffer.from(jwt.split('.')[0], 'base64url')).kid
