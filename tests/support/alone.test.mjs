// What scripts/alone.mjs promises: two clones that set up at once do not get into each other's way.
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { randomUUID } from 'node:crypto'
import { fileURLToPath } from 'node:url'

const MODULE = new URL('../../scripts/alone.mjs', import.meta.url).href

/** A process that says `in` when it works, and is done when its standard input ends. */
const PROGRAM = `
  import { alone } from ${JSON.stringify(MODULE)}
  await alone(process.argv[1], async () => {
    console.log('in')
    for await (const _ of process.stdin);
    console.log('out')
  }, () => console.log('waits'))
`

function worker(context, name) {
  const child = spawn(process.execPath, ['--input-type=module', '-e', PROGRAM, name], {
    stdio: ['pipe', 'pipe', 'inherit'],
    cwd: fileURLToPath(new URL('.', import.meta.url)),
  })
  context.after(() => child.kill('SIGKILL'))
  const said = []
  let news = deferred()
  child.stdout.setEncoding('utf8').on('data', (text) => {
    said.push(...text.trim().split('\n'))
    news.resolve()
    news = deferred()
  })
  const says = async (word) => {
    while (!said.includes(word)) await news.promise
  }
  return { child, said, says, gone: once(child, 'exit') }
}

function deferred() {
  const made = {}
  made.promise = new Promise((resolve) => (made.resolve = resolve))
  return made
}

test('one process works and the others wait until it is done', async (context) => {
  const name = randomUUID()
  const first = worker(context, name)
  await first.says('in')
  const [second, third] = [worker(context, name), worker(context, name)]
  await Promise.all([second.says('waits'), third.says('waits')])
  assert.deepEqual([second.said, third.said], [['waits'], ['waits']])

  first.child.stdin.end()
  const next = await Promise.race([
    second.says('in').then(() => [second, third]),
    third.says('in').then(() => [third, second]),
  ])
  assert.equal(next[1].said.includes('in'), false)
  next[0].child.stdin.end()
  await next[1].says('in')
  next[1].child.stdin.end()
  const codes = await Promise.all([first, second, third].map(({ gone }) => gone))
  assert.deepEqual(codes.flat(), [0, null, 0, null, 0, null])
})

test('a process that is killed holds nobody up', async (context) => {
  const name = randomUUID()
  const first = worker(context, name)
  await first.says('in')
  const second = worker(context, name)
  await second.says('waits')
  first.child.kill('SIGKILL')
  await second.says('in')
  second.child.stdin.end()
  assert.deepEqual(await second.gone, [0, null])

  // Nobody waited, and what it left is in the way of the next.
  const third = worker(context, name)
  await third.says('in')
  third.child.kill('SIGKILL')
  await third.gone
  const fourth = worker(context, name)
  await fourth.says('in')
  fourth.child.stdin.end()
  assert.deepEqual(await fourth.gone, [0, null])
})

test('other work is not held up', async (context) => {
  const [one, other] = [worker(context, randomUUID()), worker(context, randomUUID())]
  await Promise.all([one.says('in'), other.says('in')])
  for (const { child, gone } of [one, other]) {
    child.stdin.end()
    assert.deepEqual(await gone, [0, null])
  }
})

/** A process with a folder for temporary files of its own, to its end. */
function program(context, text, folder) {
  const source = `import { alone } from ${JSON.stringify(MODULE)}\n${text}`
  const env = { ...process.env, TMPDIR: folder }
  const child = spawn(process.execPath, ['--input-type=module', '-e', source], {
    stdio: ['ignore', 'inherit', 'inherit'],
    env,
  })
  context.after(() => child.kill('SIGKILL'))
  return once(child, 'exit')
}

function folderOf(context) {
  const folder = mkdtempSync(join(tmpdir(), 'alone-'))
  context.after(() => rmSync(folder, { recursive: true }))
  return folder
}

test('many who find what a killed process left go one by one, and leave nothing', async (context) => {
  const folder = folderOf(context)
  const log = join(folder, 'log')
  for (let round = 0; round < 5; round++) {
    await program(context, `await alone('x', () => process.kill(process.pid, 'SIGKILL'))`, folder)
    const write = `
      import { appendFileSync } from 'node:fs'
      const say = (word) => appendFileSync(${JSON.stringify(log)}, word)
      await alone('x', async () => {
        say('in ')
        await new Promise(setImmediate)
        say('out ')
      })`
    const codes = await Promise.all(
      Array.from({ length: 6 }, () => program(context, write, folder)),
    )
    assert.deepEqual(codes, Array(6).fill([0, null]))
    assert.equal(readFileSync(log, 'utf8'), 'in out '.repeat(6))
    rmSync(log)
  }
  assert.deepEqual(readdirSync(folder), [])
})

test('names stay apart where the folder for temporary files has a long one', async (context) => {
  const folder = join(folderOf(context), 'x'.repeat(100))
  mkdirSync(folder)
  const nested = `await alone(${JSON.stringify(randomUUID())}, () => alone(${JSON.stringify(randomUUID())}, async () => {}))`
  const ended = await program(context, nested, folder)
  assert.deepEqual(ended, [0, null])
})
