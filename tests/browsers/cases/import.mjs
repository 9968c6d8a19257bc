// R172: whoever imports the package, and has not called it yet, has not used it.
import assert from 'node:assert/strict'
import { suite } from '../suite.mjs'

/** Notes in `used` what is asked of the page, by whomever: all that leads out of a script. */
const watch = () => {
  globalThis.used = []
  const noted = (name, work) =>
    function (...values) {
      used.push(name)
      return work.apply(this, values)
    }
  const gates = (of, name = '') => {
    const all = Object.entries(Object.getOwnPropertyDescriptors(of))
    for (const [key, { configurable, get, value }] of all) {
      // Classes are no gates.
      if (!configurable || !/^[a-z]/.test(key) || key === 'constructor') continue
      if (get) Object.defineProperty(of, key, { get: noted(name + key, get) })
      else if (typeof value === 'function')
        Object.defineProperty(of, key, { value: noted(name + key, value) })
    }
  }
  for (const { name, prototype } of [
    Crypto,
    Document,
    EventTarget,
    History,
    Navigator,
    Node,
    Performance,
    Storage,
  ]) {
    gates(prototype, `${name}.`)
  }
  gates(WebAssembly, 'WebAssembly.')
  for (const name of ['BroadcastChannel', 'WebSocket', 'Worker', 'XMLHttpRequest']) {
    const construct = (...values) => (used.push(name), Reflect.construct(...values))
    globalThis[name] = new Proxy(globalThis[name], { construct })
  }
  // Such as fetch, setTimeout, sessionStorage, crypto.
  gates(globalThis)
}

export const importing = suite('importing the package', (test) => {
  test('users_a15 r172 importing the package does nothing yet', async (stage) => {
    const { app, provider, site } = await stage.open({ byHand: '/' })
    await app.visit()
    await app.run(watch)
    const before = site.requests.length
    const [used, more] = await app.run(async () => {
      const { used } = globalThis
      // How a driver has a function run is its own affair.
      used.length = 0
      const names = Reflect.ownKeys(globalThis)
      globalThis.imported = await import('/page/grantkit.js')
      const more = Reflect.ownKeys(globalThis).filter((name) => !names.includes(name))
      return [used.splice(0), more.map(String)]
    })
    assert.deepEqual(used, [])
    assert.deepEqual(more, ['imported'])
    assert.deepEqual(
      site.requests.slice(before).map(({ url }) => url),
      ['/page/grantkit.js'],
    )
    assert.deepEqual(provider.requests, [])

    const seen = await app.run(async () => {
      const { options, used } = globalThis
      await imported.createSession(options)
      return [...used]
    })
    for (const name of ['fetch', 'WebAssembly.instantiateStreaming', 'sessionStorage']) {
      assert.ok(seen.includes(name), `the first call is noted: ${name} of ${seen}`)
    }
  })
})
