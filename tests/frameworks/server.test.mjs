// Where there is no page a session is signed out, and nothing of it stays behind. The page that a server
// rendered so picks up the session that the tab has.
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { before, describe, test } from 'node:test'
import * as esbuild from 'esbuild'
import { Miniflare } from 'miniflare'
import { DEFINED, FRAMEWORKS, TOGETHER, server, stage, world } from './stage.mjs'

const SIGNED_OUT = {
  signedIn: false,
  claims: null,
  kind: 'none',
  code: 'login_required',
  loginRequired: true,
}

for (const name of FRAMEWORKS)
  describe(name, TOGETHER, () => {
    const open = stage(name)
    let folder
    before(async () => {
      folder = await server(name)
    })

    test('users_a15_rendered in Node: signed out, and the process ends by itself', async (t) => {
      const { provider, options } = await world(t, 'https://app.example')
      const { html, ...told } = await rendered(folder, options)
      assert.deepEqual(told, { ...SIGNED_OUT, reached: [], active: [] })
      assert.deepEqual(
        [...html.matchAll(/<h1>(.*?)<\/h1>/g)].map(([, who]) => who),
        ['Signed out', 'Signed out'],
      )
      assert.deepEqual(provider.requests, [])
    })

    test('users_a15_hydrated: the page picks the session up', async (t) => {
      const app = await open(t)
      const { page, provider, shows, site, troubles } = app
      site.root = (await rendered(folder, app.options)).html
      await app.leave()
      await app.fillIn()
      await shows('alice', 2)
      assert.equal(provider.count(), 1)
      await page.reload()
      await shows('alice', 2)
      assert.equal(provider.count(), 1)
      // It went on with the elements that were served.
      assert.equal(await page.evaluate(() => served === document.querySelector('main')), true)
      assert.deepEqual(await page.evaluate(() => servedNames), ['Signed out', 'Signed out'])
      assert.deepEqual(troubles, [])
    })

    test('users_a15_hydrated: what does not fit would be told', async (t) => {
      const app = await open(t)
      const { html } = await rendered(folder, app.options)
      app.site.root = html.replaceAll('Signed out', 'alice').replaceAll('<p>', '<p id="x"><b>y</b>')
      await app.page.goto('/')
      await app.page.locator('.sign-in').first().waitFor()
      assert.notDeepEqual(app.troubles, [])
      assert.match(app.troubles.join(), /hydrat/i)
    })

    test('users_a15_prerendered in workerd: signed out, at module scope, too', async (t) => {
      const { provider, options } = await world(t, 'https://app.example')
      const worker = await startWorker(folder, options)
      t.after(() => worker.dispose())
      const answer = await worker.dispatchFetch('http://worker.example/')
      const text = await answer.text()
      assert.equal(answer.status, 200, text)
      const { html } = await rendered(folder, options)
      assert.deepEqual(JSON.parse(text), { told: SIGNED_OUT, before: SIGNED_OUT, html })
      assert.deepEqual(provider.requests, [])
    })
  })

/** What a plain Node process tells that renders the app. One that does not end by itself is killed. */
async function rendered(folder, options) {
  const args = ['prerender.js', './server/server.js', JSON.stringify(options)]
  const child = spawn(process.execPath, args, {
    cwd: folder,
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: 60_000,
  })
  const text = async (stream) => (await stream.setEncoding('utf8').toArray()).join('')
  const ended = new Promise((resolve) => child.on('close', resolve))
  const [out, trouble, code] = await Promise.all([text(child.stdout), text(child.stderr), ended])
  assert.equal(trouble, '')
  assert.equal(code, 0)
  return JSON.parse(out)
}

/** A Worker of the same module, bundled as a user's is. */
async function startWorker(folder, options) {
  const out = join(folder, 'worker')
  await esbuild.build({
    entryPoints: [join(folder, 'worker.js')],
    bundle: true,
    format: 'esm',
    conditions: ['workerd', 'worker'],
    loader: { '.wasm': 'copy' },
    define: { ...DEFINED, OPTIONS: JSON.stringify(options) },
    outdir: out,
    logLevel: 'error',
  })
  const [wasm] = readdirSync(out).filter((file) => file.endsWith('.wasm'))
  const script = readFileSync(join(out, 'worker.js'), 'utf8')
  return new Miniflare({
    cf: false,
    compatibilityDate: '2025-01-01',
    modules: [
      { type: 'ESModule', path: 'worker.js', contents: script },
      { type: 'CompiledWasm', path: wasm, contents: readFileSync(join(out, wasm)) },
    ],
  })
}
