// RFC 7662 on real providers: what the server knows of a token.

import assert from 'node:assert/strict'

import { refused } from './client.mjs'
import { onEach } from './each.mjs'

const each = onEach(['oidc-provider', 'glewlwyd', 'django'], { opaque: true })

each('introspection: a token that may be used', async (server) => {
  const client = await server.client({ scope: server.api })
  const token = await client.getAccessToken()
  for (const options of [undefined, { tokenTypeHint: 'access_token' }]) {
    const known = await client.introspect(token, options)
    assert.deepEqual(
      [known.active, known.client_id, known.scope],
      [true, server.clientId, server.api],
    )
    assert.ok(known.exp > Date.now() / 1000)
  }
})

each('introspection: of a token that may not be used nothing is told', async (server) => {
  const client = await server.client({ scope: server.api })
  const token = await client.getAccessToken()
  await client.revoke(token)
  for (const unknown of [token, 'nobody knows this one']) {
    assert.deepEqual({ ...(await client.introspect(unknown)) }, { active: false })
  }
})

each('introspection: only for clients that show who they are', async (server) => {
  const nobody = await server.client({ clientSecret: undefined })
  const fields = { detail: 'clientAuthentication' }
  await refused(nobody.introspect('x'), 'config_invalid', fields)
  const clientSecret = 'not this secret, but 32 characters'
  const stranger = await server.client({ clientSecret })
  const error = await stranger.introspect('x').catch((reason) => reason)
  assert.ok(['token_error', 'response_status', 'response_not_json'].includes(error.code), error)
})
