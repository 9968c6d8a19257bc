// The public class TokenValidator, and the way in.

import { Connection, KEY, clock, dispose, inspect, redacted } from './grantkit.js'

export class TokenValidator {
  #connection

  constructor(key, connection) {
    if (key !== KEY) throw new TypeError('Use createTokenValidator')
    this.#connection = connection
  }

  validate(request, options) {
    return this.#connection.call('validate', request, options)
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
    return 'TokenValidator [redacted]'
  }
}

/** The way in, by `openValidator` of an instance's glue. */
export function validators(instance, openValidator) {
  return async function createTokenValidator(options) {
    await instance.ready()
    const open = () => instance.enter(() => openValidator(options, connection.hold))
    const connection = new Connection(instance, open, clock(options))
    connection.adopt(open(), instance.generation)
    return new TokenValidator(KEY, connection)
  }
}
