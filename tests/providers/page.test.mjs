// A page against glewlwyd, whose CORS is * beside Allow-Credentials: a browser takes that only for
// requests that go without credentials.

import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { join } from 'node:path'
import { after, before, test } from 'node:test'

import { chromium } from 'playwright-core'

import { findChromium } from '../../scripts/setup.mjs'
import { listen, stop } from '../support/provider/front.mjs'
import { PACKAGE } from './client.mjs'
import * as glewlwyd from './glewlwyd.mjs'

const executablePath = await findChromium()
const skip = glewlwyd.skip || (executablePath ? false : 'no Chromium was found')

const PAGE = `<!doctype html><title>page</title><script type="module">
  window.grantkit = await import('/grantkit/js/browser.js')
</script>`
const TYPES = { js: 'text/javascript', wasm: 'application/wasm' }

let site
let provider
let browser
before(async () => {
  if (skip) return
  site = createServer((req, res) => {
    const { pathname } = new URL(req.url, 'http://site')
    const [, file, kind] = /^\/grantkit\/([\w/]+\.(js|wasm))$/.exec(pathname) ?? []
    if (!file) return res.writeHead(200, { 'content-type': 'text/html' }).end(PAGE)
    res.writeHead(200, { 'content-type': TYPES[kind] }).end(readFileSync(join(PACKAGE, file)))
  })
  await listen(site, 0)
  site.url = `http://127.0.0.1:${site.address().port}/`
  const args = ['--no-sandbox', '--disable-gpu', '--disable-background-networking']
  ;[provider, browser] = await Promise.all([
    glewlwyd.startGlewlwyd({ pages: [site.url] }),
    chromium.launch({ executablePath, args }),
  ])
})
after(async () => {
  await browser?.close()
  await provider?.close()
  if (site) await stop(site)
})

test(
  'glewlwyd: a page signs in, renews and reads user info, where CORS is * with credentials',
  {
    skip,
  },
  async () => {
    const answer = await fetch(`${provider.issuer}/jwks`, { headers: { origin: site.url } })
    const said = ['origin', 'credentials'].map((name) => `access-control-allow-${name}`)
    assert.deepEqual(
      said.map((name) => answer.headers.get(name)),
      ['*', 'true'],
    )
    const page = await browser.newPage()
    // At the provider's own origin the person does what its pages would do.
    await page.goto(`${provider.issuer}/jwks`)
    await page.evaluate(async ({ username, password }) => {
      const ask = async (method, path, json) => {
        const headers = { 'content-type': 'application/json' }
        const { ok } = await fetch(path, { method, headers, body: JSON.stringify(json) })
        if (!ok) throw new Error(path)
      }
      await ask('POST', '/api/auth/', { username, password })
      await ask('PUT', '/api/auth/grant/public', { scope: 'openid' })
    }, glewlwyd.PEOPLE[0])

    await page.goto(site.url)
    const open = `window.session = await grantkit.createSession(${JSON.stringify({
      issuer: provider.issuer,
      clientId: 'public',
      redirectUri: site.url,
      scope: 'openid',
      parameters: { g_continue: 'yes' },
    })})`
    await page.waitForFunction('window.grantkit')
    await Promise.all([
      page.waitForURL(/[?&]code=/),
      page.evaluate(`(async () => { ${open}; session.signIn() })()`),
    ])
    await page.waitForFunction('window.grantkit')
    const seen = await page.evaluate(`(async () => {
    ${open}
    const { kind } = await session.handleCallback()
    const first = await session.getAccessToken()
    const { name } = await session.userInfo()
    const second = await session.getAccessToken({ forceRenewal: true })
    await session.signOut({ local: true })
    return { kind, name, renewed: first !== second, signedIn: session.signedIn }
  })()`)
    assert.deepEqual(seen, { kind: 'signed-in', name: 'Alice', renewed: true, signedIn: false })
  },
)
