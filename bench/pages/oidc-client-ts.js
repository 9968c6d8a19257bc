// Signing in with oidc-client-ts, by its defaults. It checks the state; it has no check of a signature.
import { UserManager } from 'oidc-client-ts'

export async function open({ issuer, clientId, redirectUri, postLogoutRedirectUri, scope }) {
  const manager = new UserManager({
    authority: issuer,
    client_id: clientId,
    redirect_uri: redirectUri,
    post_logout_redirect_uri: postLogoutRedirectUri,
    scope,
  })
  const refresh = async () => (await manager.signinSilent()).access_token
  return {
    signIn: () => manager.signinRedirect(),
    async callback() {
      await manager.signinRedirectCallback()
      history.replaceState(history.state, '', redirectUri)
    },
    async accessToken() {
      const user = await manager.getUser()
      return user && !user.expired ? user.access_token : refresh()
    },
    refresh,
    signOut: () => manager.signoutRedirect(),
  }
}
