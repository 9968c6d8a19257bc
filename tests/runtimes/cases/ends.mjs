// A program that calls much and closes nothing. It ends by itself, and says what it saw.

import { createSession, createTokenClient } from 'grantkit'

const { issuer, secret, callback } = JSON.parse(process.argv[2])
const client = await createTokenClient({
  issuer,
  clientId: 'worker',
  clientSecret: secret,
  timeout: 600_000,
  renewBefore: 1,
})
await client.getAccessToken()
await client.authorizationRequest({}).catch(() => {})
const controller = new AbortController()
const gone = client.clientCredentials({ signal: controller.signal }).catch((e) => e.code)
controller.abort()
const session = await createSession({
  issuer,
  clientId: 'spa',
  redirectUri: callback,
  scope: 'openid offline_access',
})
session.on('warning', () => {})
const kind = (await session.handleCallback()).kind
const code = await session.getAccessToken().catch((e) => e.code)
const timers = process.getActiveResourcesInfo().filter((name) => name === 'Timeout')
process.stdout.write(JSON.stringify({ gone: await gone, kind, code, timers }))
