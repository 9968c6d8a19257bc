import { createSession } from 'grantkit'

/** Shows a session, now and whenever it changes. What this answers closes it. */
export function watchSession(options, show) {
  let closed = false
  const opening = createSession(options)
  const follow = async () => {
    let session
    const tell = (error) => closed || show({ session, claims: session?.claims, error })
    try {
      session = await opening
      if (closed) return // whoever comes next handles the callback
      for (const type of ['signed-in', 'signed-out', 'expired']) session.on(type, () => tell())
      const { returnTo } = await session.handleCallback()
      if (returnTo) history.replaceState(history.state, '', returnTo)
      tell()
    } catch (error) {
      tell(error)
    }
  }
  follow()
  return () => {
    closed = true
    opening.then((session) => session.close()).catch(() => {})
  }
}
