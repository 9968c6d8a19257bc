// The package as a user gets it: packed once for all suites, installed from the tarball alone.
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, realpathSync } from 'node:fs'
import { renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ROOT } from '../../scripts/setup.mjs'

/** Packs the built package: `{ tarball, files }`, the files as npm lists them. */
export function packed() {
  const folder = made()
  const files = JSON.parse(readFileSync(join(folder, 'files.json'), 'utf8'))
  return { tarball: join(folder, 'grantkit.tgz'), files }
}

/** A project of its own in a temporary folder, with grantkit installed; gone when the process ends. */
export function scratch() {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), 'grantkit-')))
  process.on('exit', () => rmSync(folder, { recursive: true, force: true, maxRetries: 3 }))
  cpSync(join(made(), 'project'), folder, { recursive: true })
  return folder
}

/** The folder of this very package, made unless a process before us made it. */
function made() {
  const name = join(ROOT, 'target', 'package', fingerprint())
  if (existsSync(name)) return name
  mkdirSync(join(ROOT, 'target', 'package'), { recursive: true })
  const aside = mkdtempSync(join(ROOT, 'target', 'package', '.making-'))
  try {
    const [{ filename, files }] = JSON.parse(
      npm(['pack', '--json', '--ignore-scripts', '--pack-destination', aside], ROOT),
    )
    renameSync(join(aside, filename), join(aside, 'grantkit.tgz'))
    writeFileSync(join(aside, 'files.json'), JSON.stringify(files.map(({ path }) => path).sort()))

    const project = join(aside, 'project')
    mkdirSync(project)
    const manifest = { name: 'scratch', version: '1.0.0', private: true, type: 'module' }
    writeFileSync(join(project, 'package.json'), JSON.stringify(manifest, null, 2))
    npm(['install', '--offline', '--no-audit', '--no-fund', join(aside, 'grantkit.tgz')], project)
    place(aside, name)
  } finally {
    rmSync(aside, { recursive: true, force: true })
  }
  return name
}

function place(from, to) {
  try {
    renameSync(from, to)
  } catch (error) {
    if (!existsSync(to)) throw error
  }
}

function fingerprint() {
  const manifest = readFileSync(join(ROOT, 'package.json'))
  const sum = createHash('sha256').update(manifest)
  for (const path of JSON.parse(manifest).files) {
    const full = join(ROOT, path)
    sum.update(`\0${path}\0`)
    if (existsSync(full)) sum.update(readFileSync(full))
  }
  return sum.digest('hex').slice(0, 16)
}

function npm(args, cwd) {
  const cli = process.env.npm_execpath?.endsWith('.js') ? [process.env.npm_execpath] : null
  const command = cli ? process.execPath : 'npm'
  const options = { cwd, encoding: 'utf8', shell: !cli && process.platform === 'win32' }
  const { status, stdout, stderr, error } = spawnSync(command, [...(cli ?? []), ...args], options)
  if (status !== 0) throw new Error(`npm ${args[0]} failed: ${error ?? stderr}`)
  return stdout
}
