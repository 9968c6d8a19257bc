// What the FAPI 2.0 plans have in common: requests are pushed, tokens are bound to a key (DPoP), and
// every key of the server has a decoy of its name.

import { decoyKeys } from './provider/keys.mjs'
import { accepted, ownKey } from './rp.mjs'

export const FAPI_WHOLE = ['discovery', 'jwks', 'par', 'authorize', 'token', 'userinfo']

/** A flow of the profile, and the options of an RP for it. */
export async function fapi(flow, { alg = 'PS256', options, signs = false } = {}) {
  const { jwk, jwks } = await ownKey(alg)
  const client = { auth: 'private_key_jwt', jwks, assertionAlgs: accepted(alg), kid: jwk.kid }
  const message = signs && { signedRequests: true, responseMode: 'jwt' }
  return [
    { fapi: true, dpop: true, alg, keys: await decoyKeys(alg), client, ...message, ...flow },
    {
      privateKey: jwk,
      dpop: true,
      idTokenAlgorithms: ['PS256', 'ES256', 'EdDSA'],
      ...(signs && { requestObjectKey: jwk, responseMode: 'jwt' }),
      ...options,
    },
  ]
}

/** Passes when user info was fetched. */
export const reaches = (flow, setting) => async (rp) => {
  const [whole, options] = await fapi(flow, setting)
  return rp.reachesUserInfo(whole, { options, calls: FAPI_WHOLE })
}

/** Passes when there is no call behind the poisoned one. */
export const stops = (last, flow, reason, setting) => async (rp) => {
  const [whole, options] = await fapi(flow, setting)
  return rp.stopsBehind(last, whole, reason, { options, whole: FAPI_WHOLE })
}
