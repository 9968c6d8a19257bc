// `npm start`: a local provider, an API, a Worker and the page, until Ctrl-C.

import http from 'node:http'
import { fileURLToPath } from 'node:url'

import { build } from 'esbuild'
import { Miniflare } from 'miniflare'
import { createServer } from 'vite'

import { SECRET, startProvider } from '../tests/support/provider.mjs'
import { listen, stop } from '../tests/support/provider/front.mjs'
import { AUDIENCE, createApi } from './api.mjs'
import { installPackage } from './install.mjs'

const DISCOVERY = '/.well-known/openid-configuration'
const PORTS = { page: 4100, provider: 4101, api: 4102, worker: 4103 }
/** Short, so that renewal can be watched. Seconds. */
const TOKEN_LIFE = 120
const WWW = fileURLToPath(new URL('.', import.meta.url))

/** Starts all, prints the addresses, and stops all on Ctrl-C. */
export async function serve() {
  const signals = ['SIGINT', 'SIGTERM']
  const stopped = new AbortController()
  // The second time there is no more waiting.
  const onSignal = () => (stopped.signal.aborted ? process.exit(1) : stopped.abort())
  for (const signal of signals) process.on(signal, onSignal)
  const demo = await start()
  // Miniflare ends the process by itself and calls it a failure; here Ctrl-C is the way out.
  for (const signal of signals) process.removeAllListeners(signal).on(signal, onSignal)
  stopped.signal.addEventListener('abort', demo.close)
  if (stopped.signal.aborted) return demo.close()
  console.log(table(demo.addresses))
}

/** The same without a console: { addresses, provider, close() }. */
export async function start({ ports = PORTS, install = installPackage } = {}) {
  const closers = []
  const close = async () => {
    for (const one of closers.splice(0).reverse()) await one()
  }
  try {
    await install()
    const provider = await near(ports.provider, (port) =>
      startProvider({
        port,
        redirectUris: [],
        scopes: ['orders'],
        resources: [AUDIENCE],
        lifetimes: { accessToken: TOKEN_LIFE },
        hint: 'For this demo: <code>alice</code> / <code>alice</code>, or <code>bob</code> / <code>bob</code>.',
      }),
    )
    closers.push(() => provider.close())

    const api = createApi({
      issuer: provider.issuer,
      jwksUri: `${provider.issuer}${DISCOVERY}/jwks`,
      origins: () => [...provider.origins],
    })
    const apiUrl = await near(ports.api, (port) => listening(api, port))
    closers.push(() => stop(api))

    // The page's port is taken first, for the others need its address.
    const shell = http.createServer((req, res) => handler(req, res))
    let handler = (req, res) => res.writeHead(503, { 'retry-after': '1' }).end()
    const pageUrl = await near(ports.page, (port) => listening(shell, port))
    closers.push(() => stop(shell))
    // People type both names of this machine.
    const pages = [pageUrl, pageUrl.replace('127.0.0.1', 'localhost')]
    provider.setPages(
      pages.map((url) => `${url}callback`),
      pages,
    )

    const worker = await near(await freePort(ports.worker), (port) =>
      startWorker({ port, issuer: provider.issuer, api: apiUrl, pages }),
    )
    closers.push(() => worker.dispose())
    const workerUrl = (await worker.ready).href

    const settings = { issuer: provider.issuer, api: apiUrl, worker: workerUrl }
    const vite = await startVite(shell, settings)
    closers.push(() => vite.close())
    const policy = contentSecurityPolicy({ ...settings, reload: pages.map(webSocket) })
    handler = (req, res) => {
      res.setHeader('content-security-policy', policy)
      vite.middlewares(req, res)
    }

    const addresses = {
      page: pageUrl,
      provider: provider.issuer,
      api: apiUrl,
      worker: workerUrl,
    }
    return { addresses, provider, close }
  } catch (error) {
    await close()
    throw error
  }
}

const webSocket = (url) => url.replace('http:', 'ws:')

/**
 * What a page with grantkit needs, and nothing else: WebAssembly, its provider, its API. `reload` is
 * for Vite.
 */
export function contentSecurityPolicy({ issuer, api, worker, reload = [] }) {
  return [
    "default-src 'self'",
    "script-src 'self' 'wasm-unsafe-eval'",
    `connect-src ${["'self'", issuer, api, worker, ...reload].join(' ')}`,
    "style-src 'self'",
    "img-src 'self' data:",
    "base-uri 'none'",
    "object-src 'none'",
    "frame-ancestors 'none'",
    "require-trusted-types-for 'script'",
  ].join('; ')
}

// The preferred port, or a free one where it is taken.
async function near(preferred, open) {
  try {
    return await open(preferred)
  } catch (error) {
    if (!/EADDRINUSE|address already in use/i.test(`${error.code} ${error.message}`)) throw error
    return open(0)
  }
}

// workerd tells a taken port by a stack on the console, so the port is tried first.
async function freePort(preferred) {
  const probe = http.createServer()
  const url = await near(preferred, (port) => listening(probe, port))
  await stop(probe)
  return Number(new URL(url).port)
}

async function listening(server, port) {
  await listen(server, port)
  return `http://127.0.0.1:${server.address().port}/`
}

// Vite without a word about grantkit. In middleware mode the port and the signals stay ours.
async function startVite(server, { issuer, api, worker }) {
  Object.assign(process.env, {
    VITE_ISSUER: issuer,
    VITE_API: api,
    VITE_AUDIENCE: AUDIENCE,
    VITE_WORKER: worker,
    VITE_TOKEN_LIFE: String(TOKEN_LIFE),
  })
  return createServer({
    root: WWW,
    configFile: false,
    logLevel: 'warn',
    clearScreen: false,
    server: { middlewareMode: true, hmr: { server } },
  })
}

// As wrangler does it: one module for the code, one for the wasm.
async function startWorker({ port, issuer, api, pages }) {
  const { outputFiles } = await build({
    absWorkingDir: WWW,
    entryPoints: ['worker.js'],
    bundle: true,
    write: false,
    outdir: 'dist',
    format: 'esm',
    target: 'es2022',
    conditions: ['workerd', 'worker', 'browser'],
    loader: { '.wasm': 'copy' },
    logLevel: 'silent',
  })
  const modules = outputFiles.map(({ path, contents }) => ({
    type: path.endsWith('.wasm') ? 'CompiledWasm' : 'ESModule',
    path,
    contents,
  }))
  // The first module is the one that answers.
  modules.sort((a, b) => (a.type === 'ESModule' ? 0 : 1) - (b.type === 'ESModule' ? 0 : 1))
  const worker = new Miniflare({
    host: '127.0.0.1',
    port,
    cf: false,
    modules,
    modulesRoot: WWW,
    compatibilityDate: '2026-05-01',
    bindings: {
      ISSUER: issuer,
      CLIENT_ID: 'worker',
      CLIENT_SECRET: SECRET,
      API: api,
      PAGES: pages.map((url) => new URL(url).origin),
    },
  })
  try {
    await worker.ready
    return worker
  } catch (error) {
    await worker.dispose()
    throw error
  }
}

function table({ page, provider, api, worker }) {
  const rows = [
    ['page', page, 'sign in as alice / alice or bob / bob'],
    ['provider', `${provider}${DISCOVERY}`, 'OpenID Connect, with the routes of IdentityServer'],
    ['api', `${api}orders`, 'wants an access token'],
    ['worker', worker, 'gets its own token by client credentials'],
  ]
  const widths = [0, 1].map((i) => Math.max(...rows.map((row) => row[i].length)))
  const lines = rows.map(
    ([name, url, words]) => `  ${name.padEnd(widths[0])}  ${url.padEnd(widths[1])}  ${words}`,
  )
  return ['', '  The grantkit demo is up.', '', ...lines, '', '  Ctrl-C stops it.', ''].join('\n')
}
