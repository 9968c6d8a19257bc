// A session where there is no page: of a server that renders, or that prerenders.
import { createSession } from 'grantkit'

export async function open(options) {
  const session = await createSession(options)
  const { kind } = await session.handleCallback()
  const refused = await session.getAccessToken().catch((error) => error)
  const { signedIn, claims } = session
  return {
    session,
    signedIn,
    claims,
    kind,
    code: refused.code,
    loginRequired: refused.loginRequired,
  }
}
