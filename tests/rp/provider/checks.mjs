// What the suite checks of an RP in every module. A fault is kept and fails the test; what it also
// answers with an error, it throws.

import crypto from 'node:crypto'

const URL_SAFE = /^[A-Za-z0-9\-_.~]+$/
/** Bits of a code verifier, at the least. */
const ENTROPY = 180

/** The RP did what it must not do, and is told so. */
export class Fault extends Error {
  constructor(message, { status = 400, error = 'invalid_request', headers } = {}) {
    super(message)
    Object.assign(this, { status, error, headers })
  }
}

/** Each parameter stands once. */
export function once(op, parameters, where) {
  const names = [...parameters.keys()]
  const twice = names.find((name, i) => names.indexOf(name) !== i)
  if (twice) op.fault(`${where}: ${twice} stands twice`)
}

/** An authorization request, by whichever way its parameters came. */
export function authorizationRequest(op, asked) {
  const { client, flow } = op
  const get = (name) => asked.get(name)
  const must = (met, message) => {
    if (!met) throw new Fault(`authorization request: ${message}`)
  }
  once(op, asked, 'authorization request')
  must(get('response_type') === 'code', 'response_type')
  must(get('client_id') === client.id, 'client_id')
  must(client.redirectUris.includes(get('redirect_uri')), 'redirect_uri')
  const scopes = get('scope')?.split(' ') ?? []
  must(scopes.includes('openid'), 'openid is not in scope')
  must((get('response_mode') ?? 'query') === (flow.responseMode ?? 'query'), 'response_mode')
  must(get('code_challenge_method') === 'S256', 'code_challenge_method')
  must(/^[\w-]{43}$/.test(get('code_challenge')), 'code_challenge')

  const nonce = get('nonce')
  if (!nonce || nonce.length > 43 || !URL_SAFE.test(nonce)) op.fault(`nonce: ${nonce}`)
  const state = get('state')
  if (!state || state.length > 128 || !URL_SAFE.test(state)) op.fault(`state: ${state}`)
  if (!flow.silent && get('prompt') === 'none' && get('max_age') === '0') {
    op.fault('prompt=none with max_age=0')
  }
  flow.asked?.(asked, must)
}

/** The verifier of RFC 7636, sections 4.6 and 7.1; each is used once. */
export function codeVerifier(op, verifier, challenge) {
  if (!verifier || sha256(verifier) !== challenge) {
    throw new Fault('code_verifier', { error: 'invalid_grant' })
  }
  if (verifier.length < 43 || entropy(verifier) < ENTROPY) op.fault('code_verifier: too weak')
  if (op.verifiers.has(verifier)) op.fault('code_verifier: used before')
  op.verifiers.add(verifier)
}

export const sha256 = (text) => crypto.createHash('sha256').update(text).digest('base64url')

/** Shannon's, in bits. */
function entropy(text) {
  const counts = new Map()
  for (const letter of text) counts.set(letter, (counts.get(letter) ?? 0) + 1)
  const each = [...counts.values()].map((n) => n * Math.log2(text.length / n))
  return each.reduce((sum, bits) => sum + bits, 0)
}

/** A token for a resource stands in the header and nowhere else (RFC 6750, section 2.1). */
export function presentedToken(op, { headers, query, form }) {
  if (query.has('access_token') || form.has('access_token')) {
    throw new Fault('the access token is in a parameter')
  }
  const [scheme, token, ...rest] = headers.authorization?.split(' ') ?? []
  const wanted = op.flow.dpop ? 'DPoP' : 'Bearer'
  if (scheme !== wanted || rest.length > 0) {
    throw new Fault(`authorization: ${scheme}`, { status: 401, error: 'invalid_token' })
  }
  return token
}
