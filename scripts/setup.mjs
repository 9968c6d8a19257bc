// What a clone needs before anything runs. Node's own modules only: node_modules may not be there yet.
import { spawn, spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { realpathSync, renameSync, rmSync } from 'node:fs'
import { homedir } from 'node:os'
import { delimiter, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { alone } from './alone.mjs'

export const ROOT = dirname(dirname(fileURLToPath(import.meta.url)))
export const NIGHTLY = 'nightly-2026-05-20'
const WASM_PACK = '0.15.1'
const TARGET = 'wasm32-unknown-unknown'
const WINDOWS = process.platform === 'win32'
const DAY = 24 * 60 * 60 * 1000

/** A failure that is told in one line, without a stack. */
export class Failure extends Error {}

export function say(line) {
  console.error(`grantkit: ${line}`)
}

/** Runs `main` and turns a Failure into a line and an exit code. */
export async function told(main) {
  try {
    await main()
  } catch (error) {
    if (!(error instanceof Failure)) throw error
    say(error.message)
    process.exitCode = 1
  }
}

/** Whether a module is what was started; `argv[1]` may be a link. */
export function isMain(url) {
  return process.argv[1] !== undefined && fileURLToPath(url) === realpathSync(process.argv[1])
}

// cargo and rustup live here even where no shell profile was read.
const PATH_KEY = Object.keys(process.env).find((key) => key.toUpperCase() === 'PATH') ?? 'PATH'
const cargoBin = join(process.env.CARGO_HOME ?? join(homedir(), '.cargo'), 'bin')
process.env[PATH_KEY] = [process.env[PATH_KEY], cargoBin].filter(Boolean).join(delimiter)

/** Runs a command with our own output; rejects with a Failure. */
export function run(command, args, { env, cwd = ROOT, stdio = 'inherit' } = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { cwd, stdio, env: { ...process.env, ...env } })
    child.on('error', (error) => reject(new Failure(`${command} does not start: ${error.message}`)))
    child.on('exit', (code, signal) =>
      code === 0
        ? resolve()
        : reject(new Failure(`${[command, ...args].join(' ')} failed (${signal ?? code})`)),
    )
  })
}

/** What a command prints, or null if it is not there or fails. */
export function output(command, args) {
  const { status, stdout } = spawnSync(command, args, { cwd: ROOT, encoding: 'utf8' })
  return status === 0 ? stdout : null
}

export function npm(args, options) {
  const cli = process.env.npm_execpath
  if (cli?.endsWith('.js')) return run(process.execPath, [cli, ...args], options)
  return WINDOWS ? run('cmd', ['/c', 'npm', ...args], options) : run('npm', args, options)
}

/** One clone at a time; those that waited look whether it is done. */
export function once(what, work, done = () => false) {
  const waiting = () => say(`another clone sets up with ${what}: waiting for it`)
  return alone(what, async () => done() || work(), waiting)
}

/** The npm packages of the lock file. */
export async function modules() {
  const major = Number.parseInt(process.versions.node)
  if (major < 20) throw new Failure(`Node 20 or newer is needed; this is ${process.version}`)
  const installed = join(ROOT, 'node_modules', '.package-lock.json')
  const lock = join(ROOT, 'package-lock.json')
  if (existsSync(installed) && statSync(installed).mtimeMs >= statSync(lock).mtimeMs) return
  say('npm packages by npm ci, about half a minute')
  await npm(['ci', '--no-audit', '--no-fund', '--loglevel=error'])
}

function toolchainFile() {
  const text = readFileSync(join(ROOT, 'rust-toolchain.toml'), 'utf8')
  const list = (key) =>
    text.match(new RegExp(`^${key}\\s*=\\s*\\[([^\\]]*)\\]`, 'm'))?.[1].match(/[\w.-]+/g) ?? []
  return {
    channel: text.match(/^channel\s*=\s*"([^"]+)"/m)[1],
    components: list('components'),
    targets: list('targets'),
  }
}

function installed(toolchain, parts) {
  const there = output('rustup', ['component', 'list', '--installed', '--toolchain', toolchain])
  if (there === null) return false
  const lines = there.split(/\r?\n/)
  return parts.every((part) => lines.some((line) => line === part || line.startsWith(`${part}-`)))
}

async function toolchain(name, components, targets) {
  const parts = [...components, ...targets.map((target) => `rust-std-${target}`)]
  const done = () => installed(name, parts)
  if (done()) return
  await once('rustup', () => installToolchain(name, components, targets), done)
}

async function installToolchain(name, components, targets) {
  say(`Rust ${name} with ${[...components, ...targets].join(', ')} by rustup, about a minute`)
  const add = [...components.flatMap((c) => ['-c', c]), ...targets.flatMap((t) => ['-t', t])]
  await run('rustup', [
    'toolchain',
    'install',
    name,
    '--profile',
    'minimal',
    '--no-self-update',
    ...add,
  ])
}

/** The toolchain that rust-toolchain.toml names. RUSTUP_AUTO_INSTALL may be off, so it is asked for. */
export async function stable() {
  if (output('rustup', ['--version']) === null)
    throw new Failure('rustup is missing; it comes from https://rustup.rs')
  const { channel, components, targets } = toolchainFile()
  await toolchain(channel, components, targets)
  return channel
}

/** The pinned nightly, which can rebuild the standard library for size; null where it cannot be had. */
export async function nightly() {
  try {
    await toolchain(NIGHTLY, ['rust-src'], [TARGET])
    return NIGHTLY
  } catch (error) {
    if (!(error instanceof Failure)) throw error
    return null
  }
}

/** Of this user, shared by all clones. */
export function cacheFolder() {
  if (process.env.XDG_CACHE_HOME) return process.env.XDG_CACHE_HOME
  if (WINDOWS && process.env.LOCALAPPDATA) return process.env.LOCALAPPDATA
  if (process.platform === 'darwin') return join(homedir(), 'Library', 'Caches')
  return join(homedir(), '.cache')
}

function versionIs(command, version) {
  return output(command, ['--version'])?.trim().split(/\s+/)[1] === version
}

/** The folder of a cargo-installed tool of exactly this version; null where PATH has it. */
async function tool(command, crate, version, minutes, options = []) {
  if (versionIs(command, version)) return null
  const home = join(cacheFolder(), 'grantkit', 'tools', `${crate}-${version}`)
  const bin = join(home, 'bin')
  const done = () => versionIs(join(bin, command), version)
  if (done()) return bin
  await once(crate, () => installTool(home, crate, version, minutes, options), done)
  if (!done()) throw new Failure(`${bin} holds no ${command} ${version}`)
  return bin
}

function installTool(home, crate, version, minutes, options) {
  const what = `${crate} ${version} by cargo install, about ${minutes} minutes`
  return made(home, what, async (root) => {
    const aside = dirname(root)
    await run('cargo', ['install', crate, '--version', version, '--root', root, ...options], {
      cwd: aside,
      env: {
        RUSTUP_TOOLCHAIN: toolchainFile().channel,
        CARGO_TARGET_DIR: join(aside, 'target'),
        CARGO_RESOLVER_INCOMPATIBLE_RUST_VERSIONS: 'fallback',
        RUSTFLAGS: '',
        ...QUICK,
      },
    })
  })
}

// The tools run for a second: what counts is the time to compile them.
const QUICK = {
  CARGO_PROFILE_RELEASE_OPT_LEVEL: '1',
  CARGO_PROFILE_RELEASE_LTO: 'off',
  CARGO_PROFILE_RELEASE_CODEGEN_UNITS: '16',
  CARGO_PROFILE_RELEASE_DEBUG: '0',
}

/**
 * Fills a folder of the cache: made beside its place and then renamed, so that a killed install leaves
 * nothing that looks whole.
 */
export async function made(home, what, make) {
  say(`${what}, into ${home}, once`)
  const aside = asideIn(dirname(home))
  try {
    const fresh = join(aside, 'home')
    await make(fresh)
    rmSync(home, { recursive: true, force: true })
    renameSync(fresh, home)
  } finally {
    rmSync(aside, { recursive: true, force: true })
  }
}

function asideIn(folder) {
  try {
    mkdirSync(folder, { recursive: true })
    dropStale(folder)
    return mkdtempSync(join(folder, '.making-'))
  } catch (error) {
    throw new Failure(`nothing can be made in ${folder}: ${error.message}`)
  }
}

/** Removes what killed runs left of their temporary folders, a day later. */
export function dropStale(folder) {
  for (const name of readdirSync(folder)) {
    const path = join(folder, name)
    if (/-\w{6}$/.test(name) && name.startsWith('.') && Date.now() - statSync(path).mtimeMs > DAY)
      rmSync(path, { recursive: true, force: true })
  }
}

/** wasm-bindgen's command must be of the crate's own version. */
function bindgenVersion() {
  const lock = readFileSync(join(ROOT, 'Cargo.lock'), 'utf8')
  const version = lock.match(/^name = "wasm-bindgen"\r?\nversion = "([^"]+)"/m)?.[1]
  if (!version) throw new Failure('Cargo.lock has no wasm-bindgen')
  return version
}

/** A PATH on which wasm-pack and wasm-bindgen have the right versions. */
export async function wasmTools() {
  // Without its test runner and without TLS, which only that needs.
  const lean = ['--no-default-features', '--bin', 'wasm-bindgen']
  const bindgen = await tool('wasm-bindgen', 'wasm-bindgen-cli', bindgenVersion(), 'two', lean)
  const pack = await tool('wasm-pack', 'wasm-pack', WASM_PACK, 'two', ['--locked'])
  return { [PATH_KEY]: [bindgen, pack, process.env[PATH_KEY]].filter(Boolean).join(delimiter) }
}

const CHROMIUMS = [
  'chromium',
  'chromium-browser',
  'google-chrome',
  'google-chrome-stable',
  'chrome',
  '/Applications/Chromium.app/Contents/MacOS/Chromium',
  '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
  'C:\\Program Files\\Google\\Chrome\\Application\\chrome.exe',
  'C:\\Program Files (x86)\\Microsoft\\Edge\\Application\\msedge.exe',
]

/** Where a command is; a path stands for itself. */
export function findOnPath(name) {
  if (name.includes('/') || name.includes('\\')) return existsSync(name) ? name : undefined
  const folders = (process.env[PATH_KEY] ?? '').split(delimiter)
  return folders.map((folder) => join(folder, WINDOWS ? `${name}.exe` : name)).find(existsSync)
}

/** Where a Chromium is, without installing one. */
export async function findChromium() {
  const named = process.env.CHROMIUM ?? process.env.CHROME_PATH
  if (named) {
    if (existsSync(named)) return named
    throw new Failure(`there is no browser at ${named}, which CHROMIUM or CHROME_PATH names`)
  }
  const onPath = CHROMIUMS.map(findOnPath).find(Boolean)
  if (onPath) return onPath
  const { chromium } = await import('playwright-core')
  const downloaded = chromium.executablePath()
  return existsSync(downloaded) ? downloaded : null
}

/** Installs Debian's packages, where that is possible: as root, with apt. Answers whether it was. */
export async function apt(what, packages) {
  if (process.getuid?.() !== 0 || !findOnPath('apt-get')) return false
  await once('apt-get', async () => {
    say(`${what} for the tests by apt-get install, about a minute`)
    const env = { DEBIAN_FRONTEND: 'noninteractive' }
    await run('apt-get', ['-qq', 'update'], { env })
    await run('apt-get', ['-qq', 'install', '-y', '--no-install-recommends', ...packages], { env })
  })
  return true
}

/** Where a Chromium is; as root on Debian and its kin it is installed. */
export async function chromium() {
  const found = await findChromium()
  if (found) return found
  if (await apt('Chromium', ['chromium'])) {
    const fresh = await findChromium()
    if (fresh && output(fresh, ['--version']) !== null) return fresh
  }
  throw new Failure(
    'the tests need a Chromium and found none. Install one (for example by ' +
      '`npx playwright-core install chromium`), or name one: CHROMIUM=/path/to/chrome npm test',
  )
}
