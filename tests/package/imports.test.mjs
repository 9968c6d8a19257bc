import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { cpSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import test from 'node:test'
import { fileURLToPath } from 'node:url'
import { scratch } from '../support/package.mjs'

const project = scratch()

const watch = fileURLToPath(new URL('../support/watch.mjs', import.meta.url))
cpSync(watch, join(project, 'watch.mjs'))

const INTO = ['GrantError', 'createSession', 'createTokenClient', 'createTokenValidator']
const ENTRIES = [
  { entry: 'grantkit', exports: INTO },
  { entry: 'grantkit', conditions: ['browser'], exports: INTO },
  { entry: 'grantkit/slim', exports: [...INTO, 'init', 'initSync'] },
  {
    entry: 'grantkit/stores',
    exports: ['GrantkitTokens', 'cacheStore', 'durableObjectStore', 'kvStore'],
  },
]

for (const { entry, conditions = [], exports } of ENTRIES)
  test(`users_a15 r172 importing ${[entry, ...conditions].join(' as ')} does nothing but export`, () => {
    const flags = conditions.map((condition) => `--conditions=${condition}`)
    const options = { cwd: project, encoding: 'utf8', timeout: 60_000 }
    const ended = spawnSync(process.execPath, [...flags, 'watch.mjs', entry], options)
    // A timer or a handle left behind would keep the process from ending by itself.
    assert.equal(ended.signal, null, 'the process did not end')
    assert.equal(ended.status, 0, ended.stderr)
    assert.equal(ended.stderr, '')
    const { exported, ...effects } = JSON.parse(ended.stdout)
    assert.deepEqual(effects, { seen: [], active: [], added: 0 })
    assert.deepEqual(exported, exports.sort())
  })

test('r172 TextDecoder and TextEncoder may come after the import, as in Jest with jsdom', () => {
  const code = `
    const { TextDecoder, TextEncoder } = globalThis
    delete globalThis.TextDecoder
    delete globalThis.TextEncoder
    const { createSession } = await import('grantkit')
    Object.assign(globalThis, { TextDecoder, TextEncoder })
    const session = await createSession({
      metadata: {
        issuer: 'https://as.example/ü',
        authorization_endpoint: 'https://as.example/authorize',
        token_endpoint: 'https://as.example/token',
      },
      clientId: 'spa',
      redirectUri: 'https://app.example/callback',
      storage: 'memory',
    })
    console.log(await session.getAccessToken().catch((error) => error.code))`
  const flags = ['--input-type=module', '-e', code]
  const { stdout, stderr } = spawnSync(process.execPath, flags, { cwd: project, encoding: 'utf8' })
  assert.equal(stderr, '')
  assert.equal(stdout.trim(), 'login_required')
})

test('only the named entries can be imported', () => {
  for (const path of [
    'grantkit/js/grantkit.js',
    'grantkit/pkg/grantkit.js',
    'grantkit/pkg/session.js',
    'grantkit/js/error.js',
  ]) {
    const code = `import(${JSON.stringify(path)}).then(() => process.exit(9), (e) => console.log(e.code))`
    const { stdout } = spawnSync(process.execPath, ['-e', code], { cwd: project, encoding: 'utf8' })
    assert.equal(stdout.trim(), 'ERR_PACKAGE_PATH_NOT_EXPORTED', path)
  }
})

test('the wasm file and the manifest have entries of their own', () => {
  const code = `
    import { readFileSync } from 'node:fs'
    import manifest from 'grantkit/package.json' with { type: 'json' }
    const bytes = readFileSync(new URL(import.meta.resolve('grantkit/wasm')))
    console.log(manifest.name, WebAssembly.validate(bytes))`
  writeFileSync(join(project, 'paths.mjs'), code)
  const options = { cwd: project, encoding: 'utf8' }
  const { stdout } = spawnSync(process.execPath, ['--no-warnings', 'paths.mjs'], options)
  assert.equal(stdout.trim(), 'grantkit true')
})
