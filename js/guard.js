// The public class TokenValidator, and the way in.

import { KEY, connected, dispose, inspect, redacted } from './grantkit.js'

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
    return new TokenValidator(KEY, await connected(instance, openValidator, options))
  }
}
