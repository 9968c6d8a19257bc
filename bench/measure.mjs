// All measurements, in the order of README.md. Loops are bounded; nothing is asserted about time.
import { cpus, loadavg } from 'node:os'
import { initialMemory } from '../scripts/wasm.mjs'
import { floor, programs } from './programs.mjs'
import { onStage, visit } from './stage.mjs'
import { fine, median, ratio, table, whole } from './table.mjs'

const DELAY = 100
const SIGN_INS = 7
const CALLS = 50_000
const ROUNDS = 9
const COMPILES = 15
const LIMIT = 110_000

export async function measure({ executablePath }) {
  const all = await programs()
  sizes(all)
  const bare = await floor()
  await onStage({ programs: [...all, bare], executablePath, limit: LIMIT }, async (stage) => {
    const load = loadavg()[0].toFixed(1)
    const browser = `Chromium ${stage.browser.version()}`
    console.log(
      `\n${browser}, Node ${process.versions.node}, ${cpus().length} × ${cpus()[0].model}`,
    )
    console.log(`load ${load} when the timing began: compare ratios of one run, not figures of two`)
    const wasm = await signIns(stage, all)
    await cachedTokens(stage, all, bare)
    await webAssembly(stage, all[0], wasm)
  })
}

function sizes(all) {
  const [ours] = all
  table(
    'Size: what a page loads, minified; brotli 11',
    ['program', 'script raw', 'script br', 'wasm raw', 'wasm br', 'together br', 'ratio'],
    all.map(({ name, version, size: { script, wasm, total } }) => [
      `${name} ${version}`,
      whole(script.raw),
      whole(script.brotli),
      wasm && whole(wasm.raw),
      wasm && whole(wasm.brotli),
      whole(total),
      ratio(total, ours.size.total),
    ]),
  )
}

/** Answers what the wasm had to tell meanwhile. */
async function signIns(stage, all) {
  const delay = { kind: 'delay', ms: DELAY }
  // Preflights are requests of their own; a defect without a method leaves them out.
  stage.provider.setDefects([delay, { ...delay, method: 'OPTIONS' }])
  const measured = new Map(all.map(({ name }) => [name, []]))
  const wasm = { loads: [], memory: [] }
  // Turn by turn, so that a busy minute of the machine meets all.
  for (let turn = 0; turn < SIGN_INS; turn++) {
    for (const program of all) {
      const tab = await visit(stage, program)
      measured.get(program.name).push(await tab.signIn())
      if (program.wasm) {
        const { took, bytes } = await tab.page.evaluate(() => ({
          took: loaded.took,
          bytes: loaded.memory.buffer.byteLength,
        }))
        wasm.loads.push(took)
        wasm.memory.push(bytes)
      }
      await tab.close()
    }
  }
  stage.provider.setDefects()

  const rows = all.map(({ name }) => {
    const runs = measured.get(name)
    const of = (key) => median(runs.map((run) => run[key]))
    return { name, runs, took: of('took'), leaving: of('leaving') }
  })
  const [ours] = rows
  table(
    `Signing in: every answer of the provider ${DELAY} ms late, median of ${SIGN_INS}`,
    ['program', 'callback to signed in', 'ratio', 'least', 'most', 'requests after the callback'],
    rows.map(({ name, runs, took }) => [
      name,
      `${whole(took)} ms`,
      ratio(took, ours.took),
      ...[Math.min, Math.max].map((end) => `${whole(end(...runs.map((run) => run.took)))} ms`),
      requests(runs, 'after'),
    ]),
  )
  table(
    'The same sign-ins: from the click to leaving for the provider',
    ['program', 'click to leaving', 'ratio', 'both ways', 'ratio', 'requests before leaving'],
    rows.map(({ name, runs, took, leaving }) => [
      name,
      `${whole(leaving)} ms`,
      ratio(leaving, ours.leaving),
      `${whole(took + leaving)} ms`,
      ratio(took + leaving, ours.took + ours.leaving),
      requests(runs, 'before'),
    ]),
  )
  return wasm
}

/** What was asked, and how often if it was not the same each time. */
function requests(runs, way) {
  const kinds = new Set(runs.map((run) => `${run[way].length}: ${run[way].join(', ')}`))
  return [...kinds].join(' or ')
}

async function cachedTokens(stage, all, bare) {
  const tabs = []
  for (const program of [...all, bare]) {
    const tab = await visit(stage, program)
    tabs.push({ ...tab, program, rounds: [] })
    if (program !== bare) await tab.signIn()
  }
  // The round before the first lets the engine optimise.
  for (let round = 0; round <= ROUNDS; round++) {
    for (const { page, rounds } of tabs) {
      const took = await page.evaluate((times) => calls(times), CALLS)
      if (round > 0) rounds.push(took)
    }
  }
  const ours = median(tabs[0].rounds)
  table(
    `The cached access token: an awaited call, median of ${ROUNDS} rounds of ${whole(CALLS)}`,
    ['program', 'per call', 'ratio', 'least', 'most'],
    tabs.map(({ program: { name }, rounds }) => [
      name,
      `${whole(median(rounds))} ns`,
      ratio(median(rounds), ours),
      ...[Math.min, Math.max].map((end) => `${whole(end(...rounds))} ns`),
    ]),
    'floor: no library, an async function that looks at the clock and hands out a held string',
  )

  // The rest of what each program says that it does.
  for (const { page, program, signOut, close } of tabs) {
    if (program !== bare) {
      const fresh = await page.evaluate(async () => {
        const old = await app.accessToken()
        const next = await app.refresh()
        return next !== old && (await app.accessToken()) === next
      })
      if (!fresh) throw new Error(`${program.name} does not renew`)
      await signOut()
    }
    await close()
  }
}

async function webAssembly(stage, program, { loads, memory }) {
  const tab = await visit(stage, program)
  const compiles = await tab.page.evaluate(compile, { path: stage.site.wasm, times: COMPILES })
  await tab.close()
  const row = (name, numbers) => [
    name,
    `${fine(median(numbers))} ms`,
    ...[Math.min, Math.max].map((end) => `${fine(end(...numbers))} ms`),
  ]
  table(
    'The wasm: from its response to an instance',
    ['step', 'median', 'least', 'most'],
    [
      row(`instantiateStreaming in a new page (${loads.length})`, loads),
      row(`compile, bytes never seen before (${COMPILES})`, compiles.compile),
      row(`instantiate a module (${COMPILES})`, compiles.instantiate),
    ],
  )
  const start = initialMemory(program.wasm)
  const kib = (bytes) => `${whole(bytes / 1024)} KiB`
  table(
    'The wasm: linear memory',
    ['when', 'size', 'ratio'],
    [
      ['of a new instance', kib(start), ratio(start, start)],
      [
        'after a sign-in, the most seen',
        kib(Math.max(...memory)),
        ratio(Math.max(...memory), start),
      ],
    ],
  )
}

/** Runs in the page. */
async function compile({ path, times }) {
  const bytes = new Uint8Array(await (await fetch(path)).arrayBuffer())
  const result = { compile: [], instantiate: [] }
  for (let time = 0; time < times; time++) {
    // A custom section of its own: the engine knows bytes again that it compiled before.
    const fresh = new Uint8Array([...bytes, 0, 2, 1, time])
    const began = performance.now()
    const module = await WebAssembly.compile(fresh)
    const compiled = performance.now()
    await WebAssembly.instantiate(module, loaded.imports)
    result.compile.push(compiled - began)
    result.instantiate.push(performance.now() - compiled)
  }
  return result
}
