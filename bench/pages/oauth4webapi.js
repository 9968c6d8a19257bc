// Signing in with oauth4webapi, its signature check switched on. It keeps nothing between pages: what
// is stored, and where, is this program's own affair.
import * as oauth from 'oauth4webapi'

const PENDING = 'pending'
const TOKENS = 'tokens'
// The local provider speaks plain http.
const PLAIN = { [oauth.allowInsecureRequests]: true }

export async function open({ issuer, clientId, redirectUri, postLogoutRedirectUri, scope }) {
  const client = { client_id: clientId }
  const authentication = oauth.None()
  let discovered

  function server() {
    discovered ??= discover()
    discovered.catch(() => (discovered = undefined))
    return discovered
  }

  async function discover() {
    const base = new URL(issuer)
    return oauth.processDiscoveryResponse(base, await oauth.discoveryRequest(base, PLAIN))
  }

  const stored = () => JSON.parse(sessionStorage.getItem(TOKENS))

  function store(tokens) {
    const expiresAt = Date.now() + tokens.expires_in * 1000
    sessionStorage.setItem(TOKENS, JSON.stringify({ ...stored(), ...tokens, expiresAt }))
    return tokens.access_token
  }

  async function refresh() {
    const as = await server()
    const { refresh_token } = stored()
    const response = await oauth.refreshTokenGrantRequest(
      as,
      client,
      authentication,
      refresh_token,
      PLAIN,
    )
    const tokens = await oauth.processRefreshTokenResponse(as, client, response)
    if (tokens.id_token) await oauth.validateApplicationLevelSignature(as, response, PLAIN)
    return store(tokens)
  }

  return {
    async signIn() {
      const as = await server()
      const verifier = oauth.generateRandomCodeVerifier()
      const state = oauth.generateRandomState()
      const nonce = oauth.generateRandomNonce()
      sessionStorage.setItem(PENDING, JSON.stringify({ verifier, state, nonce }))
      const url = new URL(as.authorization_endpoint)
      url.search = new URLSearchParams({
        client_id: clientId,
        redirect_uri: redirectUri,
        response_type: 'code',
        scope,
        code_challenge: await oauth.calculatePKCECodeChallenge(verifier),
        code_challenge_method: 'S256',
        state,
        nonce,
      })
      location.assign(url)
    },
    async callback() {
      const answer = new URL(location.href)
      history.replaceState(history.state, '', redirectUri)
      const { verifier, state, nonce } = JSON.parse(sessionStorage.getItem(PENDING))
      sessionStorage.removeItem(PENDING)
      const as = await server()
      const response = await oauth.authorizationCodeGrantRequest(
        as,
        client,
        authentication,
        oauth.validateAuthResponse(as, client, answer, state),
        redirectUri,
        verifier,
        PLAIN,
      )
      const tokens = await oauth.processAuthorizationCodeResponse(as, client, response, {
        expectedNonce: nonce,
        requireIdToken: true,
      })
      await oauth.validateApplicationLevelSignature(as, response, PLAIN)
      store(tokens)
    },
    async accessToken() {
      const tokens = stored()
      return Date.now() < tokens?.expiresAt ? tokens.access_token : refresh()
    },
    refresh,
    async signOut() {
      const as = await server()
      const { id_token } = stored()
      sessionStorage.removeItem(TOKENS)
      const url = new URL(as.end_session_endpoint)
      url.search = new URLSearchParams({
        id_token_hint: id_token,
        client_id: clientId,
        post_logout_redirect_uri: postLogoutRedirectUri,
      })
      location.assign(url)
    },
  }
}
