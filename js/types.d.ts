/// <reference lib="esnext.disposable" />
// The public types of `grantkit`. Options are camelCase. What a server sent keeps its wire names; what
// this package adds is camelCase. Times are milliseconds where one would hand them to `Date`
// (`expiresAt`), seconds where a specification says seconds (`expires_in`, `maxAge`, `renewBefore`).

// ── shared by both ────────────────────────────────────────────────────────────────────────────────

type FetchInput = Parameters<typeof globalThis.fetch>[0]
type FetchInit = Parameters<typeof globalThis.fetch>[1]
type BaseKey = Parameters<typeof crypto.subtle.deriveKey>[1]
/** A value, or a promise of it. */
export type MaybePromise<T> = T | PromiseLike<T>
/** Names with one value or several, as they go into a form. */
export type FormParameters = Record<string, string | readonly string[]>

export interface CallOptions {
  /** Gives the call up: it rejects with code `aborted`. Work that others wait for too goes on. */
  signal?: AbortSignal
}

/** What a token is to be for. */
export interface GrantOptions extends CallOptions {
  /** Scope tokens, separated by a space (RFC 6749, section 3.3). */
  scope?: string
  /** The API that the token is for (RFC 8707), as an absolute URI. */
  resource?: string | readonly string[]
  /** The API that the token is for, where the server names APIs so (Auth0, token exchange). */
  audience?: string | readonly string[]
  /** `acr_values`; IdentityServer's tenants go here: `tenant:one`. */
  acrValues?: string
  /** Anything else that the server understands. Names that have an option of their own are refused. */
  parameters?: FormParameters
}

/**
 * On the edge: hands background work to the request that asked, as `ctx.waitUntil` does. With it, a token
 * that is to be renewed is answered at once while it lives, and renewed behind the answer, and so is the
 * shared `cache` written. Without it nothing goes on behind an answer.
 */
export interface WaitUntil {
  waitUntil?: (work: Promise<unknown>) => void
}

/** A public key in a JSON Web Key Set (RFC 7517). */
export interface Jwk {
  kty: string
  kid?: string
  alg?: string
  use?: string
  key_ops?: string[]
  crv?: string
  x?: string
  y?: string
  n?: string
  e?: string
}

/** A private key as a JSON Web Key. A `CryptoKey` that cannot be read is safer. */
export interface PrivateJwk extends Jwk {
  d: string
  p?: string
  q?: string
  dp?: string
  dq?: string
  qi?: string
}

/** A private key with the name that the server knows it by, and the algorithm to sign with. */
export interface SigningKey {
  key: BaseKey | PrivateJwk
  kid?: string
  alg?: 'ES256' | 'ES384' | 'ES512' | 'PS256' | 'RS256' | 'EdDSA' | 'Ed25519'
}

/** A server's metadata (RFC 8414; OpenID Connect Discovery 1.0), as it was sent and checked. */
export interface ServerMetadata {
  issuer: string
  authorization_endpoint?: string
  token_endpoint?: string
  jwks_uri?: string
  userinfo_endpoint?: string
  revocation_endpoint?: string
  introspection_endpoint?: string
  end_session_endpoint?: string
  device_authorization_endpoint?: string
  backchannel_authentication_endpoint?: string
  pushed_authorization_request_endpoint?: string
  registration_endpoint?: string
  /** Keys by hand: then none are fetched. */
  jwks?: { keys: readonly Jwk[] }
  [member: string]: unknown
}

/**
 * Where a token may be sent: an origin and a path prefix that ends at a segment boundary. With an object,
 * the token sent there is one for that scope, resource or audience.
 */
export type AllowedUrl =
  string | { url: string; scope?: string; resource?: string; audience?: string }

/** What sessions and clients have in common. Unknown names are refused with code `config_invalid`. */
export interface ServerOptions {
  /**
   * What `issuer` in metadata, callbacks and id_tokens must equal, byte for byte. `{tenantid}` stands for
   * the token's claim `tid` (Microsoft Entra).
   */
  issuer?: string
  /** Where the metadata is, if not under the issuer. */
  discoveryUrl?: string
  /** Endpoints by hand; they win over discovered ones. With enough of them nothing is discovered. */
  metadata?: Partial<ServerMetadata>
  clientId: string
  /** Scope tokens, separated by a space. With `openid` people sign in by OpenID Connect. */
  scope?: string
  resource?: string | readonly string[]
  audience?: string | readonly string[]
  acrValues?: string
  parameters?: FormParameters
  /** Where `fetch` may send the token. Nowhere, unless it says so. */
  allowedUrls?: readonly AllowedUrl[]
  /** Relative input of `fetch` is resolved against this. Default in a page: the page. */
  baseUrl?: string
  /** Seconds before expiry at which a token is renewed. Default 60, never more than a fifth of its life. */
  renewBefore?: number
  /** Signatures that an id_token may have. Default RS256, PS256, ES256, EdDSA, Ed25519. */
  idTokenAlgorithms?: readonly string[]
  /** Audiences that may stand in an id_token beside this client. Default none. */
  trustedAudiences?: readonly string[]
  /**
   * Bind tokens to a key (RFC 9449): who steals one can do nothing with it. The key is P-256, made by
   * WebCrypto, and nobody can read it; a page keeps it in IndexedDB, for all its tabs and sessions, a client
   * for itself. Or bring one: servers of several isolates that sign people in need it, for a code is
   * bound to the key that asked for it. A server or an API that wants nonces gets them; one that answers with
   * a token that is not bound is refused (`token_binding_downgrade`).
   */
  dpop?: boolean | { keyPair: { publicKey: BaseKey; privateKey: BaseKey } }
  /**
   * Push authorization requests to the server before the person leaves (RFC 9126). Default: when the server
   * requires it. There is no way back to the plain request.
   */
  pushedAuthorization?: boolean
  /** Seconds by which clocks may differ. Default 30. */
  clockTolerance?: number
  /** Milliseconds for one HTTP exchange, its body included. Default 10 000. */
  timeout?: number
  /** Default: the runtime's, looked up when the session or client is made. */
  fetch?: typeof globalThis.fetch
  /** Milliseconds since the epoch. Default `Date.now`. */
  now?: () => number
  /** Told of every exchange. Never sees a secret or a full URL. */
  logger?: (event: LogEvent) => void
  /** Take user info signed by the provider, or none: for whoever registered `userinfo_signed_response_alg`. */
  signedUserInfo?: boolean
  /** Tolerate a missing `token_type` and digits in a string in `expires_in`. */
  lenient?: boolean
  /** @deprecated Plain http beyond loopback: whoever is on the way reads the tokens. */
  insecureHttp?: boolean
}

export interface LogEvent {
  level: 'debug' | 'info' | 'warning'
  /** `response`, `request-failed`, `cache-failed`, or the code of a warning. */
  type: string
  [field: string]: string | number | boolean | undefined
}

/** A store of your own. Values are strings; answers may be promises. A `Map` fits. */
export interface Store {
  get(key: string): MaybePromise<string | null | undefined>
  /** `expiresAt`: milliseconds since the epoch after which the value is of no more use. */
  set(key: string, value: string, options?: { expiresAt?: number }): unknown
  delete(key: string): unknown
  /**
   * Only for `cache`, where isolates are to renew in turns: answers a value other than `seen`, as soon as
   * somebody put one, or nothing when it is the caller's turn to make one. A turn ends with `set` or
   * `release`, or after a time of the store's own, for who has it may have died.
   */
  acquire?(key: string, seen?: string): MaybePromise<string | null | undefined>
  /** Gives the turn up: there will be no value. */
  release?(key: string): unknown
}

/** Claims of an id_token that passed every check. A person is (`iss`, `sub`), never an e-mail address. */
export interface IdTokenClaims {
  iss: string
  sub: string
  aud: string | readonly string[]
  exp: number
  iat: number
  auth_time?: number
  nonce?: string
  acr?: string
  amr?: readonly string[]
  azp?: string
  sid?: string
  name?: string
  given_name?: string
  family_name?: string
  preferred_username?: string
  picture?: string
  email?: string
  email_verified?: boolean
  [claim: string]: unknown
}

export interface UserInfo {
  sub: string
  name?: string
  email?: string
  [claim: string]: unknown
}

// ── a page ────────────────────────────────────────────────────────────────────────────────────────

/**
 * Makes the session of a page: signs a person in, keeps and renews the tokens, calls APIs. Loads the
 * WebAssembly by itself, once. On a server it answers a session that is signed out.
 *
 * @throws {GrantError} `config_invalid`, `url_invalid`, `url_insecure` for a bad option (`detail` names
 * it), `unsupported` where signatures cannot be checked (no `crypto.subtle`), `wasm_unavailable`.
 *
 * @example
 * const session = await createSession({
 *   issuer: 'https://id.example', clientId: 'spa', redirectUri: location.origin + '/callback',
 *   scope: 'openid profile api offline_access', allowedUrls: ['https://api.example/'],
 * })
 */
export declare function createSession(options: SessionOptions): Promise<Session>

export interface SessionOptions extends ServerOptions {
  /** Where the server sends people back to: the exact registered string. */
  redirectUri: string
  /** Where the server sends people after a sign-out. */
  postLogoutRedirectUri?: string
  /**
   * Where the server loads this origin in a frame when somebody signed out elsewhere (OpenID Connect
   * Front-Channel Logout 1.0). There `handleCallback` signs out, if the frame names this very session, and
   * answers `signed-out`. Browsers that partition storage show such a frame nothing of a session, unless both
   * are of one site.
   */
  frontChannelLogoutUri?: string
  /**
   * Where tokens live: this tab (default), this browser, this page until it is left, or a store of your
   * own. Records of sign-ins under way always live in sessionStorage.
   */
  storage?: 'session' | 'local' | 'memory' | Store
  /** Renew by a timer too, not only on use. Default true. */
  backgroundRenewal?: boolean
  /** Methods beyond GET, HEAD, OPTIONS, PUT, DELETE that `fetch` may send again after a 401. */
  retryMethods?: readonly string[]
}

export interface Session {
  /** An unexpired access token, or a refresh token, is held. */
  readonly signedIn: boolean
  /** Validated and frozen; null without the scope `openid`. */
  readonly claims: Readonly<IdTokenClaims> | null
  /** When the access token expires, milliseconds; null where the server did not say. */
  readonly expiresAt: number | null
  /** When the refresh token expires where the server says it, milliseconds. */
  readonly sessionExpiresAt: number | null
  readonly idToken: string | null
  /** As granted, which may be less than asked for. */
  readonly scope: string | null
  /**
   * Leaves the page for the authorization server (RFC 6749, section 4.1; PKCE S256, state, nonce).
   * Settles only if that fails (`network_error`, `storage_unavailable`, …), or with `aborted` when the
   * page comes back from the back/forward cache. In the modes `popup` and `silent` the page stays, and the
   * answer is `signed-in`.
   *
   * @throws {GrantError} `login_loop` after five callbacks within a minute; `popup_blocked`,
   * `popup_closed`; `login_required` where the server refuses a silent sign-in; `timeout`.
   */
  signIn(options?: SignInOptions): Promise<SignInResult>
  /**
   * Handles the way back; may be called on every page. Code, state and iss are out of the address before
   * this returns. Calls for the same callback share one answer.
   *
   * @throws {GrantError} `authorization_error` (the person or the server said no), `state_unknown`
   * (detail `used`, `expired` or `unknown`), `issuer_mismatch`, `id_token_invalid` (detail names the
   * check), `token_error`, `network_error`, … Nothing is kept then.
   */
  handleCallback(url?: string, options?: CallOptions): Promise<CallbackResult>
  /**
   * The access token, renewed if need be; one request however many ask at once. With `dpop` it is of use with
   * a proof of its key alone, which `fetch` makes.
   *
   * @throws {GrantError} `login_required` when only a new sign-in helps; else look at `retryable`.
   */
  getAccessToken(
    options?: GrantOptions & {
      /** Seconds that the token must live still. */
      minLifetime?: number
      /** Renew even a token that is good. */
      forceRenewal?: boolean
    },
  ): Promise<string>
  /**
   * `fetch` with the token, to `allowedUrls` only; elsewhere it rejects `url_not_allowed` and sends
   * nothing. A 401 is answered with one fresh token where the request can be sent again; a final 401
   * comes back as the Response. Redirects are refused.
   */
  fetch(input: FetchInput, init?: FetchInit, options?: GrantOptions): Promise<Response>
  /** More about the person (OpenID Connect Core 1.0, section 5.3), if it is about this person. */
  userInfo(options?: CallOptions): Promise<UserInfo>
  /**
   * Clears this browser's state first, gives the tokens back (2 seconds at most), then leaves for the
   * provider's logout where it has one. `local: true` stays. `returnTo` is a path of this origin that
   * `handleCallback` answers with at `postLogoutRedirectUri`; it is never sent to the server.
   */
  signOut(options?: SignOutOptions): Promise<void>
  /** Listens; the answer stops it. */
  on<T extends keyof SessionEvents>(
    type: T,
    listener: (event: SessionEvents[T] & { type: T }) => void,
  ): () => void
  /** Ends timers, channels and listeners; every later call rejects with `closed`. Stored tokens stay. */
  close(): void
  [Symbol.dispose](): void
}

export interface SignOutOptions {
  /** Stays in this page; the provider is not visited. */
  local?: boolean
  /** A path of this origin to come back to. */
  returnTo?: string
  /** Tells the provider who leaves, beside the last id_token. */
  logoutHint?: string
  /** Languages that the person reads, best first, as in `de-AT en`. */
  uiLocales?: string
}

export interface SignInOptions extends GrantOptions {
  /** Path of this origin to come back to; default: this page's path, query and hash. */
  returnTo?: string
  /** Anything that JSON holds; comes back from handleCallback. */
  appState?: unknown
  /** `login`, `consent`, `select_account`, or `none` (then a refusal answers `login-required`). */
  prompt?: string
  loginHint?: string
  /** Seconds since the person's last proof of identity; checked against `auth_time`. */
  maxAge?: number
  uiLocales?: string
  /** OpenID Connect Core 1.0, section 5.5. An essential `acr` is checked. */
  claims?: Record<string, unknown>
  /** RFC 9396. */
  authorizationDetails?: readonly Record<string, unknown>[]
  /**
   * `redirect` (default) leaves the page. `popup` opens a window, so call it in a click; `silent` asks in
   * a hidden frame with `prompt=none`, for at most `timeout`. Both need a page at `redirectUri` that calls
   * `handleCallback`: it hands the answer on to this page and, in a popup, closes.
   */
  mode?: 'redirect' | 'popup' | 'silent'
}
export type SignInResult = { kind: 'signed-in'; appState?: unknown }
export type CallbackResult =
  | { kind: 'none'; returnTo?: undefined }
  | { kind: 'signed-in'; returnTo?: string; appState?: unknown; repeated: boolean }
  | { kind: 'login-required'; returnTo?: string; appState?: unknown; error: string }
  | { kind: 'signed-out'; returnTo?: string; stateMatched: boolean }

/** `otherTab`: another tab of this browser did it, and this one took it over. */
export interface SessionEvents {
  'signed-in': { claims: Readonly<IdTokenClaims> | null; otherTab: boolean }
  /** `expiresAt` in milliseconds. */
  renewed: { expiresAt: number | null; otherTab: boolean }
  /** The session lives on; a later try may succeed. */
  'renewal-failed': { error: GrantError }
  /** The access token expired and there is nothing to renew it with. */
  expired: { error?: GrantError }
  'signed-out': { reason: 'sign-out' | 'other-tab' | 'final-error'; error?: GrantError }
  /** `storage_unavailable`, `storage_corrupt`, `no_refresh_token`. Early ones wait for the first listener. */
  warning: { code: string; message: string }
}

// ── the edge ──────────────────────────────────────────────────────────────────────────────────────

/**
 * Makes a client that asks a token endpoint for tokens. Does no I/O, so it may be called at module scope.
 *
 * @throws {GrantError} `config_invalid`, `url_invalid`, `url_insecure`, `wasm_unavailable`.
 *
 * @example
 * const client = await createTokenClient({
 *   issuer: 'https://id.example', clientId: 'worker', clientSecret: env.CLIENT_SECRET, scope: 'api',
 *   allowedUrls: ['https://api.example/'],
 * })
 * await client.fetch('https://api.example/orders')
 */
export declare function createTokenClient(options: TokenClientOptions): Promise<TokenClient>

export interface TokenClientOptions extends ServerOptions {
  clientSecret?: string
  /**
   * Default: `private_key_jwt` with a key or an assertion; with a secret what the server lists, basic first;
   * else none. With mutual TLS the certificate is `fetch`'s, and the server's `mtls_endpoint_aliases` are used.
   */
  clientAuthentication?:
    | 'none'
    | 'client_secret_basic'
    | 'client_secret_post'
    | 'client_secret_jwt'
    | 'private_key_jwt'
    | 'tls_client_auth'
    | 'self_signed_tls_client_auth'
  /** Signs who the client is, anew for each request (RFC 7523): ES256, EdDSA, PS256 or RS256. */
  privateKey?: BaseKey | PrivateJwk | SigningKey
  /** An assertion made elsewhere (workload identity), asked for before each request. */
  clientAssertion?: () => MaybePromise<string>
  /** Signs authorization requests (RFC 9101), and those of the back channel. */
  requestObjectKey?: BaseKey | PrivateJwk | SigningKey
  /**
   * How the answer of an authorization request comes: with `jwt` it is signed (JARM), and a plain one is
   * refused; with `form_post` it is posted to the redirect URI.
   */
  responseMode?: 'query' | 'form_post' | 'query.jwt' | 'form_post.jwt' | 'jwt'
  /**
   * Shared by isolates or processes, behind the memory of each, for the tokens of `getAccessToken` and
   * `fetch`: of `grantkit/stores`, or any object with `get`, `set` and `delete`. Values are sealed (AES-GCM
   * under a key for each name), names are digests: who reads the store gets no token. A store that
   * fails, is slow (a second) or lies is told to `logger` (`cache-failed`) and done without.
   */
  cache?: Store
  /**
   * What seals `cache`: 32 random bytes, or a `CryptoKey` for HKDF with the usage `deriveKey`, imported from
   * them. Default: the client secret, if it has 32 characters or more.
   */
  cacheKey?: BaseKey | Uint8Array
  redirectUri?: string
  postLogoutRedirectUri?: string
  /** Methods beyond GET, HEAD, OPTIONS, PUT, DELETE that `fetch` may send again after a 401. */
  retryMethods?: readonly string[]
  /** @deprecated A client secret in a page is no secret, nor is a private key that a script can read. */
  insecureClientSecret?: boolean
}

export interface TokenClient {
  /**
   * A token by client credentials (RFC 6749, section 4.4): from the cache until shortly before expiry, one
   * request for all who ask at once, failures never cached. Cached by everything that shapes the request.
   */
  getAccessToken(
    options?: GrantOptions & WaitUntil & { minLifetime?: number; forceRenewal?: boolean },
  ): Promise<string>
  /** `fetch` with the token, to `allowedUrls` only; after a 401 once more with a fresh one. */
  fetch(input: FetchInput, init?: FetchInit, options?: GrantOptions & WaitUntil): Promise<Response>

  // one request each, nothing cached
  /** Sends exactly `parameters`, the grant type and the client's authentication. */
  requestToken(
    request: CallOptions & { grantType: string; parameters?: FormParameters },
  ): Promise<TokenResponse>
  /** RFC 6749, section 4.4. */
  clientCredentials(request?: GrantOptions): Promise<TokenResponse>
  /** RFC 6749, section 4.1.3, with the verifier of RFC 7636. */
  authorizationCode(
    request: GrantOptions & { code: string; redirectUri?: string; codeVerifier?: string },
  ): Promise<TokenResponse>
  /**
   * RFC 6749, section 6. With the `claims` of the sign-in, an id_token of the answer is validated and must speak of the same person
   * and sign-in (OpenID Connect Core 1.0, section 12.2); else it is as the server sent it.
   */
  refreshToken(
    request: GrantOptions & { refreshToken: string; claims?: Readonly<IdTokenClaims> },
  ): Promise<TokenResponse>
  /** RFC 8628, section 3.4: one poll. */
  deviceCode(request: GrantOptions & { deviceCode: string }): Promise<TokenResponse>
  /** OpenID Connect CIBA, section 10.1: one poll. */
  backchannel(request: GrantOptions & { authReqId: string }): Promise<TokenResponse>
  /** RFC 8693. */
  tokenExchange(
    request: GrantOptions & {
      subjectToken: string
      subjectTokenType: string
      actorToken?: string
      actorTokenType?: string
      requestedTokenType?: string
    },
  ): Promise<TokenResponse>
  /** RFC 7523, section 2.1. */
  jwtBearer(request: GrantOptions & { assertion: string }): Promise<TokenResponse>
  /** @deprecated OAuth 2.1 drops it; here because token servers still have it. */
  password(request: GrantOptions & { username: string; password: string }): Promise<TokenResponse>

  // the interactive flow in two steps, for a server that keeps its own sessions
  /** A plain record, with the `url` to send the person to: keep it with the user's session. */
  authorizationRequest(
    request?: Omit<SignInOptions, 'mode' | 'returnTo'>,
  ): Promise<AuthorizationRequest>
  /** All checks, then the exchange. `answer`: the callback's URL, or its form for form_post. */
  callback(
    answer: string | URLSearchParams,
    request: AuthorizationRequest,
    options?: CallOptions,
  ): Promise<TokenResponse>
  /** Signature and claims (OpenID Connect Core 1.0, section 3.1.3.7). */
  validateIdToken(
    idToken: string,
    expected?: { nonce?: string; maxAge?: number; accessToken?: string; code?: string },
  ): Promise<Readonly<IdTokenClaims>>
  /** OpenID Connect RP-Initiated Logout 1.0, section 2. */
  endSessionUrl(request?: {
    idTokenHint?: string
    state?: string
    logoutHint?: string
    /** Languages that the person reads, best first, as in `de-AT en`. */
    uiLocales?: string
    postLogoutRedirectUri?: string
  }): Promise<string>

  // the other endpoints
  metadata(options?: CallOptions): Promise<ServerMetadata>
  /** Rejects `userinfo_invalid` unless the answer is about `expectedSubject`. */
  userInfo(accessToken: string, expectedSubject: string, options?: CallOptions): Promise<UserInfo>
  /** RFC 7009. */
  revoke(token: string, options?: CallOptions & { tokenTypeHint?: string }): Promise<void>
  /**
   * RFC 7662. Of a token that is not active nothing but `active: false` is told. `signed` asks for an
   * answer that the server signed (RFC 9701) and takes no other; one that is declared signed is always
   * checked.
   *
   * @throws {GrantError} `token_invalid` for a signed answer that fails a check; `config_invalid` where
   * the client has no way to show who it is.
   */
  introspect(
    token: string,
    options?: CallOptions & { tokenTypeHint?: string; signed?: boolean },
  ): Promise<IntrospectionResponse>
  /** RFC 8628, section 3.1. Show `user_code` and `verification_uri`; open nothing by yourself. */
  deviceAuthorization(request?: GrantOptions): Promise<DeviceAuthorizationResponse>
  /**
   * Asks until the person is done (RFC 8628, section 3.4): at the server's pace, slower when it says so or
   * cannot be reached, and never after `expiresAt`. Call it once for each answer, in one request's life.
   *
   * @throws {GrantError} `token_error` with `error` `access_denied` or `expired_token`; `aborted`.
   */
  pollDevice(response: DeviceAuthorizationResponse, options?: CallOptions): Promise<TokenResponse>
  /**
   * OpenID Connect CIBA, section 7: the server asks the person, on a device of their own. Exactly one
   * of the three hints says who. With `requestObjectKey` the request is signed.
   */
  backchannelAuthentication(
    request: GrantOptions & {
      loginHint?: string
      loginHintToken?: string
      idTokenHint?: string
      /** Shown on both devices. */
      bindingMessage?: string
      userCode?: string
      /** Seconds. */
      requestedExpiry?: number
      /** For ping: comes back with the notification. 128 random bits at least, base64url. */
      clientNotificationToken?: string
    },
  ): Promise<BackchannelAuthenticationResponse>
  /** Asks until the person is done, as `pollDevice` does. The id_token is validated: `claims`. */
  pollBackchannel(
    response: BackchannelAuthenticationResponse,
    options?: CallOptions,
  ): Promise<TokenResponse>
  /**
   * Whether a notification that somebody posted is for this request (CIBA, section 10.2). Answer it with
   * 204, or with the error's `status`; then fetch the tokens by `backchannel({ authReqId })`.
   *
   * @throws {GrantError} `token_invalid` with `status` 400, 401 or 405.
   */
  validateBackchannelNotification(
    request: Request | { authorization?: string; body: string },
    expected: { authReqId: string; clientNotificationToken: string },
  ): Promise<void>
  /** RFC 9126: pushes exactly these parameters and `client_id`; signed with `requestObjectKey`. */
  pushAuthorization(
    parameters: FormParameters,
    options?: CallOptions,
  ): Promise<PushedAuthorizationResponse>
  /** RFC 7591: makes a client known. What this client is called plays no part in it. */
  register(
    metadata: Record<string, unknown>,
    options?: CallOptions & { initialAccessToken?: string },
  ): Promise<ClientRegistrationResponse>
  /**
   * RFC 7592, section 2.2: the whole metadata anew. Keep the answer in place of the old one, for its token
   * may be another.
   */
  updateRegistration(
    registration: ClientRegistrationResponse,
    metadata: Record<string, unknown>,
    options?: CallOptions,
  ): Promise<ClientRegistrationResponse>
  /** RFC 7592, section 2.3. */
  deleteRegistration(registration: ClientRegistrationResponse, options?: CallOptions): Promise<void>
  /**
   * OpenID Connect Back-Channel Logout: whose session is over. Takes the request that came in, or the
   * token in it. Answer it with 200, or with the error's `status`, and `Cache-Control: no-store`; an error
   * without one (the keys could not be fetched) with 503. A token is taken once by each client.
   *
   * @throws {GrantError} `token_invalid`, `jwks_key_not_found` with `status` 400 or 405.
   */
  validateLogoutToken(logoutToken: string | Request, options?: CallOptions): Promise<LoggedOut>
  /**
   * OpenID Connect Core 1.0, section 4: somebody else asks that a person sign in. `request` is the
   * address that was called, or its form. `returnTo` is a path where `redirectUri` is; any other
   * `target_link_uri` is dropped. Needs the option `redirectUri`. Start the sign-in only where your own pages would.
   *
   * @throws {GrantError} `issuer_mismatch` unless the issuer is one of `issuers` (default: the client's).
   */
  acceptThirdPartyLogin(
    request: string | URLSearchParams,
    options?: { issuers?: readonly string[] },
  ): Promise<ThirdPartyLogin>
  /**
   * RFC 9728: what an API says of itself. By its identifier, or by its answer (a 401 whose
   * `WWW-Authenticate` has `resource_metadata`). `issuer` is the server to ask for tokens: the first of
   * `issuers` that the API names, or the first that `accept` answers `true` to; never another one.
   *
   * @throws {GrantError} `metadata_issuer_mismatch` with detail `resource` (the document is about
   * something else) or `authorization_servers` (none of them is trusted); `url_insecure` for an address
   * that leads into a private network.
   */
  discoverResource(
    resource: string | Response,
    options?: CallOptions &
      (
        | {
            /** Default: the client's own issuer. */
            issuers?: readonly string[]
            accept?: undefined
          }
        | { issuers?: undefined; accept: (issuer: string) => MaybePromise<boolean> }
      ),
  ): Promise<ResourceMetadata>
  /** Forgets the tokens; every later call rejects with `closed`. */
  close(): void
  [Symbol.dispose](): void
}

/** As the server sent it, checked; frozen, without a prototype. */
export interface TokenResponse {
  access_token: string
  token_type: string
  /** Seconds. */
  expires_in?: number
  refresh_token?: string
  id_token?: string
  scope?: string
  issued_token_type?: string
  /** Ours: milliseconds since the epoch; absent where the lifetime is unknown. */
  expiresAt?: number
  /** Ours: validated. */
  claims?: Readonly<IdTokenClaims>
  [member: string]: unknown
}

export interface IntrospectionResponse {
  active: boolean
  scope?: string
  client_id?: string
  username?: string
  token_type?: string
  exp?: number
  iat?: number
  nbf?: number
  sub?: string
  aud?: string | readonly string[]
  iss?: string
  jti?: string
  [member: string]: unknown
}

/** What to show, and what to poll with. JSON holds it. */
export interface DeviceAuthorizationResponse {
  device_code: string
  /** Printable ASCII; to be shown always. */
  user_code: string
  /** https, or loopback. */
  verification_uri: string
  /** The same with the code in it, for a QR code. */
  verification_uri_complete?: string
  /** Seconds. */
  expires_in: number
  /** Seconds between two questions; 5 where it is absent. */
  interval?: number
  /** Ours: milliseconds since the epoch. */
  expiresAt?: number
  [member: string]: unknown
}

/** What to poll with. JSON holds it. */
export interface BackchannelAuthenticationResponse {
  auth_req_id: string
  /** Seconds. */
  expires_in: number
  /** Seconds between two questions; 5 where it is absent. */
  interval?: number
  /** Ours: milliseconds since the epoch. */
  expiresAt?: number
  [member: string]: unknown
}

export interface PushedAuthorizationResponse {
  /** For one use, before `expires_in` seconds are over. */
  request_uri: string
  expires_in: number
  [member: string]: unknown
}

/** Holds secrets: keep it where the client's own are. */
export interface ClientRegistrationResponse {
  client_id: string
  client_secret?: string
  /** Seconds since the epoch; 0 is for ever. */
  client_secret_expires_at?: number
  registration_client_uri?: string
  registration_access_token?: string
  [member: string]: unknown
}

/** At least one of `sub` and `sid` is there: all sessions of that person, or that session. */
export interface LoggedOut {
  sub?: string
  sid?: string
  jti: string
}

export interface ThirdPartyLogin {
  issuer: string
  loginHint?: string
  returnTo?: string
}

/** As it was sent and checked; `issuer` is ours. */
export interface ResourceMetadata {
  resource: string
  issuer: string
  authorization_servers?: readonly string[]
  scopes_supported?: readonly string[]
  bearer_methods_supported?: readonly string[]
  dpop_bound_access_tokens_required?: boolean
  [member: string]: unknown
}

/** All that the checks of the answer need. Holds secrets: keep it where the user's session is. */
export interface AuthorizationRequest {
  readonly url: string
  readonly state: string
  readonly nonce?: string
  readonly codeVerifier: string
  readonly issuer: string
  readonly clientId: string
  readonly redirectUri: string
  readonly scope?: string
  readonly resource: readonly string[]
  readonly maxAge?: number
  readonly acrValues?: string
  readonly essentialAcr: readonly string[]
  readonly silent: boolean
  /** Only a signed answer is one (JARM). */
  readonly signedAnswer?: boolean
  /** The key that code and tokens are bound to (RFC 9449). */
  readonly dpopJkt?: string
  readonly createdAt: number
  readonly appState?: unknown
}

// ── an API ────────────────────────────────────────────────────────────────────────────────────────

/**
 * Makes a guard for an API: it says whether the token of a request is good. Make it once: it remembers the
 * server's keys, what the server said of opaque tokens, and which proofs were shown. Does no I/O, so it may
 * be called at module scope.
 *
 * @throws {GrantError} `config_invalid`, `url_invalid`, `url_insecure`, `wasm_unavailable`.
 *
 * @example
 * const guard = await createTokenValidator({ issuer: 'https://id.example', audience: 'https://api.example' })
 * const { sub } = await guard.validate(request, { scope: 'orders.read' })
 */
export declare function createTokenValidator(
  options: TokenValidatorOptions,
): Promise<TokenValidator>

export interface TokenValidatorOptions {
  /** What `iss` must equal, byte for byte; `{tenantid}` stands for the token's claim `tid`. */
  issuer?: string
  /** The API, as tokens name it in `aud`. */
  audience: string
  /** Where the metadata is, if not under the issuer. */
  discoveryUrl?: string
  /** Endpoints by hand; they win over discovered ones. With `jwks` no keys are fetched. */
  metadata?: Partial<ServerMetadata>
  /**
   * Together with `clientSecret`: the server is asked about tokens that are none of RFC 9068 (RFC 7662). Its
   * answer must name the `audience`. It is kept for a minute, a refusal for ten seconds.
   */
  clientId?: string
  clientSecret?: string
  /** Signatures that a token may have. Default RS256, PS256, ES256, EdDSA, Ed25519. */
  algorithms?: readonly string[]
  /** Seconds by which clocks may differ. Default 30. */
  clockTolerance?: number
  /**
   * Tokens that are bound to a key (RFC 9449). `true` (default): they are taken with a proof, beside those of
   * bearers. `'required'`: no others. `false`: they are refused. Tokens that are bound to a certificate
   * (RFC 8705) are always refused. Proofs are remembered for two minutes, by this instance alone.
   */
  dpop?: boolean | 'required'
  /** Where the API's own metadata is (RFC 9728), for `WWW-Authenticate`. */
  resourceMetadata?: string
  /** Milliseconds for one HTTP exchange, its body included. Default 10 000. */
  timeout?: number
  /** Default: the runtime's, looked up when the guard is made. */
  fetch?: typeof globalThis.fetch
  /** Milliseconds since the epoch. Default `Date.now`. */
  now?: () => number
  /** Told of every exchange. Never sees a secret or a full URL. */
  logger?: (event: LogEvent) => void
  /** @deprecated Plain http beyond loopback: whoever is on the way changes the keys. */
  insecureHttp?: boolean
}

/**
 * A `Request`, or what there is of one. `url` is the whole URL that the client called, which is what a proof
 * names: behind a proxy that changes it, say what it was. Header names of a plain object are in lower case.
 */
export interface GuardedRequest {
  readonly method: string
  readonly url: string
  readonly headers:
    | { get(name: string): string | null }
    | Readonly<Record<string, string | readonly string[] | undefined>>
}

export interface TokenValidator {
  /**
   * The claims of the request's token (RFC 6750, RFC 9068, RFC 9449), or what the server said of it
   * (RFC 7662). Frozen.
   *
   * @throws {GrantError} `token_invalid` (detail names the check), `jwks_key_not_found` or
   * `insufficient_scope`: answer with `status` and `wwwAuthenticate`. Anything else is not the request's
   * fault: `status` is 503 where the server cannot be asked, else 500.
   */
  validate(
    request: GuardedRequest,
    options?: CallOptions & {
      /** Every one of these must be granted. */
      scope?: string
      /**
       * The nonces that a proof may have, the newest and the one before. A request without one is refused
       * with `use_dpop_nonce`; send the newest in the header `DPoP-Nonce`.
       */
      dpopNonce?: string | readonly string[]
    },
  ): Promise<Readonly<AccessTokenClaims>>
  /** Every later call rejects with `closed`. */
  close(): void
  [Symbol.dispose](): void
}

/** Of a JWT, `iss`, `sub`, `aud`, `exp`, `iat`, `jti` and `client_id` are there (RFC 9068, section 2.2). */
export interface AccessTokenClaims {
  iss?: string
  /** The person; for a client's own token the client. */
  sub?: string
  aud: string | readonly string[]
  /** Seconds. */
  exp?: number
  iat?: number
  jti?: string
  client_id?: string
  /** Scope tokens, separated by a space. */
  scope?: string
  /** What the token is bound to. */
  cnf?: { readonly jkt?: string }
  [claim: string]: unknown
}

// ── errors ────────────────────────────────────────────────────────────────────────────────────────

/** The stable codes. A new one stands in CHANGELOG. */
export type GrantErrorCode =
  | 'config_invalid'
  | 'url_invalid'
  | 'url_insecure'
  | 'unsupported'
  | 'closed'
  | 'aborted'
  | 'network_error'
  | 'timeout'
  | 'redirect_refused'
  | 'response_too_large'
  | 'response_content_type'
  | 'response_not_json'
  | 'response_status'
  | 'metadata_issuer_mismatch'
  | 'metadata_invalid'
  | 'metadata_unsupported'
  | 'jwks_invalid'
  | 'jwks_key_not_found'
  | 'state_missing'
  | 'state_unknown'
  | 'callback_duplicate_param'
  | 'callback_malformed'
  | 'callback_unexpected_token'
  | 'redirect_uri_mismatch'
  | 'issuer_mismatch'
  | 'issuer_missing'
  | 'authorization_error'
  | 'token_error'
  | 'token_response_invalid'
  | 'token_type_unsupported'
  | 'token_binding_downgrade'
  | 'id_token_missing'
  | 'id_token_invalid'
  | 'jarm_invalid'
  | 'userinfo_invalid'
  | 'login_required'
  | 'login_loop'
  | 'popup_blocked'
  | 'popup_closed'
  | 'storage_unavailable'
  | 'storage_corrupt'
  | 'url_not_allowed'
  | 'insufficient_scope'
  | 'step_up_required'
  | 'dpop_nonce_rejected'
  | 'logout_state_mismatch'
  | 'token_invalid'
  | 'wasm_unavailable'
  | 'instance_poisoned'

export declare class GrantError extends Error {
  private constructor()
  readonly code: GrantErrorCode
  /** Whose it is to mend. */
  readonly fault: 'caller' | 'server' | 'response' | 'network' | 'internal'
  /** The same call may succeed later; after `retryAfter` seconds where the server said so. */
  readonly retryable: boolean
  readonly retryAfter?: number
  /** Only a new sign-in helps. */
  readonly loginRequired: boolean
  /** Of the server's answer; of `TokenValidator.validate`, what to answer with. */
  readonly status?: number
  /** Of `TokenValidator.validate`: the value of the header to answer with. */
  readonly wwwAuthenticate?: string
  /** The server's words: untrusted, capped, never part of `message`. */
  readonly error?: string
  readonly error_description?: string
  readonly error_uri?: string
  readonly response?: Readonly<Record<string, unknown>>
  /**
   * With `step_up_required` and `insufficient_scope`: what to ask for, ready to be passed on:
   * `await session.signIn(error.signIn)`.
   */
  readonly signIn?: {
    readonly acrValues?: string
    readonly maxAge?: number
    readonly scope?: string
  }
  /** Which member, claim or cause. */
  readonly detail?: string
}

// Without it every type above is exported, also those that are nobody's business.
export {}
