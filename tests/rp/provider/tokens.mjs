// The token endpoint, and what is signed.

import crypto from 'node:crypto'

import { breakSignature, signJwt } from '../../support/provider/keys.mjs'
import { Fault, codeVerifier } from './checks.mjs'
import { authenticate } from './clients.mjs'
import { proven } from './dpop.mjs'

/** Seconds. */
const LIFE = 300

/** A copy of a value, as the flow changes it: in place, or by an answer of its own. */
export function changed(change, value, ...context) {
  const copy = structuredClone(value)
  return change?.(copy, ...context) ?? copy
}

/** Something new and random. */
export const issued = (op, what) => `${what}-${crypto.randomBytes(24).toString('base64url')}`

/**
 * A JWT of this provider. `by` says how it is signed: `alg`, `kid` (false: without), `broken` (every byte
 * of the signature is another), `secret` (the client's, for HS256).
 */
export function signed({ keys, client, flow }, claims, by = {}) {
  const alg = by.alg ?? flow.alg ?? 'RS256'
  const jwk = alg === 'none' || alg === 'HS256' ? undefined : keys.signer(alg)
  const header = { alg, ...(jwk?.kid && { kid: jwk.kid }), ...(by.typ && { typ: by.typ }) }
  const jwt = signJwt(claims, { alg, header, jwk, secret: client.secret })
  return by.broken ? breakSignature(jwt) : jwt
}

export async function token(op, request) {
  const { form } = request
  await authenticate(op, request)
  const jkt = op.flow.dpop ? await proven(op, request, { at: 'server' }) : undefined
  switch (form.get('grant_type')) {
    case 'authorization_code':
      return { json: await ofCode(op, form, jkt) }
    case 'refresh_token':
      return { json: await ofRefreshToken(op, form, jkt) }
    default:
      throw new Fault(`grant_type: ${form.get('grant_type')}`, { error: 'unsupported_grant_type' })
  }
}

const refuse = (why) => {
  throw new Fault(why, { error: 'invalid_grant' })
}

function ofCode(op, form, jkt) {
  const known = op.codes.get(form.get('code'))
  if (!known || known.used) refuse('code')
  known.used = true
  const { asked } = known
  if (form.get('redirect_uri') !== asked.get('redirect_uri')) refuse('redirect_uri')
  if (known.jkt && known.jkt !== jkt) refuse('the code is bound to another key')
  codeVerifier(op, form.get('code_verifier'), asked.get('code_challenge'))
  return answered(op, 'authorization_code', { jkt, asked, scope: asked.get('scope') })
}

/** RFC 6749, section 6: the scope may shrink; the refresh token is replaced. */
function ofRefreshToken(op, form, jkt) {
  const granted = op.refreshTokens.get(form.get('refresh_token'))
  if (!granted || granted.jkt !== jkt) refuse('refresh_token')
  op.refreshTokens.delete(form.get('refresh_token'))
  const scope = form.get('scope') ?? granted.scope
  if (!scope.split(' ').every((one) => granted.scope.split(' ').includes(one))) {
    throw new Fault('more scope than was granted', { error: 'invalid_scope' })
  }
  return answered(op, 'refresh_token', { ...granted, scope })
}

async function answered(op, grant, { jkt, asked, scope }) {
  const { flow } = op
  const accessToken = issued(op, 'access')
  op.accessTokens.set(accessToken, { jkt, scope, grant })
  const answer = {
    access_token: accessToken,
    token_type: flow.dpop ? 'DPoP' : 'Bearer',
    expires_in: LIFE,
    scope,
  }
  if (scope.split(' ').includes('offline_access')) {
    answer.refresh_token = issued(op, 'refresh')
    op.refreshTokens.set(answer.refresh_token, { jkt, asked, scope })
  }
  if (flow.rotate === 'signing') await op.rotate()
  answer.id_token = idToken(op, grant, accessToken, asked)
  return changed(flow.tokens, answer, grant)
}

function idToken(op, grant, accessToken, asked) {
  const now = Math.floor(Date.now() / 1000)
  const claims = {
    iss: op.issuer,
    sub: op.user.sub,
    aud: op.client.id,
    nonce: asked.get('nonce') ?? undefined,
    iat: now,
    exp: now + LIFE,
    at_hash: halfHash(op, accessToken),
    sid: op.sid,
  }
  const raw = signed(op, changed(op.flow.idToken, claims, grant), op.flow.idTokenBy)
  op.idTokens.add(raw)
  return raw
}

/** OpenID Connect Core 1.0, section 3.1.3.6: by the hash of the signature; that of Ed25519 is SHA-512. */
function halfHash({ flow }, text) {
  const hash = flow.alg === 'EdDSA' ? 'sha512' : 'sha256'
  const digest = crypto.createHash(hash).update(text).digest()
  return digest.subarray(0, digest.length / 2).toString('base64url')
}
