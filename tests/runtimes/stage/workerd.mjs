// The packed package in workerd, bundled as a user's Worker is.

import { readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'

import * as esbuild from 'esbuild'
import { Miniflare } from 'miniflare'

export const DATES = ['2024-09-01', '2026-04-01']

/** Bundles a Worker of a project; `known` is what it knows of the stage. */
export async function bundle(project, known, entry = 'worker.mjs') {
  const out = join(project, 'out', entry)
  await esbuild.build({
    entryPoints: [join(project, 'cases', entry)],
    bundle: true,
    format: 'esm',
    conditions: ['workerd', 'worker'],
    loader: { '.wasm': 'copy' },
    define: { STAGE: JSON.stringify(known) },
    outfile: join(out, 'worker.js'),
    logLevel: 'silent',
  })
  const [wasm, ...more] = readdirSync(out).filter((name) => name.endsWith('.wasm'))
  if (!wasm || more.length) throw new Error('one .wasm was expected')
  return [
    {
      type: 'ESModule',
      path: 'worker.js',
      contents: readFileSync(join(out, 'worker.js'), 'utf8'),
    },
    { type: 'CompiledWasm', path: wasm, contents: readFileSync(join(out, wasm)) },
  ]
}

export async function startWorker(modules, compatibilityDate) {
  const printed = []
  let noticed = () => {}
  const keep = (stream) =>
    stream.setEncoding('utf8').on('data', (text) => {
      printed.push(text)
      noticed()
    })
  const worker = new Miniflare({
    cf: false,
    compatibilityDate,
    modules,
    handleRuntimeStdio(stdout, stderr) {
      keep(stdout)
      keep(stderr)
    },
  })
  await worker.ready
  return {
    printed,
    /** Settles when a text has been printed. */
    printedSoFar: (text) =>
      new Promise((resolve) => {
        noticed = () => printed.join('').includes(text) && resolve()
        noticed()
      }),
    /** A request as it comes from outside. */
    fetch: (url, init) => worker.dispatchFetch(url, init),
    /** One request of that kind; its answer. */
    async ask(kind, given = {}) {
      const body = JSON.stringify({ kind, ...given })
      const answer = await worker.dispatchFetch('http://worker.example/', { method: 'POST', body })
      const text = await answer.text()
      if (answer.status !== 200) throw new Error(`${answer.status}: ${text}`)
      return JSON.parse(text)
    },
    close: () => worker.dispose(),
  }
}

/** Isolates of one Worker with a KV namespace that they share; one more has the Durable Objects of all. */
export async function startIsolates(modules, compatibilityDate, number) {
  const names = Array.from({ length: number }, (_, i) => `isolate-${i}`)
  const workers = [...names, 'objects'].map((name) => ({
    name,
    modules,
    compatibilityDate,
    kvNamespaces: { KV: 'tokens' },
    serviceBindings: { SELF: name },
    durableObjects: { TOKENS: { className: 'GrantkitTokens', scriptName: 'objects' } },
  }))
  const runtime = new Miniflare({ cf: false, workers })
  await runtime.ready
  const fetchers = await Promise.all(workers.map(({ name }) => runtime.getWorker(name)))
  return {
    /** By its number; the one behind the last has the Durable Objects. */
    async ask(isolate, kind, given = {}) {
      const body = JSON.stringify({ kind, ...given })
      const answer = await fetchers[isolate].fetch('http://worker.example/', {
        method: 'POST',
        body,
      })
      const text = await answer.text()
      if (answer.status !== 200) throw new Error(`${answer.status}: ${text}`)
      return JSON.parse(text)
    },
    /** What whoever reads the namespace sees: `[name, value, seconds of its end]`. */
    async kv() {
      const namespace = await runtime.getKVNamespace('KV', names[0])
      const { keys } = await namespace.list()
      return Promise.all(
        keys.map(async ({ name, expiration }) => [name, await namespace.get(name), expiration]),
      )
    },
    async plant(name, value) {
      await (await runtime.getKVNamespace('KV', names[0])).put(name, value)
    },
    async forget() {
      const namespace = await runtime.getKVNamespace('KV', names[0])
      for (const { name } of (await namespace.list()).keys) await namespace.delete(name)
    },
    close: () => runtime.dispose(),
  }
}
