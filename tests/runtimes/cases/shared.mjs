// The cache that isolates share: memory, then the store, then the server. Here the store is an object of
// the caller's; those of grantkit/stores are in tests of their own.

import { createTokenClient } from 'grantkit'

import { equal, includes, ok, refused } from './check.mjs'
import { scripted, token } from './clients.mjs'

const SECOND = 1000
const KEY = Uint8Array.from({ length: 32 }, (_, i) => i + 1)
const SECRET = 'a client secret of more than 32 characters'
const encoder = new TextEncoder()

const bytesOf = (text) =>
  Uint8Array.from(atob(text.replaceAll('-', '+').replaceAll('_', '/')), (c) => c.charCodeAt(0))
const textOf = (bytes) =>
  btoa(String.fromCharCode(...bytes))
    .replaceAll('+', '-')
    .replaceAll('/', '_')
    .replaceAll('=', '')

/** The key of a name, as the documentation says: HKDF-SHA256 without salt, the name as info. */
async function keyFor(name, secret) {
  const { subtle } = crypto
  const base = await subtle.importKey('raw', secret, 'HKDF', false, ['deriveKey'])
  const info = encoder.encode(name)
  const hkdf = { name: 'HKDF', hash: 'SHA-256', salt: new Uint8Array(), info }
  const aes = { name: 'AES-GCM', length: 256 }
  return subtle.deriveKey(hkdf, base, aes, false, ['encrypt', 'decrypt'])
}

async function unseal(name, value, secret = KEY) {
  includes(value, 'v1.')
  const bytes = bytesOf(value.slice(3))
  const gcm = { name: 'AES-GCM', iv: bytes.slice(0, 12) }
  const data = await crypto.subtle.decrypt(gcm, await keyFor(name, secret), bytes.slice(12))
  return new TextDecoder().decode(data)
}

async function seal(name, text, secret = KEY) {
  const iv = crypto.getRandomValues(new Uint8Array(12))
  const key = await keyFor(name, secret)
  const data = await crypto.subtle.encrypt({ name: 'AES-GCM', iv }, key, encoder.encode(text))
  return `v1.${textOf(new Uint8Array([...iv, ...new Uint8Array(data)]))}`
}

/** Isolates with one store: each call makes a client, as a fresh isolate would. */
async function commons(stage, cache = new Map(), answer = token()) {
  await stage.server.script({ '/token': answer })
  const log = []
  const isolate = (more) =>
    scripted(stage, {
      cache,
      cacheKey: KEY,
      logger: (event) => void (event.type === 'cache-failed' && log.push(event)),
      ...more,
    })
  return { cache, isolate, log, count: () => stage.server.count('/token') }
}

/** A store that keeps turns, in one process. */
class Turns extends Map {
  #held = new Set()
  #waiting = []
  calls = []

  set(key, value) {
    super.set(key, value)
    this.#end(key)
    return this
  }
  async acquire(key, seen) {
    this.calls.push(['acquire', seen])
    for (;;) {
      const value = this.get(key)
      if (value !== undefined && value !== seen) return value
      if (!this.#held.has(key)) {
        this.#held.add(key)
        return null
      }
      await new Promise((resolve) => this.#waiting.push(resolve))
    }
  }
  release(key) {
    this.calls.push(['release'])
    this.#end(key)
  }
  #end(key) {
    this.#held.delete(key)
    for (const resolve of this.#waiting.splice(0)) resolve()
  }
}

export const cases = {
  async 'users_a23 memory, then the store, then the server'(stage) {
    const gets = []
    class Watched extends Map {
      get(key) {
        gets.push(key)
        return super.get(key)
      }
    }
    const { cache, isolate, log, count } = await commons(stage, new Watched())
    const first = await isolate()
    equal([await first.getAccessToken(), await first.getAccessToken({})], ['t1', 't1'])
    equal([cache.size, gets.length, await count()], [1, 1, 1])
    const second = await isolate()
    equal([await second.getAccessToken(), await second.getAccessToken({})], ['t1', 't1'])
    equal([cache.size, gets.length, await count()], [1, 2, 1])
    equal(await (await isolate()).getAccessToken({ scope: 'other' }), 't2')
    equal([cache.size, log.length], [2, 0])
    // Without a store each asks for itself.
    equal(await (await isolate({ cache: undefined })).getAccessToken(), 't3')
  },

  async 'what the store holds is sealed, as documented'(stage) {
    const options = []
    class Watched extends Map {
      set(key, value, more) {
        options.push(more)
        return super.set(key, value)
      }
    }
    const { cache, isolate, count } = await commons(stage, new Watched(), token({ scope: 'api' }))
    const before = Date.now()
    await (await isolate()).getAccessToken()
    const [[name, value]] = cache
    ok(/^grantkit\.1\.[\w-]{43}$/.test(name), name)
    ok(/^v1\.[\w-]+$/.test(value), value)
    const record = JSON.parse(await unseal(name, value))
    const { received_at, expires_at } = record
    equal(record, { token: 't1', received_at, expires_at, scope: 'api' })
    ok(received_at >= before && received_at <= Date.now(), `${received_at}`)
    equal(expires_at, received_at + 3600 * SECOND)
    equal(options, [{ expiresAt: expires_at }])

    // What others sealed with the key opens; under another name, or with another key, it does not.
    const text = JSON.stringify({ ...record, token: 'theirs' })
    cache.set(name, await seal(name, text))
    equal(await (await isolate()).getAccessToken(), 'theirs')
    cache.set(name, await seal(`${name}x`, text))
    equal(await (await isolate()).getAccessToken(), 't2')
    cache.set(
      name,
      await seal(
        name,
        text,
        KEY.map((byte) => byte + 1),
      ),
    )
    equal(await (await isolate()).getAccessToken(), 't3')
    equal(await count(), 3)
  },

  async 'one key as bytes, as a CryptoKey and as the client secret'(stage) {
    const { cache, isolate, log, count } = await commons(stage)
    const platform = (bytes) =>
      crypto.subtle.importKey('raw', bytes, 'HKDF', false, ['deriveKey', 'deriveBits'])
    equal(await (await isolate()).getAccessToken(), 't1')
    equal(await (await isolate({ cacheKey: await platform(KEY) })).getAccessToken(), 't1')
    const secret = { cacheKey: undefined, clientSecret: SECRET }
    equal(await (await isolate(secret)).getAccessToken(), 't2')
    equal(await (await isolate(secret)).getAccessToken(), 't2')
    const [[name, value]] = cache
    includes(await unseal(name, value, encoder.encode(SECRET)), '"t2"')
    equal([await count(), log.length], [2, 1])
    const cacheKey = await platform(encoder.encode(SECRET))
    equal(await (await isolate({ cacheKey })).getAccessToken(), 't2')
  },

  async 'a key that can be guessed is refused, and what is no key and no store'(stage) {
    const { subtle } = crypto
    const hmac = { name: 'HMAC', hash: 'SHA-256' }
    const hostile = new Proxy([], {
      get() {
        throw new Error('planted')
      },
    })
    const rows = [
      ['cacheKey', { clientSecret: 'x'.repeat(31) }],
      ['cacheKey', { clientSecret: 'x'.repeat(32) }],
      ['cacheKey', { clientSecret: 'é'.repeat(16) }],
      ['cacheKey', { clientSecret: undefined }],
      ['cacheKey', { cacheKey: KEY.slice(1) }],
      ['cacheKey', { cacheKey: new Uint8Array(32) }],
      ['cacheKey', { cacheKey: new Uint8Array(64).fill(7) }],
      ['cacheKey', { cacheKey: new Uint8Array() }],
      ['cacheKey', { cacheKey: textOf(KEY) }],
      ['cacheKey', { cacheKey: [...KEY] }],
      ['cacheKey', { cacheKey: KEY.buffer }],
      ['cacheKey', { cacheKey: null }],
      ['cacheKey', { cacheKey: {} }],
      ['cacheKey', { cacheKey: Object.create(Uint8Array.prototype) }],
      ['cacheKey', { cacheKey: new Proxy(KEY, {}) }],
      ['cacheKey', { cacheKey: { algorithm: { name: 'HKDF' }, usages: hostile } }],
      ['cacheKey', { cacheKey: hostile }],
      ['cache', { cache: hostile, cacheKey: KEY }],
      ['cacheKey', { cacheKey: await subtle.importKey('raw', KEY, hmac, false, ['sign']) }],
      ['cacheKey', { cacheKey: await subtle.importKey('raw', KEY, 'AES-GCM', false, ['encrypt']) }],
      ['cacheKey', { cacheKey: await subtle.importKey('raw', KEY, 'HKDF', false, ['deriveBits']) }],
      ...[null, 7, 'kv', {}, { get() {}, set() {} }, { get: 1, set: 2, delete: 3 }].map((cache) => [
        'cache',
        { cache, cacheKey: KEY },
      ]),
    ]
    for (const [row, [detail, options]] of rows.entries()) {
      const made = scripted(stage, { cache: new Map(), ...options })
      await refused(made, 'config_invalid', { detail, fault: 'caller' }, `row ${row}`)
    }
    // A key without a store is of no use, and no harm.
    await scripted(stage, { cacheKey: KEY })
    // It is for clients.
    const session = createTokenClient({ issuer: stage.serverUrl, clientId: 'x', cachekey: KEY })
    await refused(session, 'config_invalid', { detail: 'cachekey' })
  },

  async 'a store that lies is a miss, told to the logger'(stage) {
    const { cache, isolate, log } = await commons(stage)
    await (await isolate()).getAccessToken()
    const [[name, value]] = cache
    const now = Date.now()
    const sealed = (record) => seal(name, typeof record === 'string' ? record : json(record))
    const json = (record) => JSON.stringify(record)
    const good = { token: 'planted', received_at: now, expires_at: now + 3600 * SECOND }
    const lies = [
      '',
      'planted',
      'v1.',
      value.slice(0, -1),
      value.replace('v1.', 'v2.'),
      `${value}\n`,
      '\ud800',
      'x'.repeat((1 << 20) + 1),
      7,
      true,
      { token: 'planted' },
      [value],
      Object(value),
      new Uint8Array(8),
      await sealed(''),
      await sealed('{'),
      await sealed('[]'),
      await sealed('"planted"'),
      await sealed('{"__proto__":{"token":"planted"}}'),
      await sealed({ ...good, token: 7 }),
      await sealed({ ...good, token: undefined }),
      await sealed({ ...good, received_at: String(now) }),
      await sealed({ ...good, expires_at: undefined }),
      await sealed({ ...good, expires_at: null }),
      await sealed({ ...good, expires_at: now - 1 }),
      await sealed({ ...good, scope: 7 }),
      await sealed(`${json(good).slice(0, -1)},"token":"planted"}`),
      await sealed(`${json(good)}x`),
      await sealed(`${'['.repeat(100_000)}`),
    ]
    for (const [at, lie] of lies.entries()) {
      log.length = 0
      const lying = { get: async () => lie, set() {}, delete() {} }
      const got = await (await isolate({ cache: lying })).getAccessToken()
      equal(got, `t${at + 2}`, `lie ${at}`)
      equal(log.length, 1, `lie ${at}`)
      equal([log[0].level, log[0].call], ['warning', 'get'], `lie ${at}`)
      ok(['storage_corrupt', 'expired'].includes(log[0].code), log[0].code)
      ok(!JSON.stringify(log).includes('planted'), 'the log shows it')
    }
    equal({}.token, undefined)
    // The good one is good.
    const honest = { get: async () => sealed(good), set() {}, delete() {} }
    equal(await (await isolate({ cache: honest })).getAccessToken(), 'planted')
    for (const nothing of [null, undefined]) {
      log.length = 0
      const empty = { get: () => nothing, set() {}, delete() {} }
      await (await isolate({ cache: empty })).getAccessToken()
      equal(log, [])
    }
  },

  async 'users_a23 a store that fails is done without'(stage) {
    const { isolate, log, count } = await commons(stage)
    const fail = () => {
      throw new Error('planted')
    }
    const stores = [
      { get: fail, set: fail, delete: fail, acquire: fail, release: fail },
      { get: async () => fail(), set: async () => fail(), delete: async () => fail() },
      { get: () => ({ then: fail }), set: () => ({ then: fail }), delete: fail },
      {
        get: () =>
          Object.defineProperty({}, 'then', {
            get: fail,
          }),
        set: () => {},
        delete: fail,
      },
    ]
    for (const [at, cache] of stores.entries()) {
      log.length = 0
      const client = await isolate({ cache })
      const got = await client.getAccessToken()
      equal([got, await client.getAccessToken({})], [`t${at + 1}`, `t${at + 1}`], `store ${at}`)
      // That it cannot be written either is told whenever that turns out.
      const told = log.find(({ call }) => call === 'get')
      equal([told.level, told.code], ['warning', 'storage_unavailable'], `store ${at}`)
      ok(!JSON.stringify(log).includes('planted'), 'the log shows it')
    }
    equal(await count(), stores.length)
    // One that only ever fails to be written.
    const { isolate: another, log: lines } = await commons(stage)
    await (await another({ cache: { get() {}, set: fail, delete() {} } })).getAccessToken()
    equal(
      lines.map(({ call }) => call),
      ['set'],
    )
  },

  async 'a store that never answers is waited for a second'(stage) {
    const { isolate, log, count } = await commons(stage)
    const never = () => new Promise(() => {})
    const silent = { get: never, set: never, delete: never, acquire: never, release: never }
    const client = await isolate({ cache: silent })
    equal(await client.getAccessToken(), 't1')
    equal([log[0].call, log[0].code], ['get', 'timeout'])
    // The answer does not wait for what can go on behind it.
    log.length = 0
    const handed = []
    const slow = await isolate({ cache: { get() {}, set: never, delete: never } })
    equal(await slow.getAccessToken({ waitUntil: (work) => void handed.push(work) }), 't2')
    equal(log, [])
    await Promise.all(handed)
    equal([log[0].call, log[0].code], ['set', 'timeout'])
    equal(await count(), 2)
  },

  async 'a store that calls back in, or closes the client'(stage) {
    const { isolate, count } = await commons(stage)
    const map = new Map()
    const inner = []
    const client = await isolate({
      cache: {
        get(key) {
          if (inner.length === 0) inner.push(client.getAccessToken({ scope: 'x' }))
          return map.get(key)
        },
        set(key, value) {
          inner.push(client.getAccessToken({ scope: 'y' }))
          map.set(key, value)
        },
        delete() {},
      },
    })
    equal(typeof (await client.getAccessToken()), 'string')
    equal(new Set(await Promise.all(inner)).size, 2)
    equal(await count(), 3)
    const closing = await isolate({ cache: { get: () => closing.close(), set() {}, delete() {} } })
    await refused(closing.getAccessToken(), 'closed')
  },

  async 'a store that keeps turns: one asks, the others wait for what it brings'(stage) {
    const turns = new Turns()
    const answers = [{ hold: 'token', ...token() }, token()]
    const { isolate, log, count } = await commons(stage, turns, answers)
    const isolates = await Promise.all(Array.from({ length: 10 }, () => isolate()))
    const calls = isolates.flatMap((client) =>
      Array.from({ length: 10 }, () => client.getAccessToken()),
    )
    await stage.server.arrived('/token')
    await stage.gates.open('token')
    equal([...new Set(await Promise.all(calls))], ['t1'])
    equal([await count(), log.length], [1, 0])
    equal(turns.calls, Array(10).fill(['acquire', undefined]))
  },

  async 'a leader that fails gives its turn up'(stage) {
    const turns = new Turns()
    const answers = [{ hold: 'token', status: 503 }, token()]
    const { isolate, count } = await commons(stage, turns, answers)
    const [first, second] = [await isolate(), await isolate()]
    const leading = refused(first.getAccessToken(), 'response_status', { status: 503 })
    await stage.server.arrived('/token')
    const following = second.getAccessToken()
    await stage.gates.open('token')
    await leading
    equal([await following, await count()], ['t2', 2])
    ok(
      turns.calls.some(([name]) => name === 'release'),
      'not released',
    )
  },

  async 'forceRenewal and a 401 do not take what was there, but what is newer'(stage) {
    const { cache, isolate, count } = await commons(stage)
    const clock = { now: Date.now() }
    const { serverUrl } = stage
    const more = { now: () => clock.now, allowedUrls: [`${serverUrl}/api/`] }
    const [one, two] = [await isolate(more), await isolate(more)]
    equal([await one.getAccessToken(), await two.getAccessToken()], ['t1', 't1'])
    clock.now += SECOND
    equal(await one.getAccessToken({ forceRenewal: true }), 't2')
    equal(await two.getAccessToken({ forceRenewal: true }), 't2')
    equal(await count(), 2)
    const [[name]] = cache
    // An older one is in the store when the newer one is refused.
    clock.now += SECOND
    const old = { token: 't1', received_at: clock.now - 2 * SECOND, expires_at: clock.now + 1e6 }
    cache.set(name, await seal(name, JSON.stringify(old)))
    await stage.server.script({
      '/token': { json: { access_token: 't3', token_type: 'Bearer', expires_in: 3600 } },
      '/api/x': { kind: 'guard', token: 't3' },
    })
    equal((await two.fetch(`${serverUrl}/api/x`)).status, 200)
    equal((await one.fetch(`${serverUrl}/api/x`)).status, 200)
    equal([await stage.server.count('/token'), await stage.server.count('/api/x')], [1, 4])
  },

  async 'a token that is to be renewed is answered at once, and renewed behind, with waitUntil'(
    stage,
  ) {
    const { serverUrl } = stage
    for (const cache of [undefined, new Map()]) {
      const answers = [token(), { hold: 'renewal', ...token() }]
      const { isolate, count } = await commons(stage, cache, answers)
      await stage.server.script({ '/token': answers, '/api/x': { kind: 'echo' } })
      const clock = { now: Date.now() }
      const client = await isolate({
        cache,
        now: () => clock.now,
        allowedUrls: [`${serverUrl}/api/`],
      })
      const handed = []
      const waitUntil = (work) => void handed.push(work)
      equal(await client.getAccessToken({ waitUntil }), 't1')
      await Promise.all(handed.splice(0))
      clock.now += 3540 * SECOND
      const calls = Array.from({ length: 20 }, () => client.getAccessToken({ waitUntil }))
      equal([...new Set(await Promise.all(calls))], ['t1'], 'somebody waited')
      equal((await client.fetch(`${serverUrl}/api/x`, {}, { waitUntil })).status, 200)
      const [{ headers }] = await stage.server.requests('/api/x')
      equal(headers.authorization, 'Bearer t1')
      await stage.server.arrived('/token', 2)
      // Whoever wants more waits for the same renewal.
      const waiting = client.getAccessToken({ minLifetime: 100 })
      await stage.gates.open('renewal')
      equal(await waiting, 't2')
      await Promise.all(handed)
      equal([handed.length, await client.getAccessToken(), await count()], [21, 't2', 2])
      if (cache) equal(await (await isolate({ now: () => clock.now })).getAccessToken(), 't2')
      equal(await count(), 2)
    }
  },

  async 'without waitUntil nothing is renewed behind an answer'(stage) {
    const { isolate, count } = await commons(stage)
    const clock = { now: Date.now() }
    const client = await isolate({ now: () => clock.now })
    equal(await client.getAccessToken(), 't1')
    clock.now += 3540 * SECOND
    equal([await client.getAccessToken(), await count()], ['t2', 2])
  },

  async 'a fresh isolate answers with what the store has, and renews it behind'(stage) {
    const { isolate, count } = await commons(stage)
    const clock = { now: Date.now() }
    const more = { now: () => clock.now }
    await (await isolate(more)).getAccessToken()
    clock.now += 3540 * SECOND
    const handed = []
    const client = await isolate(more)
    equal(await client.getAccessToken({ waitUntil: (work) => void handed.push(work) }), 't1')
    await Promise.all(handed)
    equal([await client.getAccessToken(), await count()], ['t2', 2])
    equal([await (await isolate(more)).getAccessToken(), await count()], ['t2', 2])
  },
}
