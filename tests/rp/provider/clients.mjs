// How a client shows who it is: by the method that it is registered with, and by no other beside it.

import { createLocalJWKSet, decodeProtectedHeader, jwtVerify } from 'jose'

import { Fault } from './checks.mjs'

const ASSERTION = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer'
/** Seconds that an assertion may live. */
const LONGEST = 600

/** Whether the request is that client's. */
export async function authenticate(op, { headers, form }) {
  const { client } = op
  const methods = [
    headers.authorization !== undefined && 'client_secret_basic',
    form.has('client_secret') && 'client_secret_post',
    (form.has('client_assertion') || form.has('client_assertion_type')) && 'assertion',
  ].filter(Boolean)
  const wanted = METHODS[client.auth]
  if (methods.join() !== wanted.shown) refuse(`${client.auth} is registered, not ${methods}`)
  if (form.has('client_id') && form.get('client_id') !== client.id) refuse('client_id')
  await wanted.check(op, { headers, form })
}

const named = ({ client }, { form }) => {
  if (form.get('client_id') !== client.id) refuse('client_id')
}

const METHODS = {
  none: { shown: '', check: named },
  tls_client_auth: { shown: '', check: named },
  self_signed_tls_client_auth: { shown: '', check: named },
  client_secret_basic: { shown: 'client_secret_basic', check: basic },
  client_secret_post: { shown: 'client_secret_post', check: post },
  client_secret_jwt: {
    shown: 'assertion',
    check: (op, request) => assertion(op, request, new TextEncoder().encode(op.client.secret)),
  },
  private_key_jwt: {
    shown: 'assertion',
    check: (op, request) => assertion(op, request, createLocalJWKSet(op.client.jwks)),
  },
}

/** Both halves are form-encoded (RFC 6749, section 2.3.1), so that one colon is left. */
function basic({ client }, { headers }) {
  const [scheme, value] = headers.authorization.split(' ')
  const halves = Buffer.from(value, 'base64').toString('utf8').split(':')
  if (scheme !== 'Basic' || halves.length !== 2) refuse('not two halves')
  const [id, secret] = halves.map((half) => decodeURIComponent(half.replaceAll('+', ' ')))
  if (id !== client.id || secret !== client.secret) refuse('the secret')
}

function post(op, { form }) {
  named(op, { form })
  if (form.get('client_secret') !== op.client.secret) refuse('the secret')
}

/** RFC 7523, section 3. */
async function assertion(op, { form }, key) {
  const { client, issuer } = op
  if (form.get('client_assertion_type') !== ASSERTION) refuse('client_assertion_type')
  const raw = form.get('client_assertion')
  const { payload } = await jwtVerify(raw, key, {
    algorithms: client.assertionAlgs,
    issuer: client.id,
    subject: client.id,
    requiredClaims: ['exp', 'jti', 'iat'],
  }).catch((error) => refuse(error.message))
  const accepted = [issuer, ...(op.flow.fapi ? [] : [op.url('token')])]
  if (!accepted.includes(payload.aud)) refuse(`aud: ${payload.aud}`)
  if (payload.exp > Date.now() / 1000 + LONGEST) refuse('exp: too far')
  op.once(`assertion ${payload.jti}`)
  if (client.kid && decodeProtectedHeader(raw).kid !== client.kid) refuse('kid')
}

function refuse(why) {
  throw new Fault(`client authentication: ${why}`, { status: 401, error: 'invalid_client' })
}
