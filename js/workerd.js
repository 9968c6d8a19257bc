// workerd and its like refuse to compile bytes: the file is imported as a module.

import module from '../pkg/grantkit_bg.wasm'
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

const instance = /* @__PURE__ */ new Instance(
  { busy, reset, onTrap },
  () => void initSync({ module }),
)

export const createSession = /* @__PURE__ */ sessions(instance, openSession)
export const createTokenClient = /* @__PURE__ */ clients(instance, openClient)
export const createTokenValidator = /* @__PURE__ */ validators(instance, openValidator)
export { GrantError } from './error.js'
