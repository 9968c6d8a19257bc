// What users load, held to the budget in size.json. `--write` records what was measured.
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { brotliCompressSync, constants } from 'node:zlib'
import { shipped } from './build.mjs'
import { Failure, ROOT, isMain, say, told } from './setup.mjs'
import { initialMemory } from './wasm.mjs'

const FILE = join(ROOT, 'size.json')
// Versions of zlib differ by some bytes.
const TOLERANCE = 0.01

if (isMain(import.meta.url)) await told(held)

async function held() {
  const recorded = JSON.parse(readFileSync(FILE, 'utf8'))
  const measured = await measure()
  const { page, edge } = measured
  say(
    `a page loads ${page.brotli} bytes, budget ${recorded.budget.page} (brotli 11, script + wasm)`,
  )
  // The budget is what holds today, so that nothing grows; the goal is where it is to go.
  if (page.brotli > recorded.goal.page) say(`  the goal is ${recorded.goal.page}`)
  for (const part of ['script', 'wasm'])
    say(`  ${part.padEnd(6)} ${page[part].brotli} (raw ${page[part].raw})`)
  say(`the edge: ${edge.brotli} bytes (raw ${edge.script.raw + edge.wasm.raw})`)
  say(`initial memory ${page.initialMemory} in a page, ${edge.initialMemory} on the edge`)

  const write = process.argv.includes('--write')
  if (write) writeFileSync(FILE, `${JSON.stringify({ ...recorded, measured }, null, 2)}\n`)
  if (page.brotli > recorded.budget.page) throw new Failure('over the budget in size.json')
  if (Math.max(page.initialMemory, edge.initialMemory) > recorded.budget.initialMemory)
    throw new Failure('the initial memory is over the budget in size.json')
  if (write) return
  // The figures are those of the pinned nightly.
  if (!shipped()) return say('built by the stable toolchain: held to the budget alone')
  const changed = differences(recorded.measured, measured)
  if (changed.length)
    throw new Failure(
      `not as recorded in size.json: ${changed.join('; ')}. ` +
        'If that is meant, record it: npm run pin, or node scripts/size.mjs --write',
    )
}

async function measure() {
  const { build } = await import('esbuild')
  const page = await bundle(build, 'createSession', { platform: 'browser' })
  const edge = await bundle(build, 'createTokenClient', {
    platform: 'neutral',
    conditions: ['workerd'],
    external: ['*.wasm'],
  })
  return { page: weigh(page, 'session'), edge: weigh(edge, 'grantkit') }
}

/** A script and the wasm that it loads. */
function weigh(script, name) {
  const wasm = readFileSync(join(ROOT, 'pkg', `${name}_bg.wasm`))
  return {
    brotli: brotli(script) + brotli(wasm),
    script: both(script),
    wasm: both(wasm),
    initialMemory: initialMemory(wasm),
  }
}

/** A user's program that has one name of the package, minified. */
async function bundle(build, name, options) {
  const { outputFiles } = await build({
    stdin: { contents: `export { ${name} } from 'grantkit'`, resolveDir: ROOT },
    bundle: true,
    minify: true,
    format: 'esm',
    target: 'es2022',
    write: false,
    logLevel: 'error',
    ...options,
  })
  return outputFiles[0].contents
}

function both(bytes) {
  return { raw: bytes.length, brotli: brotli(bytes) }
}

/** How many bytes travel. */
export function brotli(bytes) {
  return brotliCompressSync(bytes, {
    params: {
      [constants.BROTLI_PARAM_QUALITY]: 11,
      [constants.BROTLI_PARAM_SIZE_HINT]: bytes.length,
    },
  }).length
}

function differences(was, is, path = []) {
  if (typeof is !== 'number')
    return Object.keys(is).flatMap((key) => differences(was?.[key], is[key], [...path, key]))
  if (Math.abs(is - was) <= was * TOLERANCE) return []
  return [`${path.join('.')} was ${was}, is ${is}`]
}
