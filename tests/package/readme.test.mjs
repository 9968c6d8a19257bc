// The README as somebody reads it who installed the package: its programs run as they are printed, and
// its tables are whole.
import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { join } from 'node:path'
import test from 'node:test'
import * as esbuild from 'esbuild'
import { Miniflare } from 'miniflare'
import * as vite from 'vite'
import { ROOT } from '../../scripts/setup.mjs'
import { scratch } from '../support/package.mjs'
import { listen, stop } from '../support/provider/front.mjs'
import { SECRET, startProvider } from '../support/provider.mjs'
import { browserOf } from './browser.mjs'

const README = readFileSync(join(ROOT, 'README.md'), 'utf8')
const TYPES = readFileSync(join(ROOT, 'js', 'types.d.ts'), 'utf8')
const ISSUER = 'https://id.example'
const API = 'https://api.example'

const section = (title) => README.split(`\n## ${title}\n`)[1].split('\n## ')[0]

/** The program of a section, at the addresses of this machine, in a project that installed the package. */
function program(title, issuer, api) {
  const [, shown] = /```js\n(.*?)```/s.exec(section(title))
  assert.ok(shown.trim().split('\n').filter(Boolean).length <= 12, 'twelve lines')
  assert.ok(shown.includes(API))
  const root = scratch()
  writeFileSync(join(root, 'main.js'), shown.replaceAll(ISSUER, issuer).replaceAll(API, api))
  return root
}

/** A provider, and an API that notes who asks; gone when the test is over. */
async function world(t) {
  const bearers = []
  const api = createServer((req, res) => {
    res.setHeader('access-control-allow-origin', '*')
    res.setHeader('access-control-allow-headers', 'authorization')
    if (req.method !== 'OPTIONS') bearers.push(req.headers.authorization)
    res.setHeader('content-type', 'application/json').end('["an order"]')
  })
  await listen(api, 0)
  t.after(() => stop(api))
  const provider = await startProvider()
  t.after(() => provider.close())
  return { provider, bearers, api: `http://127.0.0.1:${api.address().port}` }
}

test('the page: a person signs in and comes back to where it began', async (t) => {
  const { provider, bearers, api } = await world(t)
  const root = program('A page', provider.issuer, api)
  writeFileSync(join(root, 'index.html'), '<script type="module" src="/told.js"></script>')
  // What the program has in hand at its end.
  const told = '\nglobalThis.told = { name: session.claims.name, orders: await orders.json() }\n'
  writeFileSync(join(root, 'told.js'), readFileSync(join(root, 'main.js'), 'utf8') + told)
  const server = await vite.createServer({
    root,
    configFile: false,
    logLevel: 'silent',
    server: { host: '127.0.0.1', port: 0 },
  })
  t.after(() => server.close())
  await server.listen()
  const [page] = server.resolvedUrls.local
  provider.setPages([`${page}callback`], [page])

  const tab = await (await browserOf(t)).newPage()
  const troubles = []
  tab.on('pageerror', (error) => troubles.push(String(error)))
  await tab.goto(`${page}orders?x=1`)
  await tab.fill('#login', 'alice')
  await tab.fill('#password', 'alice')
  await tab.click('button[type=submit]')
  for (const time of ['signed in', 'loaded again']) {
    const handle = await tab.waitForFunction(() => globalThis.told)
    assert.deepEqual(await handle.jsonValue(), { name: 'Alice Smith', orders: ['an order'] }, time)
    assert.equal(tab.url(), `${page}orders?x=1`, time)
    if (time === 'signed in') await tab.reload()
  }
  const [{ access_token: token }] = provider.granted()
  assert.equal(provider.count(), 1)
  assert.deepEqual(bearers, [`Bearer ${token}`, `Bearer ${token}`])
  assert.deepEqual(troubles, [])
})

test('the Worker: many requests, one token request', async (t) => {
  const { provider, bearers, api } = await world(t)
  const root = program('A Worker', provider.issuer, api)
  const { outputFiles } = await esbuild.build({
    absWorkingDir: root,
    entryPoints: ['main.js'],
    bundle: true,
    write: false,
    outdir: 'dist',
    format: 'esm',
    conditions: ['workerd', 'worker'],
    loader: { '.wasm': 'copy' },
    logLevel: 'silent',
  })
  const modules = outputFiles.map(({ path, contents }) =>
    path.endsWith('.wasm')
      ? { type: 'CompiledWasm', path, contents }
      : { type: 'ESModule', path, contents },
  )
  // The first module is the one that answers.
  modules.sort((a) => (a.type === 'ESModule' ? -1 : 1))
  const worker = new Miniflare({
    cf: false,
    compatibilityDate: '2026-04-01',
    modules,
    modulesRoot: root,
    bindings: { ISSUER: provider.issuer, CLIENT_ID: 'worker', CLIENT_SECRET: SECRET },
  })
  t.after(() => worker.dispose())
  const answers = await Promise.all(
    Array.from({ length: 20 }, () => worker.dispatchFetch('http://worker.example/')),
  )
  for (const answer of answers) {
    assert.equal(answer.status, 200)
    assert.deepEqual(await answer.json(), ['an order'])
  }
  const [{ access_token: token }] = provider.granted()
  assert.equal(provider.count('client_credentials'), 1)
  assert.deepEqual(bearers, Array(20).fill(`Bearer ${token}`))
})

test('each option has its row', () => {
  const [common, page, client, guard] = section('Options')
    .split('\n\n')
    .filter((part) => part.startsWith('| option '))
    .map((table) =>
      table.split('\n').flatMap((row) => names(/^\| (`.*?) \|/.exec(row)?.[1] ?? '', /`(\w+)`/g)),
    )
  assert.deepEqual(common.sort(), membersOf('ServerOptions'))
  assert.deepEqual(page.sort(), membersOf('SessionOptions'))
  assert.deepEqual(client.sort(), membersOf('TokenClientOptions'))
  const [, shared] = /And a guard \(`createTokenValidator`\), beside (.+):/.exec(section('Options'))
  assert.deepEqual(
    [...guard, ...names(shared, /`(\w+)`/g)].sort(),
    membersOf('TokenValidatorOptions'),
  )
})

test('each error code stands in the table, once', () => {
  const [, table] = /\| when \| codes \|\n\|---\|---\|\n(.*)/s.exec(section('Errors'))
  const rows = table.trim().split('\n')
  const told = rows.flatMap((row) => names(row.split('|').at(-2), /`(\w+)`/g))
  const [, union] = /type GrantErrorCode =\n(.*?)\n\n/s.exec(TYPES)
  assert.deepEqual(told.sort(), names(union, /'(\w+)'/g).sort())
})

const names = (text, pattern) => [...text.matchAll(pattern)].map(([, name]) => name)

/** Members that an interface declares itself. */
function membersOf(name) {
  const [, body] = new RegExp(`interface ${name}\\b[^{]*\\{\\n(.*?)\\n\\}`, 's').exec(TYPES)
  return names(body, /^ {2}(\w+)\??:/gm).sort()
}
