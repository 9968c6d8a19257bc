// The Dynamic plan: the modules of the Config plan for an RP that makes itself known first.

import assert from 'node:assert/strict'

import { config } from './config.mjs'

export const dynamic = {
  ...config,

  async 'oidcc-client-test-dynamic-registration'({ reachesUserInfo }) {
    const { tokens, provider } = await reachesUserInfo()
    assert.equal(tokens.claims.aud, provider.op.client.id)
  },

  /** It is refused before anything is sent that would make the RP known. */
  async 'oidcc-client-test-discovery-issuer-mismatch'({ start, refused }) {
    let calls
    const flow = {
      metadata(document, op) {
        calls = () => op.requests.map(({ called }) => called)
        document.issuer += 'INVALID'
      },
    }
    await refused(start(flow), 'metadata_issuer_mismatch', { detail: 'issuer' })
    assert.deepEqual(calls(), ['discovery'])
  },

  async 'oidcc-client-test-userinfo-signed'({ reachesUserInfo }) {
    const registered = { userinfo_signed_response_alg: 'RS256' }
    const { user, provider } = await reachesUserInfo({ registered })
    assert.deepEqual([user.iss, user.aud], [provider.issuer, provider.op.client.id])
  },
}
