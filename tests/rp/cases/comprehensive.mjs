// The comprehensive plan: modules of the code flow that no certification profile has.

import assert from 'node:assert/strict'

import { signJwt } from '../../support/provider/keys.mjs'
import { WHOLE } from '../rp.mjs'

const broken =
  (alg, detail) =>
  ({ stopsBehind }) =>
    stopsBehind('token', { idTokenBy: { alg, broken: true } }, ['id_token_invalid', detail])

export const comprehensive = {
  async 'oidcc-client-test-missing-aud'({ stopsBehind }) {
    const flow = { idToken: (claims) => void delete claims.aud }
    await stopsBehind('token', flow, ['id_token_invalid', 'aud'])
  },

  /** A secret that signs could be guessed from the token: no such signature is taken, good or bad. */
  'oidcc-client-test-invalid-sig-hs256': {
    variants: ['client_secret_basic'],
    async run(rp) {
      await broken('HS256', 'alg')(rp)
      const flow = { idTokenBy: { alg: 'HS256' } }
      await rp.stopsBehind('token', flow, ['id_token_invalid', 'alg'])
    },
  },

  'oidcc-client-test-invalid-sig-es256': broken('ES256', 'signature'),

  async 'oidcc-client-test-userinfo-bearer-header'({ reachesUserInfo }) {
    const { provider, tokens } = await reachesUserInfo()
    const { method, headers, query, body } = provider.requests[WHOLE.indexOf('userinfo')]
    assert.equal(headers.authorization, `Bearer ${tokens.access_token}`)
    assert.deepEqual([method, query.size, body], ['GET', 0, ''])
  },

  /** They are told as they came: whose signature it is that stands in there, is the caller's to say. */
  async 'oidcc-client-test-aggregated-claims'({ reachesUserInfo }) {
    const jwt = signJwt({ eye_color: 'blue' }, { alg: 'none', header: { alg: 'none' } })
    const more = {
      _claim_names: { eye_color: 'src1' },
      _claim_sources: { src1: { JWT: jwt } },
    }
    const { user } = await reachesUserInfo({ userInfo: (user) => ({ ...user, ...more }) })
    assert.equal(user._claim_names.eye_color, 'src1')
    assert.equal(user._claim_sources.src1.JWT, jwt)
    assert.equal(user.eye_color, undefined)
  },

  /** The suite wants the endpoint called. An address and a token out of an answer are not followed here. */
  async 'oidcc-client-test-distributed-claims'({ reachesUserInfo }) {
    const more = {
      _claim_names: { age: 'src1' },
      _claim_sources: { src1: { endpoint: '', access_token: 'of the source' } },
    }
    const { user, provider } = await reachesUserInfo({
      userInfo(user, { url }) {
        more._claim_sources.src1.endpoint = url('claims')
        return { ...user, ...more }
      },
    })
    assert.deepEqual(provider.calls(), WHOLE)
    const { src1 } = user._claim_sources
    assert.deepEqual({ ...src1 }, { ...more._claim_sources.src1 })
    assert.equal(user.age, undefined)
  },
}
