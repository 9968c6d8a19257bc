// getAccessToken: one token for all who ask, until shortly before its end.

import { equal, ok, refused } from './check.mjs'
import { confidential, formOf, scripted, token } from './clients.mjs'

const SECOND = 1000

/** A client whose clock is moved by hand, and how many tokens it asked for. */
async function clocked(stage, options, answer = token()) {
  await stage.server.script({ '/token': answer })
  const clock = { now: Date.now() }
  const client = await scripted(stage, { now: () => clock.now, ...options })
  return { client, clock, count: () => stage.server.count('/token') }
}

export const cases = {
  async 'users_a02 users_a23 a hundred calls at once, and then a hundred more: one token request'(
    stage,
  ) {
    const client = await confidential(stage, { scope: 'api' })
    const calls = () => Promise.all(Array.from({ length: 100 }, () => client.getAccessToken()))
    const tokens = new Set([...(await calls()), ...(await calls())])
    equal(tokens.size, 1)
    equal(await stage.provider.count(), 1)
    const paths = (await stage.provider.requests()).map(({ path }) => path)
    equal(paths, ['/.well-known/openid-configuration', '/connect/token'])
  },

  async 'a token serves until shortly before its end'(stage) {
    const { client, clock, count } = await clocked(stage)
    equal(await client.getAccessToken(), 't1')
    clock.now += 3539 * SECOND
    equal(await client.getAccessToken(), 't1')
    clock.now += SECOND - 1
    equal([await client.getAccessToken(), await client.getAccessToken({})], ['t1', 't1'])
    clock.now += 1
    equal(await client.getAccessToken(), 't2')
    equal(await client.getAccessToken({}), 't2')
    equal(await count(), 2)
  },

  async 'renewBefore, but never more than a fifth of the life'(stage) {
    for (const [renewBefore, life, until] of [
      [undefined, 3600, 3540],
      [600, 3600, 3000],
      [600, 100, 80],
      [undefined, 100, 80],
      [3600, 3600, 2880],
      [0, 3600, 3600],
      [undefined, 5, 4],
    ]) {
      const answer = token({ expires_in: life })
      const { client, clock, count } = await clocked(stage, { renewBefore }, answer)
      const title = `${renewBefore} of ${life}`
      await client.getAccessToken()
      clock.now += until * SECOND - 1
      await client.getAccessToken()
      equal(await count(), 1, title)
      clock.now += 1
      await client.getAccessToken()
      equal(await count(), 2, title)
    }
  },

  async 'a life of nothing is not cached, an unknown one for five minutes'(stage) {
    const none = await clocked(stage, {}, token({ expires_in: 0 }))
    await none.client.getAccessToken()
    await none.client.getAccessToken()
    equal(await none.count(), 2)
    const unknown = await clocked(stage, {}, token({ expires_in: undefined }))
    await unknown.client.getAccessToken()
    unknown.clock.now += 5 * 60 * SECOND - 1
    await unknown.client.getAccessToken()
    equal(await unknown.count(), 1)
    unknown.clock.now += 1
    await unknown.client.getAccessToken()
    equal(await unknown.count(), 2)
  },

  async 'a078 r124 a clock that jumps'(stage) {
    const { client, clock, count } = await clocked(stage)
    await client.getAccessToken()
    clock.now += 365 * 24 * 3600 * SECOND
    equal(await client.getAccessToken(), 't2')
    clock.now -= 24 * 3600 * SECOND
    equal(await client.getAccessToken({}), 't3')
    equal(await client.getAccessToken(), 't3')
    equal(await count(), 3)
  },

  async forceRenewal(stage) {
    const { client, count } = await clocked(stage)
    equal(await client.getAccessToken(), 't1')
    equal(await client.getAccessToken({ forceRenewal: true }), 't2')
    equal(await client.getAccessToken(), 't2')
    equal(await client.getAccessToken({ forceRenewal: false }), 't2')
    const forced = Array.from({ length: 10 }, () => client.getAccessToken({ forceRenewal: true }))
    equal([...new Set(await Promise.all(forced))], ['t3'])
    equal(await count(), 3)
  },

  async 'minLifetime, in seconds'(stage) {
    const { client, clock, count } = await clocked(stage)
    await client.getAccessToken()
    clock.now += 1000 * SECOND
    equal(await client.getAccessToken({ minLifetime: 2599 }), 't1')
    equal(await client.getAccessToken({ minLifetime: 2600 }), 't2')
    equal(await client.getAccessToken(), 't2')
    equal(await count(), 2)
    // A server that gives less cannot be helped: what it gives is handed out.
    equal(await client.getAccessToken({ minLifetime: 4000 }), 't3')
  },

  async 'keyed by all that shapes the request'(stage) {
    const { client, count } = await clocked(stage, { scope: 'api' })
    const asks = [
      {},
      { scope: 'api orders' },
      { scope: 'orders api' },
      { resource: 'urn:a' },
      { resource: ['urn:a', 'urn:b'] },
      { resource: ['urn:b', 'urn:a'] },
      { audience: 'urn:a' },
      { acrValues: 'tenant:x' },
      { acrValues: 'tenant:y' },
      { parameters: { custom: 'x' } },
      { parameters: { custom: 'y' } },
      { parameters: { custom: ['x', 'y'] } },
      { parameters: { other: 'x' } },
      { scope: 'orders', acrValues: 'tenant:x', parameters: { custom: 'x' } },
      // Nothing that looks like another key is one.
      { parameters: { custom: 'x&acr_values=tenant:x' } },
    ]
    const first = await Promise.all(asks.map((ask) => client.getAccessToken(ask)))
    equal(new Set(first).size, asks.length)
    equal(await count(), asks.length)
    for (const [i, ask] of asks.entries()) equal(await client.getAccessToken(ask), first[i])
    equal(await client.getAccessToken(), first[0])
    equal(await client.getAccessToken({ scope: 'api' }), first[0])
    equal(await count(), asks.length)
    const sent = (await stage.server.requests('/token')).map((request) => formOf(request))
    ok(
      sent.some((form) => form.custom === 'x&acr_values=tenant:x' && !form.acr_values),
      'a value became a parameter',
    )
  },

  async 'one request per key, however many ask at once'(stage) {
    const { client, count } = await clocked(stage, {}, { hold: 'token', ...token() })
    const asks = [{}, { scope: 'a' }, { acrValues: 'tenant:x' }]
    const calls = Array.from({ length: 90 }, (_, i) => client.getAccessToken(asks[i % 3]))
    await stage.server.arrived('/token', 3)
    await stage.gates.open('token')
    equal(new Set(await Promise.all(calls)).size, 3)
    equal(await count(), 3)
  },

  async 'the defaults of the client shape every request'(stage) {
    const { client } = await clocked(stage, {
      scope: 'api',
      resource: ['urn:a', 'urn:b'],
      audience: 'urn:c',
      parameters: { custom: 'x', other: 'y' },
    })
    await client.getAccessToken()
    await client.getAccessToken({ scope: 'orders', resource: 'urn:d', parameters: { custom: 'z' } })
    const bodies = (await stage.server.requests('/token')).map(({ body }) => body)
    equal(bodies, [
      'grant_type=client_credentials&scope=api&resource=urn%3Aa&resource=urn%3Ab&audience=urn%3Ac&custom=x&other=y',
      'grant_type=client_credentials&scope=orders&resource=urn%3Ad&audience=urn%3Ac&custom=z&other=y',
    ])
  },

  async 'users_a23 failures are told to all who wait and are never cached'(stage) {
    const { client, count } = await clocked(stage, {}, [
      { hold: 'token', status: 503 },
      { status: 400, json: { error: 'invalid_scope' } },
      token(),
    ])
    const calls = Array.from({ length: 10 }, () =>
      refused(client.getAccessToken(), 'response_status', { status: 503 }),
    )
    await stage.server.arrived('/token')
    await stage.gates.open('token')
    await Promise.all(calls)
    equal(await count(), 1)
    await refused(client.getAccessToken(), 'token_error', { error: 'invalid_scope' })
    equal(await client.getAccessToken(), 't3')
    equal(await count(), 3)
  },

  async 'what is no token response is not cached either'(stage) {
    const { client, count } = await clocked(stage, {}, [
      token({ expires_in: '3600' }),
      token({ token_type: 'mac' }),
      token(),
    ])
    await refused(client.getAccessToken(), 'token_response_invalid')
    await refused(client.getAccessToken(), 'token_type_unsupported')
    equal(await client.getAccessToken(), 't3')
    equal(await count(), 3)
  },

  async 'the last token serves while the server is down, until it expires'(stage) {
    let now = Date.now()
    const client = await confidential(stage, { now: () => now })
    const token = await client.getAccessToken()
    await stage.provider.goOffline()
    now += 3541 * SECOND
    equal(await client.getAccessToken(), token)
    equal(await client.getAccessToken({ minLifetime: 30 }), token)
    const network = { retryable: true }
    await refused(client.getAccessToken({ minLifetime: 100 }), 'network_error', network)
    await refused(client.getAccessToken({ forceRenewal: true }), 'network_error', network)
    now += 60 * SECOND
    await refused(client.getAccessToken(), 'network_error', network)
    equal(await stage.provider.count(), 1)
  },

  async 'the last token serves while the server is busy, but not after a refusal'(stage) {
    const { client, clock } = await clocked(stage, {}, [
      token(),
      { status: 503 },
      { status: 429 },
      { status: 400, json: { error: 'invalid_client' } },
      token(),
    ])
    await client.getAccessToken()
    clock.now += 3550 * SECOND
    equal([await client.getAccessToken(), await client.getAccessToken()], ['t1', 't1'])
    await refused(client.getAccessToken(), 'token_error', { error: 'invalid_client' })
    equal(await client.getAccessToken(), 't5')
  },

  async 'the token of a real provider is renewed when it is about to end'(stage) {
    await stage.provider.setLifetimes({ accessToken: 100 })
    let now = Date.now()
    const client = await confidential(stage, { now: () => now })
    const first = await client.getAccessToken()
    now += 79 * SECOND
    equal(await client.getAccessToken(), first)
    now += 2 * SECOND
    ok((await client.getAccessToken()) !== first, 'not renewed')
    equal(await stage.provider.count('client_credentials'), 2)
  },

  async 'the grants cache nothing, and do not fill the cache'(stage) {
    const { client, count } = await clocked(stage)
    await client.clientCredentials()
    await client.clientCredentials()
    equal(await client.getAccessToken(), 't3')
    await client.clientCredentials()
    equal(await client.getAccessToken(), 't3')
    equal(await count(), 4)
  },

  async 'waitUntil gets the work of its caller'(stage) {
    const { client } = await clocked(stage)
    const handed = []
    const waitUntil = (work) => void handed.push(work)
    equal(await client.getAccessToken({ waitUntil }), 't1')
    equal(handed.length, 1)
    ok(handed[0] instanceof Promise, 'no promise')
    await handed[0]
    const broken = () => {
      throw new Error('the request is over')
    }
    equal(await client.getAccessToken({ waitUntil: broken, forceRenewal: true }), 't2')
    // What is handed over never rejects: the call itself tells.
    await stage.server.script({ '/token': { status: 503 } })
    const failing = client.getAccessToken({ waitUntil, forceRenewal: true })
    await refused(failing, 'response_status')
    await handed.at(-1)
  },

  async 'a now that answers nonsense is no clock'(stage) {
    await stage.server.script({ '/token': token() })
    for (const now of [() => NaN, () => 'noon', () => undefined, () => Infinity, () => 0.5]) {
      const client = await scripted(stage, { now })
      const first = await client.getAccessToken()
      equal(await client.getAccessToken({}), first)
    }
    for (const now of [() => 1e300, () => -1e300]) {
      equal(typeof (await (await scripted(stage, { now })).getAccessToken()), 'string')
    }
    const client = await scripted(stage, {
      now() {
        throw new Error('no clock')
      },
    })
    const first = await client.getAccessToken()
    equal(await client.getAccessToken({}), first)
    equal(await client.getAccessToken(), first)
  },
}
