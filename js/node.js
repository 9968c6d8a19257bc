// Node, Deno and Bun: the bytes are read from the file beside the glue, when first needed.

import {
  busy,
  initSync,
  onTrap,
  openClient,
  openSession,
  openValidator,
  reset,
} from '../pkg/grantkit.js'
import { clients } from './client.js'
import { Instance } from './grantkit.js'
import { validators } from './guard.js'
import { sessions } from './session.js'

const instance = /* @__PURE__ */ new Instance({ busy, reset, onTrap }, async () => {
  const { readFile } = await import('node:fs/promises')
  const bytes = await readFile(new URL('../pkg/grantkit_bg.wasm', import.meta.url))
  initSync({ module: await WebAssembly.compile(bytes) })
})

export const createSession = /* @__PURE__ */ sessions(instance, openSession)
export const createTokenClient = /* @__PURE__ */ clients(instance, openClient)
export const createTokenValidator = /* @__PURE__ */ validators(instance, openValidator)
export { GrantError } from './error.js'
