// Prints what must not show a secret: a session, a client with a token, and an error.

import { createSession, createTokenClient } from 'grantkit'

const { issuer, secret, callback } = JSON.parse(process.argv[2])
const options = { issuer, clientId: 'worker', clientSecret: secret, scope: 'api' }
const client = await createTokenClient(options)
const token = await client.getAccessToken()
if (!token.startsWith('ey')) throw new Error('the token is no JWT')
const session = await createSession({ issuer, clientId: 'spa', redirectUri: callback })
const wrong = { username: 'canary', password: 'canary' }
const error = await client.password(wrong).catch((reason) => reason)
console.log(client, session, error, { deep: [client, error] })
