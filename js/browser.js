// A browser: the bytes lie beside the glue. Bundlers see `new URL(…, import.meta.url)` and bring the file.
// Each way in has a wasm of its own and no effect before it is called: a page that imports one of them
// loads nothing of the other.

import initSession, * as session from '../pkg/session.js'
import initWhole, * as whole from '../pkg/grantkit.js'
import { clients } from './client.js'
import { Instance } from './grantkit.js'
import { sessions } from './session.js'

export const createSession = /* @__PURE__ */ sessions(
  /* @__PURE__ */ new Instance(
    { busy: session.busy, reset: session.reset, onTrap: session.onTrap },
    () => initSession({ module_or_path: new URL('../pkg/session_bg.wasm', import.meta.url) }),
  ),
  session.openSession,
)
export const createTokenClient = /* @__PURE__ */ clients(
  /* @__PURE__ */ new Instance({ busy: whole.busy, reset: whole.reset, onTrap: whole.onTrap }, () =>
    initWhole({ module_or_path: new URL('../pkg/grantkit_bg.wasm', import.meta.url) }),
  ),
  whole.openClient,
)
export { GrantError } from './error.js'
