// Makes pkg/: wasm-pack's output with each wasm optimised. `--stable` builds without the nightly.
import { createHash } from 'node:crypto'
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, readdirSync } from 'node:fs'
import { readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { basename, join } from 'node:path'
import { Failure, NIGHTLY, ROOT, dropStale, isMain, modules, nightly, run } from './setup.mjs'
import { say, stable, told, wasmTools } from './setup.mjs'
import { lateText, shorten, tellTraps } from './wasm.mjs'

// ── what decides the size; measured by brotli 11 of the whole crate ────────────────────────────────

const BOTH = [
  // The shadow stack, 1 MB otherwise, is part of what every instance starts with.
  '-Clink-arg=-zstack-size=65536',
  // SHA-256 hashes a code verifier of 43 bytes: its loops need not be unrolled.
  '--cfg=sha2_backend_soft="compact"',
]
const BUILDS = {
  // Rebuilds the standard library without panic messages.
  nightly: {
    rustflags: ['-Zunstable-options', '-Cpanic=immediate-abort', '-Zlocation-detail=none', ...BOTH],
    cargo: ['-Z', 'build-std=std,panic_abort', '-Z', 'build-std-features=optimize_for_size'],
  },
  stable: { rustflags: BOTH, cargo: [] },
}
// One by one: what Chromium, Firefox ESR, Safari 16, Node 20 and workerd all have, and no more.
const FEATURES = [
  '--mvp-features',
  '--enable-mutable-globals',
  '--enable-sign-ext',
  '--enable-nontrapping-float-to-int',
  '--enable-bulk-memory',
  '--enable-reference-types',
  '--enable-multivalue',
]
const PASSES = [
  // Down there is the far end of the shadow stack: what is added to an address may go into the load.
  '--low-memory-unused',
  ...['-Oz', '--flatten', '--rereloop', '-Oz', '--gufa', '-Oz'],
]
const STRIP = ['--strip-producers', '--strip-target-features']

// ──────────────────────────────────────────────────────────────────────────────────────────────────

// A page loads the one with sessions alone, so that it never grows by what only servers use.
const WASMS = [
  { name: 'session', features: 'session' },
  { name: 'grantkit', features: 'js' },
]
const PRODUCTS = WASMS.flatMap(({ name }) => [
  `pkg/${name}.js`,
  `pkg/${name}_bg.wasm`,
  `pkg/.${name}.symbols`,
  `pkg/.${name}.names.json`,
])
const STAMP = join(ROOT, 'pkg', '.built.json')
const INPUTS = [
  'Cargo.toml',
  'Cargo.lock',
  'rust-toolchain.toml',
  'src',
  'scripts/build.mjs',
  'scripts/setup.mjs',
  'scripts/wasm.mjs',
]

/** Builds what is not built yet. */
export async function build({ withoutNightly = false } = {}) {
  if (fresh(withoutNightly ? 'stable' : 'nightly')) return say('the package is built already')
  await modules()
  await stable()
  const tools = await wasmTools()
  const dated = withoutNightly ? null : await nightly()
  if (!dated && !withoutNightly)
    say(`${NIGHTLY} cannot be installed: the stable toolchain builds it, about a third larger`)
  // Still the same sources, and again no nightly: what is there is what would come out.
  if (!dated && fresh('stable')) return say('the package is built already')

  say(`building the package (${dated ?? 'stable'}), about two minutes the first time`)
  const inputs = hash(INPUTS)
  // Made aside and then renamed: whoever uses the package meanwhile sees whole files only.
  dropStale(join(ROOT, 'pkg'))
  const aside = mkdtempSync(join(ROOT, 'pkg', '.making-'))
  try {
    for (const wasm of WASMS) {
      await pack(wasm, BUILDS[dated ? 'nightly' : 'stable'], dated, tools, aside)
      await optimise(aside, wasm)
      rename(aside, wasm)
    }
    rmSync(STAMP, { force: true })
    for (const path of PRODUCTS) renameSync(join(aside, basename(path)), join(ROOT, path))
  } finally {
    rmSync(aside, { recursive: true, force: true })
  }
  // Edited while it was built: what came out has no name, so the next run builds again.
  if (inputs !== hash(INPUTS)) return
  const kind = dated ? 'nightly' : 'stable'
  writeFileSync(STAMP, JSON.stringify({ kind, inputs, products: hash(PRODUCTS) }))
}

/** Whether the pinned nightly built what is there, as it does what ships. */
export function shipped() {
  return existsSync(STAMP) && JSON.parse(readFileSync(STAMP, 'utf8')).kind === 'nightly'
}

async function pack({ name, features }, { rustflags, cargo }, dated, tools, folder) {
  const env = {
    ...tools,
    ...(dated && { RUSTUP_TOOLCHAIN: dated }),
    // The only variable that wins over every configuration file, and holds spaces.
    CARGO_ENCODED_RUSTFLAGS: [...rustflags, ...plainPaths()].join('\x1f'),
  }
  const args = [
    '--log-level',
    'error',
    'build',
    '--mode',
    'no-install',
    '--target',
    'web',
    '--release',
  ]
  // wasm-pack's own .gitignore would make npm leave the files out of the tarball.
  const files = ['--no-pack', '--no-typescript', '--no-gitignore', '--no-opt']
  const out = ['--out-dir', folder, '--out-name', name]
  const parts = ['--no-default-features', '--features', features]
  await run('wasm-pack', [...args, ...files, ...out, onlyWasm(), ...parts, ...cargo], { env })
}

/**
 * A manifest beside the crate's own that makes the wasm alone. A library that is an rlib too gets no
 * link-time optimisation from Cargo, which costs a tenth of the size.
 */
function onlyWasm() {
  const folder = join(ROOT, 'target', 'wasm')
  mkdirSync(folder, { recursive: true })
  const manifest = readFileSync(join(ROOT, 'Cargo.toml'), 'utf8')
  const library = /^crate-type = \["cdylib", "rlib"\]$/m
  if (!library.test(manifest)) throw new Failure('Cargo.toml no longer says which kinds it makes')
  const alone = 'crate-type = ["cdylib"]\npath = "../../src/lib.rs"'
  writeFileSync(join(folder, 'Cargo.toml'), manifest.replace(library, alone))
  copyFileSync(join(ROOT, 'Cargo.lock'), join(folder, 'Cargo.lock'))
  return folder
}

/** No path of this machine in the wasm. */
function plainPaths() {
  const cargoHome = process.env.CARGO_HOME ?? join(homedir(), '.cargo')
  return [`--remap-path-prefix=${ROOT}=/grantkit`, `--remap-path-prefix=${cargoHome}=/cargo`]
}

/** Shrinks the wasm; the names of its functions go into a file of their own, for tests/abi. */
async function optimise(folder, { name }) {
  const wasm = join(folder, `${name}_bg.wasm`)
  const symbols = `--symbolmap=${join(folder, `.${name}.symbols`)}`
  const wasmOpt = join(ROOT, 'node_modules', 'binaryen', 'bin', 'wasm-opt')
  await run(process.execPath, [
    wasmOpt,
    ...FEATURES,
    ...PASSES,
    ...STRIP,
    symbols,
    wasm,
    '-o',
    wasm,
  ])
}

/** Short names between wasm and glue. */
function rename(folder, { name }) {
  const wasm = join(folder, `${name}_bg.wasm`)
  const glue = join(folder, `${name}.js`)
  const shortened = shorten(readFileSync(wasm), readFileSync(glue, 'utf8'), name)
  writeFileSync(wasm, shortened.wasm)
  writeFileSync(glue, lateText(tellTraps(shortened.glue)))
  writeFileSync(join(folder, `.${name}.names.json`), JSON.stringify(shortened.names))
}

function fresh(wanted) {
  if (!existsSync(STAMP) || !PRODUCTS.every((path) => existsSync(join(ROOT, path)))) return false
  const { kind, inputs, products } = JSON.parse(readFileSync(STAMP, 'utf8'))
  return kind === wanted && inputs === hash(INPUTS) && products === hash(PRODUCTS)
}

function hash(paths) {
  const sum = createHash('sha256')
  for (const path of paths.flatMap(filesUnder))
    sum
      .update(`${path}\0`)
      .update(readFileSync(join(ROOT, path)))
      .update('\0')
  return sum.digest('hex')
}

function filesUnder(path) {
  const full = join(ROOT, path)
  if (!existsSync(full)) return []
  if (!statSync(full).isDirectory()) return [path]
  return readdirSync(full)
    .sort()
    .flatMap((name) => filesUnder(`${path}/${name}`))
}

if (isMain(import.meta.url))
  await told(() => build({ withoutNightly: process.argv.includes('--stable') }))
