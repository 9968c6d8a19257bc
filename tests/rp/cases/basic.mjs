// The Basic plan: response_type=code. The Form Post plan has the same modules.

import assert from 'node:assert/strict'

import { WHOLE } from '../rp.mjs'
import { namelessKeys } from '../provider/keys.mjs'

/** What is wrong with the id_token of the token response; the error names the claim. */
const idToken =
  (change, detail) =>
  ({ stopsBehind }) =>
    stopsBehind('token', { idToken: change }, ['id_token_invalid', detail])

const signedBy =
  (idTokenBy, detail) =>
  ({ stopsBehind }) =>
    stopsBehind('token', { idTokenBy }, ['id_token_invalid', detail])

export const basic = {
  async 'oidcc-client-test'({ reachesUserInfo }) {
    const { tokens, provider } = await reachesUserInfo()
    const { iss, aud, nonce } = tokens.claims
    assert.deepEqual([iss, aud], [provider.issuer, provider.op.client.id])
    assert.match(nonce, /^[\w-]{43}$/)
  },

  'oidcc-client-test-invalid-iss': idToken((claims) => void (claims.iss += '1'), 'iss'),
  'oidcc-client-test-missing-sub': idToken((claims) => void delete claims.sub, 'sub'),
  'oidcc-client-test-invalid-aud': idToken((claims) => void (claims.aud += '1'), 'aud'),
  'oidcc-client-test-missing-iat': idToken((claims) => void delete claims.iat, 'iat'),
  'oidcc-client-test-nonce-invalid': idToken((claims) => void (claims.nonce += '1'), 'nonce'),

  async 'oidcc-client-test-kid-absent-single-jwks'({ reachesUserInfo }) {
    const { tokens } = await reachesUserInfo({ keys: await namelessKeys(1) })
    assert.deepEqual(header(tokens.id_token), { alg: 'RS256' })
  },

  /** The suite lets an RP try them all. Which of them a token was signed by would be a guess. */
  async 'oidcc-client-test-kid-absent-multiple-jwks'({ stopsBehind }) {
    const flow = { keys: await namelessKeys(3) }
    await stopsBehind('token', flow, ['jwks_key_not_found', 'ambiguous'])
  },

  async 'oidcc-client-test-idtoken-sig-rs256'({ reachesUserInfo }) {
    const { tokens } = await reachesUserInfo({
      metadata: (document) => void (document.id_token_signing_alg_values_supported = ['RS256']),
    })
    assert.equal(header(tokens.id_token).alg, 'RS256')
  },

  /** The suite lets an RP take it. Nothing that is not signed is taken here. */
  'oidcc-client-test-idtoken-sig-none': signedBy({ alg: 'none' }, 'alg'),

  /** The suite lets an RP of the code flow trust the connection instead. */
  'oidcc-client-test-invalid-sig-rs256': signedBy({ broken: true }, 'signature'),

  async 'oidcc-client-test-userinfo-invalid-sub'({ stopsBehind }) {
    const flow = { userInfo: (user) => void (user.sub += 'invalid') }
    await stopsBehind('userinfo', flow, ['userinfo_invalid', 'sub'])
  },

  async 'oidcc-client-test-scope-userinfo-claims'({ reachesUserInfo }) {
    const scope = 'openid profile email phone address'
    const { user, provider } = await reachesUserInfo(
      { asked: (parameters, must) => must(parameters.get('scope') === scope, 'scope') },
      { options: { scope } },
    )
    assert.deepEqual(JSON.parse(JSON.stringify(user)), provider.user)
  },

  'oidcc-client-test-client-secret-basic': {
    variants: ['client_secret_basic'],
    async run({ reachesUserInfo }) {
      const { provider } = await reachesUserInfo()
      const { headers, form } = provider.requests[WHOLE.indexOf('token')]
      const [id, secret] = atob(headers.authorization.slice('Basic '.length)).split(':')
      assert.ok(/^[\w.*+%-]+$/.test(id) && /^[\w.*+%-]+$/.test(secret), `${id}:${secret}`)
      assert.deepEqual([form.has('client_secret'), form.has('client_id')], [false, false])
    },
  },
}

const header = (jwt) => JSON.parse(Buffer.from(jwt.split('.')[0], 'base64url'))
