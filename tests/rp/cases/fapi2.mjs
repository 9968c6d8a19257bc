// The FAPI 2.0 Security Profile plan: private_key_jwt, DPoP, pushed requests, OpenID Connect.

import assert from 'node:assert/strict'

import { FAPI_WHOLE, fapi, reaches, stops } from '../fapi.mjs'

const MODULE = 'fapi2-security-profile-final-client-test-'

const idToken = (change, detail) =>
  stops('token', { idToken: change }, ['id_token_invalid', detail])
const answer = (change, reason) => stops('authorize', { answer: change }, reason)

export const fapi2 = {
  async [`${MODULE}happy-path`](rp) {
    for (const alg of ['PS256', 'ES256', 'EdDSA']) {
      const { tokens, provider } = await reaches({}, { alg })(rp)
      assert.equal(tokens.token_type, 'DPoP')
      // What was told once is known: no endpoint has to ask twice.
      const challenges = provider.challenges()
      assert.ok(challenges.length > 0 && new Set(challenges).size === challenges.length)
    }
  },

  async [`${MODULE}happy-path-no-dpop-nonce`](rp) {
    const { provider } = await reaches({ dpopNonce: false })(rp)
    assert.deepEqual(provider.challenges(), [])
  },

  [`${MODULE}discovery-issuer-mismatch`]: stops(
    'discovery',
    { metadata: (document) => void (document.issuer += 'INVALID') },
    ['metadata_issuer_mismatch', 'issuer'],
  ),

  [`${MODULE}invalid-iss`]: idToken((claims) => void (claims.iss += '1'), 'iss'),
  [`${MODULE}invalid-aud`]: idToken((claims) => void (claims.aud += '1'), 'aud'),
  [`${MODULE}invalid-secondary-aud`]: idToken(
    (claims) => void (claims.aud = [claims.aud, `${claims.aud}1`]),
    'aud',
  ),
  [`${MODULE}invalid-null-alg`]: stops('token', { idTokenBy: { alg: 'none' } }, [
    'id_token_invalid',
    'alg',
  ]),
  [`${MODULE}invalid-alternate-alg`]: stops('token', { idTokenBy: { alg: 'RS256' } }, [
    'id_token_invalid',
    'alg',
  ]),
  [`${MODULE}invalid-expired-exp`]: idToken(
    (claims) => void (claims.exp = Math.floor(Date.now() / 1000) - 6 * 60),
    'exp',
  ),
  [`${MODULE}invalid-missing-exp`]: idToken((claims) => void delete claims.exp, 'exp'),
  [`${MODULE}invalid-missing-aud`]: idToken((claims) => void delete claims.aud, 'aud'),
  [`${MODULE}invalid-missing-iss`]: idToken((claims) => void delete claims.iss, 'iss'),
  [`${MODULE}invalid-nonce`]: idToken((claims) => void (claims.nonce += '1'), 'nonce'),
  [`${MODULE}invalid-missing-nonce`]: idToken((claims) => void delete claims.nonce, 'nonce'),

  async [`${MODULE}valid-aud-as-array`](rp) {
    const { tokens, provider } = await reaches({
      idToken: (claims) => void (claims.aud = [claims.aud]),
    })(rp)
    assert.deepEqual([...tokens.claims.aud], [provider.op.client.id])
  },

  [`${MODULE}invalid-authorization-response-iss`]: answer(
    (response) => void (response.iss += '1'),
    ['issuer_mismatch'],
  ),
  [`${MODULE}remove-authorization-response-iss`]: answer(
    (response) => void delete response.iss,
    ['issuer_missing'],
  ),
  [`${MODULE}ensure-authorization-response-with-invalid-state-fails`]: answer(
    (response) => void (response.state += '1'),
    ['state_unknown', 'unknown'],
  ),
  [`${MODULE}ensure-authorization-response-with-invalid-missing-state-fails`]: answer(
    (response) => void delete response.state,
    ['state_missing'],
  ),

  async [`${MODULE}token-endpoint-response-without-expires_in`](rp) {
    const { tokens } = await reaches({ tokens: (response) => void delete response.expires_in })(rp)
    assert.deepEqual([tokens.expires_in, tokens.expiresAt], [undefined, undefined])
  },

  async [`${MODULE}token-type-case-insensitivity`](rp) {
    const { tokens } = await reaches({
      tokens: (response) => void (response.token_type = swapped(response.token_type)),
    })(rp)
    assert.equal(tokens.token_type, 'dpOp')
  },

  async [`${MODULE}rs-dpop-auth-scheme-case-insensitivity`](rp) {
    const { provider } = await reaches({ dpopScheme: 'dPoP' })(rp)
    assert.ok(provider.challenges().includes('userinfo'))
  },

  /** The resource refuses every token until two renewals were made, each by the newest refresh token. */
  async 'fapi2-security-profile-final-client-refresh-token-test'(rp) {
    let renewals = 0
    const [flow, options] = await fapi(
      {
        tokens: (_, grant) => void (renewals += grant === 'refresh_token'),
        refuses: () => renewals < 2,
      },
      { options: { scope: 'openid offline_access' } },
    )
    const parts = await rp.start(flow, options)
    const { client, provider } = parts
    let { tokens } = await rp.signIn(parts)
    const { sub } = tokens.claims
    for (let round = 0; round < 2; round++) {
      await rp.refused(client.userInfo(tokens.access_token, sub), 'response_status', {
        status: 401,
      })
      tokens = await client.refreshToken({ refreshToken: tokens.refresh_token })
    }
    assert.equal((await client.userInfo(tokens.access_token, sub)).sub, sub)
    const again = ['token', 'userinfo']
    assert.deepEqual(provider.calls(), [...FAPI_WHOLE, ...again, ...again])
  },
}

const swapped = (text) =>
  text.replace(/./g, (letter) =>
    letter === letter.toUpperCase() ? letter.toLowerCase() : letter.toUpperCase(),
  )
