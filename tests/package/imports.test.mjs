import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import test from 'node:test'
import { scratch } from '../support/package.mjs'

const project = scratch()

// Runs before the import: whatever the package reaches for at module scope is written down.
const WATCH = `
const seen = []
const watch = (owner, name, label) => {
  const real = owner[name]
  owner[name] = function (...args) {
    seen.push(label)
    return real.apply(this, args)
  }
}
for (const name of ['fetch', 'setTimeout', 'setInterval', 'setImmediate', 'queueMicrotask'])
  watch(globalThis, name, name)
for (const name of ['on', 'once', 'addListener', 'prependListener'])
  watch(process, name, 'process.' + name)
for (const name of ['compile', 'instantiate', 'compileStreaming', 'instantiateStreaming'])
  if (WebAssembly[name]) watch(WebAssembly, name, 'WebAssembly.' + name)
watch(crypto, 'getRandomValues', 'crypto.getRandomValues')
for (const name of ['localStorage', 'sessionStorage', 'indexedDB', 'caches', 'navigator'])
  Object.defineProperty(globalThis, name, {
    configurable: true,
    get: () => void seen.push(name),
  })
for (const name of ['window', 'document', 'location', 'history', 'self'])
  Object.defineProperty(globalThis, name, {
    configurable: true,
    get: () => void seen.push(name),
  })
const names = Reflect.ownKeys(globalThis).length
const entry = process.argv[2]
const exported = Object.keys(await import(entry)).sort()
const active = process.getActiveResourcesInfo().filter((kind) => !/^(TTY|Pipe|File)|Req/.test(kind))
process.stdout.write(
  JSON.stringify({ seen, exported, active, added: Reflect.ownKeys(globalThis).length - names }),
)
`
writeFileSync(join(project, 'watch.mjs'), WATCH)

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
