// JWT Secured Authorization Response Mode on real providers: the answer is signed, and a plain one in
// its place is none.

import assert from 'node:assert/strict'

import { claimsOf, refused, signedIn } from './client.mjs'
import { onEach } from './each.mjs'

const OIDC = ['oidc-provider']
const each = onEach(['oidc-provider', 'glewlwyd'])

const answered = async (server, responseMode = 'query.jwt') => {
  const client = await server.client({ scope: 'openid', responseMode })
  const pending = await client.authorizationRequest()
  return { client, pending, answer: new URL(await server.person().signIn(pending.url)) }
}

each('jarm: an answer in the address is one signed word', async (server) => {
  for (const mode of ['jwt', 'query.jwt']) {
    const { client, pending, answer } = await answered(server, mode)
    assert.ok(!answer.searchParams.has('code'))
    const { iss, aud } = claimsOf(answer.searchParams.get('response'))
    assert.deepEqual([iss, aud], [server.issuer, server.clientId])
    assert.equal((await client.callback(answer.href, pending)).claims.iss, server.issuer)
  }
})

each('jarm: a plain answer in its place is refused', async (server) => {
  const plain = await server.client({ scope: 'openid' })
  const { client, pending } = await answered(server)
  const url = new URL(pending.url)
  url.searchParams.delete('response_mode')
  const answer = await server.person().signIn(url.href)
  assert.ok(new URL(answer).searchParams.has('code'))
  await refused(client.callback(answer, pending), 'callback_malformed', { detail: 'response' })
  assert.equal((await signedIn(plain, server.person())).claims.iss, server.issuer)
})

each('jarm: an answer of another signature, or of none, is refused', async (server) => {
  const { client, pending, answer } = await answered(server)
  const [head, claims, signature] = answer.searchParams.get('response').split('.')
  const none = Buffer.from('{"alg":"none"}').toString('base64url')
  for (const [jwt, detail] of [
    [`${head}.${claims}.${signature.slice(0, -8)}AAAAAAAA`, 'signature'],
    [`${none}.${claims}.`, 'alg'],
  ]) {
    answer.searchParams.set('response', jwt)
    await refused(client.callback(answer.href, pending), 'jarm_invalid', { detail })
  }
})

each(
  'jarm: an answer for another, of another, or of yesterday is refused',
  async (server) => {
    const { client, pending, answer } = await answered(server)
    const jwt = answer.searchParams.get('response')
    for (const [detail, changes] of [
      ['iss', { iss: 'https://other.example' }],
      ['aud', { aud: 'other' }],
      ['exp', { exp: Math.floor(Date.now() / 1000) - 600 }],
    ]) {
      answer.searchParams.set('response', server.resign(jwt, changes))
      await refused(client.callback(answer.href, pending), 'jarm_invalid', { detail })
    }
    answer.searchParams.set('response', server.resign(jwt, { state: 'other' }))
    await refused(client.callback(answer.href, pending), 'state_unknown')
  },
  OIDC,
)

each(
  'jarm: the person says no, and the server signs it',
  async (server) => {
    const client = await server.client({ scope: 'openid', responseMode: 'jwt' })
    const pending = await client.authorizationRequest()
    const answer = await server.person().refuse(pending.url)
    assert.ok(new URL(answer).searchParams.has('response'))
    const fields = { error: 'access_denied' }
    await refused(client.callback(answer, pending), 'authorization_error', fields)
  },
  OIDC,
)

each(
  'jarm: an answer by form_post, signed and plain',
  async (server) => {
    for (const responseMode of ['form_post.jwt', 'form_post']) {
      const client = await server.client({ scope: 'openid', responseMode })
      const pending = await client.authorizationRequest()
      const person = server.person()
      const login = { login: 'alice', password: 'alice' }
      const page = await person.submit(await person.follow(pending.url), login)
      const html = await page.response.text()
      const inputs = html.matchAll(/name="([^"]+)" value="([^"]*)"/g)
      const form = new URLSearchParams([...inputs].map(([, name, value]) => [name, value]))
      assert.equal(form.has('response'), responseMode === 'form_post.jwt')
      assert.equal((await client.callback(form, pending)).claims.sub, 'alice')
    }
  },
  OIDC,
)
