// OpenID Connect Dynamic Client Registration 1.0. What is registered is the one client from then on.

import crypto from 'node:crypto'

import { Fault } from './checks.mjs'

const LISTS = ['redirect_uris', 'grant_types', 'response_types', 'contacts', 'request_uris']
const URLS = ['logo_uri', 'client_uri', 'policy_uri', 'tos_uri', 'jwks_uri', 'initiate_login_uri']

export function register(op, { method, headers, body }) {
  if (method !== 'POST' || !/^application\/json\b/.test(headers['content-type'])) {
    throw new Fault(`registration: ${method} ${headers['content-type']}`)
  }
  const metadata = JSON.parse(body)
  const invalid = (name) => {
    throw new Fault(`registration: ${name}`, { error: 'invalid_client_metadata' })
  }
  for (const name of LISTS) if (name in metadata && !Array.isArray(metadata[name])) invalid(name)
  for (const name of URLS) if (name in metadata && !URL.canParse(metadata[name])) invalid(name)
  if (!metadata.redirect_uris?.length) invalid('redirect_uris')
  if (metadata.jwks && metadata.jwks_uri) invalid('jwks')
  if (!['public', 'pairwise', undefined].includes(metadata.subject_type)) invalid('subject_type')

  const auth = metadata.token_endpoint_auth_method ?? 'client_secret_basic'
  if (auth === 'private_key_jwt' && !metadata.jwks?.keys?.length) invalid('jwks')
  const id = `client_${crypto.randomUUID()}:%+ `
  // Characters that have a meaning where a secret is sent are in it.
  const secret = auth.startsWith('client_secret') && `secret_:%+ ${crypto.randomUUID()}`
  op.client = {
    id,
    secret: secret || undefined,
    auth,
    jwks: metadata.jwks,
    assertionAlgs: [metadata.token_endpoint_auth_signing_alg ?? 'RS256'],
    userInfoAlg: metadata.userinfo_signed_response_alg,
    redirectUris: metadata.redirect_uris,
    postLogoutRedirectUris: metadata.post_logout_redirect_uris,
  }
  const json = {
    ...metadata,
    client_id: id,
    client_id_issued_at: Math.floor(Date.now() / 1000),
    ...(secret && { client_secret: secret, client_secret_expires_at: 0 }),
    registration_client_uri: op.url(`register/${encodeURIComponent(id)}`),
    registration_access_token: crypto.randomUUID(),
  }
  return { status: 201, json }
}
