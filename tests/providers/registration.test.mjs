// RFC 7591 on real providers: a client makes itself known, and is taken by that name.

import assert from 'node:assert/strict'

import { CALLBACK, recorder, refused } from './client.mjs'
import { onEach } from './each.mjs'

const each = onEach(['oidc-provider', 'glewlwyd'])

const METADATA = {
  client_name: 'made by itself',
  redirect_uris: [CALLBACK],
  grant_types: ['authorization_code', 'client_credentials'],
  response_types: ['code'],
  token_endpoint_auth_method: 'client_secret_basic',
}

/** Somebody who is not known yet; glewlwyd wants a token of somebody who is. */
async function stranger(server, more) {
  const known = await server.client({ scope: server.api })
  const initialAccessToken = server.kind === 'glewlwyd' ? await known.getAccessToken() : undefined
  const client = await server.client({ clientId: 'none yet', clientSecret: undefined, ...more })
  return { client, options: { initialAccessToken } }
}

each('registration: the client is taken by its new name (glewlwyd answers 200)', async (server) => {
  const { client, options } = await stranger(server)
  const made = await client.register(METADATA, options)
  assert.deepEqual([...made.redirect_uris], METADATA.redirect_uris)
  const { client_id: clientId, client_secret: clientSecret } = made
  const own = await server.client({ clientId, clientSecret, scope: server.api })
  assert.equal(typeof (await own.getAccessToken()), 'string')
})

each('registration: JSON goes out, with no name or secret of the client', async (server) => {
  const sent = []
  const spy = (url, init) => {
    if (init?.method === 'POST') sent.push(init)
    return fetch(url, init)
  }
  const { client, options } = await stranger(server, { fetch: spy })
  await client.register(METADATA, options)
  const [{ headers, body }] = sent
  assert.equal(new Headers(headers).get('content-type'), 'application/json')
  const authorization = options.initialAccessToken ? `Bearer ${options.initialAccessToken}` : null
  assert.equal(new Headers(headers).get('authorization'), authorization)
  assert.deepEqual(JSON.parse(body), METADATA)
})

each('registration: what the server does not take', async (server) => {
  const { client, options } = await stranger(server)
  const wrong = { ...METADATA, redirect_uris: ['not a URL'] }
  const fields = { error: 'invalid_redirect_uri', status: 400 }
  await refused(client.register(wrong, options), 'token_error', fields)
})

each(
  'registration: without the token that it wants',
  async (server) => {
    const { client } = await stranger(server)
    const error = await client.register(METADATA).catch((reason) => reason)
    assert.ok([401, 403].includes(error.status), `${error}`)
  },
  ['glewlwyd'],
)

each(
  'registration: where it is read and changed',
  async (server) => {
    const { fetch, to } = recorder()
    const { client, options } = await stranger(server, { fetch })
    const made = await client.register(METADATA, options)
    assert.ok(made.registration_client_uri.startsWith(server.issuer))
    assert.equal(typeof made.registration_access_token, 'string')
    assert.equal(to('/connect/register').length, 1)
  },
  ['oidc-provider'],
)
