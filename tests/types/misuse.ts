// What the types refuse. Each line that follows a directive must fail to compile.
import { createSession, createTokenClient, createTokenValidator, GrantError } from 'grantkit'
import type { CallbackResult, Session, TokenClient, TokenValidator } from 'grantkit'

declare const session: Session
declare const client: TokenClient
declare const guard: TokenValidator
declare const answer: CallbackResult
declare const unknown: unknown

const page = { clientId: 'app', redirectUri: 'https://app.example/callback' }

// @ts-expect-error a mistyped option
void createSession({ ...page, scopes: 'api' })
// @ts-expect-error no redirect address
void createSession({ clientId: 'app' })
// @ts-expect-error no client
void createSession({ redirectUri: 'https://app.example/callback' })
// @ts-expect-error a page has no client secret
void createSession({ ...page, clientSecret: 'secret' })
// @ts-expect-error no such store
void createSession({ ...page, storage: 'cookie' })
// @ts-expect-error a store that cannot delete
void createSession({ ...page, storage: { get: () => null, set: () => {} } })
// @ts-expect-error a single address where a list is meant
void createSession({ ...page, allowedUrls: 'https://api.example/' })
// @ts-expect-error seconds are a number
void createSession({ ...page, renewBefore: '60' })
// @ts-expect-error a promise is no session
createSession(page).signedIn

// @ts-expect-error a mistyped option
void createTokenClient({ clientId: 'app', secret: 'secret' })
// @ts-expect-error no such method of authentication
void createTokenClient({ clientId: 'app', clientAuthentication: 'basic' })
// @ts-expect-error a server's keys hold no private part
void createTokenClient({ clientId: 'app', metadata: { jwks: { keys: [{ kty: 'EC', d: 'd' }] } } })
// @ts-expect-error a client needs an id
void createTokenClient({})

// @ts-expect-error a store that cannot delete
void createTokenClient({ clientId: 'app', cache: { get: () => null, set: () => {} } })
// @ts-expect-error a key is bytes, not their text
void createTokenClient({ clientId: 'app', cache: new Map(), cacheKey: 'key' })
// @ts-expect-error a page shares nothing with other machines
void createSession({ ...page, cache: new Map() })

// @ts-expect-error what a session tells is read only
session.signedIn = true
// @ts-expect-error a session without a person has no claims
session.claims.sub
// @ts-expect-error claims are read only
session.claims!.sub = 'mallory'
// @ts-expect-error no such event
session.on('signedin', () => {})
// @ts-expect-error no such way to sign in
void session.signIn({ mode: 'iframe' })
// @ts-expect-error a mistyped option
void session.getAccessToken({ forceRefresh: true })
// @ts-expect-error the password grant is not for pages
void session.password({ username: 'alice', password: 'alice' })
// @ts-expect-error the kind has to be looked at first
answer.repeated

// @ts-expect-error a public key signs nothing
void createTokenClient({ clientId: 'app', privateKey: { kty: 'EC', crv: 'P-256', x: 'x', y: 'y' } })
// @ts-expect-error a page has no keys for requests
void createSession({ ...page, requestObjectKey: { kty: 'EC', d: 'd' } })
// @ts-expect-error a sign-in never comes back in a fragment
void createTokenClient({ clientId: 'app', responseMode: 'fragment' })
// @ts-expect-error the whole answer is needed, not its code alone
void client.pollDevice({ device_code: 'd' })
// @ts-expect-error what it must be for is needed
void client.validateBackchannelNotification({ body: '{}' })
// @ts-expect-error a list or a question, not both
void client.discoverResource('https://r', { issuers: [], accept: () => true })

// @ts-expect-error a grant type is needed
void client.requestToken({ parameters: {} })
// @ts-expect-error form values are text
void client.requestToken({ grantType: 'g', parameters: { count: 1 } })
// @ts-expect-error the code is needed
void client.authorizationCode({ redirectUri: 'https://app.example/callback' })
// @ts-expect-error whose claims they must be is needed
void client.userInfo('token')
// @ts-expect-error the record of the request is needed
void client.callback('https://app.example/callback?code=c')
// @ts-expect-error in two steps there is no page to leave
void client.authorizationRequest({ mode: 'redirect' })
// @ts-expect-error what a server adds is unknown until looked at
client.clientCredentials().then((tokens) => tokens['custom'].length)

// @ts-expect-error an API has a name
void createTokenValidator({ issuer: 'https://id.example' })
// @ts-expect-error a mistyped option
void createTokenValidator({ audience: 'https://api.example', algorithm: ['ES256'] })
// @ts-expect-error neither yes nor no nor always
void createTokenValidator({ audience: 'https://api.example', dpop: 'always' })
// @ts-expect-error a token alone is no request
void guard.validate('token')
// @ts-expect-error a scope is text
void guard.validate(new Request('https://api.example/'), { scope: ['read'] })
// @ts-expect-error what a token says is read only
guard.validate(new Request('https://api.example/')).then((claims) => (claims.sub = 'mallory'))

// @ts-expect-error errors are made by the package alone
void new GrantError('closed')
// @ts-expect-error unknown is not an error yet
unknown.code
if (unknown instanceof GrantError) {
  // @ts-expect-error no such code
  void (unknown.code === 'login-required')
  // @ts-expect-error read only
  unknown.code = 'closed'
}
