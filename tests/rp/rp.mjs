// An RP that is a server, built on the package: what the suite asks of every RP, and what each module is
// held against. The suite sees only whether there is a further call; here the error counts as well.

import assert from 'node:assert/strict'

import { browse } from './browser.mjs'
import { startProvider } from './provider.mjs'
import { key, published } from './provider/keys.mjs'

const REDIRECT_URI = 'https://rp.example/callback'
const POST_LOGOUT_REDIRECT_URI = 'https://rp.example/bye'

/** The characters that have a meaning where an id and a secret are sent. */
const CLIENT_ID = 'client_~7Xw+%20&='
const SECRET = 'secret_:%+ &=~"\\/?#{abcdefghijklmnopqrstuvwxyz'

/** A whole sign-in, by its calls; what a module stops, stops behind one of them. */
export const WHOLE = ['discovery', 'jwks', 'authorize', 'token', 'userinfo']

const KINDS = { ES256: 'p256', EdDSA: 'ed25519', PS256: 'rsa' }

/** A key of the RP: the private JWK, and what the provider knows of it. */
export async function ownKey(alg) {
  const jwk = { ...(await key(KINDS[alg], 7)), kid: 'of-the-rp', alg }
  return { jwk, jwks: { keys: [{ ...published(jwk), use: 'sig' }] } }
}

/** What a provider accepts of an RP that signs by that algorithm: Ed25519 has two names. */
export const accepted = (alg) => (alg === 'EdDSA' ? ['EdDSA', 'Ed25519'] : [alg])

const secret = (auth, clientAuthentication) => () => ({
  client: { auth },
  options: { clientSecret: SECRET, ...(clientAuthentication && { clientAuthentication }) },
})

/** How an RP is registered, and the options that say so. */
export const VARIANTS = {
  none: () => ({ client: { auth: 'none' }, options: {} }),
  client_secret_basic: secret('client_secret_basic'),
  client_secret_post: secret('client_secret_post', 'client_secret_post'),
  client_secret_jwt() {
    const { client, options } = secret('client_secret_jwt', 'client_secret_jwt')()
    return { client: { ...client, assertionAlgs: ['HS256'] }, options }
  },
  async private_key_jwt() {
    const { jwk, jwks } = await ownKey('ES256')
    const client = { auth: 'private_key_jwt', jwks, assertionAlgs: ['ES256'], kid: jwk.kid }
    return { client, options: { privateKey: jwk } }
  },
  self_signed_tls_client_auth: () => ({
    client: { auth: 'self_signed_tls_client_auth' },
    options: { clientAuthentication: 'self_signed_tls_client_auth' },
  }),
}

/**
 * What a case of a module is given; `finish` closes it all. A setting has `variant`; `responseMode`, how
 * answers come; `registers`, whether the RP makes itself known first.
 */
export function createRp({ createTokenClient, GrantError }, setting) {
  const { variant, responseMode, registers } = setting
  const cleanups = []

  /** A provider with that flow, and a client of it. */
  async function start(flow = {}, options = {}) {
    const provider = await startProvider({
      responseMode,
      ...flow,
      client: {
        id: CLIENT_ID,
        secret: SECRET,
        redirectUris: [REDIRECT_URI],
        postLogoutRedirectUris: [POST_LOGOUT_REDIRECT_URI],
        ...variant.client,
        ...flow.client,
      },
    })
    cleanups.push(async () => {
      const calls = provider.calls()
      await provider.close()
      assert.deepEqual(provider.calls(), calls, 'nothing was called when all was over')
      assert.deepEqual(provider.faults, [])
    })
    const known = registers ? await register(provider, flow.registered) : {}
    const client = await createTokenClient({
      issuer: provider.issuer,
      clientId: CLIENT_ID,
      redirectUri: REDIRECT_URI,
      postLogoutRedirectUri: POST_LOGOUT_REDIRECT_URI,
      scope: 'openid',
      ...(responseMode && { responseMode }),
      ...variant.options,
      ...known,
      ...options,
    })
    return { provider, client }
  }

  /** RFC 7591; what is called from then on is another client's. */
  async function register(provider, more) {
    const { auth, jwks, assertionAlgs } = variant.client
    const registrar = await createTokenClient({ issuer: provider.issuer, clientId: 'unregistered' })
    const registered = await registrar.register({
      redirect_uris: [REDIRECT_URI],
      post_logout_redirect_uris: [POST_LOGOUT_REDIRECT_URI],
      response_types: ['code'],
      grant_types: ['authorization_code'],
      contacts: ['rp@example.com'],
      token_endpoint_auth_method: auth,
      ...(jwks && { jwks, token_endpoint_auth_signing_alg: assertionAlgs[0] }),
      ...more,
    })
    assert.deepEqual(provider.calls(), ['discovery', 'register'])
    provider.requests.length = 0
    const { client_id: clientId, client_secret: clientSecret } = registered
    assert.equal(clientId, provider.op.client.id)
    return { clientId, ...(clientSecret && { clientSecret }) }
  }

  /** From the authorization request to the tokens; the record waits in a store meanwhile. */
  async function signIn({ client }, ask) {
    const request = await client.authorizationRequest(ask)
    const answer = await browse(request.url, REDIRECT_URI)
    const tokens = await client.callback(answer, JSON.parse(JSON.stringify(request)))
    return { request, tokens }
  }

  /** What an RP does with a person: signs in, then asks who it is. */
  async function visit(parts, ask) {
    const { request, tokens } = await signIn(parts, ask)
    const user = await parts.client.userInfo(tokens.access_token, tokens.claims.sub)
    return { request, tokens, user }
  }

  /** Sends the person to the provider's logout; answers where they come back to. */
  async function leave({ client }, { tokens }, state) {
    const url = await client.endSessionUrl({ idTokenHint: tokens.id_token, state })
    return browse(url, POST_LOGOUT_REDIRECT_URI)
  }

  async function refused(promise, code, fields) {
    const error = await promise.then(
      () => assert.fail(`not refused with ${code}`),
      (reason) => reason,
    )
    assert.ok(error instanceof GrantError, `${error?.stack}`)
    assert.equal(error.code, code, `${error.message} (${error.detail})`)
    for (const [name, value] of Object.entries(fields ?? {})) {
      assert.equal(error[name], value, `${name} of ${code}`)
    }
    return error
  }

  return {
    start,
    signIn,
    visit,
    leave,
    refused,
    /** Something else that is closed when the case is over. */
    cleanup: (work) => void cleanups.push(work),
    /** The module passes when user info was fetched, by these calls and no other. */
    async reachesUserInfo(flow, { options, ask, calls = WHOLE } = {}) {
      const parts = await start(flow, options)
      const result = await visit(parts, ask)
      assert.equal(result.tokens.claims.sub, parts.provider.user.sub)
      assert.equal(result.user.sub, parts.provider.user.sub)
      assert.deepEqual(parts.provider.calls(), calls)
      return { ...parts, ...result }
    },
    /** The module passes when there is no call behind the poisoned one; the error says why. */
    async stopsBehind(last, flow, [code, detail], { options, ask, whole = WHOLE } = {}) {
      const parts = await start(flow, options)
      const error = await refused(visit(parts, ask), code, { detail })
      assert.deepEqual(parts.provider.calls(), whole.slice(0, whole.indexOf(last) + 1))
      return { ...parts, error }
    },
    /** Closes everything, the last first, and fails by the first thing that was not in order. */
    async finish() {
      const failures = []
      for (const cleanup of cleanups.reverse()) {
        await Promise.resolve()
          .then(cleanup)
          .catch((error) => failures.push(error))
      }
      if (failures.length > 0) throw failures[0]
    },
  }
}
