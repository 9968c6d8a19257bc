// Node runs the cases on the package as npm installs it.

import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { getEventListeners, once } from 'node:events'
import { cpSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { after, before, beforeEach, test } from 'node:test'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { format, inspect } from 'node:util'

import { scratch } from '../support/package.mjs'
import { startStage } from './stage/stage.mjs'

// Far more than a case takes; one that hangs is told by its name.
const TIMEOUT = 60_000
const project = scratch()
cpSync(fileURLToPath(new URL('cases', import.meta.url)), join(project, 'cases'), {
  recursive: true,
})
const load = (name) => import(pathToFileURL(join(project, 'cases', name)).href)
const { suites } = await load('index.mjs')
const { createStage } = await load('stage.mjs')

let set
let stage
before(async () => {
  set = await startStage()
  stage = createStage(set.known)
})
beforeEach(() => set.reset())
after(async () => {
  assert.deepEqual(set.provider.server_errors, [])
  await set.close()
})

for (const [suite, cases] of Object.entries(suites)) {
  for (const [name, run] of Object.entries(cases)) {
    test(`node, ${suite}: ${name}`, { timeout: TIMEOUT }, () => run(stage))
  }
}

const options = () => ({
  issuer: set.known.issuer,
  clientId: 'worker',
  clientSecret: set.known.secret,
})

test('node, r175: util.inspect and console.log show no secret', async () => {
  const { createTokenClient, createSession } = await load('entry.mjs')
  const client = await createTokenClient(options())
  const token = await client.getAccessToken()
  const session = await createSession({
    issuer: set.known.issuer,
    clientId: 'spa',
    redirectUri: set.known.callback,
  })
  const wrong = { username: 'canary', password: 'canary' }
  const error = await client.password(wrong).catch((reason) => reason)
  const view = { showHidden: true, depth: Infinity, getters: true }
  for (const thing of [client, session, error, { deep: [client, error] }]) {
    for (const text of [
      inspect(thing),
      inspect(thing, view),
      format('%o %O %s %j', ...Array(4).fill(thing)),
    ]) {
      for (const secret of [set.known.secret, token, 'canary']) {
        assert.ok(!text.includes(secret), text)
      }
    }
  }
  assert.match(inspect(error), /GrantError: token_error/)
  assert.match(inspect(error), /error_description: 'invalid_username_or_password'/)
})

test('node, r130: a body that is read as it is sent is not sent again', async () => {
  const { createTokenClient } = await load('entry.mjs')
  const { serverUrl } = set.known
  const json = { access_token: 't$n', token_type: 'Bearer', expires_in: 60 }
  async function* lines() {
    yield Buffer.from('one')
    yield Buffer.from('two')
  }
  for (const body of [lines(), Readable.from(lines())]) {
    set.server.script({ '/token': { json }, '/api/x': [{ status: 401 }, {}] })
    const client = await createTokenClient({
      ...options(),
      metadata: { token_endpoint: `${serverUrl}/token` },
      allowedUrls: [`${serverUrl}/api/`],
    })
    const answer = await client.fetch(`${serverUrl}/api/x`, { method: 'PUT', body, duplex: 'half' })
    assert.deepEqual([answer.status, set.server.count('/api/x')], [401, 1])
  }
})

test('node, r008: nothing is left on a signal that many calls shared', async () => {
  const { createTokenClient } = await load('entry.mjs')
  const client = await createTokenClient(options())
  const { signal } = new AbortController()
  for (let i = 0; i < 5; i++) {
    await Promise.all([client.getAccessToken({ signal }), client.clientCredentials({ signal })])
  }
  assert.deepEqual(getEventListeners(signal, 'abort'), [])
})

test('node, users_a29 r172: the process ends by itself, whatever was called', async () => {
  const { redirectUri, ...known } = { ...options(), redirectUri: set.known.callback }
  const program = `
    import { createSession, createTokenClient } from 'grantkit'
    const options = ${JSON.stringify(known)}
    const client = await createTokenClient({ ...options, timeout: 600_000, renewBefore: 1 })
    await client.getAccessToken()
    await client.authorizationRequest({}).catch(() => {})
    const controller = new AbortController()
    const gone = client.clientCredentials({ signal: controller.signal }).catch((e) => e.code)
    controller.abort()
    const session = await createSession({
      issuer: options.issuer,
      clientId: 'spa',
      redirectUri: '${redirectUri}',
      scope: 'openid offline_access',
    })
    session.on('warning', () => {})
    const kind = (await session.handleCallback()).kind
    const code = await session.getAccessToken().catch((e) => e.code)
    const timers = process.getActiveResourcesInfo().filter((name) => name === 'Timeout')
    process.stdout.write(JSON.stringify({ gone: await gone, kind, code, timers }))
  `
  const file = join(project, 'ends.mjs')
  writeFileSync(file, program)
  const child = spawn(process.execPath, [file], { stdio: ['ignore', 'pipe', 'inherit'] })
  const [text, [code, signal]] = await Promise.all([
    child.stdout.setEncoding('utf8').reduce((all, part) => all + part, ''),
    once(child, 'close'),
  ])
  assert.deepEqual([code, signal], [0, null])
  const wanted = { gone: 'aborted', kind: 'none', code: 'login_required', timers: [] }
  assert.deepEqual(JSON.parse(text), wanted)
})

// As jsdom and happy-dom give it to tests: every name of a page, and a global object that is no Window.
test('node, r170 r172: a simulated document is no reason to fail', async () => {
  const program = `
    const values = new Map()
    const storage = {
      get length() { return values.size },
      key: (at) => [...values.keys()][at] ?? null,
      getItem: (name) => values.get(name) ?? null,
      setItem: (name, value) => void values.set(name, value),
      removeItem: (name) => void values.delete(name),
    }
    const history = { state: null, replaceState() {} }
    const location = { href: 'https://app.example/', origin: 'https://app.example', pathname: '/' }
    const names = { window: globalThis, self: globalThis, document: {}, location, history }
    for (const [name, value] of Object.entries({
      ...names,
      sessionStorage: storage,
      localStorage: storage,
    }))
      Object.defineProperty(globalThis, name, { value, configurable: true })
    const { createSession, createTokenClient } = await import('grantkit')
    const { clientSecret, ...options } = ${JSON.stringify(options())}
    const seen = []
    for (const storage of ['session', 'local', 'memory']) {
      const session = await createSession({
        ...options,
        redirectUri: 'https://app.example/callback',
        scope: 'openid',
        storage,
      })
      const code = await session.getAccessToken().catch((error) => error.code)
      seen.push([session.signedIn, (await session.handleCallback()).kind, code])
      session.close()
    }
    const secret = { clientSecret, insecureClientSecret: true }
    const client = await createTokenClient({ ...options, ...secret })
    seen.push(typeof (await client.getAccessToken()))
    process.stdout.write(JSON.stringify(seen))
  `
  const file = join(project, 'simulated.mjs')
  writeFileSync(file, program)
  const child = spawn(process.execPath, [file], { stdio: ['ignore', 'pipe', 'inherit'] })
  const [text, [code]] = await Promise.all([
    child.stdout.setEncoding('utf8').reduce((all, part) => all + part, ''),
    once(child, 'close'),
  ])
  assert.equal(code, 0)
  const signedOut = [false, 'none', 'login_required']
  assert.deepEqual(JSON.parse(text), [signedOut, signedOut, signedOut, 'string'])
})
