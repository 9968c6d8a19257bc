// OpenID Connect CIBA on real providers: the person is asked on a device of their own.

import assert from 'node:assert/strict'

import { recorder, refused } from './client.mjs'
import { onEach } from './each.mjs'

const each = onEach(['oidc-provider', 'glewlwyd'])

/** Asked of the server, with a shorter interval than it names. */
async function begun(server, bindingMessage) {
  const client = await server.client()
  const { loginHint } = server
  const ask = { scope: 'openid', loginHint, bindingMessage }
  return { client, asked: await client.backchannelAuthentication(ask) }
}
const quick = (asked) => ({ ...asked, interval: 1 })

each('ciba: the person says yes, and there are tokens with an id_token', async (server) => {
  const { client, asked } = await begun(server, 'first')
  assert.ok(asked.expires_in > 0)
  const polling = client.pollBackchannel(quick(asked))
  await server.allowRequest('first', asked)
  const tokens = await polling
  const expected = { accessToken: tokens.access_token }
  const claims = await client.validateIdToken(tokens.id_token, expected)
  assert.deepEqual([claims.iss, claims.aud], [server.issuer, server.clientId])
})

each('ciba: the person says no', async (server) => {
  const { client, asked } = await begun(server, 'second')
  await server.denyRequest('second', asked)
  const polling = client.pollBackchannel(quick(asked))
  await refused(polling, 'token_error', { error: 'access_denied', retryable: false })
})

each('ciba: exactly one hint, openid, and a client that shows who it is', async (server) => {
  const { fetch, requests } = recorder()
  const client = await server.client({ fetch })
  const ask = { scope: 'openid', loginHint: server.loginHint }
  for (const [detail, wrong] of [
    ['loginHint', { ...ask, loginHint: undefined }],
    ['loginHint', { ...ask, idTokenHint: 'x' }],
    ['scope', { ...ask, scope: server.api }],
    ['requestedExpiry', { ...ask, requestedExpiry: 0 }],
  ]) {
    await refused(client.backchannelAuthentication(wrong), 'config_invalid', { detail })
  }
  const nobody = await server.client({ clientSecret: undefined, fetch })
  await refused(nobody.backchannelAuthentication(ask), 'config_invalid', {
    detail: 'clientAuthentication',
  })
  assert.ok(requests.every(({ method }) => method === 'GET'))
})

each('ciba: a person whom the server does not know', async (server) => {
  const client = await server.client()
  const loginHint = server.loginHint.replace('alice', 'nobody')
  const asked = client.backchannelAuthentication({ scope: 'openid', loginHint })
  const error = server.kind === 'glewlwyd' ? 'invalid_request' : 'unknown_user_id'
  await refused(asked, 'token_error', { error })
})

each('ciba: whoever is called off asks no more', async (server) => {
  const { client, asked } = await begun(server, 'third')
  const controller = new AbortController()
  const polling = client.pollBackchannel(asked, { signal: controller.signal })
  controller.abort()
  await refused(polling, 'aborted')
})
