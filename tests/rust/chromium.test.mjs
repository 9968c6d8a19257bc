// The crate in a page that is a Rust program, in Chromium: a person signs in and out.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { after, before, test } from 'node:test'
import * as esbuild from 'esbuild'
import { chromium } from 'playwright-core'
import { findChromium } from '../../scripts/setup.mjs'
import { createStage } from '../browsers/stage.mjs'
import { built } from './app.mjs'

const here = (path) => readFileSync(new URL(path, import.meta.url))

let browser
let files
before(async () => {
  const { folder, wasm } = await built()
  const { outputFiles } = await esbuild.build({
    stdin: { contents: here('main.js'), resolveDir: folder },
    bundle: true,
    format: 'esm',
    target: 'es2022',
    write: false,
    logLevel: 'error',
  })
  files = { html: here('../browsers/page/index.html'), script: outputFiles[0].contents, wasm }
  const args = ['--no-sandbox', '--disable-gpu', '--host-resolver-rules=MAP *.example 127.0.0.1']
  browser = await chromium.launch({ executablePath: await findChromium(), args })
})
after(() => browser?.close())

test('a person signs in to a Rust page, calls an API and signs out', async (t) => {
  const stage = createStage(browser, files)
  t.after(stage.close)
  const { app, api, provider } = await stage.open()

  // The page leaves for the provider by itself, and comes back.
  const arrival = app.visit('/')
  await app.form()
  await app.fillIn()
  assert.deepEqual(await arrival, { value: true, url: '/callback' })
  assert.equal(await app.run(() => page.subject), 'alice')
  assert.equal(await app.run(() => page.userInfo()), 'alice')

  const orders = `${api.origin}/orders`
  const answer = await app.run((url) => page.fetch(url), orders)
  assert.deepEqual(answer, '200 {"orders":[1,2,3]}')
  const [request] = api.requests
  assert.equal(request.headers.authorization, `Bearer ${provider.granted()[0].access_token}`)
  const elsewhere = await app.run((url) => page.fetch(url).catch(String), `${api.origin}/other`)
  assert.equal(elsewhere, 'url_not_allowed')

  const kept = Object.keys((await app.stored()).session)
  assert.ok(kept.some((key) => key.includes('.tokens.')))

  // The tab keeps its session over a reload, and nobody is asked.
  const before = provider.requests.length
  assert.deepEqual(await app.reload(), { value: true, url: '/callback' })
  assert.equal(provider.requests.length, before)

  const heard = await app.run(() => page.hearing())
  assert.deepEqual(heard, ['renewal', 'stays', 'renewal', 'stays', 'coming'])
  assert.equal(provider.count('refresh_token'), 2)
  assert.deepEqual(await app.run(() => page.events()), ['renewed false', 'renewed false'])

  await app.run(() => page.signOut())
  assert.deepEqual(await app.run(() => [page.signedIn, page.subject, page.events()]), [
    false,
    undefined,
    ['signed-out sign-out'],
  ])
  const { session, local } = await app.stored()
  const tokens = Object.keys({ ...session, ...local }).filter((key) => key.includes('.tokens.'))
  assert.deepEqual(tokens, [])
})
