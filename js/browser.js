// A browser: the bytes lie beside the glue. Bundlers see `new URL(…, import.meta.url)` and bring the file.

import init from '../pkg/grantkit.js'
import { factories } from './grantkit.js'

let loading

export const { createSession, createTokenClient } = factories(() => {
  loading ??= init({ module_or_path: new URL('../pkg/grantkit_bg.wasm', import.meta.url) })
  // A load that failed may succeed next time.
  loading.catch(() => (loading = undefined))
  return loading
})
export { GrantError } from './error.js'
