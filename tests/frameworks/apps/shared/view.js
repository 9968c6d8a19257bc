// What the apps of all frameworks do alike.
import { createSession } from 'grantkit'

export const name = (claims) => claims?.sub ?? 'Signed out'

export async function countOrders(session, { allowedUrls: [api] }) {
  const response = await session.fetch(`${api}orders`)
  return `${(await response.json()).orders.length} orders`
}

/** A sign-in that is left by the back button ends with `aborted`. */
export const signIn = (session) => session.signIn().catch(() => {})

/** What a page does that takes no care: a session of its own each time, and nothing guards the callback. */
export function arrive(options, show) {
  const opening = createSession(options)
  const settle = async () => {
    const session = await opening
    const answering = session.handleCallback()
    globalThis.asked = (globalThis.asked ?? 0) + 1
    const answer = await answering.catch(({ code }) => ({ code }))
    show({ session, answer, claims: session.claims })
  }
  settle()
  return () => void opening.then((session) => session.close())
}
