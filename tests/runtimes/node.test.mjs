// Node runs the cases on the package as npm installs it.

import assert from 'node:assert/strict'
import { getEventListeners } from 'node:events'
import { cpSync } from 'node:fs'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { after, before, beforeEach, test } from 'node:test'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { format, inspect } from 'node:util'

import { scratch } from '../support/package.mjs'
import { ended } from './stage/ended.mjs'
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

/** A program beside the cases, in a process of its own. */
const program = (name) =>
  ended(process.execPath, [join(project, 'cases', name), JSON.stringify(set.known)])

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
  const { text, status } = await program('ends.mjs')
  assert.deepEqual(status, [0, null])
  const wanted = { gone: 'aborted', kind: 'none', code: 'login_required', timers: [] }
  assert.deepEqual(JSON.parse(text), wanted)
})

test('node, r170 r172: a simulated document is no reason to fail', async () => {
  const { text, status } = await program('simulated.mjs')
  assert.deepEqual(status, [0, null])
  const signedOut = [false, 'none', 'login_required']
  assert.deepEqual(JSON.parse(text), [signedOut, signedOut, signedOut, 'string'])
})
