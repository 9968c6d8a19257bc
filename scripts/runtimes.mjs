// Bun and Deno for the tests: those on the PATH; else npm's, into the user's cache folder, for each weighs
// a hundred megabytes. They may be missing: then it is said why, and how to get them.
import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Missing } from './browsers.mjs'
import { Failure, cacheFolder, findOnPath, made, npm, once, output } from './setup.mjs'

// npm's package of that name depends on one for each system, which holds the program and nothing else.
const RUNTIMES = {
  bun: { version: '1.4.5', systems: '@oven', program: ['bin', 'bun'] },
  deno: { version: '2.9.6', systems: '@deno', program: ['deno'] },
}

/** Where a runtime is, without installing it, or null. */
export function findRuntime(name) {
  const { version } = RUNTIMES[name]
  const onPath = findOnPath(name)
  if (onPath && major(versionOf(onPath)) === major(version)) return onPath
  return programs(name).find((path) => versionOf(path) === version) ?? null
}

/** Where a runtime is; installed where it can be. */
export async function runtime(name) {
  const found = findRuntime(name)
  if (found) return found
  const { version } = RUNTIMES[name]
  let why = `npm has none of ${version} for this system`
  try {
    await once(
      name,
      () => install(name),
      () => findRuntime(name),
    )
  } catch (error) {
    if (!(error instanceof Failure)) throw error
    why = `npm cannot get ${name}@${version}`
  }
  const fresh = findRuntime(name)
  if (fresh) return fresh
  throw new Missing(`there is no ${name}, and ${why}. Put ${name} ${major(version)} on the PATH`)
}

// An exact version, which npm holds against the registry's integrity; no script of it runs.
function install(name) {
  const wanted = `${name}@${RUNTIMES[name].version}`
  return made(homeOf(name), `${wanted} by npm install, a few seconds`, async (home) => {
    mkdirSync(home)
    writeFileSync(join(home, 'package.json'), '{ "private": true }')
    const flags = ['--ignore-scripts', '--no-package-lock', '--no-audit', '--no-fund']
    // Without a network this is soon over.
    const patience = ['--fetch-retries=1', '--fetch-retry-mintimeout=1000']
    await npm(['install', '--loglevel=error', ...flags, ...patience, wanted], { cwd: home })
  })
}

function homeOf(name) {
  return join(cacheFolder(), 'grantkit', 'runtimes', `${name}-${RUNTIMES[name].version}`)
}

/** Of every system that npm found to be this one; a libc may be wrong, and such a program does not start. */
function programs(name) {
  const { systems, program } = RUNTIMES[name]
  const folder = join(homeOf(name), 'node_modules', systems)
  if (!existsSync(folder)) return []
  const suffix = process.platform === 'win32' ? '.exe' : ''
  return readdirSync(folder).map((system) => join(folder, system, ...program) + suffix)
}

function versionOf(command) {
  return output(command, ['--version'])?.match(/\d+\.\d+\.\d+\S*/)?.[0]
}

function major(version) {
  return Number.parseInt(version)
}
