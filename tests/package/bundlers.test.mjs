// A user's page and a user's Worker, bundled with no configuration of ours.
import assert from 'node:assert/strict'
import { existsSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { extname, join } from 'node:path'
import { after, before, test } from 'node:test'
import * as esbuild from 'esbuild'
import { Miniflare } from 'miniflare'
import { chromium } from 'playwright-core'
import * as vite from 'vite'
import { findChromium } from '../../scripts/setup.mjs'
import { scratch } from '../support/package.mjs'

// Endpoints by hand, so that no server is needed: what counts here is that the wasm runs.
const OPTIONS = `{
  issuer: 'https://id.example',
  clientId: 'app',
  redirectUri: 'https://app.example/callback',
  scope: 'api',
  metadata: {
    authorization_endpoint: 'https://id.example/connect/authorize',
    token_endpoint: 'https://id.example/connect/token',
  },
}`
const SIGNED_OUT = { signedIn: false, kind: 'none', code: 'config_invalid', isGrantError: true }
const CALLS = `
const session = await createSession(${OPTIONS})
const refused = await createSession({ ...${OPTIONS}, scopes: 'api' }).catch((error) => error)
globalThis.result = {
  signedIn: session.signedIn,
  kind: (await session.handleCallback()).kind,
  code: refused.code,
  isGrantError: refused instanceof GrantError,
}
`
const PAGE = `import { createSession, GrantError } from 'grantkit'\n${CALLS}`
const HTML =
  '<!doctype html><link rel="icon" href="data:," /><script type="module" src="/main.js"></script>'

let browser
before(async () => {
  const args = [
    '--no-sandbox',
    '--disable-gpu',
    '--no-first-run',
    '--disable-background-networking',
  ]
  browser = await chromium.launch({ executablePath: await findChromium(), args })
})
after(() => browser?.close())

/** Opens a page of its own and tells what the program left and how the wasm came. */
async function visit(url) {
  const page = await browser.newPage()
  const troubles = []
  const wasm = []
  page.on('pageerror', (error) => troubles.push(String(error)))
  page.on('console', (message) => {
    if (['error', 'warning'].includes(message.type())) troubles.push(message.text())
  })
  page.on('response', (response) => {
    const [name] = new URL(response.url()).pathname.match(/\w+_bg\b.*\.wasm$/) ?? []
    if (name) wasm.push(`${response.status()} ${response.headers()['content-type']} ${plain(name)}`)
  })
  const failed = new Promise((_, reject) => page.on('pageerror', reject))
  failed.catch(() => {})
  await page.goto(url)
  await Promise.race([page.waitForFunction(() => globalThis.result), failed])
  const result = await page.evaluate(() => globalThis.result)
  await page.close()
  return { result, troubles, wasm }
}

/** The name of a file without what a bundler put into it. */
const plain = (name) => name.replace(/_bg\b.*/, '_bg.wasm')

// Where the tests may listen; nothing else of Vite is set.
const HERE = { host: '127.0.0.1', port: 0 }
const loads = (name) => `200 application/wasm ${name}_bg.wasm`
const RUNS = { result: SIGNED_OUT, troubles: [], wasm: [loads('session')] }

function pageProject(program = PAGE) {
  const root = scratch()
  writeFileSync(join(root, 'index.html'), HTML)
  writeFileSync(join(root, 'main.js'), program)
  return root
}

/** Visits a page on Vite's dev server. */
async function developed(root) {
  const server = await vite.createServer({ root, logLevel: 'silent', server: HERE })
  await server.listen()
  try {
    return await visit(server.resolvedUrls.local[0])
  } finally {
    await server.close()
  }
}

/** Builds and visits a page: what it left, and the wasm files that its script names. */
async function built(root) {
  await vite.build({ root, logLevel: 'silent' })
  const assets = join(root, 'dist', 'assets')
  const [script, ...more] = readdirSync(assets).filter((name) => extname(name) === '.js')
  assert.deepEqual(more, [], 'one script')
  const text = readFileSync(join(assets, script), 'utf8')
  const server = await vite.preview({ root, logLevel: 'silent', preview: HERE })
  try {
    const names = [...text.matchAll(/\w+_bg\b[\w.-]*\.wasm/g)].map(([name]) => plain(name))
    return { ...(await visit(server.resolvedUrls.local[0])), names, text }
  } finally {
    await server.close()
  }
}

test("Vite's dev server loads the wasm, on a cold and on a warm dependency cache", async () => {
  const root = pageProject()
  for (const cache of ['cold', 'warm']) {
    assert.deepEqual(await developed(root), RUNS, cache)
    assert.ok(existsSync(join(root, 'node_modules', '.vite', 'deps', 'grantkit.js')), 'pre-bundled')
  }
})

test('users_a11 Vite builds the page with the wasm of sessions alone', async () => {
  const { names, text, ...run } = await built(pageProject())
  assert.deepEqual(run, RUNS)
  assert.deepEqual(names, ['session_bg.wasm'])
  assert.ok(!text.includes('createTokenClient'), 'nothing of the client')
})

test('Vite builds a page that has a client with the whole wasm alone', async () => {
  const program = `
    import { createTokenClient, GrantError } from 'grantkit'
    const client = await createTokenClient(${OPTIONS})
    const refused = await client.password({ username: 'a' }).catch((error) => error)
    globalThis.result = { code: refused.code, isGrantError: refused instanceof GrantError }`
  const { names, text, ...run } = await built(pageProject(program))
  const result = { code: 'config_invalid', isGrantError: true }
  assert.deepEqual(run, { result, troubles: [], wasm: [loads('grantkit')] })
  assert.deepEqual(names, ['grantkit_bg.wasm'])
  assert.ok(!text.includes('createSession'), 'nothing of the session')
})

test('a page that has both loads each wasm once, and GrantError is one class', async () => {
  const program = `
    import { createSession, createTokenClient, GrantError } from 'grantkit'
    const ways = [createSession, createTokenClient, createSession, createTokenClient]
    const refused = await Promise.all(
      ways.map((way) => way({ ...${OPTIONS}, scopes: 'api' }).catch((error) => error)),
    )
    globalThis.result = refused.map((error) => [error.code, error.constructor === GrantError])`
  const root = pageProject(program)
  for (const run of [await developed(root), await built(root)]) {
    assert.deepEqual(run.result, Array(4).fill(['config_invalid', true]))
    assert.deepEqual(run.troubles, [])
    assert.deepEqual(run.wasm.sort(), [loads('grantkit'), loads('session')])
  }
})

test('users_a11 esbuild takes of the package what a page imports, and nothing else', async () => {
  const root = scratch()
  const taken = async (name) => {
    const { metafile } = await esbuild.build({
      stdin: { contents: `export { ${name} } from 'grantkit'`, resolveDir: root },
      bundle: true,
      format: 'esm',
      write: false,
      metafile: true,
      absWorkingDir: join(root, 'node_modules', 'grantkit'),
      logLevel: 'silent',
    })
    const [{ inputs }] = Object.values(metafile.outputs)
    const files = Object.keys(inputs).filter((path) => inputs[path].bytesInOutput > 0)
    return files.filter((path) => path !== '<stdin>').sort()
  }
  const both = ['js/browser.js', 'js/error.js', 'js/grantkit.js']
  assert.deepEqual(await taken('createSession'), [...both, 'js/session.js', 'pkg/session.js'])
  assert.deepEqual(await taken('createTokenClient'), [
    'js/browser.js',
    'js/client.js',
    'js/error.js',
    'js/grantkit.js',
    'pkg/grantkit.js',
  ])
  assert.deepEqual(await taken('GrantError'), ['js/error.js'])
})

test("esbuild's file loader hands the wasm's address to grantkit/slim", async () => {
  const root = scratch()
  const program = `
    import { createSession, GrantError, init } from 'grantkit/slim'
    import address from 'grantkit/wasm'
    await init(new URL(address, import.meta.url))\n${CALLS}`
  const out = join(root, 'dist')
  await esbuild.build({
    stdin: { contents: program, resolveDir: root },
    bundle: true,
    format: 'esm',
    loader: { '.wasm': 'file' },
    outfile: join(out, 'main.js'),
    logLevel: 'silent',
  })
  writeFileSync(join(out, 'index.html'), HTML)
  const server = await files(out)
  try {
    assert.deepEqual(await visit(server.url), { ...RUNS, wasm: [loads('grantkit')] })
  } finally {
    await server.close()
  }
})

test('esbuild bundles a Worker that workerd runs', async () => {
  const root = scratch()
  const out = join(root, 'dist')
  mkdirSync(out)
  const program = `
    import { createTokenClient, GrantError } from 'grantkit'
    const options = { ...${OPTIONS}, clientSecret: 'secret' }
    const early = createTokenClient(options)
    export default {
      async fetch() {
        const client = await early
        const refused = await createTokenClient({ ...options, scopes: 'api' }).catch((e) => e)
        const result = { ...${JSON.stringify(SIGNED_OUT)}, code: refused.code }
        client.close()
        return Response.json({ ...result, isGrantError: refused instanceof GrantError })
      },
    }`
  await esbuild.build({
    stdin: { contents: program, resolveDir: root },
    bundle: true,
    format: 'esm',
    conditions: ['workerd', 'worker', 'browser'],
    loader: { '.wasm': 'copy' },
    outfile: join(out, 'worker.js'),
    logLevel: 'silent',
  })
  const wasm = readdirSync(out).filter((name) => name.endsWith('.wasm'))
  assert.equal(wasm.length, 1)
  const worker = new Miniflare({
    cf: false,
    compatibilityDate: '2025-01-01',
    modules: [
      {
        type: 'ESModule',
        path: 'worker.js',
        contents: readFileSync(join(out, 'worker.js'), 'utf8'),
      },
      { type: 'CompiledWasm', path: wasm[0], contents: readFileSync(join(out, wasm[0])) },
    ],
  })
  try {
    const answer = await worker.dispatchFetch('http://worker.example/')
    assert.deepEqual(await answer.json(), SIGNED_OUT)
  } finally {
    await worker.dispose()
  }
})

/** A plain file server, as a user's host would be. */
async function files(folder) {
  const types = { '.html': 'text/html', '.js': 'text/javascript', '.wasm': 'application/wasm' }
  const names = new Map(readdirSync(folder).map((name) => [`/${name}`, name]))
  const server = createServer((request, response) => {
    const name = request.url === '/' ? 'index.html' : names.get(request.url)
    if (!name) return response.writeHead(404).end()
    response.writeHead(200, { 'content-type': types[extname(name)] })
    response.end(readFileSync(join(folder, name)))
  })
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${server.address().port}/`,
    close: () => new Promise((resolve) => server.close(resolve).closeAllConnections()),
  }
}
