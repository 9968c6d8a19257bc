// Everything that is public, used as the types promise it. Compiled, never run.
import { createSession, createTokenClient, createTokenValidator, GrantError } from 'grantkit'
import type {
  AccessTokenClaims,
  AllowedUrl,
  AuthorizationRequest,
  BackchannelAuthenticationResponse,
  CallbackResult,
  CallOptions,
  ClientRegistrationResponse,
  DeviceAuthorizationResponse,
  FormParameters,
  GrantErrorCode,
  GrantOptions,
  GuardedRequest,
  IdTokenClaims,
  IntrospectionResponse,
  Jwk,
  LogEvent,
  LoggedOut,
  MaybePromise,
  PrivateJwk,
  PushedAuthorizationResponse,
  ResourceMetadata,
  ServerMetadata,
  ServerOptions,
  Session,
  SessionEvents,
  SessionOptions,
  SignInOptions,
  SignInResult,
  SigningKey,
  Store,
  ThirdPartyLogin,
  TokenClient,
  TokenClientOptions,
  TokenResponse,
  TokenValidator,
  TokenValidatorOptions,
  UserInfo,
  WaitUntil,
} from 'grantkit'
import * as slim from 'grantkit/slim'
import { cacheStore, durableObjectStore, GrantkitTokens, kvStore } from 'grantkit/stores'
import type { CacheLike, DurableObjects, DurableState, KvNamespace } from 'grantkit/stores'
import wasm from 'grantkit/wasm'

/** Fails to compile unless both types are the same one. */
type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false
function same<A, B>(_: Same<A, B>): void {}

const controller = new AbortController()
const signal: AbortSignal = controller.signal
const call: CallOptions = { signal }
const parameters: FormParameters = { tenant: 'a', hint: ['b', 'c'] }
const jwk: Jwk = { kty: 'EC', crv: 'P-256', x: 'x', y: 'y', kid: '1' }
const grant: GrantOptions = {
  signal,
  scope: 'api',
  resource: ['https://a.example', 'https://b.example'],
  audience: 'https://api.example',
  acrValues: 'tenant:one',
  parameters,
}
const allowed: AllowedUrl[] = [
  'https://api.example/',
  { url: 'https://other.example/v1/', scope: 'other', resource: 'r', audience: 'a' },
]
const map = new Map<string, string>()
const store: Store = map
const later: Store = {
  get: async (name) => map.get(name) ?? null,
  set: async (name, value, options) => {
    const expiresAt: number | undefined = options?.expiresAt
    if (expiresAt === undefined || expiresAt > Date.now()) map.set(name, value)
  },
  delete: async (name) => void map.delete(name),
}
const inTurns: Store = {
  ...later,
  acquire: async (name, seen) => (seen === undefined ? map.get(name) : null),
  release: (name) => map.has(name),
}
const maybe: MaybePromise<string> = Promise.resolve('value')

const server: ServerOptions = {
  issuer: 'https://id.example/{tenantid}',
  discoveryUrl: 'https://id.example/.well-known/openid-configuration',
  metadata: { token_endpoint: 'https://id.example/token', jwks: { keys: [jwk] }, extra: 1 },
  clientId: 'app',
  scope: 'openid profile',
  resource: 'https://api.example',
  audience: ['https://api.example'],
  parameters,
  allowedUrls: allowed,
  baseUrl: 'https://app.example/',
  renewBefore: 60,
  idTokenAlgorithms: ['RS256', 'ES256'],
  trustedAudiences: ['other'],
  dpop: true,
  pushedAuthorization: true,
  clockTolerance: 30,
  timeout: 10_000,
  fetch: globalThis.fetch,
  now: Date.now,
  logger: (event: LogEvent) => {
    const level: 'debug' | 'info' | 'warning' = event.level
    const field: string | number | boolean | undefined = event['anything']
    void [level, event.type, field]
  },
  signedUserInfo: true,
  lenient: true,
  insecureHttp: true,
}

export async function page(): Promise<string> {
  const options: SessionOptions = {
    ...server,
    redirectUri: 'https://app.example/callback',
    postLogoutRedirectUri: 'https://app.example/',
    storage: 'session',
    backgroundRenewal: false,
    retryMethods: ['POST'],
  }
  for (const storage of ['session', 'local', 'memory', store, later] as const)
    void createSession({ ...options, storage })
  const session: Session = await createSession(options)

  const signedIn: boolean = session.signedIn
  const claims: Readonly<IdTokenClaims> | null = session.claims
  const times: (number | null)[] = [session.expiresAt, session.sessionExpiresAt]
  const texts: (string | null)[] = [session.idToken, session.scope]
  const subject: string | undefined = claims?.sub
  const custom: unknown = claims?.['https://claims.example/role']
  void [signedIn, times, texts, subject, custom, maybe]

  const signIn: SignInOptions = {
    ...grant,
    returnTo: '/orders?page=2#top',
    appState: { any: ['json', 1, null] },
    prompt: 'none',
    loginHint: 'alice',
    maxAge: 0,
    uiLocales: 'de en',
    claims: { id_token: { acr: { essential: true } } },
    authorizationDetails: [{ type: 'payment', amount: 1 }],
    mode: 'redirect',
  }
  const signedInNow: SignInResult = await session.signIn(signIn)
  const appState: unknown = signedInNow.appState
  void appState
  await session.signIn()

  const answer: CallbackResult = await session.handleCallback('https://app.example/callback', call)
  const returnTo: string | undefined = (await session.handleCallback()).kind === 'none' ? '' : '/'
  void returnTo
  switch (answer.kind) {
    case 'none':
      break
    case 'signed-in':
      same<boolean, typeof answer.repeated>(true)
      break
    case 'login-required':
      same<string, typeof answer.error>(true)
      break
    case 'signed-out':
      same<boolean, typeof answer.stateMatched>(true)
      break
    default:
      same<never, typeof answer>(true)
  }

  const off: () => void = session.on('signed-in', (event) => {
    same<boolean, typeof event.otherTab>(true)
    same<'signed-in', typeof event.type>(true)
  })
  off()
  session.on('renewed', ({ expiresAt, otherTab }) => void [expiresAt, otherTab])
  session.on('renewal-failed', ({ error }) => void error.retryable)
  session.on('expired', ({ error }) => void error?.code)
  session.on('signed-out', ({ reason }) => {
    same<'sign-out' | 'other-tab' | 'final-error', typeof reason>(true)
  })
  session.on('warning', ({ code, message }) => void [code, message])
  const names: (keyof SessionEvents)[] = ['signed-in', 'warning']
  void names

  const token: string = await session.getAccessToken({
    ...grant,
    minLifetime: 60,
    forceRenewal: true,
  })
  const response: Response = await session.fetch('https://api.example/', { method: 'PUT' }, grant)
  const again: Response = await session.fetch(new Request('https://api.example/'))
  const third: Response = await session.fetch(new URL('https://api.example/'))
  void [response.ok, again, third]
  const person: UserInfo = await session.userInfo(call)
  const email: string | undefined = person.email
  void email
  await session.signOut({ local: true, returnTo: '/' })
  await session.signOut({ logoutHint: 'alice', uiLocales: 'de-AT en' })
  await session.signOut()
  session.close()
  {
    using scoped = await createSession(options)
    void scoped.signedIn
  }
  return token
}

export async function edge(waitUntil: WaitUntil['waitUntil']): Promise<TokenResponse> {
  const options: TokenClientOptions = {
    ...server,
    clientSecret: 'secret',
    clientAuthentication: 'client_secret_basic',
    redirectUri: 'https://app.example/callback',
    postLogoutRedirectUri: 'https://app.example/',
    retryMethods: ['POST'],
    insecureClientSecret: true,
    cache: store,
    cacheKey: new Uint8Array(32),
  }
  for (const cache of [later, inTurns]) void createTokenClient({ ...options, cache })
  for (const clientAuthentication of ['none', 'private_key_jwt', 'tls_client_auth'] as const)
    void createTokenClient({ ...options, clientAuthentication })
  await keyed(options)
  const client: TokenClient = await createTokenClient(options)

  const token: string = await client.getAccessToken({ ...grant, waitUntil, minLifetime: 5 })
  await client.getAccessToken({ forceRenewal: true })
  const reply: Response = await client.fetch('https://api.example/', {}, { ...grant, waitUntil })
  void reply.status

  const answers: TokenResponse[] = [
    await client.requestToken({ grantType: 'urn:example:grant', parameters, signal }),
    await client.clientCredentials(),
    await client.clientCredentials(grant),
    await client.authorizationCode({ code: 'c', redirectUri: 'https://r', codeVerifier: 'v' }),
    await client.refreshToken({ ...grant, refreshToken: 'r' }),
    await client.deviceCode({ deviceCode: 'd' }),
    await client.backchannel({ authReqId: 'a' }),
    await client.tokenExchange({
      subjectToken: 's',
      subjectTokenType: 'urn:ietf:params:oauth:token-type:access_token',
      actorToken: 'a',
      actorTokenType: 'urn:ietf:params:oauth:token-type:jwt',
      requestedTokenType: 'urn:ietf:params:oauth:token-type:access_token',
    }),
    await client.jwtBearer({ assertion: 'a' }),
    await client.password({ ...grant, username: 'alice', password: 'alice' }),
  ]
  for (const answer of answers) {
    same<string, typeof answer.access_token>(true)
    same<number | undefined, typeof answer.expiresAt>(true)
    const known: Readonly<IdTokenClaims> | undefined = answer.claims
    const custom: unknown = answer['custom']
    void [known, custom, answer.refresh_token, answer.id_token, answer.issued_token_type]
  }

  const request: AuthorizationRequest = await client.authorizationRequest({
    ...grant,
    loginHint: 'alice',
    appState: 1,
  })
  const kept: AuthorizationRequest = JSON.parse(JSON.stringify(request))
  void [request.url, request.state, request.nonce, request.codeVerifier, request.createdAt]
  await client.callback('https://app.example/callback?code=c&state=s', kept, call)
  const final = await client.callback(new URLSearchParams('code=c&state=s'), request)
  const claims: Readonly<IdTokenClaims> = await client.validateIdToken('a.b.c', {
    nonce: 'n',
    maxAge: 60,
    accessToken: token,
    code: 'c',
  })
  void claims
  const leave: string = await client.endSessionUrl({
    idTokenHint: 'a.b.c',
    state: 's',
    logoutHint: 'alice',
    postLogoutRedirectUri: 'https://app.example/',
  })
  void leave

  const metadata: ServerMetadata = await client.metadata(call)
  const endpoint: string | undefined = metadata.token_endpoint
  void endpoint
  const person: UserInfo = await client.userInfo(token, 'subject', call)
  void person.sub
  await client.revoke(token, { tokenTypeHint: 'access_token', signal })
  await beyond(client)
  client.close()
  client[Symbol.dispose]()
  return final
}

export async function api(request: Request): Promise<Response> {
  const options: TokenValidatorOptions = {
    issuer: 'https://id.example',
    audience: 'https://api.example',
    discoveryUrl: 'https://id.example/metadata',
    metadata: { jwks_uri: 'https://id.example/keys', jwks: { keys: [jwk] } },
    clientId: 'orders',
    clientSecret: 'secret',
    algorithms: ['ES256'],
    clockTolerance: 5,
    dpop: 'required',
    resourceMetadata: 'https://api.example/.well-known/oauth-protected-resource',
    timeout: 1000,
    fetch: globalThis.fetch,
    now: Date.now,
    logger: (event) => void event.type,
    insecureHttp: true,
  }
  for (const dpop of [true, false]) void createTokenValidator({ ...options, dpop })
  const guard: TokenValidator = await createTokenValidator(options)
  const parts: GuardedRequest[] = [
    request,
    { method: 'GET', url: 'https://api.example/', headers: new Headers() },
    { method: 'GET', url: 'https://api.example/', headers: { authorization: 'Bearer x' } },
  ]
  try {
    for (const part of parts) await guard.validate(part)
    await guard.validate(request, { scope: 'read', signal, dpopNonce: ['new', 'old'] })
    const claims: Readonly<AccessTokenClaims> = await guard.validate(request, { dpopNonce: 'n' })
    const key: string | undefined = claims.cnf?.jkt
    const custom: unknown = claims['custom']
    void [claims.sub, claims.exp, key, custom]
    return new Response(claims.scope)
  } catch (error) {
    if (!(error instanceof GrantError)) throw error
    const { status = 500, wwwAuthenticate } = error
    same<string | undefined, typeof wwwAuthenticate>(true)
    const headers: Record<string, string> = wwwAuthenticate
      ? { 'www-authenticate': wwwAuthenticate }
      : {}
    return new Response(null, { status, headers })
  } finally {
    guard.close()
    guard[Symbol.dispose]()
  }
}

async function keyed(options: TokenClientOptions): Promise<void> {
  const pair = await crypto.subtle.generateKey({ name: 'ECDSA', namedCurve: 'P-256' }, false, [
    'sign',
  ])
  if (!('privateKey' in pair)) return
  const own: PrivateJwk = { ...jwk, d: 'd' }
  const named: SigningKey = { key: pair.privateKey, kid: 'one', alg: 'ES256' }
  const { publicKey, privateKey } = pair
  for (const key of [privateKey, own, named, { key: own }])
    void createTokenClient({ ...options, privateKey: key, requestObjectKey: key })
  for (const responseMode of ['query', 'form_post', 'query.jwt', 'jwt'] as const)
    void createTokenClient({ ...options, responseMode })
  void createTokenClient({ ...options, dpop: { keyPair: { publicKey, privateKey } } })
  void createTokenClient({ ...options, clientAssertion: () => 'a.b.c' })
  void createTokenClient({ ...options, clientAssertion: async () => 'a.b.c' })
}

async function beyond(client: TokenClient): Promise<void> {
  const known: IntrospectionResponse = await client.introspect('token', {
    tokenTypeHint: 'access_token',
    signed: true,
    signal,
  })
  same<boolean, typeof known.active>(true)

  const device: DeviceAuthorizationResponse = await client.deviceAuthorization(grant)
  const shown: string[] = [device.user_code, device.verification_uri]
  const until: number | undefined = device.expiresAt
  const tokens: TokenResponse = await client.pollDevice(device, call)
  await client.pollDevice(JSON.parse(JSON.stringify(device)))
  void [shown, until, tokens]

  const request: BackchannelAuthenticationResponse = await client.backchannelAuthentication({
    ...grant,
    loginHint: 'jane',
    loginHintToken: 'a.b.c',
    idTokenHint: 'a.b.c',
    bindingMessage: 'W4SCT',
    userCode: '4711',
    requestedExpiry: 120,
    clientNotificationToken: 'token',
  })
  const claims: Readonly<IdTokenClaims> | undefined = (await client.pollBackchannel(request)).claims
  void claims
  const expected = { authReqId: request.auth_req_id, clientNotificationToken: 'token' }
  await client.validateBackchannelNotification(new Request('https://app.example/'), expected)
  await client.validateBackchannelNotification({ authorization: 'Bearer t', body: '{}' }, expected)

  const pushed: PushedAuthorizationResponse = await client.pushAuthorization(parameters, call)
  void [pushed.request_uri, pushed.expires_in]
  const made: ClientRegistrationResponse = await client.register(
    { client_name: 'Shop' },
    { initialAccessToken: 't', signal },
  )
  const changed: ClientRegistrationResponse = await client.updateRegistration(made, {}, call)
  await client.deleteRegistration(changed, call)

  const over: LoggedOut = await client.validateLogoutToken('a.b.c', call)
  await client.validateLogoutToken(new Request('https://app.example/'))
  const whose: (string | undefined)[] = [over.sub, over.sid, over.jti]
  const issuers = ['https://id.example']
  const login: ThirdPartyLogin = await client.acceptThirdPartyLogin('/login?iss=x', { issuers })
  await client.acceptThirdPartyLogin(new URLSearchParams('iss=x'))
  void [whose, login.issuer, login.loginHint, login.returnTo]

  const resource: ResourceMetadata = await client.discoverResource('https://api.example/')
  await client.discoverResource(new Response(), { issuers, signal })
  const accept = async (issuer: string) => issuer === 'https://id.example'
  await client.discoverResource('https://api.example/', { accept })
  void [resource.issuer, resource.resource, resource.scopes_supported]
}

export function told(error: unknown): string {
  if (!(error instanceof GrantError)) throw error
  const code: GrantErrorCode = error.code
  const fault: 'caller' | 'server' | 'response' | 'network' | 'internal' = error.fault
  const optional: (string | undefined)[] = [
    error.error,
    error.error_description,
    error.error_uri,
    error.detail,
  ]
  const numbers: (number | undefined)[] = [error.retryAfter, error.status]
  const flags: boolean[] = [error.retryable, error.loginRequired]
  const response: Readonly<Record<string, unknown>> | undefined = error.response
  void [fault, optional, numbers, flags, response]
  const base: Error = error
  return code === 'login_required' ? base.message : code
}

export async function bytesInHand(): Promise<void> {
  await slim.init(new URL('https://app.example/grantkit_bg.wasm'))
  await slim.init(new Uint8Array())
  slim.initSync({ module: new Uint8Array() })
  const session: Session = await slim.createSession({ ...server, redirectUri: 'https://r' })
  const client: TokenClient = await slim.createTokenClient(server)
  const guard: TokenValidator = await slim.createTokenValidator({ audience: 'https://api' })
  same<typeof slim.GrantError, typeof GrantError>(true)
  void [session, client, guard, wasm]
}

export function shared(
  namespace: KvNamespace,
  cache: CacheLike,
  objects: DurableObjects,
  state: DurableState,
): GrantkitTokens {
  const stores: Store[] = [
    kvStore(namespace),
    kvStore(namespace, { prefix: 'tokens:' }),
    cacheStore(),
    cacheStore(cache),
    cacheStore('tokens', { origin: 'https://app.example' }),
    durableObjectStore(objects),
  ]
  void stores
  void durableObjectStore(objects).release('name')
  return new GrantkitTokens(state)
}
