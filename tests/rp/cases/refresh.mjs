// The Refresh Token plan, for an RP that is a server: what the renewed id_token says is its own to check,
// by `validateIdToken`. (A page's session does it by itself: cases/session.mjs.)

import assert from 'node:assert/strict'

import { WHOLE } from '../rp.mjs'

const OFFLINE = { scope: 'openid offline_access' }
const ANEW = [...WHOLE.slice(0, 4), 'token', 'userinfo']

const inRefresh = (change) => ({
  idToken(claims, grant) {
    if (grant === 'refresh_token') change(claims)
  },
})

/** Renews the tokens and proves what came. */
async function renewed({ client }, { request, tokens }) {
  const anew = await client.refreshToken({ refreshToken: tokens.refresh_token })
  const expected = { nonce: request.nonce, accessToken: anew.access_token }
  return { anew, claims: await client.validateIdToken(anew.id_token, expected) }
}

export const refresh = {
  async 'oidcc-client-test-refresh-token'({ start, signIn }) {
    const parts = await start({}, OFFLINE)
    const first = await signIn(parts)
    const { anew, claims } = await renewed(parts, first)
    assert.equal(claims.sub, first.tokens.claims.sub)
    assert.notEqual(anew.refresh_token, first.tokens.refresh_token)
    await parts.client.userInfo(anew.access_token, claims.sub)
    const { provider } = parts
    assert.deepEqual(provider.calls(), ANEW)
    assert.equal(provider.requests.at(-1).headers.authorization, `Bearer ${anew.access_token}`)
  },

  async 'oidcc-client-test-refresh-token-invalid-issuer'({ start, signIn, refused }) {
    const parts = await start(
      inRefresh((claims) => void (claims.iss += '1')),
      OFFLINE,
    )
    const first = await signIn(parts)
    await refused(renewed(parts, first), 'id_token_invalid', { detail: 'iss' })
    assert.deepEqual(parts.provider.calls(), ANEW.slice(0, -1))
  },
}
