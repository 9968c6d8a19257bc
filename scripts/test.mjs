// `npm test`: sets up, then runs every step until one fails. `npm test -- types abi` runs those only.
import { spawn } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { basename, join, resolve } from 'node:path'
import { Missing, firefox, webkit } from './browsers.mjs'
import { build } from './build.mjs'
import { providers } from './providers.mjs'
import { runtime } from './runtimes.mjs'
import { Failure, ROOT, chromium, modules, run, say, stable, told } from './setup.mjs'

const { execPath: node } = process
const WASM = ['clippy', '--lib', '--target', 'wasm32-unknown-unknown']
const WEB = ['--no-default-features', '--features', 'web']
const DENY = ['--', '-D', 'warnings']

const STEPS = [
  check('prettier', [node, 'node_modules/prettier/bin/prettier.cjs', '--check', '.']),
  check('rustfmt', ['cargo', 'fmt', '--check']),
  check('clippy', ['cargo', 'clippy', '--all-targets', ...DENY]),
  check('clippy-js', ['cargo', ...WASM, '--no-default-features', '--features', 'js', ...DENY]),
  check('clippy-page', [
    'cargo',
    ...WASM,
    '--no-default-features',
    '--features',
    'session',
    ...DENY,
  ]),
  check('clippy-client', [
    'cargo',
    ...WASM,
    '--no-default-features',
    '--features',
    'client',
    ...DENY,
  ]),
  check('clippy-web', ['cargo', ...WASM, ...WEB, ...DENY]),
  check('clippy-bare', ['cargo', ...WASM, '--no-default-features', ...DENY]),
  { name: 'cargo', run: rust },
  check('doc', ['cargo', 'rustdoc', '--lib', '--quiet', ...DENY]),
  check('doc-web', ['cargo', 'rustdoc', ...WASM.slice(1), '--quiet', ...WEB, ...DENY]),
  { name: 'build', run: async () => (await build(), { passed: 1, failed: 0 }) },
  check('size', [node, 'scripts/size.mjs'], { packed: true }),
  suite('support', { browser: true }),
  suite('package', { browser: true }),
  suite('frameworks', { browser: true }),
  suite('types'),
  suite('rust', { browser: true }),
  suite('abi'),
  suite('runtimes', { files: (name) => !/^(bun|deno)\./.test(name) }),
  // The cases of the runtimes step in those that are large to install.
  ...['bun', 'deno'].map((name) =>
    suite(name, {
      folder: 'runtimes',
      files: (file) => file === `${name}.test.mjs`,
      needs: () => runtime(name),
    }),
  ),
  suite('rp', { browser: true }),
  suite('providers', { missing: providers, processes: availableParallelism() }),
  suite('browsers', { browser: true, files: (name) => !/^(firefox|webkit)\./.test(name) }),
  // The cases of the browsers step in which engines go their own ways.
  suite('firefox', {
    folder: 'browsers',
    files: (name) => /^firefox\./.test(name),
    needs: firefox,
  }),
  suite('webkit', { folder: 'browsers', files: (name) => /^webkit\./.test(name), needs: webkit }),
]

await told(main)

async function main() {
  const steps = chosen(process.argv.slice(2))
  await modules()
  await stable()
  if (steps.some((step) => step.browser)) process.env.CHROMIUM = await chromium()
  const absent = await missed(steps)
  if (process.env.GRANTKIT_VECTORS)
    process.env.GRANTKIT_VECTORS = resolve(ROOT, process.env.GRANTKIT_VECTORS)
  if (steps.length < STEPS.length && steps.some((step) => step.packed)) await build()

  const total = { passed: 0, failed: 0, skipped: 0 }
  const lines = []
  const skips = []
  for (const step of steps) {
    say(`── ${step.name}`)
    if (absent.has(step)) {
      lines.push(`– ${step.name}: SKIPPED: ${absent.get(step)}`)
      continue
    }
    const began = performance.now()
    const { passed, failed, skipped = 0, missing = [] } = await step.run()
    total.passed += passed
    total.failed += failed
    total.skipped += skipped
    const seconds = ((performance.now() - began) / 1000).toFixed(1)
    lines.push(
      `${failed ? '✗' : '✓'} ${step.name}: ${tally({ passed, failed, skipped })}, ${seconds} s`,
    )
    skips.push(...missing)
    if (failed) break
  }
  const rest = steps.slice(lines.length).map((step) => step.name)
  if (rest.length) lines.push(`  not run: ${rest.join(', ')}`)
  for (const line of [...lines, ...skips.map((reason) => `  skipped: ${reason}`)]) say(line)
  const without = absent.size ? `, ${absent.size} of the steps skipped` : ''
  say(`${tally(total)}${without}`)
  if (total.failed) process.exitCode = 1
}

function tally({ passed, failed, skipped }) {
  return `${passed} passed, ${failed} failed${skipped ? `, ${skipped} skipped` : ''}`
}

function chosen(names) {
  const known = STEPS.map((step) => step.name)
  const unknown = names.filter((name) => !known.includes(name))
  if (unknown.length)
    throw new Failure(`no step is named ${unknown.join(', ')}; there are ${known.join(', ')}`)
  return names.length ? STEPS.filter((step) => names.includes(step.name)) : STEPS
}

/** The steps that lack what they need and can do without, and what to do about it. */
async function missed(steps) {
  const missing = new Map()
  for (const step of steps) {
    try {
      await step.needs?.()
    } catch (error) {
      if (!(error instanceof Missing)) throw error
      missing.set(step, error.message)
    }
  }
  return missing
}

/** A command that passes or fails as a whole. */
function check(name, [command, ...args], options) {
  const one = () =>
    run(command, args).then(
      () => ({ passed: 1, failed: 0 }),
      (error) => {
        if (!(error instanceof Failure)) throw error
        say(error.message)
        return { passed: 0, failed: 1 }
      },
    )
  return { name, run: one, ...options }
}

/** The Rust tests. Those of the vectors pass without them, and what they print then is not shown. */
async function rust() {
  const missing = process.env.GRANTKIT_VECTORS
    ? []
    : ['the vectors of others: GRANTKIT_VECTORS names no folder that has them']
  for (const reason of missing) say(reason)
  return { ...(await counted(['cargo', 'test', '--quiet'], cargoCounts)), missing }
}

/** Every `*.test.mjs` under a folder of tests/, or those of the wanted names. */
function suite(name, { folder = name, files: wanted = () => true, ...options } = {}) {
  // Half of the processors: a test file may have a browser and several servers of its own.
  const { processes = Math.max(1, Math.floor(availableParallelism() / 2)) } = options
  const flags = ['--test', '--test-reporter=spec', `--test-concurrency=${processes}`]
  const all = async () => {
    const files = testsUnder(join('tests', folder)).filter((path) => wanted(basename(path)))
    if (files.length === 0) throw new Failure(`tests/${folder} has no *.test.mjs for ${name}`)
    // What a machine lacks is told before and after, and the tests of it count as skipped.
    const missing = (await options.missing?.()) ?? []
    for (const reason of missing) say(reason)
    return { ...(await counted([node, ...flags, ...files], nodeCounts)), missing }
  }
  return { name, run: all, packed: true, ...options }
}

function testsUnder(folder) {
  return readdirSync(join(ROOT, folder), { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith('.test.mjs'))
    .map((entry) => join(entry.parentPath ?? entry.path, entry.name))
    .sort()
}

/** Runs a command whose output is shown and counted. */
function counted([command, ...args], counts) {
  return new Promise((done, reject) => {
    const env = { ...process.env }
    if (process.stdout.isTTY) Object.assign(env, { FORCE_COLOR: '1', CARGO_TERM_COLOR: 'always' })
    const child = spawn(command, args, { cwd: ROOT, env, stdio: ['inherit', 'pipe', 'inherit'] })
    let text = ''
    child.stdout.setEncoding('utf8').on('data', (chunk) => {
      process.stdout.write(chunk)
      text += chunk
    })
    child.on('error', reject)
    child.on('close', (code) => {
      const { passed, failed, skipped } = counts(text.replace(/\x1b\[[0-9;]*m/g, ''))
      // What fails without a count, such as a compile error, counts as one.
      done({ passed, failed: failed || (code === 0 ? 0 : 1), skipped })
    })
  })
}

function cargoCounts(text) {
  const results = [...text.matchAll(/^test result: .*? (\d+) passed; (\d+) failed/gm)]
  return { passed: sum(results, 1), failed: sum(results, 2) }
}

function nodeCounts(text) {
  return {
    passed: sum([...text.matchAll(/^ℹ pass (\d+)$/gm)], 1),
    failed:
      sum([...text.matchAll(/^ℹ fail (\d+)$/gm)], 1) +
      sum([...text.matchAll(/^ℹ cancelled (\d+)$/gm)], 1),
    skipped: sum([...text.matchAll(/^ℹ skipped (\d+)$/gm)], 1),
  }
}

function sum(matches, group) {
  return matches.reduce((total, match) => total + Number(match[group]), 0)
}
