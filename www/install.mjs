// The demo uses the package as a user does: installed from the tarball that `npm pack` makes, with
// no link to the sources. Nothing is fetched.

import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { cp, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

import { packed, scratch } from '../tests/support/package.mjs'

const MODULES = fileURLToPath(new URL('node_modules', import.meta.url))
const STAMP = join(MODULES, '.grantkit')

export async function installPackage() {
  const tarball = await readFile(packed().tarball)
  const sum = createHash('sha256').update(tarball).digest('hex')
  if (existsSync(STAMP) && (await readFile(STAMP, 'utf8')) === sum) return

  // The whole folder: Vite keeps in it what it prepared of a package, by a version that does not
  // change here.
  await rm(MODULES, { recursive: true, force: true })
  await cp(join(scratch(), 'node_modules'), MODULES, { recursive: true })
  await writeFile(STAMP, sum)
}
