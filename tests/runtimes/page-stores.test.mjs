// Stores of the caller's that are slow, fail or never answer, and lock managers that do: on the package, in
// Node, with a server that spends each refresh token once.

import assert from 'node:assert/strict'
import { afterEach, beforeEach, mock, test } from 'node:test'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'

import { scratch } from '../support/package.mjs'

const entry = join(scratch(), 'node_modules', 'grantkit', 'js', 'node.js')
const { createSession } = await import(pathToFileURL(entry).href)

const ISSUER = 'https://as.example'
const KEY = `grantkit.1.tokens.spa.${ISSUER}`

// Instances of one page share their renewals: each test has a person of its own.
let person = 0
let spent
let revoked
function anew() {
  person++
  spent = []
  revoked = []
}
beforeEach(anew)
const machine = Object.getOwnPropertyDescriptor(globalThis, 'navigator')
afterEach(() => {
  mock.timers.reset()
  if (machine) Object.defineProperty(globalThis, 'navigator', machine)
  else delete globalThis.navigator
})

const json = (status, body) =>
  new Response(JSON.stringify(body), { status, headers: { 'content-type': 'application/json' } })

async function fetch(url, init) {
  const form = new URLSearchParams(await new Response(init.body).text())
  if (url.endsWith('/revoke')) {
    revoked.push(form.get('token'))
    return new Response('')
  }
  const used = form.get('refresh_token')
  if (spent.includes(used)) return json(400, { error: 'invalid_grant' })
  spent.push(used)
  const [access_token, refresh_token] = [`access-${spent.length}`, `${person}-${spent.length}`]
  return json(200, { access_token, refresh_token, token_type: 'Bearer', expires_in: 600 })
}

const record = () =>
  JSON.stringify({
    v: 1,
    issuer: ISSUER,
    client_id: 'spa',
    refresh_token: `${person}-0`,
    signed_in_at: Date.now(),
    renewals: 0,
    others: [],
  })

/** A store with a signed-in person in it; `more` replaces its functions. */
function storeOf(more) {
  const map = new Map([[KEY, record()]])
  const store = {
    map,
    get: async (key) => map.get(key),
    set: async (key, text) => void map.set(key, text),
    delete: async (key) => void map.delete(key),
    ...more?.(map),
  }
  return store
}

const open = (storage) =>
  createSession({
    metadata: {
      issuer: ISSUER,
      authorization_endpoint: `${ISSUER}/authorize`,
      token_endpoint: `${ISSUER}/token`,
      revocation_endpoint: `${ISSUER}/revoke`,
    },
    clientId: 'spa',
    redirectUri: 'https://app.example/callback',
    scope: 'api offline_access',
    storage,
    fetch,
  })

function told(session) {
  const events = []
  for (const type of ['renewed', 'renewal-failed', 'expired', 'signed-out', 'warning']) {
    session.on(type, (event) => events.push(event.code ?? event.reason ?? type))
  }
  return events
}

/** A promise, and its ends. */
function gate() {
  const gate = {}
  gate.promise = new Promise((resolve, reject) => Object.assign(gate, { resolve, reject }))
  return gate
}

/** Everything that can run now has run. */
async function settled() {
  for (let turn = 0; turn < 20; turn++) await new Promise(setImmediate)
}

test('stores, r164: what is written slowly does not come back after a sign-out', async () => {
  const [began, written] = [gate(), gate()]
  const store = storeOf((map) => ({
    async set(key, text) {
      began.resolve()
      await written.promise
      map.set(key, text)
    },
  }))
  const session = await open(store)
  const renewing = session.getAccessToken()
  renewing.catch(() => {})
  await began.promise
  const leaving = session.signOut({ local: true })
  await settled()
  assert.equal(session.signedIn, false)
  written.resolve()
  await leaving
  assert.equal(store.map.size, 0, 'one write after the other')
  await assert.rejects(renewing, { code: 'login_required' })
  assert.deepEqual(revoked.slice(-2), [`${person}-1`, 'access-1'])
  session.close()
})

test('stores, r123: two instances on a slow store spend a refresh token once', async () => {
  const store = storeOf((map) => ({
    async set(key, text) {
      await settled()
      map.set(key, text)
    },
  }))
  const sessions = [await open(store), await open(store)]
  const tokens = await Promise.all(sessions.map((session) => session.getAccessToken()))
  assert.deepEqual(tokens, ['access-1', 'access-1'])
  assert.deepEqual(spent, [`${person}-0`])
  for (const session of sessions) session.close()
})

test('stores, r170: one that refuses to write leaves the tokens in memory', async () => {
  for (const refuses of [
    () => Promise.reject(new Error('full')),
    () => {
      throw new Error('full')
    },
  ]) {
    const store = storeOf(() => ({ set: refuses }))
    const session = await open(store)
    const events = told(session)
    for (const expected of ['access-1', 'access-2', 'access-3']) {
      assert.equal(await session.getAccessToken({ forceRenewal: true }), expected)
      await settled()
      assert.equal(store.map.size, 0, 'a spent refresh token is not left behind')
    }
    assert.equal(session.signedIn, true)
    assert.ok(events.includes('storage_unavailable') && !events.includes('other-tab'), `${events}`)
    session.close()
    anew()
  }
})

test('stores: warnings that nobody hears do not pile up', async () => {
  const session = await open(storeOf(() => ({ set: () => Promise.reject(new Error('full')) })))
  for (let at = 0; at < 40; at++) {
    await session.getAccessToken({ forceRenewal: true })
    await settled()
  }
  let heard = 0
  session.on('warning', () => heard++)
  assert.ok(heard > 0 && heard <= 20, `${heard}`)
  session.close()
})

test('stores, r170: one that never answers is waited for for a while', async () => {
  const never = () => new Promise(() => {})
  mock.timers.enable({ apis: ['setTimeout'] })
  // Read at the start.
  const opening = open(storeOf(() => ({ get: never })))
  await settled()
  mock.timers.tick(5_000)
  const empty = await opening
  assert.equal(empty.signedIn, false)
  empty.close()
  // Written and read later.
  const session = await open(storeOf(() => ({ set: never, delete: never })))
  const asked = session.getAccessToken()
  for (let at = 0; at < 3; at++) {
    await settled()
    mock.timers.tick(5_000)
  }
  assert.equal(await asked, 'access-1')
  assert.equal(session.signedIn, true)
  session.close()
})

test('stores: one that looks at the session while it is asked changes nothing', async () => {
  let session
  const seen = []
  const looks = (answer) => {
    seen.push(session?.signedIn)
    return answer
  }
  const store = storeOf((map) => ({
    get: (key) => looks(map.get(key)),
    set: (key, text) => looks(map.set(key, text)),
    delete: (key) => looks(map.delete(key)),
  }))
  session = await open(store)
  assert.equal(await session.getAccessToken(), 'access-1')
  assert.equal(await session.getAccessToken({ forceRenewal: true }), 'access-2')
  await session.signOut({ local: true })
  assert.ok(seen.length > 4)
  session.close()
})

// ── Web Locks ────────────────────────────────────────────────────────────────────────────────────

/** `navigator.locks` as a browser has it, one lock at a time; `held` counts. */
function lockManager() {
  const queue = []
  const manager = {
    held: 0,
    waiting: () => queue.length,
    async request(name, options, callback) {
      if (manager.held > 0) {
        if (options.ifAvailable) return callback(null)
        const turn = gate()
        queue.push(turn)
        options.signal?.addEventListener('abort', () => {
          queue.splice(queue.indexOf(turn), 1)
          turn.reject(options.signal.reason)
        })
        await turn.promise
      }
      manager.held++
      try {
        return await callback({ name, mode: 'exclusive' })
      } finally {
        manager.held--
        queue.shift()?.resolve()
      }
    },
  }
  return manager
}

/** Lets time go by, in looks at the store. */
async function pass(milliseconds) {
  for (let passed = 0; passed < milliseconds; passed += 50) {
    mock.timers.tick(50)
    await settled()
  }
}

const withLocks = (locks) =>
  Object.defineProperty(globalThis, 'navigator', { value: { locks }, configurable: true })

test('locks, r123: a renewal holds the lock and gives it back', async () => {
  const locks = lockManager()
  withLocks(locks)
  mock.timers.enable({ apis: ['setTimeout'] })
  const session = await open(storeOf())
  let held
  const at = session.on('renewed', () => (held = locks.held))
  assert.equal(await session.getAccessToken(), 'access-1')
  assert.equal(held, 1)
  // A browser brings what was stored to its other processes late: so long nobody gets the lock.
  mock.timers.tick(999)
  await settled()
  assert.equal(locks.held, 1)
  mock.timers.tick(1)
  await settled()
  assert.equal(locks.held, 0)
  at()
  session.close()
})

test('locks, a069: one that another tab does not give back is waited for for a while', async () => {
  const locks = lockManager()
  withLocks(locks)
  const theirs = gate()
  const theirLock = locks.request('x', {}, () => theirs.promise)
  const session = await open(storeOf())
  mock.timers.enable({ apis: ['setTimeout'] })
  const asked = session.getAccessToken()
  await settled()
  assert.equal(locks.waiting(), 1)
  await pass(29_950)
  assert.deepEqual(spent, [])
  assert.equal(locks.waiting(), 1)
  // Then for a moment more: its news may be on the way.
  await pass(600)
  assert.equal(await asked, 'access-1')
  assert.equal(locks.waiting(), 0, 'nobody waits any more')
  theirs.resolve()
  await theirLock
  await settled()
  assert.equal(locks.held, 0)
  session.close()
})

test('locks: a manager that refuses, throws or never answers does not stop a renewal', async () => {
  mock.timers.enable({ apis: ['setTimeout'] })
  for (const request of [
    () => Promise.reject(new DOMException('no', 'SecurityError')),
    () => {
      throw new TypeError('no')
    },
    () => new Promise(() => {}),
  ]) {
    withLocks({ request })
    const session = await open(storeOf())
    const asked = session.getAccessToken()
    await settled()
    await pass(30_600)
    assert.equal(await asked, 'access-1')
    session.close()
    anew()
  }
})
