// The stores of grantkit/stores by themselves, on stand-ins whose clock is moved by hand.

import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeEach, mock, test } from 'node:test'
import { pathToFileURL } from 'node:url'

import { scratch } from '../support/package.mjs'

const project = scratch()
writeFileSync(join(project, 'stores.mjs'), `export * from 'grantkit/stores'\n`)
const { GrantkitTokens, cacheStore, durableObjectStore, kvStore } = await import(
  pathToFileURL(join(project, 'stores.mjs')).href
)

const NOW = Date.UTC(2027, 0, 15)
const minutes = (number) => number * 60_000
beforeEach(() => {
  mock.timers.reset()
  mock.timers.enable({ apis: ['setTimeout', 'Date'], now: NOW })
})

/** Lets everything go on that waits for nothing outside. */
const settle = async () => {
  for (let i = 0; i < 50; i++) await null
}

// ── Workers KV ──────────────────────────────────────────────────────────────────────────────────

function namespace() {
  const calls = []
  const map = new Map()
  return {
    calls,
    async get(key) {
      calls.push(['get', key])
      return map.get(key) ?? null
    },
    async put(key, value, options) {
      calls.push(['put', key, options?.expirationTtl])
      map.set(key, value)
    },
    async delete(key) {
      calls.push(['delete', key])
      map.delete(key)
    },
  }
}

test('kvStore: KV forgets a value when it expires, and keeps nothing for less than a minute', async () => {
  const kv = namespace()
  const store = kvStore(kv, { prefix: 'p:' })
  assert.equal(await store.get('a'), null)
  await store.set('a', '1', { expiresAt: NOW + minutes(10) + 999 })
  assert.equal(await store.get('a'), '1')
  await store.set('b', '2', { expiresAt: NOW + minutes(1) })
  for (const expiresAt of [NOW + minutes(1) - 1, NOW, NOW - 1, 0]) {
    await store.set('c', '3', { expiresAt })
  }
  await store.set('d', '4')
  await store.delete('a')
  assert.deepEqual(kv.calls, [
    ['get', 'p:a'],
    ['put', 'p:a', 600],
    ['get', 'p:a'],
    ['put', 'p:b', 60],
    ['put', 'p:d', undefined],
    ['delete', 'p:a'],
  ])
  await kvStore(kv).get('a')
  assert.deepEqual(kv.calls.at(-1), ['get', 'a'])
})

test('kvStore: a namespace that fails is not hidden', async () => {
  const fail = async () => {
    throw new Error('429')
  }
  const store = kvStore({ get: fail, put: fail, delete: fail })
  await assert.rejects(store.get('a'), /429/)
  await assert.rejects(store.set('a', '1', { expiresAt: NOW + minutes(2) }), /429/)
  await assert.rejects(store.delete('a'), /429/)
})

// ── the Cache API ───────────────────────────────────────────────────────────────────────────────

function cache() {
  const map = new Map()
  return {
    map,
    match: async (url) => map.get(url)?.clone(),
    put: async (url, response) => void map.set(url, response),
    delete: async (url) => map.delete(url),
  }
}

test('cacheStore: values stand under addresses, with their age', async () => {
  const one = cache()
  const store = cacheStore(one)
  assert.equal(await store.get('grantkit.1.a/b?c'), null)
  await store.set('grantkit.1.a/b?c', 'value', { expiresAt: NOW + minutes(10) + 999 })
  assert.equal(await store.get('grantkit.1.a/b?c'), 'value')
  const [[url, response]] = one.map
  assert.equal(url, 'https://grantkit.invalid/grantkit.1.a%2Fb%3Fc')
  assert.equal(response.headers.get('cache-control'), 'max-age=600')
  for (const expiresAt of [NOW + 999, NOW, NOW - 1]) await store.set('x', '1', { expiresAt })
  assert.equal(await store.get('x'), null)
  await store.set('y', '1')
  assert.equal(one.map.get('https://grantkit.invalid/y').headers.get('cache-control'), null)
  await store.delete('grantkit.1.a/b?c')
  assert.equal(await store.get('grantkit.1.a/b?c'), null)
  await cacheStore(one, { origin: 'https://app.example' }).set('z', '1')
  assert.ok(one.map.has('https://app.example/z'))
})

test('cacheStore: a cache by its name is opened anew for each call', async () => {
  const opened = []
  const one = cache()
  globalThis.caches = { open: async (name) => (opened.push(name), one) }
  try {
    const store = cacheStore()
    assert.deepEqual(opened, [], 'nothing is done at module scope')
    await store.set('a', '1')
    assert.equal(await store.get('a'), '1')
    await cacheStore('other').delete('a')
    assert.deepEqual(opened, ['grantkit', 'grantkit', 'other'])
  } finally {
    delete globalThis.caches
  }
  await assert.rejects(async () => cacheStore().get('a'), ReferenceError)
})

// ── the Durable Object ──────────────────────────────────────────────────────────────────────────

/** Durable Objects in this process: their storage outlives them. */
function objects() {
  const made = new Map()
  const stored = new Map()
  const alarms = new Map()
  const make = (name) => {
    if (!stored.has(name)) stored.set(name, new Map())
    const map = stored.get(name)
    let ready
    const object = new GrantkitTokens({
      storage: {
        get: async (key) => structuredClone(map.get(key)),
        put: async (key, value) => void map.set(key, structuredClone(value)),
        deleteAll: async () => map.clear(),
        setAlarm: async (at) => void alarms.set(name, at),
        deleteAlarm: async () => void alarms.delete(name),
      },
      blockConcurrencyWhile: (work) => (ready = work()),
    })
    return { object, ready }
  }
  const requests = []
  return {
    stored,
    alarms,
    requests,
    idFromName: (name) => ({ name }),
    get({ name }) {
      if (!made.has(name)) made.set(name, make(name))
      const { object, ready } = made.get(name)
      return {
        async fetch(url, init) {
          requests.push(`${init.method} ${new URL(url).pathname}`)
          await ready
          return object.fetch(new Request(url, init))
        },
      }
    },
    /** The objects leave memory, as idle ones do. */
    evict: () => made.clear(),
    alarm: (name) => made.get(name).object.alarm(),
  }
}

const until = (at) => ({ expiresAt: at })

test('durableObjectStore: one object for each name, and what it keeps outlives it', async () => {
  const all = objects()
  const [one, other] = [durableObjectStore(all), durableObjectStore(all)]
  assert.equal(await one.get('a'), null)
  await one.set('a', 'value', until(NOW + minutes(10)))
  assert.equal(await other.get('a'), 'value')
  assert.equal(await other.get('b'), null)
  assert.equal(all.alarms.get('a'), NOW + minutes(10))
  all.evict()
  assert.equal(await one.get('a'), 'value')
  await one.delete('a')
  assert.equal(await other.get('a'), null)
  assert.deepEqual([all.stored.get('a').size, all.alarms.size], [0, 0])
})

test('a value leaves when it expires, and nothing stays behind', async () => {
  const all = objects()
  const store = durableObjectStore(all)
  await store.set('a', 'value', until(NOW + minutes(10)))
  mock.timers.setTime(NOW + minutes(10) - 1)
  assert.equal(await store.get('a'), 'value')
  // An alarm may come early, or late after the value was replaced.
  await all.alarm('a')
  assert.equal(all.alarms.get('a'), NOW + minutes(10))
  assert.equal(await store.get('a'), 'value')
  mock.timers.setTime(NOW + minutes(10))
  assert.equal(await store.get('a'), null)
  assert.equal(await store.acquire('a', 'value'), null, 'an expired value is nobody’s news')
  await all.alarm('a')
  assert.deepEqual([all.stored.get('a').size, all.alarms.size], [0, 0])
})

test('one isolate has the turn; the others get what it brings', async () => {
  const all = objects()
  const isolates = Array.from({ length: 10 }, () => durableObjectStore(all))
  assert.equal(await isolates[0].acquire('a'), null)
  const waiting = isolates.slice(1).map((store) => store.acquire('a'))
  await settle()
  await isolates[0].set('a', 'value', until(NOW + minutes(10)))
  assert.deepEqual(await Promise.all(waiting), Array(9).fill('value'))
  // Whoever comes later finds it; whoever has seen it gets a turn to replace it.
  assert.equal(await isolates[1].acquire('a'), 'value')
  assert.equal(await isolates[1].acquire('a', 'older'), 'value')
  assert.equal(await isolates[1].acquire('a', 'value'), null)
  const next = isolates[2].acquire('a', 'value')
  assert.equal(await isolates[3].acquire('a', 'older'), 'value', 'nobody waits who need not')
  await settle()
  await isolates[1].set('a', 'newer', until(NOW + minutes(20)))
  assert.equal(await next, 'newer')
  // Names have turns of their own.
  assert.equal(await isolates[0].acquire('b'), null)
})

test('a turn that is given up passes to one of those who wait', async () => {
  const all = objects()
  const [one, two, three] = Array.from({ length: 3 }, () => durableObjectStore(all))
  assert.equal(await one.acquire('a'), null)
  const answers = []
  const waiting = [two, three].map(async (store) => answers.push(await store.acquire('a')))
  await settle()
  await one.release('a')
  await settle()
  assert.deepEqual(answers, [null])
  await three.set('a', 'value', until(NOW + minutes(10)))
  await Promise.all(waiting)
  assert.deepEqual(answers, [null, 'value'])
})

test('a turn that nobody ends lasts for five seconds, then passes on', async () => {
  const all = objects()
  const [dead, two, three] = Array.from({ length: 3 }, () => durableObjectStore(all))
  assert.equal(await dead.acquire('a'), null)
  const answers = []
  for (const store of [two, three]) store.acquire('a').then((value) => answers.push(value))
  await settle()
  mock.timers.tick(4999)
  await settle()
  assert.deepEqual(answers, [])
  mock.timers.tick(1)
  await settle()
  assert.deepEqual(answers, [null])
  // It was not dead but slow: what it brings serves all, and the turn of another stays.
  await dead.set('a', 'late', until(NOW + minutes(10)))
  await settle()
  assert.deepEqual(answers, [null, 'late'])
  const third = durableObjectStore(all).acquire('a', 'late')
  await dead.release('a')
  await settle()
  await three.set('a', 'value', until(NOW + minutes(10)))
  assert.equal(await third, 'value')
})

test('whoever waited for too long is not given a turn that it would not use', async () => {
  const all = objects()
  const stores = Array.from({ length: 4 }, () => durableObjectStore(all))
  assert.equal(await stores[0].acquire('a'), null)
  const old = stores[1].acquire('a')
  await settle()
  mock.timers.tick(4000)
  const second = stores[2].acquire('a')
  await settle()
  // The turn passes to the last who came, and is not used either.
  mock.timers.tick(1000)
  assert.equal(await second, null)
  mock.timers.tick(3000)
  const third = stores[3].acquire('a')
  await settle()
  mock.timers.tick(2000)
  await assert.rejects(old, /503/)
  assert.equal(await third, null)
})

test('a turn ends when its object leaves memory', async () => {
  const all = objects()
  const [one, two] = [durableObjectStore(all), durableObjectStore(all)]
  assert.equal(await one.acquire('a'), null)
  all.evict()
  assert.equal(await two.acquire('a'), null)
  // The turn of before is nobody's now.
  await one.release('a')
  const waiting = one.acquire('a')
  await settle()
  await two.set('a', 'value', until(NOW + minutes(10)))
  assert.equal(await waiting, 'value')
})

test('the object answers nothing but its own calls', async () => {
  const all = objects()
  const object = all.get({ name: 'a' })
  for (const [method, path] of [
    ['GET', '/'],
    ['POST', '/value'],
    ['PUT', '/turn'],
    ['GET', '/turn'],
    ['PATCH', '/value'],
  ]) {
    assert.equal((await object.fetch(`https://x.example${path}`, { method })).status, 404)
  }
  const failing = {
    idFromName: (name) => name,
    get: () => ({ fetch: async () => new Response('', { status: 500 }) }),
  }
  await assert.rejects(durableObjectStore(failing).get('a'), /500/)
})
