// An RP that is a server, built on the package: what the suite asks of every RP, and what each module is
// held against. The suite sees only whether there is a further call; here the error counts as well.

import assert from 'node:assert/strict'

import { browse } from './browser.mjs'
import { startProvider } from './provider.mjs'

const REDIRECT_URI = 'https://rp.example/callback'
export const POST_LOGOUT_REDIRECT_URI = 'https://rp.example/bye'

/** The characters that have a meaning where an id and a secret are sent. */
const CLIENT_ID = 'client_~7Xw+%20&='
const SECRET = 'secret_:%+ &=~"\\/?#äbcdefghijklmnopqrstuvwxyz'.replace('ä', '{')

/** A whole sign-in, by its calls; what a module stops, stops behind one of them. */
export const WHOLE = ['discovery', 'jwks', 'authorize', 'token', 'userinfo']

/** How an RP is registered, and the options that say so. */
export const VARIANTS = {
  none: { client: { auth: 'none' }, options: {} },
  client_secret_basic: {
    client: { auth: 'client_secret_basic' },
    options: { clientSecret: SECRET },
  },
  client_secret_post: {
    client: { auth: 'client_secret_post' },
    options: { clientSecret: SECRET, clientAuthentication: 'client_secret_post' },
  },
}

/** What a case of a module is given; `finish` closes it all. */
export function createRp({ createTokenClient, GrantError }, { variant, responseMode }) {
  const providers = []

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
    providers.push(provider)
    const client = await createTokenClient({
      issuer: provider.issuer,
      clientId: CLIENT_ID,
      redirectUri: REDIRECT_URI,
      postLogoutRedirectUri: POST_LOGOUT_REDIRECT_URI,
      scope: 'openid',
      ...variant.options,
      ...options,
    })
    return { provider, client }
  }

  /** From the authorization request to the tokens; the record waits in a store meanwhile. */
  async function signIn({ client }, ask) {
    const request = await client.authorizationRequest(ask)
    const answer = await browse(asked(request.url), REDIRECT_URI)
    const tokens = await client.callback(answer, JSON.parse(JSON.stringify(request)))
    return { request, tokens }
  }

  // How the answer travels is between the browser and the provider: no check of it depends on that.
  function asked(href) {
    if (!responseMode) return href
    const url = new URL(href)
    url.searchParams.set('response_mode', responseMode)
    return url.href
  }

  /** What an RP does with a person: signs in, then asks who it is. */
  async function visit(parts, ask) {
    const { request, tokens } = await signIn(parts, ask)
    const user = await parts.client.userInfo(tokens.access_token, tokens.claims.sub)
    return { request, tokens, user }
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
    refused,
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
    async finish() {
      for (const provider of providers) {
        const calls = provider.calls()
        await provider.close()
        assert.deepEqual(provider.calls(), calls, 'nothing was called when all was over')
        assert.deepEqual(provider.faults, [])
      }
    },
  }
}
