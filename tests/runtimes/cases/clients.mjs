// Clients that many cases begin with.

import { createTokenClient } from 'grantkit'

/** At the provider, confidential. */
export const confidential = (stage, more) =>
  createTokenClient({
    issuer: stage.issuer,
    clientId: 'worker',
    clientSecret: stage.secret,
    redirectUri: stage.callback,
    ...more,
  })

/** Endpoints of the server that does what it is told. */
export const endpoints = (stage, more) => ({
  issuer: stage.serverUrl,
  authorization_endpoint: `${stage.serverUrl}/authorize`,
  token_endpoint: `${stage.serverUrl}/token`,
  jwks_uri: `${stage.serverUrl}/keys`,
  userinfo_endpoint: `${stage.serverUrl}/userinfo`,
  revocation_endpoint: `${stage.serverUrl}/revoke`,
  end_session_endpoint: `${stage.serverUrl}/logout`,
  ...more,
})

/** At that server, with endpoints by hand. */
export const scripted = (stage, more) =>
  createTokenClient({
    issuer: stage.serverUrl,
    metadata: endpoints(stage),
    clientId: 'app',
    clientSecret: 'a secret',
    redirectUri: stage.callback,
    ...more,
  })

/** At that server, with nothing known beforehand. */
export const discovering = (stage, more) =>
  createTokenClient({
    issuer: stage.serverUrl,
    clientId: 'app',
    clientSecret: 'a secret',
    redirectUri: stage.callback,
    ...more,
  })

export const DISCOVERY = '/.well-known/openid-configuration'

/** A token answer; `$n` becomes the number of the request. */
export const token = (more) => ({
  json: { access_token: 't$n', token_type: 'Bearer', expires_in: 3600, ...more },
})

/** The form of a logged request. */
export const formOf = (request) => Object.fromEntries(new URLSearchParams(request.body))

/** The claims of a JWT, unchecked. */
export const claimsOf = (jwt) =>
  JSON.parse(atob(jwt.split('.')[1].replaceAll('-', '+').replaceAll('_', '/')))
