// The apps as their users build them, by Vite from the packed package, each in a page of its own origin
// with a provider and a browser profile. What a test opened is closed when it is over.
import assert from 'node:assert/strict'
import { cpSync, readFileSync, readdirSync, symlinkSync } from 'node:fs'
import { createServer } from 'node:http'
import { extname, join } from 'node:path'
import { after, before } from 'node:test'
import { fileURLToPath } from 'node:url'
import { svelte } from '@sveltejs/vite-plugin-svelte'
import { chromium } from 'playwright-core'
import * as vite from 'vite'
import { ROOT, findChromium } from '../../scripts/setup.mjs'
import { scratch } from '../support/package.mjs'
import { startProvider } from '../support/provider.mjs'
import { listen, stop } from '../support/provider/front.mjs'

export const FRAMEWORKS = ['react', 'vue', 'svelte']
/** Tests beside each other: most of their time is spent on waiting. */
export const TOGETHER = { concurrency: 3, timeout: 300_000 }

const INSTALLED = ['react', 'react-dom', 'vue', 'svelte']
const TYPES = { '.js': 'text/javascript', '.wasm': 'application/wasm' }
const FLAGS = ['--no-sandbox', '--disable-gpu', '--no-first-run', '--disable-background-networking']

// Vue asks its users to decide on these.
export const DEFINED = {
  __VUE_OPTIONS_API__: 'false',
  __VUE_PROD_DEVTOOLS__: 'false',
  __VUE_PROD_HYDRATION_MISMATCH_DETAILS__: 'true',
}

// Development builds: only they run effects twice and tell of a hydration that does not fit.
process.env.NODE_ENV = 'development'

let made
/** A project with all the apps, as a user's that installed the frameworks. */
function project() {
  if (made) return made
  made = scratch()
  cpSync(fileURLToPath(new URL('apps', import.meta.url)), made, { recursive: true })
  for (const name of FRAMEWORKS) cpSync(join(made, 'shared'), join(made, name), { recursive: true })
  for (const name of INSTALLED)
    symlinkSync(join(ROOT, 'node_modules', name), join(made, 'node_modules', name), 'junction')
  return made
}

/** Builds an app for the browser: { html, assets }. */
async function client(name) {
  const out = await build(name, 'client')
  const assets = new Map(
    readdirSync(join(out, 'assets')).map((file) => [
      `/assets/${file}`,
      { type: TYPES[extname(file)], body: readFileSync(join(out, 'assets', file)) },
    ]),
  )
  return { html: readFileSync(join(out, 'index.html'), 'utf8'), assets }
}

/** Builds an app for a server: the folder with its `server/server.js`. */
export async function server(name) {
  await build(name, 'server', { ssr: 'server.js' })
  return join(project(), name)
}

async function build(name, outDir, options) {
  const root = join(project(), name)
  const warnings = []
  const warn = (text) => warnings.push(text)
  await vite.build({
    root,
    configFile: false,
    logLevel: 'warn',
    customLogger: { ...vite.createLogger('warn'), warn, warnOnce: warn },
    define: DEFINED,
    plugins: name === 'svelte' ? [svelte({ configFile: false })] : [],
    build: { ...options, outDir, minify: false },
  })
  assert.deepEqual(warnings, [], `${name}, ${outDir}`)
  return join(root, outDir)
}

let browser
before(async () => {
  const executablePath = await findChromium()
  // Playwright switches the back/forward cache off, which people have.
  const ignoreDefaultArgs = ['--disable-back-forward-cache']
  browser = await chromium.launch({ executablePath, ignoreDefaultArgs, args: FLAGS })
})
after(() => browser?.close())

/**
 * Builds the app of a suite. Answers `open(t, { show })`: which parts the app shows. `site.root` is what
 * the site sends in the app's place.
 */
export function stage(name) {
  let app
  before(async () => {
    app = await client(name)
  })
  return (t, options) => open(t, app, options)
}

async function open(t, app, { show } = {}) {
  const site = await startSite(app)
  t.after(site.close)
  const { provider, options } = await world(t, site.origin)
  const context = await browser.newContext({ baseURL: site.origin })
  t.after(() => context.close())
  const given = JSON.stringify({ options, show })
  await context.addInitScript(
    `if (location.origin === '${site.origin}') Object.assign(globalThis, ${given})`,
  )
  // A guard against hanging on a busy machine; nothing that is asserted.
  context.setDefaultTimeout(60_000)
  const page = await context.newPage()
  const troubles = []
  page.on('console', (message) => {
    const { url } = message.location()
    if (['error', 'warning'].includes(message.type()) && url.startsWith(site.origin))
      troubles.push(message.text())
  })
  context.on('weberror', (error) => troubles.push(String(error.error())))
  return { page, provider, options, troubles, site, ...acts(page) }
}

/** A provider, and a session's options for an app of that origin. */
export async function world(t, origin) {
  const redirectUri = `${origin}/callback`
  const lifetimes = { idToken: 86_400 }
  const provider = await startProvider({ redirectUris: [redirectUri], lifetimes })
  t.after(async () => {
    await provider.close()
    assert.deepEqual(provider.server_errors, [])
  })
  const options = {
    issuer: provider.issuer,
    clientId: 'spa',
    redirectUri,
    scope: 'openid profile api offline_access',
    allowedUrls: [`${origin}/api/`],
  }
  return { provider, options }
}

/** What a person does and sees. */
function acts(page) {
  return {
    /** Every component that is shown names them; there are `parts`. */
    async shows(who, parts) {
      await page.waitForFunction(
        ([who, parts]) => {
          const names = [...document.querySelectorAll('h1')].map((name) => name.textContent)
          return names.length === parts && names.every((name) => name === who)
        },
        [who, parts],
      )
    },
    async leave(path = '/orders?x=1') {
      await page.goto(path)
      await page.locator('.sign-in').first().click()
      await page.locator('#login').waitFor()
    },
    async fillIn() {
      await page.fill('#login', 'alice')
      await page.fill('#password', 'alice')
      await page.click('button[type=submit]')
    },
    /** How the callbacks ended in careless components, once there are so many. */
    async answers(number) {
      const told = await page.waitForFunction((number) => {
        const texts = [...document.querySelectorAll('pre')].map((pre) => pre.textContent)
        const answers = texts.flatMap((text) => JSON.parse(text))
        return answers.length === number && answers
      }, number)
      return told.jsonValue()
    },
  }
}

/** The page's own server: the document everywhere, its assets, and an API that notes who asks. */
async function startSite({ html, assets }) {
  const site = { bearers: [], root: '' }
  const server = createServer((req, res) => {
    const { pathname } = new URL(req.url, 'http://site')
    const send = (type, body) => res.writeHead(200, { 'content-type': type }).end(body)
    const asset = assets.get(pathname)
    if (asset) return send(asset.type, asset.body)
    if (pathname !== '/api/orders') {
      const document = html.replace('<!--app-->', () => site.root)
      return send('text/html; charset=utf-8', document)
    }
    site.bearers.push(req.headers.authorization)
    send('application/json', '{"orders":[1,2,3]}')
  })
  await listen(server, 0)
  site.origin = `http://127.0.0.1:${server.address().port}`
  site.close = () => stop(server)
  return site
}
