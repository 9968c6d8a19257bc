// A browser: the bytes lie beside the glue. Bundlers see `new URL(…, import.meta.url)` and bring the file.
// Sessions have a wasm of their own, and no way in has an effect before it is called: a page that
// imports `createSession` loads nothing of the others.

import initSession, * as session from '../pkg/session.js'
import initWhole, * as whole from '../pkg/grantkit.js'
import { clients } from './client.js'
import { Instance } from './grantkit.js'
import { validators } from './guard.js'
import { sessions } from './session.js'

export const createSession = /* @__PURE__ */ sessions(
  /* @__PURE__ */ new Instance(
    { busy: session.busy, reset: session.reset, onTrap: session.onTrap },
    () => initSession({ module_or_path: new URL('../pkg/session_bg.wasm', import.meta.url) }),
  ),
  session.openSession,
)
const edge = /* @__PURE__ */ new Instance(
  { busy: whole.busy, reset: whole.reset, onTrap: whole.onTrap },
  () => initWhole({ module_or_path: new URL('../pkg/grantkit_bg.wasm', import.meta.url) }),
)
export const createTokenClient = /* @__PURE__ */ clients(edge, whole.openClient)
export const createTokenValidator = /* @__PURE__ */ validators(edge, whole.openValidator)
export { GrantError } from './error.js'
