// The programs of pages/, bundled as a page would load them, and their sizes.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { brotliCompressSync, constants } from 'node:zlib'
import * as esbuild from 'esbuild'
import { ROOT } from '../scripts/setup.mjs'

export const OURS = 'grantkit'
const PEERS = ['oidc-client-ts', 'oauth4webapi']

/** Each with `{ name, version, script, wasm, size }`, ours first. */
export async function programs() {
  const wasm = readFileSync(join(ROOT, 'pkg', 'session_bg.wasm'))
  const ours = program(OURS, ROOT, wasm)
  const peers = PEERS.map((name) => program(name, join(ROOT, 'node_modules', name)))
  return Promise.all([ours, ...peers])
}

/** A program that is timed and not weighed. */
export const floor = async () => ({ name: 'floor', script: await bundle('floor') })

async function program(name, folder, wasm) {
  const { version } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'))
  const script = await bundle(name)
  const size = { script: weigh(script), wasm: wasm && weigh(wasm) }
  size.total = size.script.brotli + (size.wasm?.brotli ?? 0)
  return { name, version, script, wasm, size }
}

async function bundle(name) {
  const { outputFiles } = await esbuild.build({
    entryPoints: [join(ROOT, 'bench', 'pages', `${name}.js`)],
    bundle: true,
    minify: true,
    format: 'esm',
    platform: 'browser',
    target: 'es2022',
    legalComments: 'none',
    write: false,
    logLevel: 'error',
  })
  return Buffer.from(outputFiles[0].contents)
}

function weigh(bytes) {
  const { BROTLI_PARAM_QUALITY, BROTLI_PARAM_SIZE_HINT } = constants
  const params = { [BROTLI_PARAM_QUALITY]: 11, [BROTLI_PARAM_SIZE_HINT]: bytes.length }
  return { raw: bytes.length, brotli: brotliCompressSync(bytes, { params }).length }
}
