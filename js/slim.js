// Bring the bytes: `init(source)` with a URL, a Response, bytes or a module; `initSync({ module })`.

import initGlue, { initSync as initGlueSync } from '../pkg/grantkit.js'
import { factories } from './grantkit.js'

let loading

export async function init(source) {
  loading = initGlue({ module_or_path: source })
  await loading
}

export function initSync(source) {
  initGlueSync(source)
  loading = Promise.resolve()
}

export const { createSession, createTokenClient } = factories(() => {
  if (!loading) throw new Error('init was not called')
  return loading
})
export { GrantError } from './error.js'
