// The provider, the site that serves the programs, and the browser; all on loopback.
import { createServer } from 'node:http'
import { readFileSync } from 'node:fs'
import { chromium } from 'playwright-core'
import { listen, stop } from '../tests/support/provider/front.mjs'
import { startProvider } from '../tests/support/provider.mjs'

const FLAGS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
]
const SCOPE = 'openid profile api offline_access'
const COMMITTED = { waitUntil: 'commit' }
const WASM = '/pkg/session_bg.wasm'

/** Runs `work(stage)` and closes everything, at the latest after `limit` milliseconds. */
export async function onStage({ programs, executablePath, limit }, work) {
  const opened = []
  let guard
  try {
    const site = await startSite(programs)
    opened.push(site)
    const provider = await startProvider({
      redirectUris: programs.map(({ name }) => `${site.origin}/${name}/callback`),
      postLogoutRedirectUris: programs.map(({ name }) => `${site.origin}/${name}/`),
    })
    opened.push(provider)
    const browser = await chromium.launch({ executablePath, args: FLAGS })
    opened.push(browser)
    // Whatever is awaited of a browser that is gone, rejects.
    guard = setTimeout(() => browser.close({ reason: 'the run took too long' }), limit)
    return await work({ site, provider, browser })
  } finally {
    clearTimeout(guard)
    for (const part of opened.reverse()) await part.close()
  }
}

/** A browser profile with the program's page open. */
export async function visit({ site, provider, browser }, { name }) {
  const context = await browser.newContext()
  // An error that nobody handles would leave us waiting for a page that does not go on.
  context.on('weberror', (error) => context.close({ reason: String(error.error()) }))
  await context.addInitScript(prepare, {
    issuer: provider.issuer,
    clientId: 'spa',
    redirectUri: `${site.origin}/${name}/callback`,
    postLogoutRedirectUri: `${site.origin}/${name}/`,
    scope: SCOPE,
  })
  const page = await context.newPage()
  const home = `${site.origin}/${name}/`
  await page.goto(home)
  await arrival(page)

  return {
    page,
    /** To the provider, through its form, and back. What it took, and the requests on both ways. */
    async signIn() {
      const { requests } = provider
      const start = requests.length
      site.onCallback = () => (site.seen = requests.length)
      const clicked = await page.evaluate(() => {
        app.signIn()
        return Date.now()
      })
      await page.fill('#login', 'alice')
      await page.fill('#password', 'alice')
      await page.click('button[type=submit]')
      await page.waitForURL((url) => url.href.startsWith(`${home}callback`), COMMITTED)
      const { took } = await arrival(page)
      const left = requests.findIndex(
        ({ path }, index) => index >= start && path === '/connect/authorize',
      )
      return {
        leaving: requests[left].at - clicked,
        before: requests.slice(start, left).map(label),
        took,
        after: requests.slice(site.seen).map(label),
      }
    },
    /** Away to the provider's logout and back. */
    async signOut() {
      const back = page.waitForURL((url) => url.origin + url.pathname === home, COMMITTED)
      const logout = provider.next({ path: '/connect/endsession' })
      await page.evaluate(() => void app.signOut())
      await logout
      await back
      await arrival(page)
    },
    close: () => context.close(),
  }
}

/** How the page's load ended. */
async function arrival(page) {
  const { error, ...told } = await page.evaluate(() => globalThis.arrival)
  if (error) throw new Error(`${new URL(page.url()).pathname}: ${error}`)
  return told
}

/** Runs in every document before its scripts: how its load ends, and the wasm that it loads. */
function prepare(options) {
  globalThis.options = options
  globalThis.arrival = new Promise((resolve) => (globalThis.arrived = resolve))
  const { instantiateStreaming } = WebAssembly
  WebAssembly.instantiateStreaming = async (source, imports) => {
    const began = performance.now()
    const made = await instantiateStreaming.call(WebAssembly, source, imports)
    const { memory } = made.instance.exports
    globalThis.loaded = { imports, memory, took: performance.now() - began }
    return made
  }
}

function label({ method, path }) {
  const last = path.split('/').at(-1)
  const name = last === 'openid-configuration' ? 'metadata' : last
  return method === 'OPTIONS' ? `preflight of ${name}` : name
}

/** Each program under its name. Its files are kept by the browser's cache, as those of a deployed page. */
async function startSite(programs) {
  const html = readFileSync(new URL('./pages/page.html', import.meta.url))
  const files = new Map()
  for (const { name, script, wasm } of programs) {
    files.set(`/${name}/program.js`, { type: 'text/javascript', bytes: script })
    if (wasm) files.set(WASM, { type: 'application/wasm', bytes: wasm })
  }
  const site = { wasm: WASM, onCallback() {} }
  const server = createServer((req, res) => {
    const { pathname } = new URL(req.url, 'http://site')
    const file = files.get(pathname)
    if (pathname.endsWith('/callback')) site.onCallback()
    const type = file?.type ?? 'text/html; charset=utf-8'
    const cache = file ? 'max-age=31536000, immutable' : 'no-cache'
    res.writeHead(200, { 'content-type': type, 'cache-control': cache })
    res.end(file?.bytes ?? html)
  })
  await listen(server, 0)
  site.origin = `http://127.0.0.1:${server.address().port}`
  site.close = () => stop(server)
  return site
}
