// Ten thousand token lifetimes of a client under a fast clock, with faults by chance, and a thousand
// sessions that come and go: at the end nothing is stuck, and neither the wasm memory nor the heap has grown.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

import { scratch } from '../support/package.mjs'

const memories = []
const Instance = WebAssembly.Instance
WebAssembly.Instance = class extends Instance {
  constructor(...args) {
    super(...args)
    memories.push(...Object.values(this.exports).filter((it) => it instanceof WebAssembly.Memory))
  }
}

const entry = join(scratch(), 'node_modules', 'grantkit', 'js', 'node.js')
const { createSession, createTokenClient } = await import(pathToFileURL(entry).href)

setFlagsFromString('--expose-gc')
// The code that the optimizing compilers make lies in the heap, and comes as they please.
for (const flag of ['--no-opt', '--no-maglev', '--no-sparkplug']) setFlagsFromString(flag)
const gc = runInNewContext('gc')

async function heap() {
  // Finalizers run after a turn of the event loop, and may free more.
  for (let turn = 0; turn < 4; turn++) {
    gc()
    await new Promise(setImmediate)
  }
  return process.memoryUsage().heapUsed
}
const pages = () => {
  assert.ok(memories.length > 0, 'the instance was seen')
  return memories.reduce((sum, memory) => sum + memory.buffer.byteLength, 0)
}

/** Mulberry32: the same faults in every run. */
function chance(seed) {
  return () => {
    seed = (seed + 0x6d2b79f5) | 0
    let t = Math.imul(seed ^ (seed >>> 15), 1 | seed)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296
  }
}

const json = (status, body, headers) =>
  new Response(JSON.stringify(body), {
    status,
    headers: { 'content-type': 'application/json', ...headers },
  })

const server = { token_endpoint: 'https://as.example/token', issuer: 'https://as.example' }

// First, for afterwards the memory is large enough for anything.
test('node, r009: a body without an end is read to its cap, into as much memory as that takes', async () => {
  const CAP = 128 * 1024
  const CHUNK = 16 * 1024
  let [sent, cancelled] = [0, false]
  const body = new ReadableStream({
    pull(stream) {
      sent += CHUNK
      stream.enqueue(new Uint8Array(CHUNK).fill(32))
    },
    cancel() {
      cancelled = true
    },
  })
  const headers = { 'content-type': 'application/json' }
  const fetch = async () => new Response(body, { headers })
  const client = await createTokenClient({ metadata: server, clientId: 'app', fetch })
  const before = pages()
  await assert.rejects(client.clientCredentials(), { code: 'response_too_large' })
  assert.equal(cancelled, true)
  // The chunk that is too much, and the one that the stream has ready.
  assert.ok(sent <= CAP + 2 * CHUNK, `${sent} were read`)
  // A buffer that doubles: the last and the one before, and between them what the earlier ones left.
  assert.ok(pages() - before < 4 * CAP, `${pages() - before} more bytes`)
})

test('soak: ten thousand lifetimes of a client', { timeout: 300_000 }, async () => {
  const random = chance(7)
  let clock = Date.UTC(2027, 0)
  let requests = 0
  const faults = [
    () => Promise.reject(new TypeError('fetch failed')),
    () => json(503, {}),
    () => json(429, { error: 'slow_down' }, { 'retry-after': '1' }),
    () => json(200, { error: 'server_error' }),
    () => new Response('<html>', { headers: { 'content-type': 'text/html' } }),
    () => new Response('{"access_', { headers: { 'content-type': 'application/json' } }),
    () => json(400, { error: 'invalid_client' }),
  ]
  const fetch = async () => {
    requests++
    if (random() < 0.1) return faults[Math.floor(random() * faults.length)]()
    return json(200, { access_token: `t${requests}`, token_type: 'Bearer', expires_in: 600 })
  }
  const client = await createTokenClient({
    metadata: server,
    clientId: 'worker',
    clientSecret: 'canary-client-secret',
    fetch,
    now: () => clock,
  })
  const lifetimes = async (count) => {
    for (let at = 0; at < count; at++) {
      clock += 600_000 + (random() < 0.01 ? (random() - 0.5) * 7_200_000 : 0)
      const before = requests
      const answers = await Promise.allSettled(
        Array.from({ length: 3 }, () => client.getAccessToken()),
      )
      assert.ok(requests - before <= 1, 'one request for all who ask')
      const [first, ...others] = answers
      for (const other of others) assert.deepEqual(other.status, first.status)
    }
  }
  await lifetimes(500)
  const [heapBefore, pagesBefore] = [await heap(), pages()]
  await lifetimes(9_500)
  const grown = (await heap()) - heapBefore
  assert.equal(pages(), pagesBefore, 'the wasm memory does not grow')
  assert.ok(grown < 500_000, `the heap grew by ${grown}`)
  clock += 600_000
  assert.match(await client.getAccessToken().catch(() => client.getAccessToken()), /^t\d+$/)
  client.close()
})

test('users_a29 soak: a thousand sessions and clients that are made and closed', async () => {
  const make = async (count) => {
    for (let at = 0; at < count; at++) {
      const session = await createSession({
        metadata: { ...server, authorization_endpoint: 'https://as.example/authorize' },
        clientId: 'spa',
        redirectUri: 'https://app.example/callback',
        storage: 'memory',
      })
      session.on('warning', () => {})
      const client = await createTokenClient({ metadata: server, clientId: 'worker' })
      session.close()
      client.close()
      await assert.rejects(session.getAccessToken(), { code: 'closed' })
    }
  }
  await make(100)
  const [heapBefore, pagesBefore] = [await heap(), pages()]
  await make(1_000)
  const grown = (await heap()) - heapBefore
  assert.equal(pages(), pagesBefore, 'the wasm memory does not grow')
  assert.ok(grown < 200_000, `the heap grew by ${grown}`)
})
