// The packed package in workerd, bundled as a user's Worker is.

import { readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'

import * as esbuild from 'esbuild'
import { Miniflare } from 'miniflare'

export const DATES = ['2024-09-01', '2026-04-01']

/** Bundles the cases of a project; `known` is what they know of the stage. */
export async function bundle(project, known) {
  const out = join(project, 'worker')
  await esbuild.build({
    entryPoints: [join(project, 'cases', 'worker.mjs')],
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
