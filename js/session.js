// The public class Session, its events, and the way in.

import { asError, grantError } from './error.js'
import { Connection, KEY, clock, dispose, inspect, redacted } from './grantkit.js'

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
  // Warnings from before the first listener wait for it; not more than somebody could read.
  #early = []

  emit = (type, payload) => {
    const event = { ...payload, type }
    if (event.error) event.error = asError(event.error)
    const listeners = this.#listeners.get(type)
    if (type === 'warning' && listeners.size === 0 && this.#early.length < 20)
      this.#early.push(event)
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

/** The way in, by `openSession` of an instance's glue. */
export function sessions(instance, openSession) {
  return async function createSession(options) {
    await instance.ready()
    const events = new Events()
    const open = () => instance.begin(() => openSession(options, connection.hold, events.emit))
    const connection = new Connection(instance, open, clock(options))
    connection.adopt(await open(), instance.generation)
    return new Session(KEY, connection, events)
  }
}
