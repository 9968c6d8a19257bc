// RFC 9449 as the suite checks it: a proof of its own for each request, the newest nonce in it, and the
// same key from the pushed request to the resource.

import { EmbeddedJWK, calculateJwkThumbprint, jwtVerify } from 'jose'

import { Fault, sha256 } from './checks.mjs'

/** Seconds that a proof is good for, where no nonce says that it is new. */
const OLDEST = 300
/** Seconds by which the clocks of two processes of one machine may differ. */
const AHEAD = 10

/**
 * The thumbprint of the key that the request proves. `at` is 'server' or 'resource': each has a nonce of
 * its own. Without the nonce the request is refused, and told it.
 */
export async function proven(op, { method, headers, name }, { at, token } = {}) {
  const proof = headers.dpop
  if (!proof) throw new Fault('no proof', { error: 'invalid_dpop_proof' })
  const wrong = (why) => {
    throw new Fault(`proof: ${why}`, { error: 'invalid_dpop_proof' })
  }
  const { payload, protectedHeader } = await jwtVerify(proof, EmbeddedJWK, {
    typ: 'dpop+jwt',
    algorithms: ['ES256', 'PS256', 'EdDSA', 'Ed25519'],
    requiredClaims: ['jti', 'iat', 'htm', 'htu'],
  }).catch((error) => wrong(error.message))
  const { jwk } = protectedHeader
  if (['d', 'p', 'q', 'k'].some((name) => name in jwk)) wrong('a private key')
  if (payload.htm !== method) wrong('htm')
  if (payload.htu !== op.url(name)) wrong(`htu: ${payload.htu}`)
  const now = Date.now() / 1000
  if (payload.iat > now + AHEAD || payload.iat < now - OLDEST) wrong('iat')
  if (payload.nbf > now + AHEAD) wrong('nbf')
  if (payload.ath !== (token && sha256(token))) wrong('ath')
  op.once(`proof ${payload.jti}`)
  if (op.flow.dpopNonce !== false && payload.nonce !== op.nonces[at]) {
    throw new NonceWanted(op, at)
  }
  return calculateJwkThumbprint(jwk)
}

/** No fault: the answer says which nonce to use (sections 8 and 9). */
class NonceWanted extends Fault {
  expected = true

  constructor(op, at) {
    const scheme = op.flow.dpopScheme ?? 'DPoP'
    super('use the nonce', {
      error: 'use_dpop_nonce',
      status: at === 'resource' ? 401 : 400,
      headers: {
        'dpop-nonce': op.nonces[at],
        ...(at === 'resource' && {
          'www-authenticate': `${scheme} error="use_dpop_nonce", error_description="a nonce"`,
        }),
      },
    })
  }
}
