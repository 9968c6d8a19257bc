// Node, Deno and Bun: the bytes are read from the file beside the glue, when first needed.

import { initSync } from '../pkg/grantkit.js'
import { factories } from './grantkit.js'

let loading

async function load() {
  const { readFile } = await import('node:fs/promises')
  const bytes = await readFile(new URL('../pkg/grantkit_bg.wasm', import.meta.url))
  initSync({ module: await WebAssembly.compile(bytes) })
}

export const { createSession, createTokenClient } = factories(() => {
  loading ??= load()
  loading.catch(() => (loading = undefined))
  return loading
})
export { GrantError } from './error.js'
