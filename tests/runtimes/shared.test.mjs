// Ten isolates of workerd with real KV, Cache API and Durable Objects, counted at the provider.

import assert from 'node:assert/strict'
import { cpSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, beforeEach, test } from 'node:test'
import { fileURLToPath } from 'node:url'

import { scratch } from '../support/package.mjs'
import { startStage } from './stage/stage.mjs'
import { DATES, bundle, startIsolates } from './stage/workerd.mjs'

// Far more than a test takes; one that hangs is told by its name.
const TIMEOUT = 60_000
const ISOLATES = 10
const OBJECTS = ISOLATES
const everywhere = Array.from({ length: ISOLATES }, (_, i) => i)
const TOKEN = '/connect/token'
const STORES = ['kv', 'cache', 'object']

const project = scratch()
cpSync(fileURLToPath(new URL('cases', import.meta.url)), join(project, 'cases'), {
  recursive: true,
})

// However busy this machine is, nobody loses patience: how often they ask is what is counted.
const patience = (runtime, i, times) => runtime.ask(i, 'patience', { times })

let set
const runtimes = {}
before(async () => {
  set = await startStage()
  const modules = await bundle(project, set.known, 'isolate.mjs')
  for (const date of DATES) {
    runtimes[date] = await startIsolates(modules, date, ISOLATES)
    await Promise.all([...everywhere, OBJECTS].map((i) => patience(runtimes[date], i, 100)))
  }
})
beforeEach(() => set.reset())
after(async () => {
  for (const runtime of Object.values(runtimes)) await runtime.close()
  assert.deepEqual(set.provider.server_errors, [])
  await set.close()
})

// Each test has a place of its own in the stores.
let serial = 0
const place = () => ({ parameters: { place: String(++serial) } })

for (const date of DATES) {
  const shared = (name, run) =>
    test(`workerd ${date}, shared: ${name}`, { timeout: TIMEOUT }, () => run(runtimes[date]))

  /** Fresh clients in all isolates. */
  const make = async ({ ask }, store) => {
    const options = place()
    await Promise.all(everywhere.map((i) => ask(i, 'make', { store, options })))
    return options
  }
  /** A hundred requests at once in each isolate; no token request is answered before all isolates ask. */
  async function thousand({ ask }) {
    const defect = set.provider.setDefects({ path: TOKEN, kind: 'hold' })
    const asked = everywhere.map((i) => set.gates.all(`asked ${i}`, 1))
    const storms = everywhere.map((i) => ask(i, 'storm', { number: 100, gate: `asked ${i}` }))
    await Promise.all([...asked, defect.reached])
    defect.release()
    return (await Promise.all(storms)).flatMap(({ tokens }) => tokens)
  }
  const told = async ({ ask }) =>
    (await Promise.all(everywhere.map((i) => ask(i, 'told')))).flatMap((one) => one.told)

  shared('a thousand requests with a Durable Object: one token request', async (runtime) => {
    await make(runtime, 'object')
    const tokens = await thousand(runtime)
    assert.equal(tokens.length, 1000)
    assert.equal(new Set(tokens).size, 1)
    assert.match(tokens[0], /^ey/)
    assert.equal(set.provider.count(), 1)
    assert.deepEqual(await told(runtime), [])
  })

  shared('a thousand requests without: one token request for each isolate', async (runtime) => {
    for (const store of ['kv', 'cache']) {
      set.provider.requests.length = 0
      await make(runtime, store)
      const tokens = await thousand(runtime)
      assert.equal(tokens.length, 1000)
      assert.ok(tokens.every((token) => /^ey/.test(token)))
      assert.ok(new Set(tokens).size <= ISOLATES)
      assert.ok(set.provider.count() <= ISOLATES, `${set.provider.count()} with ${store}`)
      assert.deepEqual(await told(runtime), [])
    }
  })

  shared('an isolate that comes later asks nobody', async (runtime) => {
    for (const store of STORES) {
      set.provider.requests.length = 0
      const options = place()
      await runtime.ask(0, 'make', { store, options })
      const { token } = await runtime.ask(0, 'ask')
      // The answer came after the store had it: the request's work ends with it.
      await runtime.ask(0, 'make', { store, options })
      assert.equal((await runtime.ask(0, 'ask')).token, token, store)
      for (const i of [1, 2]) {
        await runtime.ask(i, 'make', { store, options })
        assert.equal((await runtime.ask(i, 'ask', { background: true })).token, token, store)
      }
      assert.equal(set.provider.count(), 1, store)
    }
  })

  shared('a reader of the stores finds no token', async (runtime) => {
    await runtime.forget()
    const options = place()
    const found = []
    await runtime.ask(0, 'make', { store: 'kv', options })
    const { token } = await runtime.ask(0, 'ask')
    const before = Math.floor(Date.now() / 1000)
    for (const [name, value, expiration] of await runtime.kv()) {
      found.push(name, value)
      // KV forgets it when it expires.
      assert.ok(Math.abs(expiration - before - set.provider.lifetimes.accessToken) < 60)
    }
    assert.equal(found.length, 2)
    const name = found[0].slice('tokens:'.length)
    await runtime.ask(0, 'make', { store: 'object', options })
    const other = await runtime.ask(0, 'ask')
    const held = await runtime.ask(1, 'value', { name })
    assert.equal(held.status, 200)
    found.push(held.value)
    assert.notEqual(other.token, token)
    const payload = JSON.parse(Buffer.from(token.split('.')[1], 'base64url'))
    for (const secret of [token, other.token, payload.jti, set.known.secret, 'worker', 'api']) {
      for (const encoding of ['utf8', 'base64', 'base64url', 'hex']) {
        const text = Buffer.from(secret).toString(encoding).replace(/=+$/, '')
        for (const one of found) assert.ok(!one.includes(text), `${encoding} in ${one}`)
      }
    }
    for (const value of [found[1], found[2]]) {
      assert.match(value, /^v1\.[\w-]+$/)
      const bytes = Buffer.from(value.slice(3), 'base64url').toString('latin1')
      for (const part of ['token', 'eyJ', 'expires_at', ...token.split('.')]) {
        assert.ok(!bytes.includes(part), part)
      }
    }
    assert.deepEqual(await told(runtime), [])
  })

  shared('a value that was moved or replaced is no token', async (runtime) => {
    await runtime.forget()
    const [one, other] = [place(), place()]
    for (const options of [one, other]) {
      await runtime.ask(0, 'make', { store: 'kv', options })
      await runtime.ask(0, 'ask')
    }
    const [[name, value], [second, third]] = await runtime.kv()
    await runtime.plant(name, third)
    await runtime.plant(second, value.slice(0, -4))
    for (const options of [one, other]) {
      await runtime.ask(1, 'make', { store: 'kv', options })
      assert.match((await runtime.ask(1, 'ask')).token, /^ey/)
      const { told } = await runtime.ask(1, 'told')
      assert.deepEqual(
        told.map(({ call, code }) => [call, code]),
        [['get', 'storage_corrupt']],
      )
    }
    assert.equal(set.provider.count(), 4)
  })

  shared('law 17: a token is renewed behind the answer, with waitUntil', async (runtime) => {
    for (const store of STORES) {
      set.provider.requests.length = 0
      const options = place()
      await runtime.ask(0, 'make', { store, options })
      const { token } = await runtime.ask(0, 'ask')
      await runtime.ask(0, 'later', { seconds: set.provider.lifetimes.accessToken - 30 })
      const defect = set.provider.setDefects({ path: TOKEN, kind: 'hold', times: 1 })
      const answers = await Promise.all(
        Array.from({ length: 50 }, () => runtime.ask(0, 'ask', { background: true })),
      )
      assert.deepEqual([...new Set(answers.map((answer) => answer.token))], [token], store)
      await defect.reached
      defect.release()
      // Whoever cannot be kept open waits for it: it goes on although all who began it were answered.
      const renewed = await runtime.ask(0, 'ask')
      assert.notEqual(renewed.token, token, store)
      assert.equal(set.provider.count(), 2, store)
    }
  })

  shared('law 17: a leader that dies passes its turn on', async (runtime) => {
    await patience(runtime, OBJECTS, 1)
    await make(runtime, 'object')
    const defect = set.provider.setDefects({ path: TOKEN, kind: 'hold', times: 1 })
    const leading = runtime.ask(0, 'leave', { until: 'gone' })
    await defect.reached
    set.gates.open('gone')
    await leading
    // Its token request comes to nothing; nobody tells the Durable Object.
    const calls = [1, 2, 3].flatMap((i) => [runtime.ask(i, 'ask'), runtime.ask(i, 'ask')])
    const tokens = (await Promise.all(calls)).map((answer) => answer.token)
    defect.release()
    await patience(runtime, OBJECTS, 100)
    assert.equal(new Set(tokens).size, 1)
    assert.match(tokens[0], /^ey/)
    assert.equal(set.provider.count(), 2)
    assert.deepEqual(await told(runtime), [])
  })

  shared('a leader that fails passes its turn on at once', async (runtime) => {
    await make(runtime, 'object')
    set.provider.setDefects({ path: TOKEN, kind: 'status', status: 503, times: 1 })
    const answers = await Promise.all([0, 1, 2, 3].map((i) => runtime.ask(i, 'ask')))
    const failed = answers.filter(({ code }) => code)
    assert.deepEqual(failed, [{ code: 'response_status' }])
    assert.equal(new Set(answers.map(({ token }) => token)).size, 2)
    assert.equal(set.provider.count(), 2)
    assert.deepEqual(await told(runtime), [])
  })

  shared('forceRenewal in one isolate reaches the others', async (runtime) => {
    await make(runtime, 'object')
    const first = await runtime.ask(0, 'ask')
    assert.deepEqual(await runtime.ask(1, 'ask'), first)
    const renewed = await runtime.ask(0, 'ask', { forceRenewal: true })
    assert.notEqual(renewed.token, first.token)
    assert.deepEqual(await runtime.ask(1, 'ask', { forceRenewal: true }), renewed)
    assert.deepEqual(await runtime.ask(2, 'ask'), renewed)
    assert.equal(set.provider.count(), 2)
  })
}
