// A stage for each test: a provider, a page of an origin of its own with the packed package, an API,
// and a browser profile. One browser for a test file; everything is closed by the test that opened it.
import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before } from 'node:test'
import { fileURLToPath } from 'node:url'
import * as esbuild from 'esbuild'
import { chromium } from 'playwright-core'
import { findChromium } from '../../scripts/setup.mjs'
import { scratch } from '../support/package.mjs'
import { listen, readAll, stop } from '../support/provider/front.mjs'
import { startProvider } from '../support/provider.mjs'

const FLAGS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  // Hosts of an attacker are this machine; nothing leaves it.
  '--host-resolver-rules=MAP *.example 127.0.0.1',
]

export const SCOPE = 'openid profile api offline_access'
/** Tests beside each other: most of their time is spent on waiting. */
export const TOGETHER = { concurrency: 3, timeout: 300_000 }

/** Makes the browser of a test file. Answers `open(t, options)`, which makes a stage for a test. */
export function stage() {
  let browser
  let files
  before(async () => {
    const executablePath = await findChromium()
    // Playwright switches the back/forward cache off, which people have.
    const ignoreDefaultArgs = ['--disable-back-forward-cache']
    const made = [chromium.launch({ executablePath, ignoreDefaultArgs, args: FLAGS }), bundle()]
    ;[browser, files] = await Promise.all(made)
  })
  after(() => browser?.close())
  return (t, options) => open(t, browser, files, options)
}

/** The page as a user would build it: from the tarball alone, with the wasm beside the script. */
async function bundle() {
  const project = scratch()
  const source = readFileSync(new URL('./page/main.js', import.meta.url), 'utf8')
  const { outputFiles } = await esbuild.build({
    stdin: { contents: source, resolveDir: project },
    bundle: true,
    format: 'esm',
    target: 'es2022',
    write: false,
    logLevel: 'error',
  })
  const wasm = (name) => readFileSync(join(project, `node_modules/grantkit/pkg/${name}_bg.wasm`))
  return {
    html: readFileSync(new URL('./page/index.html', import.meta.url)),
    script: Buffer.from(outputFiles[0].contents),
    wasm: wasm('session'),
    whole: wasm('grantkit'),
  }
}

/**
 * Options:
 * - `provider`: of startProvider. `session`: of createSession, over defaults that work.
 * - `headers`: of the page's documents. `wasm`: other bytes for the wasm.
 * - `byHand`: a path, such as '/callback', at which the page waits; `arriveAt` goes on.
 * - `prepare`: runs in every document before its scripts, with `given`.
 * - `trouble`: errors that the page may report as unhandled.
 */
async function open(t, browser, files, options = {}) {
  const cleanups = []
  t.after(async () => {
    const failures = []
    for (const cleanup of cleanups.reverse()) await cleanup().catch((error) => failures.push(error))
    if (failures.length > 0) throw failures[0]
  })
  const site = await startSite(files, options)
  cleanups.push(site.close)
  const redirectUri = `${site.origin}/callback`
  const provider = await startProvider({
    redirectUris: [redirectUri],
    postLogoutRedirectUris: [`${site.origin}/bye`],
    ...options.provider,
  })
  cleanups.push(async () => {
    await provider.close()
    assert.deepEqual(provider.server_errors, [])
  })
  const api = await startApi()
  cleanups.push(api.close)
  const defaults = {
    issuer: provider.issuer,
    clientId: 'spa',
    redirectUri,
    postLogoutRedirectUri: `${site.origin}/bye`,
    scope: SCOPE,
    allowedUrls: [`${api.origin}/orders`],
  }
  const session = { ...defaults, ...options.session }
  const parts = { site, provider, api, browser, session, options, cleanups }
  const app = await profile(parts)
  return { site, provider, api, session, app, profile: () => profile(parts) }
}

/** A browser profile of its own. */
async function profile({ browser, site, session, options, cleanups }) {
  const context = await browser.newContext({ baseURL: site.origin })
  const troubles = []
  cleanups.push(async () => {
    await context.close()
    assert.deepEqual(troubles, options.trouble ?? [], 'nothing is left unhandled in the page')
  })
  context.on('weberror', (error) => troubles.push(String(error.error().message)))
  const known = { login: false }
  await context.exposeBinding('tell', ({ page }, message) => tabs.get(page)?.hear(message))
  // The provider's pages are none of the page's.
  const prepare = (work, given) =>
    context.addInitScript(
      `if (location.origin === '${site.origin}') (${work})(${JSON.stringify(given)})`,
    )
  await prepare((given) => (globalThis.options = given), session)
  if (options.byHand)
    await prepare((path) => (globalThis.byHand = location.pathname === path), options.byHand)
  if (options.prepare) await prepare(options.prepare, options.given)

  const tabs = new Map()
  const tab = async () => {
    const page = await context.newPage()
    const made = createTab(page, known)
    tabs.set(page, made)
    return made
  }
  return Object.assign(await tab(), { context, tab, prepare })
}

/** Playwright's own patience: a guard against hanging, nothing that is asserted. */
function guarded(page, work, say) {
  const error = new Error()
  const late = new Promise((resolve, reject) => {
    const guard = setTimeout(() => {
      error.message = say()
      reject(error)
    }, 30_000)
    const off = () => clearTimeout(guard)
    work.then(off, off)
    page.once('close', off)
  })
  return Promise.race([work, late])
}

function createTab(page, known) {
  let waiting = []
  const told = []
  const requests = []
  const console = []
  page.on('request', (request) => requests.push(request))
  page.on('console', (message) => console.push(message.text()))

  /** The next message of that kind that the page tells, those that nobody asked for included. */
  function next(kind, fits = () => true) {
    const takes = (message) => message[kind] !== undefined && fits(message[kind])
    const at = told.findIndex(takes)
    if (at >= 0) return Promise.resolve(told.splice(at, 1)[0][kind])
    const message = new Promise((resolve) => waiting.push({ takes, resolve }))
    const waited = () => `the page told no ${kind}, only ${JSON.stringify(told)} at ${page.url()}`
    return guarded(page, message, waited).then((message) => message[kind])
  }

  const self = {
    page,
    requests,
    console,
    next,
    hear(message) {
      const wish = waiting.find(({ takes }) => takes(message))
      if (!wish) return told.push(message)
      waiting = waiting.filter((other) => other !== wish)
      wish.resolve(message)
    },
    /** The next event of that type. */
    event: (type) => next('event', (event) => event.type === type),
    /** How the next load of the page ends: { value } or { error }, and its address. */
    arrival: () => next('arrival'),
    /** Loads the page at that path. */
    async visit(path = '/') {
      const arrival = self.arrival()
      await page.goto(path)
      return arrival
    },
    async reload() {
      const arrival = self.arrival()
      await page.reload()
      return arrival
    },
    /** Goes on where the page waits, as if the provider had sent the person to that address. */
    async arriveAt(url) {
      const arrival = self.arrival()
      await page.evaluate((url) => {
        if (url) history.replaceState(history.state, '', url)
        arrive()
      }, url)
      return arrival
    },
    /** Runs a function in the page. */
    run: (work, argument) =>
      guarded(page, page.evaluate(work, argument), () => `the page did not answer: ${work}`),
    /** A call of the session, by its name: { value } or { error }. */
    call: (name, ...values) =>
      page.evaluate(([name, values]) => settle(() => session[name](...values)), [name, values]),
    /** Starts to sign in and does not wait; the page is about to be left. */
    leave: (ask = {}) => page.evaluate((ask) => void settle(session.signIn(ask)), ask),
    /** The person fills in the provider's form. */
    async fillIn({ name = 'alice', password = name } = {}) {
      await page.fill('#login', name)
      await page.fill('#password', password)
      await page.click('button[type=submit]')
      known.login = true
    },
    /** The whole way to the provider and back. Answers how the callback ended. */
    async signIn(ask, { form = !known.login, ...person } = {}) {
      const arrival = self.arrival()
      await self.leave(ask)
      if (form) await self.fillIn(person)
      return arrival
    },
    /** Everything under our names, by store. */
    stored: () =>
      page.evaluate(() => {
        const ours = (storage) =>
          Object.fromEntries(Object.entries(storage).filter(([key]) => key.startsWith('grantkit')))
        return { session: ours(sessionStorage), local: ours(localStorage) }
      }),
    /** Settles when a request of the page matches. */
    request: (fits) => page.waitForRequest(fits),
  }
  return self
}

/** The page's own server: the document everywhere, the script and the wasm at their places. */
async function startSite(files, { headers = {}, wasm = files.wasm } = {}) {
  const requests = []
  const site = { headers, wasm, wasmType: 'application/wasm', requests }
  const server = createServer((req, res) => {
    const { pathname } = new URL(req.url, 'http://site')
    requests.push({ url: req.url, referer: req.headers.referer })
    const send = (type, body, more) =>
      res.writeHead(200, { 'content-type': type, ...more }).end(body)
    if (pathname === '/page/main.js') return send('text/javascript', files.script)
    if (pathname === '/pkg/grantkit_bg.wasm') return send('application/wasm', files.whole)
    if (pathname === '/pkg/session_bg.wasm') {
      if (site.wasm) return send(site.wasmType, site.wasm)
      return res.writeHead(404, { 'content-type': 'text/html' }).end('<h1>Not found</h1>')
    }
    return send('text/html; charset=utf-8', files.html, site.headers)
  })
  await listen(server, 0)
  site.origin = `http://127.0.0.1:${server.address().port}`
  site.close = () => stop(server)
  return site
}

/** An API with open CORS. `answer` may be replaced: (request) => { status, headers, body }. */
export async function startApi() {
  const requests = []
  const api = { requests, preflights: 0, answer: () => ({ body: { orders: [1, 2, 3] } }) }
  const server = createServer(async (req, res) => {
    const body = (await readAll(req)).toString('utf8')
    const cors = {
      'access-control-allow-origin': req.headers.origin ?? '*',
      'access-control-allow-credentials': 'true',
      'access-control-allow-headers': 'authorization, content-type, x-mine',
      'access-control-allow-methods': 'GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS',
      'access-control-expose-headers': 'www-authenticate',
    }
    if (req.method === 'OPTIONS') {
      api.preflights++
      return res.writeHead(204, cors).end()
    }
    const request = { method: req.method, url: req.url, headers: req.headers, body }
    requests.push(request)
    const answer = await api.answer(request)
    res.writeHead(answer.status ?? 200, {
      'content-type': 'application/json',
      ...cors,
      ...answer.headers,
    })
    res.end(typeof answer.body === 'string' ? answer.body : JSON.stringify(answer.body ?? {}))
  })
  await listen(server, 0)
  api.port = server.address().port
  api.origin = `http://127.0.0.1:${api.port}`
  api.close = () => stop(server)
  return api
}

export const here = (path) => fileURLToPath(new URL(path, import.meta.url))
