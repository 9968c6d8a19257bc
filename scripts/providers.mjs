// The OpenID providers that `npm test` starts beside oidc-provider, where their package can be had.
// What is found without a network comes from PATH or from the user's cache folder; nothing here
// touches the system.
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Failure, ROOT, cacheFolder, made, once, run, say } from './setup.mjs'

const REQUIREMENTS = join(ROOT, 'tests', 'providers', 'django', 'requirements.txt')
const GLEWLWYD = '2.7.5'

/** The Python that has django-oauth-toolkit, or null. */
export function findDjango() {
  const python = pythonOf(djangoHome())
  return prints(python, ['-c', 'import django, oauth2_provider']) === null ? null : python
}

/** The folder of an unpacked glewlwyd, with `usr` and `etc` beneath, or null. */
export function findGlewlwyd() {
  const home = glewlwydHome()
  return versionOfGlewlwyd(home) === GLEWLWYD ? home : null
}

/** Installs what is not there. A provider that cannot be had is named, with the reason. */
export async function providers() {
  const missing = []
  for (const [name, find, install] of [
    ['django-oauth-toolkit', findDjango, installDjango],
    ['glewlwyd', findGlewlwyd, installGlewlwyd],
  ]) {
    if (find()) continue
    try {
      await once(name, install, find)
      if (!find()) throw new Failure('what was installed does not start')
    } catch (error) {
      if (!(error instanceof Failure)) throw error
      missing.push(`${name} cannot be installed: ${error.message}`)
    }
  }
  return missing
}

function djangoHome() {
  const pins = createHash('sha256').update(readFileSync(REQUIREMENTS)).digest('hex').slice(0, 8)
  return join(folder(), `django-oauth-toolkit-${pins}`)
}

function glewlwydHome() {
  return join(folder(), `glewlwyd-${GLEWLWYD}`)
}

function folder() {
  return join(cacheFolder(), 'grantkit', 'providers')
}

function pythonOf(home) {
  return process.platform === 'win32'
    ? join(home, 'Scripts', 'python.exe')
    : join(home, 'bin', 'python')
}

/** Where its own libraries are, in the words of the dynamic loader. */
export function glewlwydEnvironment(home) {
  const libraries = spawnSync('sh', ['-c', 'echo "$0"/usr/lib/*-linux-gnu', home])
  return { ...process.env, LD_LIBRARY_PATH: String(libraries.stdout).trim() }
}

function versionOfGlewlwyd(home) {
  const command = join(home, 'usr', 'bin', 'glewlwyd')
  if (!existsSync(command)) return null
  return prints(command, ['--version'], { env: glewlwydEnvironment(home) })?.trim()
}

async function installDjango() {
  const check = 'import sys, venv, ensurepip; assert sys.version_info >= (3, 10)'
  const python = ['python3', 'python'].find((name) => prints(name, ['-c', check]) !== null)
  if (!python) throw new Failure('no Python 3.10 or newer with venv is on PATH')
  await made(djangoHome(), 'django-oauth-toolkit by pip, half a minute', async (home) => {
    await run(python, ['-m', 'venv', home])
    const pip = '-m pip install --quiet --retries 1 --disable-pip-version-check'.split(' ')
    await run(pythonOf(home), [...pip, '--only-binary', ':all:', '-r', REQUIREMENTS])
  })
}

// Unpacked, not installed: a package that is installed starts a service on a port that nobody asked
// for, and needs root.
async function installGlewlwyd() {
  if (prints('apt-get', ['--version']) === null || prints('dpkg-deb', ['--version']) === null)
    throw new Failure('it comes from Debian and its kin, by apt-get')
  if (!offered() && process.getuid() === 0) {
    say('the lists of packages by apt-get update, for glewlwyd')
    await once('apt-get', () => run('apt-get', ['-qq', 'update']))
  }
  const version = offered()
  if (!version) throw new Failure('apt-get knows no glewlwyd; apt-get update may help')
  if (!version.startsWith(`${GLEWLWYD}-`))
    throw new Failure(`the tests know ${GLEWLWYD}, and apt-get has ${version}`)

  await made(glewlwydHome(), 'glewlwyd by apt-get download, a few seconds', async (home) => {
    mkdirSync(home)
    const options = ['-o', 'APT::Sandbox::User=root']
    await run('apt-get', ['-qq', ...options, 'download', ...needed()], { cwd: home })
    await run('sh', ['-c', 'for file in *.deb; do dpkg-deb -x "$file" . && rm "$file"; done'], {
      cwd: home,
    })
  })
}

function offered() {
  const policy = prints('apt-cache', ['policy', 'glewlwyd'])
  return policy?.match(/^ *Candidate: (?:\d+:)?(\d\S*)$/m)?.[1]
}

/** What this system lacks of glewlwyd and of sqlite3, which makes its database. */
function needed() {
  const wanted = ['install', '--simulate', '--no-install-recommends', 'glewlwyd', 'sqlite3']
  const plan = prints('apt-get', wanted, { env: { ...process.env, LC_ALL: 'C' } })
  if (plan === null) throw new Failure('apt-get cannot say what it needs')
  // What a service needs beside its libraries: questions at installation, MySQL, fonts of its pages.
  const idle = /^(dbconfig|default-mysql|fonts|libconfig-inifiles|libjs|mariadb|mysql)/
  const names = [...plan.matchAll(/^Inst (\S+)/gm)].map(([, name]) => name)
  return names.filter((name) => !idle.test(name))
}

function prints(command, args, options) {
  const { status, stdout } = spawnSync(command, args, { encoding: 'utf8', ...options })
  return status === 0 ? stdout : null
}
