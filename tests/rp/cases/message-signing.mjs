// The FAPI 2.0 Message Signing plan: the request is signed (JAR), and so is its answer (JARM).

import assert from 'node:assert/strict'

import { reaches, stops } from '../fapi.mjs'

const MODULE = 'fapi2-security-profile-final-client-test-'
const SIGNS = { signs: true }

const claims = (signedAnswer, detail) =>
  stops('authorize', { signedAnswer }, ['jarm_invalid', detail], SIGNS)
const signedBy = (signedAnswerBy, detail) =>
  stops('authorize', { signedAnswerBy }, ['jarm_invalid', detail], SIGNS)

export const messageSigning = {
  async [`${MODULE}happy-path`](rp) {
    for (const alg of ['PS256', 'ES256', 'EdDSA']) {
      const { provider } = await reaches({}, { alg, signs: true })(rp)
      const pushed = provider.requests.find(({ called }) => called === 'par')
      assert.ok(!pushed.form.has('redirect_uri') && pushed.form.has('request'))
    }
  },

  [`${MODULE}ensure-jarm-without-iss-fails`]: claims((answer) => void delete answer.iss, 'iss'),
  [`${MODULE}ensure-jarm-with-invalid-iss-fails`]: claims(
    (answer) => void (answer.iss += '1'),
    'iss',
  ),
  [`${MODULE}ensure-jarm-without-aud-fails`]: claims((answer) => void delete answer.aud, 'aud'),
  [`${MODULE}ensure-jarm-with-invalid-aud-fails`]: claims(
    (answer) => void (answer.aud += '1'),
    'aud',
  ),
  [`${MODULE}ensure-jarm-without-exp-fails`]: claims((answer) => void delete answer.exp, 'exp'),
  [`${MODULE}ensure-jarm-with-expired-exp-fails`]: claims(
    (answer) => void (answer.exp = Math.floor(Date.now() / 1000) - 6 * 60),
    'exp',
  ),
  [`${MODULE}ensure-jarm-with-invalid-sig-fails`]: signedBy({ broken: true }, 'signature'),
  [`${MODULE}ensure-jarm-signature-is-not-none`]: signedBy({ alg: 'none' }, 'alg'),
}
