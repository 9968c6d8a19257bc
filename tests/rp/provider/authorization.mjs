// The authorization endpoint, which answers at once: everybody is signed in and agrees. And the pushed
// request before it (RFC 9126), plain or signed (RFC 9101).

import { createLocalJWKSet, jwtVerify } from 'jose'

import { Fault, authorizationRequest, once } from './checks.mjs'
import { authenticate } from './clients.mjs'
import { proven } from './dpop.mjs'
import { changed, issued, signed } from './tokens.mjs'

/** Seconds that a signed answer is good for. */
const SIGNED_LIFE = 600

export async function authorize(op, { query }) {
  const { flow } = op
  const { asked, jkt } = flow.fapi ? taken(op, query) : { asked: query }
  if (!flow.fapi) authorizationRequest(op, asked)
  if (flow.rotate === 'second authorization' && op.codes.size > 0) await op.rotate()

  const code = issued(op, 'code')
  op.codes.set(code, { asked, jkt })
  const answer = changed(flow.answer, {
    code,
    state: asked.get('state'),
    ...(flow.fapi && { iss: op.issuer }),
  })
  const place = asked.get('redirect_uri')
  switch (asked.get('response_mode')) {
    case 'form_post':
      return { html: form(place, answer) }
    case 'jwt':
      return redirect(place, { response: signedAnswer(op, answer) })
    default:
      return redirect(place, answer)
  }
}

/** The page that posts itself (OAuth 2.0 Form Post Response Mode). */
function form(action, fields) {
  const escaped = (text) => text.replace(/[&<>"]/g, (letter) => `&#${letter.codePointAt(0)};`)
  const inputs = Object.entries(fields).map(
    ([name, value]) => `<input type="hidden" name="${escaped(name)}" value="${escaped(value)}"/>`,
  )
  return `<html><body onload="document.forms[0].submit()">
    <form method="post" action="${escaped(action)}">${inputs.join('')}</form></body></html>`
}

export function redirect(place, fields) {
  const url = new URL(place)
  for (const [name, value] of Object.entries(fields)) url.searchParams.set(name, value)
  return { status: 303, headers: { location: url.href } }
}

/** JARM, section 2.1. */
function signedAnswer(op, { iss, ...answer }) {
  const claims = { iss, aud: op.client.id, exp: seconds() + SIGNED_LIFE, ...answer }
  return signed(op, changed(op.flow.signedAnswer, claims), op.flow.signedAnswerBy)
}

const seconds = () => Math.floor(Date.now() / 1000)

export async function push(op, request) {
  const { flow, pushed } = op
  await authenticate(op, request)
  const proof = flow.dpop && request.headers.dpop
  const jkt = proof ? await proven(op, request, { at: 'server' }) : undefined
  if (request.form.has('request_uri')) throw new Fault('request_uri is pushed')
  const asked = flow.signedRequests ? await opened(op, request.form) : request.form
  authorizationRequest(op, asked)
  const named = asked.get('dpop_jkt') ?? undefined
  if (jkt && named && jkt !== named) throw new Fault('dpop_jkt')
  const requestUri = `urn:ietf:params:oauth:request_uri:${issued(op, 'request')}`
  pushed.set(requestUri, { asked, jkt: jkt ?? named })
  return { status: 201, json: { request_uri: requestUri, expires_in: 600 } }
}

/** The reference of section 4, which is good once and stands alone. */
function taken(op, query) {
  once(op, query, 'authorization request')
  const names = [...query.keys()].sort().join()
  if (names !== 'client_id,request_uri') throw new Fault(`authorization request: ${names}`)
  const request = op.pushed.get(query.get('request_uri'))
  if (!request || query.get('client_id') !== op.client.id) throw new Fault('request_uri')
  op.pushed.delete(query.get('request_uri'))
  return request
}

/** The parameters in a request object (RFC 9101, section 4). */
async function opened({ client, issuer, fault }, form) {
  if (form.has('redirect_uri') || form.has('state')) throw new Fault('parameters beside the object')
  const { payload, protectedHeader } = await jwtVerify(
    form.get('request') ?? '',
    createLocalJWKSet(client.jwks),
    {
      algorithms: client.assertionAlgs,
      issuer: client.id,
      audience: issuer,
      requiredClaims: ['exp', 'nbf'],
    },
  ).catch((error) => {
    throw new Fault(`request object: ${error.message}`, { error: 'invalid_request_object' })
  })
  if (protectedHeader.typ !== 'oauth-authz-req+jwt') fault('request object: typ')
  for (const name of ['request', 'request_uri', 'sub']) {
    if (name in payload) fault(`request object: ${name}`)
  }
  const { iss, aud, exp, nbf, iat, jti, ...parameters } = payload
  const texts = Object.entries(parameters).map(([name, value]) => [
    name,
    typeof value === 'object' ? JSON.stringify(value) : `${value}`,
  ])
  return new URLSearchParams(texts)
}
