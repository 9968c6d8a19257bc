// Renders as a server would, tells what it reached for, and is not made to end.
const [entry, given] = process.argv.slice(2)
const options = JSON.parse(given)

const reached = []
const watch = (name) => {
  const real = globalThis[name]
  globalThis[name] = new Proxy(real, {
    apply(target, self, values) {
      reached.push(name)
      return Reflect.apply(target, self, values)
    },
    construct(target, values) {
      reached.push(name)
      return Reflect.construct(target, values)
    },
  })
  return () => (globalThis[name] = real)
}

const { open, render } = await import(entry)
const names = ['fetch', 'setTimeout', 'setInterval', 'setImmediate', 'BroadcastChannel']
const stops = [...names, 'MessageChannel'].map(watch)
const { session, ...told } = await open(options)
for (const stop of stops) stop()
const html = await render()
const active = process.getActiveResourcesInfo().filter((kind) => !/^(TTY|Pipe|File)|Req/.test(kind))
process.stdout.write(JSON.stringify({ ...told, reached, active, html }))
