// Strict policies, files that do not load, and pages that are not secure.
import assert from 'node:assert/strict'
import { suite } from '../suite.mjs'

const watch = () => {
  globalThis.violations = []
  addEventListener('securitypolicyviolation', (event) => {
    violations.push(`${event.effectiveDirective} ${event.blockedURI}`)
  })
}

const policy = ({ provider, api }, script) =>
  [
    "default-src 'none'",
    `script-src ${script}`,
    `connect-src 'self' ${provider.issuer} ${api.origin}`,
    // Some browsers ask for an icon and report that they may not.
    "img-src 'self'",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
    "require-trusted-types-for 'script'",
    "trusted-types 'none'",
  ].join('; ')

export const policies = suite('a Content-Security-Policy', (test) => {
  test("users_a21 r181 'self' and 'wasm-unsafe-eval' with Trusted Types: all works, no violation", async (stage) => {
    const parts = await stage.open({ prepare: watch })
    const { app, api, site } = parts
    site.headers = {
      'content-security-policy': policy(parts, "'self' 'wasm-unsafe-eval'"),
      'cross-origin-opener-policy': 'same-origin',
      'cross-origin-embedder-policy': 'require-corp',
      'referrer-policy': 'no-referrer',
      'permissions-policy': 'camera=(), geolocation=()',
    }
    await app.visit('/orders')
    assert.deepEqual(await app.run(() => violations), [])
    assert.equal((await app.signIn()).value.kind, 'signed-in')
    assert.equal(await app.run(() => crossOriginIsolated), true)
    assert.ok((await app.call('getAccessToken', { forceRenewal: true })).value)
    assert.equal((await app.call('userInfo')).value.sub, 'alice')
    const status = await app.run(
      (url) => session.fetch(url).then(({ status }) => status),
      `${api.origin}/orders`,
    )
    assert.equal(status, 200)
    await app.call('signOut', { local: true })
    assert.deepEqual(await app.run(() => violations), [])
    const arrival = app.arrival()
    await app.run(() => void session.signOut())
    assert.equal((await arrival).value.kind, 'signed-out')
    assert.deepEqual(await app.run(() => violations), [])
  })

  test("r181 without 'wasm-unsafe-eval': an error that says what is missing", async (stage) => {
    const parts = await stage.open({ prepare: watch })
    parts.site.headers = { 'content-security-policy': policy(parts, "'self'") }
    const { error } = await parts.app.visit()
    assert.deepEqual([error.code, error.fault], ['wasm_unavailable', 'internal'])
    assert.match(error.message, /wasm-unsafe-eval/)
    assert.deepEqual(parts.provider.requests, [])
  })

  test('a server that the policy does not allow is a network_error', async (stage) => {
    const parts = await stage.open({ prepare: watch })
    parts.site.headers = {
      'content-security-policy': "script-src 'self' 'wasm-unsafe-eval'; connect-src 'self'",
    }
    await parts.app.visit()
    assert.equal((await parts.app.call('signIn')).error.code, 'network_error')
    assert.ok((await parts.app.run(() => violations.length)) > 0)
  })
})

export const wasm = suite('the wasm', (test) => {
  for (const [name, change] of [
    ['is not there', (site) => (site.wasm = null)],
    ['is truncated', (site) => (site.wasm = site.wasm.subarray(0, 5000))],
    ['is something else', (site) => (site.wasm = Buffer.from('<h1>Please accept our terms</h1>'))],
  ]) {
    test(`r181 it ${name}: a typed error, and later it may load`, async (stage) => {
      const { app, site } = await stage.open()
      const { wasm } = site
      change(site)
      const { error } = await app.visit()
      assert.equal(error.code, 'wasm_unavailable')
      site.wasm = wasm
      const arrival = app.arrival()
      await app.run(() => void arrive())
      assert.deepEqual((await arrival).value, { kind: 'none' })
      assert.equal((await app.signIn()).value.kind, 'signed-in')
    })
  }

  test('a server that calls it something else: it runs all the same', async (stage) => {
    const { app, site } = await stage.open()
    site.wasmType = 'application/octet-stream'
    assert.deepEqual((await app.visit()).value, { kind: 'none' })
  })

  test('it is loaded once, however many sessions are made', async (stage) => {
    const { app, site } = await stage.open({ byHand: '/' })
    await app.visit()
    const kinds = await app.run(async () => {
      const sessions = await Promise.all([open(), open(), open({ clientId: 'other' })])
      return sessions.map((session) => session.signedIn)
    })
    assert.deepEqual(kinds, [false, false, false])
    assert.equal(site.requests.filter(({ url }) => url.endsWith('.wasm')).length, 1)
  })
})

export const insecurePages = suite('a page that is not secure', (test) => {
  /** By a name that is not loopback: no secure context, no crypto.subtle. */
  async function insecure(stage, session) {
    const host = 'page.example'
    const parts = await stage.open({ host, session: { insecureHttp: true, ...session } })
    const { app } = parts
    const arrival = await app.visit()
    assert.equal(await app.run(() => isSecureContext), false)
    return { ...parts, arrival }
  }

  test('users_a18 r034 openid is refused before the page is left', async (stage) => {
    const { arrival, provider } = await insecure(stage)
    assert.deepEqual([arrival.error.code, arrival.error.detail], ['unsupported', 'crypto.subtle'])
    assert.deepEqual(provider.requests, [])
  })

  test('users_a18 r029 plain OAuth with PKCE works', async (stage) => {
    const { app, arrival } = await insecure(stage, { scope: 'api offline_access' })
    assert.deepEqual(arrival.value, { kind: 'none' })
    assert.equal((await app.signIn()).value.kind, 'signed-in')
    assert.ok((await app.call('getAccessToken', { forceRenewal: true })).value)
  })

  test('r001 without the option it is refused', async (stage) => {
    const { app } = await stage.open()
    await app.visit()
    for (const [change, detail] of [
      [{ issuer: 'http://id.example' }, undefined],
      [{ issuer: 'http://localhost.evil.example' }, undefined],
      [{ issuer: 'http://127.0.0.1.evil.example' }, undefined],
      [{ redirectUri: 'http://page.example/callback' }, 'redirectUri'],
      [{ allowedUrls: ['http://api.example/'] }, 'allowedUrls'],
    ]) {
      const { error } = await app.run((change) => settle(open(change)), change)
      assert.equal(error.code, 'url_insecure', JSON.stringify(change))
      if (detail) assert.equal(error.detail, detail)
    }
  })
})
