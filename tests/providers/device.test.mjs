// RFC 8628 on real providers: the person signs in elsewhere, and the device asks in between.

import assert from 'node:assert/strict'

import { recorder, refused } from './client.mjs'
import { onEach } from './each.mjs'

const OIDC = ['oidc-provider']
const each = onEach(['oidc-provider', 'glewlwyd', 'django'])

/** Asked of the server, with a shorter interval than it names. */
async function begun(server, more) {
  const client = await server.client({ ...server.device, ...more })
  return { client, asked: await client.deviceAuthorization({ scope: 'openid' }) }
}
const quick = (asked) => ({ ...asked, interval: 1 })

each('device: what to show, and where to', async (server) => {
  const { asked } = await begun(server)
  assert.ok(asked.device_code && asked.user_code)
  assert.ok(asked.verification_uri.startsWith(new URL(server.issuer).origin))
  assert.ok(asked.verification_uri_complete.includes(asked.user_code))
  assert.ok(asked.expires_in > 0)
})

each('device: the person allows it, and there are tokens', async (server) => {
  const { client, asked } = await begun(server)
  const polling = client.pollDevice(quick(asked))
  await server.allowDevice(asked)
  const tokens = await polling
  assert.equal(tokens.token_type.toLowerCase(), 'bearer')
  assert.equal(tokens.scope, 'openid')
})

each(
  'device: the person says no',
  async (server) => {
    const { client, asked } = await begun(server)
    const polling = client.pollDevice(quick(asked))
    const [denied] = await Promise.all([
      refused(polling, 'token_error', { error: 'access_denied', retryable: false }),
      server.denyDevice(asked),
    ])
    assert.equal(denied.fault, 'server')
  },
  ['oidc-provider', 'django'],
)

each(
  'device: it is asked again until the person is done',
  async (server) => {
    const { client, asked } = await begun(server)
    const first = server.next({ path: '/connect/token' })
    const polling = client.pollDevice(quick(asked))
    assert.equal((await first).status, 400)
    const second = server.next({ path: '/connect/token' })
    await server.allowDevice(asked)
    assert.equal((await second).status, 200)
    assert.equal((await polling).scope, 'openid')
  },
  OIDC,
)

each(
  'device: an answer without an interval is asked every five seconds',
  async (server) => {
    const { client, asked } = await begun(server)
    assert.ok(!('interval' in asked))
    const polling = client.pollDevice(asked)
    await server.allowDevice(asked)
    assert.equal((await polling).scope, 'openid')
  },
  OIDC,
)

each(
  'device: asked too often, the server says slow_down, and is asked less often',
  async (server) => {
    const answers = []
    const reached = withResolvers()
    const spy = async (url, init) => {
      const response = await fetch(url, init)
      if (init?.method === 'POST' && url.endsWith('/token')) {
        const { error = 'none' } = await response.clone().json()
        answers.push(error)
        if (error === 'slow_down') reached.resolve()
      }
      return response
    }
    const { client, asked } = await begun(server, { fetch: spy })
    const polling = client.pollDevice(quick(asked))
    await reached.promise
    await server.allowDevice(asked)
    assert.equal((await polling).scope, 'openid')
    assert.equal(answers[0], 'authorization_pending')
    assert.equal(answers.at(-1), 'none')
  },
  ['glewlwyd'],
)

each('device: where no time is left, the server is not asked', async (server) => {
  const { fetch: spy, requests } = recorder()
  const { client, asked } = await begun(server, { fetch: spy })
  const before = requests.length
  const late = client.pollDevice({ ...asked, expires_in: 1, interval: 1 })
  await refused(late, 'token_error', { error: 'expired_token', detail: 'expires_in' })
  assert.equal(requests.length, before)
})

each('device: whoever is called off asks no more', async (server) => {
  const { fetch: spy, requests } = recorder()
  const { client, asked } = await begun(server, { fetch: spy })
  const before = requests.length
  const controller = new AbortController()
  const polling = client.pollDevice(asked, { signal: controller.signal })
  controller.abort()
  await refused(polling, 'aborted')
  assert.equal(requests.length, before)
})

function withResolvers() {
  let resolve
  const promise = new Promise((done) => (resolve = done))
  return { promise, resolve }
}
