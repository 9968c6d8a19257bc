// Grants that oidc-provider leaves to its users: the password grant, token exchange, JWT bearer and
// one custom grant. Each is as small as a client needs it to be.

import { readJwt, verifyJwt } from './keys.mjs'

const ACCESS_TOKEN_TYPE = 'urn:ietf:params:oauth:token-type:access_token'

export const CUSTOM_GRANTS = [
  'password',
  'delegation',
  'urn:ietf:params:oauth:grant-type:token-exchange',
  'urn:ietf:params:oauth:grant-type:jwt-bearer',
]

export function registerGrants(provider, errors, { people, keys, resources, assertionIssuer }) {
  const refusal = (error, description) => new errors.CustomOIDCProviderError(error, description)

  provider.registerGrantType(
    'password',
    async (ctx) => {
      const { username, password, scope = '', resource } = ctx.oidc.params
      const person = people.find((one) => one.name === username && one.password === password)
      if (!person) throw refusal('invalid_grant', 'invalid_username_or_password')
      ctx.body = await issue(ctx, { sub: person.sub, scope, resource, gty: 'password' })
    },
    ['username', 'password', 'scope', 'resource', 'acr_values'],
    ['resource'],
  )

  provider.registerGrantType(
    'urn:ietf:params:oauth:grant-type:token-exchange',
    async (ctx) => {
      const { subject_token, subject_token_type, actor_token, scope, resource } = ctx.oidc.params
      if (!subject_token || !subject_token_type) {
        throw refusal('invalid_request', 'subject_token and subject_token_type are required')
      }
      const subject = await describe(subject_token)
      if (!subject) throw refusal('invalid_grant', 'subject_token is not valid')
      const actor = actor_token ? await describe(actor_token) : undefined
      if (actor_token && !actor) throw refusal('invalid_grant', 'actor_token is not valid')
      ctx.body = {
        ...(await issue(ctx, {
          sub: subject.sub,
          scope: scope ?? subject.scope ?? '',
          resource: resource ?? ctx.oidc.params.audience,
          gty: 'token_exchange',
        })),
        issued_token_type: ACCESS_TOKEN_TYPE,
        ...(actor ? { act: { sub: actor.sub } } : {}),
      }
    },
    [
      'subject_token',
      'subject_token_type',
      'actor_token',
      'actor_token_type',
      'requested_token_type',
      'scope',
      'resource',
      'audience',
    ],
    ['resource', 'audience'],
  )

  provider.registerGrantType(
    'urn:ietf:params:oauth:grant-type:jwt-bearer',
    async (ctx) => {
      const { assertion, scope = '', resource } = ctx.oidc.params
      if (!assertion) throw refusal('invalid_request', 'assertion is required')
      const claims = await trusted(assertion)
      if (claims?.iss !== assertionIssuer || claims.aud !== provider.issuer) {
        throw refusal('invalid_grant', 'assertion is not valid')
      }
      ctx.body = await issue(ctx, { sub: claims.sub, scope, resource, gty: 'jwt_bearer' })
    },
    ['assertion', 'scope', 'resource'],
    ['resource'],
  )

  // Echoes what it was sent, so that a test can see custom parameters arrive.
  provider.registerGrantType(
    'delegation',
    async (ctx) => {
      const { client_secret, token, ...echo } = ctx.oidc.body
      const sub = typeof token === 'string' ? (await describe(token))?.sub : undefined
      ctx.body = {
        ...(await issue(ctx, {
          sub: sub ?? people[0].sub,
          scope: ctx.oidc.params.scope ?? '',
          gty: 'delegation',
        })),
        echo,
      }
    },
    ['token', 'scope'],
  )

  // The subject of a token of this provider, opaque or JWT, or of one of its id_tokens.
  async function describe(token) {
    const opaque =
      (await provider.AccessToken.find(token)) ?? (await provider.ClientCredentials.find(token))
    if (opaque) return { sub: opaque.accountId ?? opaque.clientId, scope: opaque.scope }
    const claims = await trusted(token)
    return claims && claims.iss === provider.issuer ? claims : undefined
  }

  async function trusted(jwt) {
    if (jwt.split('.').length !== 3 || !verifyJwt(jwt, keys)) return undefined
    const { payload } = readJwt(jwt)
    return payload.exp > Date.now() / 1000 ? payload : undefined
  }

  async function issue(ctx, { sub, scope, resource, gty }) {
    const { client } = ctx.oidc
    const account = await people.account(sub)
    if (!account) throw refusal('invalid_grant', 'unknown subject')
    ctx.oidc.entity('Account', account)

    const grant = new provider.Grant({ accountId: sub, clientId: client.clientId })
    grant.addOIDCScope(scope)
    const target = Array.isArray(resource) ? resource[0] : resource
    if (target) grant.addResourceScope(target, scope)
    const grantId = await grant.save()

    const token = new provider.AccessToken({ accountId: sub, client, grantId, gty, scope })
    if (target) {
      token.resourceServer = new provider.ResourceServer(target, resources.info(target))
    }
    ctx.oidc.entity('AccessToken', token)
    const answer = {
      access_token: await token.save(),
      token_type: token.tokenType,
      expires_in: token.expiration,
      scope: scope || undefined,
    }

    const scopes = new Set(scope.split(' '))
    if (scopes.has('offline_access') && client.grantTypeAllowed('refresh_token')) {
      const refresh = new provider.RefreshToken({
        accountId: sub,
        client,
        grantId,
        gty,
        scope,
        resource: target,
        rotations: 0,
      })
      ctx.oidc.entity('RefreshToken', refresh)
      answer.refresh_token = await refresh.save()
    }
    if (scopes.has('openid')) {
      const idToken = new provider.IdToken(await account.claims(), { ctx })
      idToken.scope = scope
      idToken.mask = {}
      idToken.rejected = []
      answer.id_token = await idToken.issue({ use: 'idtoken' })
    }
    return answer
  }
}
