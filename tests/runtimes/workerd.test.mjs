// workerd runs the same cases, each inside a request, at an old and at a new compatibility date. Then
// what only separate requests show: law 17, work belongs to the request that began it.

import assert from 'node:assert/strict'
import { cpSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, beforeEach, test } from 'node:test'
import { fileURLToPath, pathToFileURL } from 'node:url'

import { scratch } from '../support/package.mjs'
import { startStage } from './stage/stage.mjs'
import { DATES, bundle, startWorker } from './stage/workerd.mjs'

// Far more than a case takes; one that hangs is told by its name.
const TIMEOUT = 60_000
const TOKEN = '/connect/token'
const DISCOVERY = '/.well-known/openid-configuration'
const KEYS = `${DISCOVERY}/jwks`

const project = scratch()
cpSync(fileURLToPath(new URL('cases', import.meta.url)), join(project, 'cases'), {
  recursive: true,
})
const { suites } = await import(pathToFileURL(join(project, 'cases', 'index.mjs')).href)

let set
const workers = {}
before(async () => {
  set = await startStage()
  const modules = await bundle(project, set.known)
  for (const date of DATES) workers[date] = await startWorker(modules, date)
})
beforeEach(() => set.reset())
after(async () => {
  for (const worker of Object.values(workers)) await worker.close()
  assert.deepEqual(set.provider.server_errors, [])
  await set.close()
})

for (const date of DATES) {
  for (const [suite, cases] of Object.entries(suites)) {
    for (const name of Object.keys(cases)) {
      test(`workerd ${date}, ${suite}: ${name}`, { timeout: TIMEOUT }, async () => {
        const { passed, stack } = await workers[date].ask('case', { suite, name })
        assert.ok(passed, stack)
      })
    }
  }

  const law17 = (name, run) =>
    test(`workerd ${date}, law 17: ${name}`, { timeout: TIMEOUT }, () => run(workers[date]))
  const followers = (worker, number, what) =>
    Array.from({ length: number }, () => worker.ask('follow', { what }).then(({ got }) => got))
  const held = (path) => set.provider.setDefects({ path, kind: 'hold', times: 1 })
  const asked = (path) => set.provider.requests.filter((entry) => entry.path === path).length

  law17('a client that was made at module scope', async (worker) => {
    const { tokens } = await worker.ask('early')
    assert.equal(new Set(tokens).size, 2)
    assert.deepEqual(await worker.ask('early'), { tokens })
    assert.equal(set.provider.count(), 2)
  })

  law17('a hundred requests at once share one token request', async (worker) => {
    await worker.ask('renew')
    const tokens = new Set(await Promise.all(followers(worker, 100)))
    assert.equal(tokens.size, 1)
    assert.equal(set.provider.count(), 1)
  })

  law17(
    'a leader that answers before its token request ends takes nobody along',
    async (worker) => {
      await worker.ask('renew')
      const defect = held(TOKEN)
      const leading = worker.ask('lead', { until: 'answer' })
      await defect.reached
      const following = followers(worker, 99)
      await set.gates.all('followed', 99)
      set.gates.open('answer')
      await leading
      // The leader is gone, and its work with it; what its request would have brought comes too late.
      defect.release()
      const tokens = new Set(await Promise.all(following))
      assert.equal(tokens.size, 1)
      assert.equal(set.provider.count(), 2)
    },
  )

  law17('a leader that answers while it discovers takes nobody along', async (worker) => {
    await worker.ask('renew')
    const defect = held(DISCOVERY)
    const leading = worker.ask('lead', { until: 'answer' })
    await defect.reached
    const following = followers(worker, 99)
    await set.gates.all('followed', 99)
    set.gates.open('answer')
    await leading
    defect.release()
    const tokens = new Set(await Promise.all(following))
    assert.equal(tokens.size, 1)
    assert.deepEqual([asked(DISCOVERY), set.provider.count()], [2, 1])
  })

  law17('a leader that answers while it fetches the keys takes nobody along', async (worker) => {
    await worker.ask('renew')
    const defect = held(KEYS)
    const leading = worker.ask('lead', { what: 'record', until: 'answer' })
    await defect.reached
    const following = followers(worker, 30, 'record')
    await set.gates.all('followed', 30)
    set.gates.open('answer')
    await leading
    defect.release()
    assert.equal(new Set(await Promise.all(following)).size, 30)
    assert.deepEqual([asked(DISCOVERY), asked(KEYS)], [1, 2])
  })

  law17('with waitUntil the request of the leader completes for all', async (worker) => {
    await worker.ask('renew')
    const defect = held(TOKEN)
    const leading = worker.ask('lead', { until: 'answer', background: true })
    await defect.reached
    const following = followers(worker, 30)
    await set.gates.all('followed', 30)
    set.gates.open('answer')
    await leading
    defect.release()
    const tokens = new Set(await Promise.all(following))
    assert.equal(tokens.size, 1)
    assert.equal(set.provider.count(), 1)
  })

  law17('with waitUntil a discovery completes, too', async (worker) => {
    await worker.ask('renew')
    const defect = held(DISCOVERY)
    const leading = worker.ask('lead', { until: 'answer', background: true })
    await defect.reached
    const following = followers(worker, 20)
    await set.gates.all('followed', 20)
    set.gates.open('answer')
    await leading
    defect.release()
    assert.equal(new Set(await Promise.all(following)).size, 1)
    assert.deepEqual([asked(DISCOVERY), set.provider.count()], [1, 1])
  })

  law17('followers that answer early harm nobody', async (worker) => {
    await worker.ask('renew')
    const defect = held(TOKEN)
    const first = followers(worker, 1)
    await defect.reached
    set.gates.open('at once')
    await Promise.all(Array.from({ length: 20 }, () => worker.ask('lead', { until: 'at once' })))
    defect.release()
    const [token] = await Promise.all(first)
    assert.deepEqual(await Promise.all(followers(worker, 5)), Array(5).fill(token))
    assert.equal(set.provider.count(), 1)
  })

  law17('a leader that is called off takes nobody along', async (worker) => {
    await worker.ask('renew')
    const defect = held(TOKEN)
    const leading = worker.ask('giveUp', { until: 'abort' })
    await defect.reached
    const following = followers(worker, 20)
    await set.gates.all('followed', 20)
    set.gates.open('abort')
    assert.equal((await leading).code, 'aborted')
    defect.release()
    const tokens = new Set(await Promise.all(following))
    assert.equal(tokens.size, 1)
    assert.ok(set.provider.count() <= 2, `${set.provider.count()} token requests`)
  })

  law17('what a dead leader left behind does not hinder later requests', async (worker) => {
    await worker.ask('renew')
    const defect = held(TOKEN)
    const leading = worker.ask('lead', { until: 'answer' })
    await defect.reached
    set.gates.open('answer')
    await leading
    const [token] = await Promise.all(followers(worker, 1))
    assert.match(token, /^ey/)
    assert.equal((await Promise.all(followers(worker, 10))).length, 10)
    assert.equal(set.provider.count(), 2)
  })

  law17('r175 what workerd prints of a client and of an error', async (worker) => {
    await worker.ask('print')
    await worker.printedSoFar('printed')
    const text = worker.printed.join('')
    assert.match(text, /GrantError/)
    assert.doesNotMatch(text, new RegExp(set.known.secret))
    assert.doesNotMatch(text, /canary/)
  })
}
