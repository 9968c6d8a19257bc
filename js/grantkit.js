// Law 13: what the public objects stand on. An instance of a wasm with the catch for a trap; and a
// connection: a private handle, forwarding, and the one fast path. No protocol logic.

import { asError, grantError } from './error.js'

const trapped = (error) => error instanceof WebAssembly.RuntimeError
const poisoned = () =>
  grantError('instance_poisoned', 'The WebAssembly instance failed and was dropped; call again.', {
    retryable: true,
  })

/** The one instance of a wasm, behind its own glue: when it fails, that of another wasm lives on. */
export class Instance {
  #busy
  #reset
  #load
  #loading
  // Calls under way, so that none hangs when the instance fails beneath it.
  #pending = new Set()
  /** Which instance is in use. */
  generation = 0

  /** Three functions of the glue, and what makes it ready, at once or by a promise. */
  constructor({ busy, reset, onTrap }, load) {
    this.#busy = busy
    this.#reset = reset
    this.#load = load
    // Nearly all work goes on in callbacks of promises: a trap there is told by the glue, see
    // scripts/wasm.mjs.
    onTrap((error) => {
      if (trapped(error)) this.#poison()
    })
  }

  /** Loads the wasm, once; a load that failed may succeed next time. */
  async ready() {
    try {
      await (this.#loading ??= this.#load())
    } catch (error) {
      this.#loading = undefined
      throw grantError(
        'wasm_unavailable',
        "The WebAssembly file could not be loaded or compiled; a policy needs 'wasm-unsafe-eval'.",
        { detail: error?.name },
      )
    }
  }

  #poison() {
    this.generation++
    // The next call of the glue makes a fresh instance of the same module.
    this.#reset()
    for (const reject of this.#pending) reject(poisoned())
    this.#pending.clear()
  }

  /** A synchronous call into the wasm. */
  enter(call) {
    // At work while nothing of it runs: it trapped in between, in a callback of its own.
    if (this.#busy()) {
      this.#poison()
      throw poisoned()
    }
    try {
      return call()
    } catch (error) {
      if (!trapped(error)) throw asError(error)
      this.#poison()
      throw poisoned()
    }
  }

  /** A call that answers with a promise. */
  begin(call) {
    return new Promise((resolve, reject) => {
      const promise = this.enter(call)
      this.#pending.add(reject)
      const settle = (how) => (value) => {
        this.#pending.delete(reject)
        how(value)
      }
      promise.then(
        settle(resolve),
        settle((error) => reject(asError(error))),
      )
    })
  }
}

const closed = () =>
  grantError('closed', 'The session or client was closed; make a new one.', { fault: 'caller' })

/** What both public classes stand on: the handle, the held token, the clock. */
export class Connection {
  #instance
  #open
  #now
  #handle
  #generation
  #closed = false
  #token
  #until = 0

  constructor(instance, open, now) {
    this.#instance = instance
    this.#open = open
    this.#now = now
  }

  hold = (token, until) => {
    this.#token = token
    this.#until = until
  }

  adopt(handle, made) {
    this.#handle = handle
    this.#generation = made
    if (this.#closed) this.close()
  }

  /** The handle, made anew after a failure of the instance. */
  handle() {
    if (this.#closed) throw closed()
    if (this.#generation !== this.#instance.generation) {
      this.hold(undefined, 0)
      this.#generation = this.#instance.generation
      const opening = (this.#handle = this.#open())
      opening.then?.(
        (made) => {
          if (this.#handle === opening) this.adopt(made, this.#generation)
        },
        // The next call opens it again.
        () => {
          if (this.#handle === opening) this.#generation = undefined
        },
      )
    }
    return this.#handle
  }

  call(name, ...values) {
    try {
      const run = (handle) => this.#instance.begin(() => handle.call(name, ...values))
      const handle = this.handle()
      if (typeof handle.then !== 'function') return run(handle)
      return handle.then(run)
    } catch (error) {
      return Promise.reject(error)
    }
  }

  look(name, absent) {
    if (this.#closed) return absent
    const handle = this.handle()
    return typeof handle.then === 'function'
      ? absent
      : this.#instance.enter(() => handle.look(name))
  }

  /** The hottest call: a look at a held string. */
  token(options) {
    if (options === undefined && this.#token !== undefined && this.#now() < this.#until) {
      return Promise.resolve(this.#token)
    }
    return this.call('getAccessToken', options)
  }

  close() {
    this.#closed = true
    this.hold(undefined, 0)
    const handle = this.#handle
    if (
      this.#generation === this.#instance.generation &&
      handle &&
      typeof handle.then !== 'function'
    ) {
      this.#handle = undefined
      this.#instance.enter(() => handle.close())
      // What is under way has its own share of the session.
      handle.free()
    }
  }
}

/** A connection to what the glue's `open` makes at once. */
export async function connected(instance, make, options) {
  await instance.ready()
  const open = () => instance.enter(() => make(options, connection.hold))
  const connection = new Connection(instance, open, clock(options))
  connection.adopt(open(), instance.generation)
  return connection
}

// A clock that throws is no clock: NaN never compares, so the wasm decides.
export const clock = (options) => {
  const now = options?.now
  if (typeof now !== 'function') return Date.now
  return () => {
    try {
      return now()
    } catch {
      return NaN
    }
  }
}

// The held token and everything else that is secret stays behind private names (R175).
export const redacted = () => '[redacted]'
export const inspect = Symbol.for('nodejs.util.inspect.custom')
export const dispose = Symbol.dispose ?? Symbol.for('Symbol.dispose')
/** Who has it may make a public object. */
export const KEY = Symbol('key')
