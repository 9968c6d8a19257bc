import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import test from 'node:test'
import { packed, scratch } from '../support/package.mjs'

test('the tarball holds exactly these files', () => {
  assert.deepEqual(packed().files, [
    'CHANGELOG.md',
    'LICENSE-APACHE',
    'LICENSE-MIT',
    'README.md',
    'SECURITY.md',
    'js/browser.js',
    'js/client.js',
    'js/error.js',
    'js/grantkit.js',
    'js/guard.js',
    'js/node.js',
    'js/session.js',
    'js/slim.d.ts',
    'js/slim.js',
    'js/stores.d.ts',
    'js/stores.js',
    'js/types.d.ts',
    'js/wasm.d.ts',
    'js/workerd.js',
    'package.json',
    'pkg/grantkit.js',
    'pkg/grantkit_bg.wasm',
    'pkg/session.js',
    'pkg/session_bg.wasm',
  ])
})

const project = scratch()
const installed = join(project, 'node_modules', 'grantkit')
const manifest = JSON.parse(readFileSync(join(installed, 'package.json'), 'utf8'))

test('what is installed depends on nothing and runs no script of its own', () => {
  for (const kind of ['dependencies', 'peerDependencies', 'optionalDependencies'])
    assert.deepEqual(Object.keys(manifest[kind] ?? {}), [], kind)
  for (const script of ['preinstall', 'install', 'postinstall', 'prepare'])
    assert.equal(manifest.scripts?.[script], undefined, script)
})

test('every file that an entry names is in the tarball', () => {
  const { files } = packed()
  const named = []
  const collect = (entry) =>
    typeof entry === 'string' ? named.push(entry) : Object.values(entry).forEach(collect)
  collect(manifest.exports)
  for (const path of named) assert.ok(files.includes(path.replace('./', '')), path)
  for (const path of manifest.files) assert.ok(files.includes(path), path)
})

test('what was compiled names no path of the machine that did it', () => {
  for (const path of packed().files.filter((path) => path.startsWith('pkg/'))) {
    const text = readFileSync(join(installed, path), 'latin1')
    for (const banned of [process.cwd(), process.env.HOME, '/.cargo/', '/rustc/'])
      if (banned?.length > 1) assert.ok(!text.includes(banned), `${path} has ${banned}`)
  }
})

test('users_a21 r181 no script of the tarball evaluates text', () => {
  for (const path of packed().files.filter((path) => path.endsWith('.js'))) {
    const text = readFileSync(join(installed, path), 'utf8')
    assert.doesNotMatch(
      text,
      /\beval\s*\(|\bnew Function\b|\bFunction\s*\(|['"`]data:|\bblob:/,
      path,
    )
  }
})
