// A local OpenID provider: oidc-provider with IdentityServer's routes, every grant that a client
// speaks, people who can sign in, and a fault layer in front of it.
//
//   const provider = await startProvider({ redirectUris: ['http://127.0.0.1:5000/callback'] })
//   provider.issuer            'http://127.0.0.1:43210'
//   provider.requests          what arrived, without secrets
//   provider.count('password') token requests of one grant type, or of all
//   provider.received()        the same whole, secrets and all
//   provider.granted()         the token endpoint's answers, secrets and all
//   provider.setDefects({ path: '/connect/token', times: 1, kind: 'status', status: 503 })
//   await provider.close()

import crypto from 'node:crypto'
import http from 'node:http'

import { listen, readAll, startFront, stop } from './provider/front.mjs'
import { CUSTOM_GRANTS, registerGrants } from './provider/grants.mjs'
import { breakSignature, keyFor, readJwt, signJwt, signingKeys } from './provider/keys.mjs'
import {
  consentPage,
  deviceConfirmPage,
  devicePage,
  loginPage,
  logoutPage,
  messagePage,
} from './provider/pages.mjs'
import { registered } from './provider/registered.mjs'
import { createStore } from './provider/store.mjs'

export { breakSignature, readJwt }

export const SECRET = 'worker-secret-of-32-characters-or-more'
export const ODD_CLIENT = { id: 'odd:id %+é', secret: 'odd: secret %41 + é & = ? ü, 32 characters' }
export const RESOURCE = 'https://api.example/'

const ROUTES = {
  authorization: '/connect/authorize',
  token: '/connect/token',
  userinfo: '/connect/userinfo',
  introspection: '/connect/introspect',
  revocation: '/connect/revocation',
  device_authorization: '/connect/deviceauthorization',
  backchannel_authentication: '/connect/ciba',
  end_session: '/connect/endsession',
  pushed_authorization_request: '/connect/par',
  registration: '/connect/register',
  code_verification: '/device',
  jwks: '/.well-known/openid-configuration/jwks',
}

const DEVICE_GRANT = 'urn:ietf:params:oauth:grant-type:device_code'
const CIBA_GRANT = 'urn:openid:params:grant-type:ciba'
const ASSERTION_ISSUER = 'https://assertions.example'

const PEOPLE = [
  {
    sub: 'alice',
    name: 'alice',
    password: 'alice',
    claims: { name: 'Alice Smith', email: 'alice@example.com', email_verified: true },
  },
  {
    sub: 'bob',
    name: 'bob',
    password: 'bob',
    claims: { name: 'Bob Jones', email: 'bob@example.com', email_verified: true },
  },
]

/**
 * Options, all of them with defaults:
 * - `port`: 0 takes a free one.
 * - `path`: a path of the issuer, such as '/tenant'.
 * - `redirectUris`, `postLogoutRedirectUris` (the root of each): of the public clients `spa`,
 *   `spa-ps256`, `spa-es256` and `spa-eddsa`, which differ in how their id_tokens are signed.
 * - `clients`: more clients, in the words of OpenID Connect Dynamic Client Registration; one with a
 *   known `client_id` replaces the default.
 * - `origins`: may call the provider from a page, beside the origins of the redirect URIs.
 * - `lifetimes`: seconds, { accessToken, idToken, refreshToken, code, deviceCode, backchannel }.
 * - `people`: { sub, name, password, claims }.
 * - `scopes`: of the APIs. `resources`: their identifiers; the first one is that of
 *   client_credentials without `resource`.
 * - `opaque`: no access token is a JWT.
 * - `rotation`: false keeps refresh tokens.
 * - `dpopNonce`: DPoP proofs need a nonce. `requirePar`: requests must be pushed.
 * - `requestObjects`: signed requests are taken.
 * - `askBeforeLogout`: signing out shows a page. `hint`: HTML under the login form.
 */
export async function startProvider({
  port = 0,
  path = '',
  redirectUris = ['http://127.0.0.1/callback'],
  postLogoutRedirectUris,
  clients = [],
  origins = [],
  lifetimes: wantedLifetimes = {},
  people = PEOPLE,
  scopes = ['api', 'orders'],
  resources: resourceNames = [RESOURCE, 'https://orders.example/'],
  opaque = false,
  rotation = true,
  dpopNonce = false,
  requirePar = false,
  requestObjects = false,
  askBeforeLogout = false,
  hint = '',
} = {}) {
  const { Provider, errors } = await importQuietly()
  const store = createStore()
  const serverErrors = []
  const allowed = new Set(origins)
  const lifetimes = {
    accessToken: 3600,
    idToken: 3600,
    refreshToken: 14 * 24 * 3600,
    code: 60,
    deviceCode: 600,
    backchannel: 600,
    ...wantedLifetimes,
  }
  const known = Object.assign([...people], { account: accountOf(people) })
  const resources = resourceServers({ names: resourceNames, scopes, opaque, lifetimes, errors })
  let generation = 1
  let keys = []
  let provider
  let answer

  // The provider listens on a port that nobody is told; the front is what clients talk to.
  const inner = http.createServer((req, res) => answer(req, res))
  await listen(inner, 0)
  const front = await startFront({
    port,
    prefix: path,
    allowsOrigin: (origin) => allowed.has(origin),
    passOn: (request) => passOn(request, inner.address().port),
  }).catch(async (error) => {
    await stop(inner)
    throw error
  })
  const origin = `http://127.0.0.1:${front.port}`
  const issuer = origin + path

  setPages(redirectUris, postLogoutRedirectUris)
  for (const client of clients) setClient(client)
  await build()

  function setClient(client) {
    store.setClient({
      ...client,
      client_id: registered(client.client_id),
      ...(client.client_secret ? { client_secret: registered(client.client_secret) } : {}),
    })
  }

  function setPages(uris, logoutUris = uris.map((uri) => new URL('/', uri).href)) {
    for (const uri of uris) allowed.add(new URL(uri).origin)
    for (const client of defaultClients(uris, logoutUris)) setClient(client)
  }

  // A new provider over the same store, when its keys change.
  async function build({ keepOld = false } = {}) {
    const fresh = await signingKeys(generation)
    keys = keepOld ? [...fresh, ...keys] : fresh
    provider = new Provider(issuer, configuration())
    provider.use(acceptRevocationOfJwts)
    registerGrants(provider, errors, {
      people: known,
      keys,
      resources,
      assertionIssuer: ASSERTION_ISSUER,
    })
    const report = (error) => serverErrors.push(error)
    provider.on('server_error', (ctx, error) => report(error))
    answer = withLogin(provider, { path, people, hint, report })
  }

  function configuration() {
    return {
      adapter: store.adapter,
      jwks: { keys },
      routes: ROUTES,
      scopes: ['openid', 'offline_access', 'profile', 'email', ...scopes],
      responseTypes: ['code'],
      claims: {
        openid: ['sub'],
        profile: ['name', 'given_name', 'family_name', 'preferred_username', 'picture'],
        email: ['email', 'email_verified'],
      },
      acrValues: ['urn:example:bronze', 'urn:example:silver'],
      // Names and mail addresses are in the id_token too, as IdentityServer does on request.
      conformIdTokenClaims: false,
      cookies: { keys: ['a key of the local provider'] },
      clientBasedCORS: (ctx, from) => allowed.has(from),
      findAccount: (ctx, sub) => known.account(sub),
      interactions: { url: (ctx, interaction) => `${path}/login/${interaction.uid}` },
      loadExistingGrant: grantEverything,
      extraParams: { offline: keepOfflineAccess },
      extraTokenClaims,
      rotateRefreshToken: rotation,
      renderError: (ctx, { error, error_description: description }) => {
        ctx.type = 'html'
        ctx.body = messagePage('This did not work', [error, description ?? ''])
      },
      ttl: {
        AccessToken: () => lifetimes.accessToken,
        ClientCredentials: () => lifetimes.accessToken,
        IdToken: () => lifetimes.idToken,
        RefreshToken: () => lifetimes.refreshToken,
        AuthorizationCode: () => lifetimes.code,
        DeviceCode: () => lifetimes.deviceCode,
        BackchannelAuthenticationRequest: () => lifetimes.backchannel,
        Grant: 14 * 24 * 3600,
        Interaction: 3600,
        Session: 14 * 24 * 3600,
      },
      features: {
        devInteractions: { enabled: false },
        clientCredentials: { enabled: true },
        introspection: {
          enabled: true,
          allowedPolicy: (ctx, client, token) =>
            client.clientAuthMethod !== 'none' || token.clientId === client.clientId,
        },
        revocation: {
          enabled: true,
          allowedPolicy: (ctx, client, token) => token.clientId === client.clientId,
        },
        claimsParameter: { enabled: true },
        jwtResponseModes: { enabled: true },
        pushedAuthorizationRequests: {
          enabled: true,
          requirePushedAuthorizationRequests: requirePar,
        },
        requestObjects: { enabled: requestObjects },
        registration: { enabled: true },
        registrationManagement: { enabled: true },
        dPoP: {
          enabled: true,
          ...(dpopNonce
            ? { nonceSecret: crypto.randomBytes(32), requireNonce: () => true }
            : undefined),
        },
        resourceIndicators: {
          enabled: true,
          defaultResource: resources.defaultOf,
          getResourceServerInfo: (ctx, resource) => resources.info(resource),
          useGrantedResource: () => true,
        },
        rpInitiatedLogout: {
          enabled: true,
          logoutSource: (ctx, form) => {
            ctx.body = logoutPage(form, { ask: askBeforeLogout })
          },
          postLogoutSuccessSource: (ctx) => {
            ctx.body = messagePage('Signed out', ['You can close this page.'])
          },
        },
        deviceFlow: {
          enabled: true,
          userCodeInputSource: (ctx, form, out, error) => {
            const message = error ? 'That code is not known.' : 'Type the code of your device.'
            ctx.body = devicePage({ form, message })
          },
          userCodeConfirmSource: (ctx, form, client, device, userCode) => {
            ctx.body = deviceConfirmPage({ form, client: client.clientId, userCode })
          },
          successSource: (ctx) => {
            ctx.body = messagePage('Connected', ['Your device can go on.'])
          },
        },
        ciba: {
          enabled: true,
          deliveryModes: ['poll'],
          processLoginHint: (ctx, name) => people.find((one) => one.name === name)?.sub,
          processLoginHintToken: () => undefined,
          triggerAuthenticationDevice: () => {},
          validateBindingMessage: () => {},
          validateRequestContext: () => {},
          verifyUserCode: () => {},
        },
      },
    }
  }

  // Every API's scopes, and what its people asked for: consent is never shown for first parties.
  async function grantEverything(ctx) {
    const { client, account, params, result, resourceServers: servers } = ctx.oidc
    if (result?.consent?.grantId) return provider.Grant.find(result.consent.grantId)
    if (params.prompt?.split(' ').includes('consent')) return undefined
    const grant = new provider.Grant({ clientId: client.clientId, accountId: account.accountId })
    await grantRequested(grant, {
      scope: params.scope,
      resources: Object.keys(servers),
      claims: [...ctx.oidc.requestParamClaims],
    })
    return grant
  }

  // IdentityServer gives a refresh token for offline_access without asking for consent;
  // oidc-provider has dropped the scope by the time this runs. A request without any scope gets
  // those of the APIs.
  function keepOfflineAccess(ctx) {
    const { params, client } = ctx.oidc
    const asked = ctx.oidc.body?.scope ?? ctx.query.scope ?? ''
    const offline = params.offline || asked.split(' ').includes('offline_access')
    const kept = new Set(params.scope?.split(' ') ?? scopes)
    if (offline && client.grantTypeAllowed('refresh_token')) {
      kept.add('offline_access')
      params.offline = 'yes'
    }
    params.scope = [...kept].join(' ')
  }

  /** What shaped the request can be read in a JWT access token. */
  function extraTokenClaims(ctx, token) {
    const { acr_values: acrValues, audience } = ctx.oidc.body ?? {}
    const tenant = /(?:^| )tenant:(\S+)/.exec(acrValues ?? '')?.[1]
    return { ...(tenant ? { tenant } : {}), ...(audience ? { audience } : {}) }
  }

  function signed(payload, { alg = 'RS256', headerChanges = {}, keyChanges = {} } = {}) {
    const own = keyFor(keys, alg)
    const header = withChanges({ alg, kid: own?.kid }, headerChanges)
    return signJwt(payload, { alg, header, jwk: keyChanges.jwk ?? own, secret: keyChanges.secret })
  }

  return {
    issuer,
    origin,
    port: front.port,
    requests: front.requests,
    received: front.received,
    count: front.count,
    granted: front.granted,
    next: front.next,
    setDefects: front.setDefects,
    goOffline: front.goOffline,
    goOnline: front.goOnline,
    server_errors: serverErrors,
    /** Seconds; what is changed here counts from the next token on. */
    lifetimes,
    /** Origins that may call from a page; one can be added at any time. */
    origins: allowed,
    /** Adds a client, or changes one. */
    setClient,
    /** Where the default clients may be sent back to, once the page's address is known. */
    setPages,

    /** The public keys, and the private ones for tests that sign. */
    get keys() {
      return keys
    },
    /** New keys sign from now on; `keepOld` leaves the old ones in the key set. */
    async rotateKeys(options) {
      generation++
      await build(options)
    },
    /**
     * The same token with other claims, properly signed. `changes`: members to set, undefined takes
     * one away, or a function of the claims. `alg` signs; `headerChanges` may lie about it;
     * `keyChanges` is { jwk } or { secret } of another key.
     */
    resign(jwt, changes = {}, { alg, headerChanges, keyChanges } = {}) {
      const { header, payload } = readJwt(jwt)
      const claims =
        typeof changes === 'function' ? changes(payload) : withChanges(payload, changes)
      const kept = header.typ ? { typ: header.typ, ...headerChanges } : headerChanges
      return signed(claims, { alg: alg ?? header.alg, headerChanges: kept, keyChanges })
    },
    /** Claims, or the text of a payload, under a signature of the provider. */
    sign: signed,
    breakSignature,
    /** For the JWT bearer grant. */
    assertion(sub, changes = {}) {
      const now = Math.floor(Date.now() / 1000)
      const claims = { iss: ASSERTION_ISSUER, aud: issuer, sub, iat: now, exp: now + 300 }
      return signed(withChanges(claims, changes))
    },

    /** The person types the device's code and allows it. */
    async approveDevice(userCode, name = people[0].name) {
      const code = await deviceByUserCode(userCode)
      const { sub } = people.find((one) => one.name === name)
      const grant = new provider.Grant({ clientId: code.clientId, accountId: sub })
      const { scope = '', resource } = code.params
      const resourceList = [resource ?? []].flat()
      const grantId = await grantRequested(grant, { scope, resources: resourceList })
      const authTime = Math.floor(Date.now() / 1000)
      Object.assign(code, { accountId: sub, grantId, scope, authTime })
      if (resource) code.resource = resource
      await code.save()
    },
    async denyDevice(userCode) {
      const code = await deviceByUserCode(userCode)
      Object.assign(code, { error: 'access_denied', errorDescription: 'The person said no' })
      await code.save()
    },
    /** The person says yes on their phone. */
    async approveBackchannel(authReqId) {
      const request = await provider.BackchannelAuthenticationRequest.find(authReqId)
      const { clientId, accountId, scope, resource } = request
      const grant = new provider.Grant({ clientId, accountId })
      await grantRequested(grant, { scope, resources: [resource ?? []].flat() })
      await provider.backchannelResult(request, grant, { authTime: Math.floor(Date.now() / 1000) })
    },
    async denyBackchannel(authReqId) {
      await provider.backchannelResult(authReqId, new errors.AccessDenied('The person said no'))
    },

    async close() {
      await front.close()
      await stop(inner)
    },
  }

  async function grantRequested(grant, { scope = '', resources: names = [], claims = [] }) {
    grant.addOIDCScope(scope)
    for (const name of names) grant.addResourceScope(name, scope)
    if (claims.length > 0) grant.addOIDCClaims(claims)
    return grant.save()
  }

  async function deviceByUserCode(userCode) {
    const plain = userCode.replaceAll(/[^A-Z0-9]/gi, '').toUpperCase()
    return provider.DeviceCode.findByUserCode(plain)
  }
}

// oidc-provider speaks to the console about Node 20, on which it works.
async function importQuietly() {
  const { warn } = console
  console.warn = () => {}
  try {
    return await import('oidc-provider')
  } finally {
    console.warn = warn
  }
}

// A JWT cannot be revoked. IdentityServer answers 200 as for any token that it does not know;
// oidc-provider would refuse. RFC 7009, section 2.2.
async function acceptRevocationOfJwts(ctx, next) {
  await next()
  if (ctx.path === ROUTES.revocation && ctx.body?.error === 'unsupported_token_type') {
    ctx.status = 200
    ctx.body = ''
  }
}

function defaultClients(redirectUris, postLogoutRedirectUris) {
  const page = {
    client_name: 'the page',
    token_endpoint_auth_method: 'none',
    grant_types: ['authorization_code', 'refresh_token'],
    response_types: ['code'],
    redirect_uris: redirectUris,
    post_logout_redirect_uris: postLogoutRedirectUris,
  }
  const server = {
    client_secret: SECRET,
    redirect_uris: redirectUris,
    post_logout_redirect_uris: postLogoutRedirectUris,
    response_types: ['code'],
    backchannel_token_delivery_mode: 'poll',
    grant_types: [
      'authorization_code',
      'refresh_token',
      'client_credentials',
      DEVICE_GRANT,
      CIBA_GRANT,
      ...CUSTOM_GRANTS,
    ],
  }
  return [
    { ...page, client_id: 'spa' },
    { ...page, client_id: 'spa-ps256', id_token_signed_response_alg: 'PS256' },
    { ...page, client_id: 'spa-es256', id_token_signed_response_alg: 'ES256' },
    { ...page, client_id: 'spa-eddsa', id_token_signed_response_alg: 'EdDSA' },
    { ...server, client_id: 'worker', token_endpoint_auth_method: 'client_secret_basic' },
    { ...server, client_id: 'worker-post', token_endpoint_auth_method: 'client_secret_post' },
    { ...server, client_id: ODD_CLIENT.id, client_secret: ODD_CLIENT.secret },
    {
      ...page,
      client_id: 'device',
      redirect_uris: [],
      response_types: [],
      grant_types: [DEVICE_GRANT, 'refresh_token'],
    },
  ]
}

function accountOf(people) {
  return async (sub) => {
    const person = people.find((one) => one.sub === sub)
    if (!person) return undefined
    return {
      accountId: sub,
      claims: async () => ({ sub, preferred_username: person.name, ...person.claims }),
    }
  }
}

function resourceServers({ names, scopes, opaque, lifetimes, errors }) {
  const check = (wanted) => {
    const allowed = new Set([...scopes, 'openid', 'offline_access', 'profile', 'email'])
    const unknown = wanted?.split(' ').find((scope) => !allowed.has(scope))
    if (unknown) throw new errors.InvalidScope('requested scope is not allowed', unknown)
  }
  return {
    info(name) {
      if (!names.includes(name)) throw new errors.InvalidTarget()
      return {
        scope: scopes.join(' '),
        audience: name,
        accessTokenTTL: lifetimes.accessToken,
        accessTokenFormat: opaque ? 'opaque' : 'jwt',
        jwt: { sign: { alg: 'RS256' } },
      }
    },
    // Client credentials are for the first API unless the request names another; a person's token
    // is for the userinfo endpoint unless the request names an API.
    defaultOf(ctx, client, oneOf) {
      check(ctx.oidc.params?.scope)
      if (oneOf) return oneOf[0]
      return ctx.oidc.params?.grant_type === 'client_credentials' ? names[0] : undefined
    },
  }
}

function withChanges(object, changes) {
  const changed = { ...object, ...changes }
  for (const [name, value] of Object.entries(changed)) if (value === undefined) delete changed[name]
  return changed
}

// The login form and the page that prompt=consent shows; all else is the provider's.
function withLogin(provider, { path, people, hint, report }) {
  const callback = provider.callback()

  return async (req, res) => {
    const url = withinIssuer(req.url, path)
    if (url === undefined) return res.writeHead(404).end()
    Object.assign(req, { url, baseUrl: path })
    if (!url.startsWith('/login/')) return callback(req, res)
    try {
      await interact(req, res)
    } catch (error) {
      // A form that was sent twice, or found again by the back button.
      if (error.name !== 'SessionNotFound') report(error)
      res.writeHead(400, {
        'content-type': 'text/html; charset=utf-8',
        'cache-control': 'no-store',
      })
      res.end(messagePage('This sign-in is over', ['Go back to the page and begin again.']))
    }
  }

  async function interact(req, res) {
    const action = path + req.url
    const { prompt, params, session } = await provider.interactionDetails(req, res)
    const { clientId: id, clientName: client = id } = await provider.Client.find(params.client_id)
    const finish = (result) =>
      provider.interactionFinished(req, res, result, { mergeWithLastSubmission: true })
    const show = (html) => {
      res.writeHead(200, {
        'content-type': 'text/html; charset=utf-8',
        'cache-control': 'no-store',
      })
      res.end(html)
    }

    if (req.method !== 'POST') {
      if (prompt.name === 'consent') {
        return show(consentPage({ action, client, scopes: params.scope.split(' ') }))
      }
      return show(loginPage({ action, client, name: params.login_hint, hint }))
    }

    const form = new URLSearchParams((await readAll(req)).toString('utf8'))
    if (form.has('cancel')) {
      return finish({ error: 'access_denied', error_description: 'The person said no' })
    }
    if (prompt.name === 'consent') {
      const grant = new provider.Grant({ clientId: id, accountId: session.accountId })
      grant.addOIDCScope(params.scope)
      for (const name of [params.resource ?? []].flat()) grant.addResourceScope(name, params.scope)
      return finish({ consent: { grantId: await grant.save() } })
    }
    const person = people.find(
      (one) => one.name === form.get('login') && one.password === form.get('password'),
    )
    if (person) return finish({ login: { accountId: person.sub, amr: ['pwd'] } })
    return show(loginPage({ action, client, name: form.get('login'), failed: true, hint }))
  }
}

// RFC 8414 puts its well-known name before the issuer's path, OpenID Connect Discovery behind it.
function withinIssuer(url, path) {
  const wellKnown = '/.well-known/oauth-authorization-server'
  if (path && url === wellKnown + path) return wellKnown
  return url === path || url.startsWith(`${path}/`) ? url.slice(path.length) || '/' : undefined
}

function passOn({ method, url, headers, body }, port) {
  return new Promise((resolve, reject) => {
    const { connection, 'keep-alive': keepAlive, ...kept } = headers
    const request = http.request(
      { host: '127.0.0.1', port, method, path: url, headers: kept, agent: false },
      async (response) => {
        try {
          const { connection: hop, 'transfer-encoding': encoding, ...own } = response.headers
          resolve({ status: response.statusCode, headers: own, body: await readAll(response) })
        } catch (error) {
          reject(error)
        }
      },
    )
    request.on('error', reject)
    request.end(body)
  })
}
