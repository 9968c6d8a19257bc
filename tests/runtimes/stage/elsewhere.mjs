// The cases in a runtime that has Node's modules, on the package as npm installs it: one process takes them
// all, for it starts slowly. Then the programs beside them, each in a process of its own.

import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { cpSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { after, before, beforeEach, test } from 'node:test'
import { fileURLToPath, pathToFileURL } from 'node:url'

import { findRuntime } from '../../../scripts/runtimes.mjs'
import { scratch } from '../../support/package.mjs'
import { ended } from './ended.mjs'
import { startStage } from './stage.mjs'

// Far more than a case takes; one that hangs is told by its name.
const TIMEOUT = 60_000
const ENTRIES = ['grantkit', 'grantkit/slim', 'grantkit/stores']

/**
 * `command` answers the arguments before a program's, and variables of its environment, for a project;
 * `leftOut` has the cases that the runtime cannot do, with the reasons.
 */
export async function elsewhere(runtime, { command, leftOut }) {
  const program = findRuntime(runtime)
  assert.ok(program, `there is no ${runtime}: npm test -- ${runtime} installs it`)
  const project = scratch()
  for (const [from, to] of [
    ['../cases', 'cases'],
    ['../../support/watch.mjs', 'watch.mjs'],
  ])
    cpSync(fileURLToPath(new URL(from, import.meta.url)), join(project, to), { recursive: true })
  const { suites } = await import(pathToFileURL(join(project, 'cases', 'index.mjs')).href)
  const { args, env } = command(project)
  // Nothing of ours goes through a proxy.
  const options = { cwd: project, env: { ...process.env, NO_PROXY: '127.0.0.1', ...env } }

  // Who waits for the answer of which case.
  const waiting = new Map()
  let set
  let child
  let gone
  before(async () => {
    set = await startStage()
    const lines = [...args, join('cases', 'lines.mjs'), JSON.stringify(set.known)]
    child = spawn(program, lines, { ...options, stdio: ['pipe', 'pipe', 'inherit'] })
    // What a process that is gone does not read is told by the answer that it does not give.
    child.stdin.on('error', () => {})
    createInterface({ input: child.stdout }).on('line', (line) => {
      const { suite, name, stack } = JSON.parse(line)
      waiting.get(`${suite}: ${name}`)(stack)
    })
    gone = once(child, 'close').then((status) => assert.fail(`${runtime} has ended: ${status}`))
    gone.catch(() => {})
  })
  beforeEach(() => set.reset())
  after(async () => {
    child.kill()
    assert.deepEqual(set.provider.server_errors, [])
    await set.close()
  })

  const left = new Map(Object.entries(leftOut))
  for (const [suite, cases] of Object.entries(suites)) {
    for (const name of Object.keys(cases)) {
      const skip = left.get(name) ?? false
      left.delete(name)
      test(`${runtime}, ${suite}: ${name}`, { timeout: TIMEOUT, skip }, async () => {
        const answer = new Promise((resolve) => waiting.set(`${suite}: ${name}`, resolve))
        child.stdin.write(`${JSON.stringify({ suite, name })}\n`)
        const stack = await Promise.race([answer, gone])
        assert.equal(stack, null, stack)
      })
    }
  }
  assert.deepEqual([...left.keys()], [], 'left out, and no case of that name')

  const run = async (...of) => {
    const { text, status } = await ended(program, [...args, ...of], options)
    assert.deepEqual(status, [0, null])
    return text
  }
  const beside = (name) => run(join('cases', name), JSON.stringify(set.known))

  for (const entry of ENTRIES)
    test(`${runtime}, r172: importing ${entry} does nothing`, { timeout: TIMEOUT }, async () => {
      const { exported, ...effects } = JSON.parse(await run('watch.mjs', entry))
      assert.deepEqual(effects, { seen: [], active: [], added: 0 })
      assert.ok(exported.length > 0)
    })

  // Where a runtime counts no timers, one that is left behind outlives the program's patience.
  test(`${runtime}, users_a29 r172: the process ends by itself`, { timeout: TIMEOUT }, async () => {
    const wanted = { gone: 'aborted', kind: 'none', code: 'login_required', timers: [] }
    assert.deepEqual(JSON.parse(await beside('ends.mjs')), wanted)
  })

  test(`${runtime}, r170 r172: a simulated document`, { timeout: TIMEOUT }, async () => {
    const signedOut = [false, 'none', 'login_required']
    const wanted = [signedOut, signedOut, signedOut, 'string']
    assert.deepEqual(JSON.parse(await beside('simulated.mjs')), wanted)
  })

  test(`${runtime}, r175: console.log shows no secret`, { timeout: TIMEOUT }, async () => {
    const text = await beside('print.mjs')
    assert.match(text, /GrantError: token_error/)
    for (const secret of [set.known.secret, 'canary', /\bey[\w-]{8}/])
      assert.doesNotMatch(text, new RegExp(secret))
  })
}
