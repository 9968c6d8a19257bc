// The other endpoints.

import { Fault, presentedToken } from './checks.mjs'
import { proven } from './dpop.mjs'
import { changed, signed } from './tokens.mjs'

/** OpenID Connect Core 1.0, section 5.4. */
const CLAIMS = {
  profile: ['name', 'given_name', 'family_name', 'preferred_username', 'birthdate', 'zoneinfo'],
  email: ['email', 'email_verified'],
  phone: ['phone_number', 'phone_number_verified'],
  address: ['address'],
}

export const discovery = (op) => ({ json: metadata(op) })

/** As the suite has it: response types in an unusual order, and much that is not for this client. */
export function metadata(op) {
  const { flow, url } = op
  return changed(
    flow.metadata,
    {
      issuer: op.issuer,
      authorization_endpoint: url('authorize'),
      token_endpoint: url('token'),
      jwks_uri: url(op.jwksName),
      userinfo_endpoint: url('userinfo'),
      registration_endpoint: url('register'),
      end_session_endpoint: url('end_session'),
      scopes_supported: ['openid', 'phone', 'profile', 'email', 'address', 'offline_access'],
      response_types_supported: ['code', 'id_token code', 'token code id_token', 'id_token'],
      response_modes_supported: ['query', 'fragment', 'form_post', 'jwt'],
      grant_types_supported: ['authorization_code', 'implicit', 'refresh_token'],
      acr_values_supported: ['PASSWORD'],
      subject_types_supported: ['public', 'pairwise'],
      claim_types_supported: ['normal', 'aggregated', 'distributed'],
      claims_parameter_supported: true,
      id_token_signing_alg_values_supported: ['none', 'RS256', 'PS256', 'ES256', 'ES256K', 'EdDSA'],
      token_endpoint_auth_methods_supported: [
        'client_secret_basic',
        'client_secret_post',
        'client_secret_jwt',
        'private_key_jwt',
      ],
      ...(flow.fapi && {
        authorization_response_iss_parameter_supported: true,
        code_challenge_methods_supported: ['S256'],
        pushed_authorization_request_endpoint: url('par'),
        require_pushed_authorization_requests: true,
        token_endpoint_auth_methods_supported: ['private_key_jwt'],
        token_endpoint_auth_signing_alg_values_supported: ['PS256', 'ES256', 'EdDSA'],
        dpop_signing_alg_values_supported: ['PS256', 'ES256', 'EdDSA'],
        request_object_signing_alg_values_supported: ['PS256', 'ES256', 'EdDSA'],
        authorization_signing_alg_values_supported: ['PS256', 'ES256', 'EdDSA'],
      }),
    },
    op,
  )
}

export const jwks = (op) => ({ json: op.keys.document })

export async function userinfo(op, request) {
  const token = presentedToken(op, request)
  const known = op.accessTokens.get(token)
  if (!known) throw new Fault('an unknown access token', { status: 401, error: 'invalid_token' })
  if (known.jkt && (await proven(op, request, { at: 'resource', token })) !== known.jkt) {
    throw new Fault('the token is bound to another key', { status: 401, error: 'invalid_token' })
  }
  if (op.flow.refuses?.(known, op)) {
    const scheme = known.jkt ? 'DPoP' : 'Bearer'
    const headers = { 'www-authenticate': `${scheme} error="invalid_token"` }
    return { status: 401, headers, json: { error: 'invalid_token' } }
  }
  const wanted = known.scope.split(' ').flatMap((scope) => CLAIMS[scope] ?? [])
  const entries = ['sub', ...wanted].map((name) => [name, op.user[name]])
  const user = changed(op.flow.userInfo, Object.fromEntries(entries), op)
  if (!op.client.userInfoAlg) return { json: user }
  const claims = { ...user, iss: op.issuer, aud: op.client.id }
  const jwt = signed(op, claims, { alg: op.client.userInfoAlg })
  return { text: jwt, headers: { 'content-type': 'application/jwt;charset=UTF-8' } }
}

/** RFC 7009: whatever is given back is taken. */
export const revoke = () => ({ text: '' })
