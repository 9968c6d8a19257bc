// Law 13: the public objects. A private handle each, forwarding; the catch for a trap; and the one fast
// path. No protocol logic.

import { asError, grantError } from './error.js'
import * as glue from '../pkg/grantkit.js'

const trapped = (error) => error instanceof WebAssembly.RuntimeError
const poisoned = () =>
  grantError('instance_poisoned', 'The WebAssembly instance failed and was dropped; call again.', {
    retryable: true,
  })

// Calls under way, so that none hangs when the instance fails beneath it; and which instance is in use.
const pending = new Set()
let generation = 0

function poison() {
  generation++
  // The next call of the glue makes a fresh instance of the same module.
  glue.reset()
  for (const reject of pending) reject(poisoned())
  pending.clear()
}

// Nearly all work goes on in callbacks of promises: a trap there is told by the glue, see scripts/wasm.mjs.
glue.onTrap((error) => {
  if (trapped(error)) poison()
})

/** A synchronous call into the wasm. */
function enter(call) {
  // At work while nothing of it runs: it trapped in between, in a callback of its own.
  if (glue.busy()) {
    poison()
    throw poisoned()
  }
  try {
    return call()
  } catch (error) {
    if (!trapped(error)) throw asError(error)
    poison()
    throw poisoned()
  }
}

/** A call that answers with a promise. */
function begin(call) {
  return new Promise((resolve, reject) => {
    const promise = enter(call)
    pending.add(reject)
    const settle = (how) => (value) => {
      pending.delete(reject)
      how(value)
    }
    promise.then(
      settle(resolve),
      settle((error) => reject(asError(error))),
    )
  })
}

const closed = () =>
  grantError('closed', 'The session or client was closed; make a new one.', { fault: 'caller' })

/** What both public classes stand on: the handle, the held token, the clock. */
class Connection {
  #open
  #now
  #handle
  #generation
  #closed = false
  #token
  #until = 0

  constructor(open, now) {
    this.#open = open
    this.#now = now
  }

  hold = (token, until) => {
    this.#token = token
    this.#until = until
  }

  get isClosed() {
    return this.#closed
  }

  adopt(handle, made) {
    this.#handle = handle
    this.#generation = made
    if (this.#closed) this.close()
  }

  /** The handle, made anew after a failure of the instance. */
  handle() {
    if (this.#closed) throw closed()
    if (this.#generation !== generation) {
      this.hold(undefined, 0)
      this.#generation = generation
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
      const run = (handle) => begin(() => handle.call(name, ...values))
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
    return typeof handle.then === 'function' ? absent : enter(() => handle.look(name))
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
    if (this.#generation === generation && handle && typeof handle.then !== 'function') {
      this.#handle = undefined
      enter(() => handle.close())
      // What is under way has its own share of the session.
      handle.free()
    }
  }
}

// A clock that throws is no clock: NaN never compares, so the wasm decides.
const clock = (options) => {
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
const redacted = () => '[redacted]'
const inspect = Symbol.for('nodejs.util.inspect.custom')
const dispose = Symbol.dispose ?? Symbol.for('Symbol.dispose')
const KEY = Symbol('key')

export class Session {
  #connection
  #events

  constructor(key, connection, events) {
    if (key !== KEY) throw new TypeError('Use createSession')
    this.#connection = connection
    this.#events = events
  }

  get signedIn() {
    return this.#connection.look('signedIn', false)
  }
  get claims() {
    return this.#connection.look('claims', null)
  }
  get expiresAt() {
    return this.#connection.look('expiresAt', null)
  }
  get sessionExpiresAt() {
    return this.#connection.look('sessionExpiresAt', null)
  }
  get idToken() {
    return this.#connection.look('idToken', null)
  }
  get scope() {
    return this.#connection.look('scope', null)
  }
  signIn(options) {
    return this.#connection.call('signIn', options)
  }
  handleCallback(url, options) {
    return this.#connection.call('handleCallback', url, options)
  }
  getAccessToken(options) {
    return this.#connection.token(options)
  }
  fetch(input, init, options) {
    return this.#connection.call('fetch', input, init, options)
  }
  userInfo(options) {
    return this.#connection.call('userInfo', options)
  }
  signOut(options) {
    return this.#connection.call('signOut', options)
  }
  on(type, listener) {
    return this.#events.on(type, listener)
  }
  close() {
    this.#events.close()
    this.#connection.close()
  }
  [dispose]() {
    this.close()
  }
  toJSON() {
    return redacted()
  }
  toString() {
    return redacted()
  }
  [inspect]() {
    return 'Session [redacted]'
  }
}

const EVENTS = ['signed-in', 'renewed', 'renewal-failed', 'expired', 'signed-out', 'warning']

class Events {
  #listeners = new Map(EVENTS.map((type) => [type, new Set()]))
  // Warnings from before the first listener wait for it.
  #early = []

  emit = (type, payload) => {
    const event = { ...payload, type }
    if (event.error) event.error = asError(event.error)
    const listeners = this.#listeners.get(type)
    if (type === 'warning' && listeners.size === 0) this.#early.push(event)
    for (const listener of [...listeners]) deliver(listener, event)
  }

  on(type, listener) {
    const listeners = this.#listeners.get(type)
    if (!listeners || typeof listener !== 'function') {
      throw grantError(
        'config_invalid',
        'There is no such event, or the listener is no function.',
        {
          fault: 'caller',
          detail: 'on',
        },
      )
    }
    // A wrapper of its own, so that each subscription ends by itself.
    const entry = (event) => listener(event)
    listeners.add(entry)
    if (type === 'warning') for (const event of this.#early.splice(0)) deliver(entry, event)
    return () => void listeners.delete(entry)
  }

  close() {
    for (const listeners of this.#listeners.values()) listeners.clear()
  }
}

/** A listener that throws is the page's affair, not the session's. */
function deliver(listener, event) {
  try {
    listener(event)
  } catch (error) {
    if (typeof reportError === 'function') reportError(error)
    else
      queueMicrotask(() => {
        throw error
      })
  }
}

export class TokenClient {
  #connection

  constructor(key, connection) {
    if (key !== KEY) throw new TypeError('Use createTokenClient')
    this.#connection = connection
  }

  getAccessToken(options) {
    return this.#connection.token(options)
  }
  fetch(input, init, options) {
    return this.#connection.call('fetch', input, init, options)
  }
  requestToken(request) {
    return this.#connection.call('requestToken', request)
  }
  clientCredentials(request) {
    return this.#connection.call('clientCredentials', request)
  }
  authorizationCode(request) {
    return this.#connection.call('authorizationCode', request)
  }
  refreshToken(request) {
    return this.#connection.call('refreshToken', request)
  }
  deviceCode(request) {
    return this.#connection.call('deviceCode', request)
  }
  backchannel(request) {
    return this.#connection.call('backchannel', request)
  }
  tokenExchange(request) {
    return this.#connection.call('tokenExchange', request)
  }
  jwtBearer(request) {
    return this.#connection.call('jwtBearer', request)
  }
  password(request) {
    return this.#connection.call('password', request)
  }
  authorizationRequest(request) {
    return this.#connection.call('authorizationRequest', request)
  }
  callback(answer, request, options) {
    return this.#connection.call('callback', answer, request, options)
  }
  validateIdToken(idToken, expected) {
    return this.#connection.call('validateIdToken', idToken, expected)
  }
  endSessionUrl(request) {
    return this.#connection.call('endSessionUrl', request)
  }
  metadata(options) {
    return this.#connection.call('metadata', options)
  }
  userInfo(accessToken, expectedSubject, options) {
    return this.#connection.call('userInfo', accessToken, expectedSubject, options)
  }
  revoke(token, options) {
    return this.#connection.call('revoke', token, options)
  }
  close() {
    this.#connection.close()
  }
  [dispose]() {
    this.close()
  }
  toJSON() {
    return redacted()
  }
  toString() {
    return redacted()
  }
  [inspect]() {
    return 'TokenClient [redacted]'
  }
}

/** The two ways in, over whatever makes the wasm ready: `load` answers nothing, or a promise. */
export function factories(load) {
  const ready = async () => {
    try {
      await load()
    } catch (error) {
      throw grantError(
        'wasm_unavailable',
        "The WebAssembly file could not be loaded or compiled; a policy needs 'wasm-unsafe-eval'.",
        { detail: error?.name },
      )
    }
  }
  return {
    async createSession(options) {
      await ready()
      const events = new Events()
      const open = () => begin(() => glue.openSession(options, connection.hold, events.emit))
      const connection = new Connection(open, clock(options))
      connection.adopt(await open(), generation)
      return new Session(KEY, connection, events)
    },
    async createTokenClient(options) {
      await ready()
      const open = () => enter(() => glue.openClient(options, connection.hold))
      const connection = new Connection(open, clock(options))
      connection.adopt(open(), generation)
      return new TokenClient(KEY, connection)
    },
  }
}
