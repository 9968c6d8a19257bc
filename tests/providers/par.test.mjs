// RFC 9126 on real providers: the request goes by the back, and the person takes a reference to it.

import assert from 'node:assert/strict'

import { CALLBACK, recorder, refused, signedIn } from './client.mjs'
import { onEach } from './each.mjs'

const OIDC = ['oidc-provider']
const each = onEach(['oidc-provider', 'glewlwyd'], { requirePar: true })

const PATHS = { 'oidc-provider': '/connect/par', glewlwyd: '/api/oidc/par' }

each('par: the address has the client and a reference, nothing else', async (server) => {
  const { fetch, to } = recorder()
  const client = await server.client({ pushedAuthorization: true, scope: 'openid', fetch })
  const pending = await client.authorizationRequest({ prompt: 'login' })
  const { searchParams } = new URL(pending.url)
  assert.deepEqual([...searchParams.keys()].sort(), ['client_id', 'request_uri'])
  const [pushed] = to(PATHS[server.kind])
  assert.deepEqual(
    [pushed.form.state, pushed.form.prompt, pushed.form.code_challenge_method],
    [pending.state, 'login', 'S256'],
  )
  assert.match(pushed.headers.authorization, /^Basic /)
})

each('par: a person signs in by it', async (server) => {
  const client = await server.client({ pushedAuthorization: true, scope: 'openid' })
  const { claims } = await signedIn(client, server.person())
  assert.equal(claims.iss, server.issuer)
})

each('par: with a proof of DPoP, which glewlwyd refuses there', async (server) => {
  const options = { pushedAuthorization: true, dpop: true, scope: 'openid' }
  const client = await server.client(options)
  if (server.kind === 'glewlwyd') {
    const fields = { error: 'invalid_dpop_proof', status: 403 }
    await refused(client.authorizationRequest(), 'token_error', fields)
  } else {
    assert.equal((await signedIn(client, server.person())).token_type, 'DPoP')
  }
})

each('par: what the server does not take never reaches a browser', async (server) => {
  const redirectUri = 'https://other.example/callback'
  const client = await server.client({ pushedAuthorization: true, scope: 'openid', redirectUri })
  // glewlwyd refuses without a word.
  const [code, status] =
    server.kind === 'glewlwyd' ? ['response_not_json', 403] : ['token_error', 400]
  await refused(client.authorizationRequest(), code, { status })
})

each(
  'par: pushed without being told, where the server requires it',
  async (server) => {
    const { fetch, to } = recorder()
    const client = await server.client({ scope: 'openid', fetch })
    assert.equal((await signedIn(client, server.person())).claims.sub, 'alice')
    assert.equal(to('/connect/par').length, 1)
  },
  OIDC,
)

each(
  'par: a reference is of use once',
  async (server) => {
    const client = await server.client({ scope: 'openid' })
    const pending = await client.authorizationRequest()
    const answer = await server.person().signIn(pending.url)
    await client.callback(answer, pending)
    const again = await server.person().follow(pending.url)
    assert.equal(new URL(again.url).searchParams.get('error'), 'invalid_request_uri')
  },
  OIDC,
)

each('par: a request of the caller alone', async (server) => {
  const client = await server.client()
  const pushed = await client.pushAuthorization({
    response_type: 'code',
    redirect_uri: CALLBACK,
    scope: 'openid',
    state: 'a state',
    nonce: 'a nonce',
    code_challenge: 'E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM',
    code_challenge_method: 'S256',
  })
  assert.match(pushed.request_uri, /^urn:ietf:params:oauth:request_uri:/)
  assert.ok(pushed.expires_in > 0)
})
