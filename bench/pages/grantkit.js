// Signing in with grantkit. Every check is on by default.
import { createSession } from 'grantkit'

export async function open(options) {
  const session = await createSession(options)
  return {
    signIn: () => session.signIn(),
    callback: () => session.handleCallback(),
    accessToken: () => session.getAccessToken(),
    refresh: () => session.getAccessToken({ forceRenewal: true }),
    signOut: () => session.signOut(),
  }
}
