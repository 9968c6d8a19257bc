// Imports what its argument names, and says what was reached for at module scope and what was left behind.
// TextDecoder and TextEncoder are not there, as in Jest's jsdom.

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
  watch(process, name, `process.${name}`)
for (const name of ['compile', 'instantiate', 'compileStreaming', 'instantiateStreaming'])
  if (WebAssembly[name]) watch(WebAssembly, name, `WebAssembly.${name}`)
watch(crypto, 'getRandomValues', 'crypto.getRandomValues')
const page = ['window', 'document', 'location', 'history', 'self']
for (const name of ['localStorage', 'sessionStorage', 'indexedDB', 'caches', 'navigator', ...page])
  Object.defineProperty(globalThis, name, {
    configurable: true,
    get: () => void seen.push(name),
  })
for (const name of ['TextDecoder', 'TextEncoder']) delete globalThis[name]

const names = Reflect.ownKeys(globalThis).length
const entry = process.argv[2]
const exported = Object.keys(await import(entry)).sort()
const active = process.getActiveResourcesInfo().filter((kind) => !/^(TTY|Pipe|File)|Req/.test(kind))
const added = Reflect.ownKeys(globalThis).length - names
process.stdout.write(JSON.stringify({ seen, exported, active, added }))
