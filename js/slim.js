// Bring the bytes: `init(source)` with a URL, a Response, bytes or a module; `initSync({ module })`.

import initGlue, { initSync as initGlueSync } from '../pkg/grantkit.js'
import { busy, onTrap, openClient, openSession, openValidator, reset } from '../pkg/grantkit.js'
import { clients } from './client.js'
import { Instance } from './grantkit.js'
import { validators } from './guard.js'
import { sessions } from './session.js'

let loading

export async function init(source) {
  loading = initGlue({ module_or_path: source })
  await loading
}

export function initSync(source) {
  initGlueSync(source)
  loading = Promise.resolve()
}

const instance = /* @__PURE__ */ new Instance({ busy, reset, onTrap }, () => {
  if (!loading) throw new Error('init was not called')
  return loading
})

export const createSession = /* @__PURE__ */ sessions(instance, openSession)
export const createTokenClient = /* @__PURE__ */ clients(instance, openClient)
export const createTokenValidator = /* @__PURE__ */ validators(instance, openValidator)
export { GrantError } from './error.js'
