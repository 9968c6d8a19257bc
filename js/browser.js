// A browser: the bytes lie beside the glue. Bundlers see `new URL(…, import.meta.url)` and bring the file.

import init, { busy, onTrap, openClient, openSession, reset } from '../pkg/grantkit.js'
import { clients } from './client.js'
import { Instance } from './grantkit.js'
import { sessions } from './session.js'

const instance = /* @__PURE__ */ new Instance({ busy, reset, onTrap }, () =>
  init({ module_or_path: new URL('../pkg/grantkit_bg.wasm', import.meta.url) }),
)

export const createSession = /* @__PURE__ */ sessions(instance, openSession)
export const createTokenClient = /* @__PURE__ */ clients(instance, openClient)
export { GrantError } from './error.js'
