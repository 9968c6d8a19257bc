// The page of the README, which has the DOM.
import { createSession, GrantError } from 'grantkit'

export async function main(show: (text: string) => void): Promise<void> {
  const session = await createSession({
    issuer: 'https://id.example',
    clientId: 'spa',
    redirectUri: location.origin + '/callback',
    scope: 'openid profile api offline_access',
    allowedUrls: ['https://api.example/'],
  })
  try {
    const answer = await session.handleCallback()
    if (answer.kind !== 'none' && answer.returnTo)
      history.replaceState(history.state, '', answer.returnTo)
    if (!session.signedIn) await session.signIn()
    const orders = await session.fetch('https://api.example/orders')
    show(await orders.text())
  } catch (error) {
    if (error instanceof GrantError) show(error.code)
  }
}
