// workerd and its like refuse to compile bytes: the file is imported as a module.

import module from '../pkg/grantkit_bg.wasm'
import { initSync } from '../pkg/grantkit.js'
import { factories } from './grantkit.js'

let ready = false

export const { createSession, createTokenClient } = factories(() => {
  if (!ready) initSync({ module })
  ready = true
})
export { GrantError } from './error.js'
