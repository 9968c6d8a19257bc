// A session in Chromium: thousands of token lifetimes under a fast clock with faults by chance, and a
// thousand sessions that come and go. At the end nothing is stuck, and neither the memory of the wasm, nor
// the heap, nor the number of listeners has grown.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { chromium } from 'playwright-core'
import { findChromium } from '../../scripts/setup.mjs'
import { bundle, startSite } from './site.mjs'

const TIMEOUT = 120_000
// The code that the optimizing compilers make lies in the heap, and comes as they please.
const PLAIN = '--js-flags=--no-opt --no-maglev --no-sparkplug'
const FLAGS = ['--no-sandbox', '--disable-gpu', '--no-first-run', '--disable-background-networking']

let browser
let site
before(async () => {
  const [files, executablePath] = await Promise.all([bundle(), findChromium()])
  ;[browser, site] = await Promise.all([
    chromium.launch({ executablePath, args: [...FLAGS, PLAIN] }),
    startSite(files, {}),
  ])
})
after(() => Promise.all([browser?.close(), site?.close()]))

/** Runs in the page before its scripts: keeps the memory of each instance, and lets short waits pass. */
function prepare() {
  Object.assign(globalThis, { byHand: true, tell() {}, memories: [] })
  for (const name of ['instantiate', 'instantiateStreaming']) {
    const own = WebAssembly[name]
    WebAssembly[name] = async (...values) => {
      const made = await own(...values)
      memories.push(made.instance.exports.memory)
      return made
    }
  }
  // A lock that lingers for a second would be a thousand lifetimes long.
  const { setTimeout } = globalThis
  globalThis.setTimeout = (work, delay, ...values) =>
    setTimeout(work, delay <= 1_000 ? delay / 100 : delay, ...values)
}

/** Runs in the page: an authorization server on a bad line, a clock, and a session of theirs. */
async function begin(seed) {
  const { subtle } = crypto
  const ISSUER = 'https://as.example'
  /** Mulberry32: the same faults in every run. */
  const random = () => {
    seed = (seed + 0x6d2b79f5) | 0
    let t = Math.imul(seed ^ (seed >>> 15), 1 | seed)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296
  }
  const base64url = (bytes) =>
    btoa(String.fromCharCode(...new Uint8Array(bytes)))
      .replaceAll('+', '-')
      .replaceAll('/', '_')
      .replaceAll('=', '')
  const encoded = (value) => base64url(new TextEncoder().encode(JSON.stringify(value)))
  const es256 = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' }
  const { privateKey, publicKey } = await subtle.generateKey(es256, true, ['sign', 'verify'])
  const { kty, crv, x, y } = await subtle.exportKey('jwk', publicKey)
  const head = encoded({ alg: 'ES256', kid: 'k' })
  const json = (status, body, headers) => Response.json(body, { status, headers })

  // What is known of the one session, its refresh token, and what became of it.
  const world = { clock: Date.UTC(2027, 0), calm: true, requests: 0, nonce: '', signIns: 0 }
  const seen = { faults: 0, lost: 0, refused: 0, renewed: 0, ended: 0, wrong: [] }
  let [current, lost, serial] = ['', '', 0]
  const signed = async () => {
    const now = Math.floor(world.clock / 1000)
    const claims = { iss: ISSUER, sub: 'alice', aud: 'spa', iat: now, exp: now + 300 }
    const input = `${head}.${encoded({ ...claims, nonce: world.nonce })}`
    const signature = await subtle.sign(es256, privateKey, new TextEncoder().encode(input))
    return `${input}.${base64url(signature)}`
  }
  const faults = [
    () => Promise.reject(new TypeError('Failed to fetch')),
    () => json(503, {}),
    () => json(429, { error: 'slow_down' }, { 'retry-after': '1' }),
    () => json(200, { error: 'server_error' }),
    () => new Response('<html>', { headers: { 'content-type': 'text/html' } }),
    () => new Response('{"access_', { headers: { 'content-type': 'application/json' } }),
    () => json(401, { error: 'invalid_client' }),
  ]
  const fetch = async (url, { body }) => {
    const form = new URLSearchParams(body)
    const used = form.get('refresh_token')
    if (url !== `${ISSUER}/token`) seen.wrong.push(url)
    world.requests++
    if (used && used !== current) {
      // Once more after an answer that was lost, and never otherwise.
      if (used !== lost) seen.wrong.push(`${used} was used again`)
      lost = ''
      seen.refused++
      return json(400, { error: 'invalid_grant' })
    }
    if (used && !world.calm && random() < 0.1) {
      seen.faults++
      return faults[Math.floor(random() * faults.length)]()
    }
    const before = current
    current = `r${++serial}`
    if (used && !world.calm && random() < 0.01) {
      lost = before
      seen.lost++
      throw new TypeError('Failed to fetch')
    }
    const token = { access_token: `t${serial}`, token_type: 'Bearer', expires_in: 600 }
    return json(200, { ...token, refresh_token: current, id_token: await signed() })
  }

  const options = {
    metadata: {
      issuer: ISSUER,
      authorization_endpoint: `${ISSUER}/authorize`,
      token_endpoint: `${ISSUER}/token`,
      jwks: { keys: [{ kty, crv, x, y, kid: 'k', alg: 'ES256' }] },
    },
    issuer: ISSUER,
    clientId: 'spa',
    redirectUri: `${location.origin}/callback`,
    scope: 'openid offline_access',
    fetch,
    now: () => world.clock,
  }
  const session = await grantkit.createSession(options)
  session.on('renewed', () => seen.renewed++)
  session.on('signed-out', () => seen.ended++)

  /** The way to the login page, which the browser is kept from, and back as out of its cache. */
  async function signIn() {
    const left = new Promise((resolve) => {
      navigation.onnavigate = (event) => {
        if (!event.destination.url.startsWith(ISSUER)) return
        event.preventDefault()
        resolve(new URL(event.destination.url).searchParams)
      }
    })
    const calm = world.calm
    world.calm = true
    const leaving = session.signIn().catch(({ code }) => code)
    const query = await left
    dispatchEvent(new PageTransitionEvent('pageshow', { persisted: true }))
    if ((await leaving) !== 'aborted') seen.wrong.push('the page came back')
    world.nonce = query.get('nonce')
    const answer = new URLSearchParams({ code: 'c', state: query.get('state'), iss: ISSUER })
    await session.handleCallback(`${options.redirectUri}?${answer}`)
    world.signIns++
    world.calm = calm
  }

  // Not worth another try at once; the session is kept all the same.
  const PASSING = ['token_error', 'response_not_json', 'response_content_type']

  async function lifetimes(count) {
    for (let at = 0; at < count; at++) {
      world.clock += 600_000 + (random() < 0.01 ? (random() - 0.5) * 3_600_000 : 0)
      const before = world.requests
      const three = [1, 2, 3].map(() => session.getAccessToken())
      const [first, ...others] = await Promise.allSettled(three)
      if (world.requests - before > 1) seen.wrong.push(`${world.requests - before} requests`)
      for (const other of others) {
        if (other.status !== first.status || other.value !== first.value) seen.wrong.push('not one')
      }
      const { reason } = first
      if (reason && !reason.retryable && !reason.loginRequired && !PASSING.includes(reason.code))
        seen.wrong.push(String(reason))
      if (!session.signedIn) await signIn()
    }
  }

  /** Sessions of this page that come and go, each with the tokens that are stored. */
  async function comeAndGo(count) {
    for (let at = 0; at < count; at++) {
      const one = await grantkit.createSession(options)
      if (!one.signedIn) seen.wrong.push('what is stored is read')
      one.on('renewed', () => seen.wrong.push('nothing was renewed'))
      one.close()
      const code = await one.getAccessToken().catch(({ code }) => code)
      if (code !== 'closed') seen.wrong.push(code)
    }
  }

  await signIn()
  Object.assign(globalThis, { session, soak: { world, seen, lifetimes, comeAndGo } })
}

/** A page in which it has begun, and what can be measured of it. */
async function opened(t) {
  const page = await browser.newPage()
  t.after(() => page.close())
  await page.addInitScript(prepare)
  await page.goto(site.origin)
  await page.evaluate(begin, 7)
  const devtools = await page.context().newCDPSession(page)
  const measure = async () => {
    // A renewal's lock is given back a moment after.
    await page.waitForFunction(async () => {
      const { held, pending } = await navigator.locks.query()
      return held.length + pending.length === 0
    })
    // Finalizers run after a turn of the event loop, and may free more.
    for (let turn = 0; turn < 4; turn++) {
      await devtools.send('HeapProfiler.collectGarbage')
      await page.evaluate(() => new Promise((done) => setTimeout(done)))
    }
    const { usedSize: heap } = await devtools.send('Runtime.getHeapUsage')
    const { jsEventListeners: listeners } = await devtools.send('Memory.getDOMCounters')
    const wasm = await page.evaluate(() => memories.map(({ buffer }) => buffer.byteLength))
    return { heap, listeners, wasm }
  }
  return { page, measure }
}

/** How much the heap grew from one measure to the next, for each. */
const growth = (figures) => figures.slice(1).map(({ heap }, at) => heap - figures[at].heap)

test('soak: three thousand lifetimes of a session in Chromium', { timeout: TIMEOUT }, async (t) => {
  const { page, measure } = await opened(t)
  const run = (count) => page.evaluate((count) => soak.lifetimes(count), count)
  await page.evaluate(() => void (soak.world.calm = false))
  const figures = []
  for (const count of [500, 1250, 1250]) {
    await run(count)
    figures.push(await measure())
  }
  // A page more may be what it needs at the most at a time, which is needed once.
  const [first, second, third] = figures.map(({ wasm: [memory, ...more] }) => {
    assert.deepEqual(more, [])
    return memory
  })
  assert.ok(second - first <= 65_536, `the wasm memory grew from ${first} to ${second}`)
  assert.equal(third, second, 'the wasm memory does not grow')
  const [{ listeners }] = figures
  for (const later of figures)
    assert.equal(later.listeners, listeners, 'no listener is left behind')
  // A hundred bytes for each lifetime would be twice as much.
  for (const grown of growth(figures)) assert.ok(grown < 60_000, `the heap grew by ${grown}`)

  const { seen, signIns } = await page.evaluate(() => {
    const { seen, world } = soak
    return { seen, signIns: world.signIns }
  })
  assert.deepEqual(seen.wrong, [])
  assert.ok(seen.renewed > 2400 && seen.faults > 200 && seen.lost > 10, JSON.stringify(seen))
  // Only an answer that was lost ends a session here, and each end was told.
  assert.deepEqual([seen.refused, seen.ended, signIns], [seen.lost, seen.lost, seen.lost + 1])
  // The line is good again, and nothing is stuck.
  const outcome = await page.evaluate(async () => {
    soak.world.calm = true
    const before = soak.seen.renewed
    await soak.lifetimes(3)
    return [soak.seen.renewed - before, session.signedIn, soak.seen.wrong]
  })
  assert.deepEqual(outcome, [3, true, []])
})

test(
  'users_a29 soak: a thousand sessions of a page in Chromium',
  { timeout: TIMEOUT },
  async (t) => {
    const { page, measure } = await opened(t)
    const figures = []
    for (const count of [100, 500, 500]) {
      await page.evaluate((count) => soak.comeAndGo(count), count)
      figures.push(await measure())
    }
    const [{ wasm, listeners }] = figures
    for (const later of figures) {
      assert.deepEqual(later.wasm, wasm, 'the wasm memory does not grow')
      assert.equal(later.listeners, listeners, 'no listener is left behind')
    }
    for (const grown of growth(figures)) assert.ok(grown < 40_000, `the heap grew by ${grown}`)
    assert.deepEqual(await page.evaluate(() => soak.seen.wrong), [])
  },
)
