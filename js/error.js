// The one class of errors, for all entry points. `message` is for people: no secret, no server's text.

const MAKE = Symbol('make')

export class GrantError extends Error {
  constructor(key, fields) {
    if (key !== MAKE) throw new TypeError('GrantError is made by grantkit alone')
    super(`${fields.code}${fields.detail ? ` (${fields.detail})` : ''}: ${fields.advice}`)
    for (const [name, value] of Object.entries(fields)) {
      if (value !== undefined && name !== 'advice') {
        Object.defineProperty(this, name, { value, enumerable: true })
      }
    }
  }

  // A server's words and answer may hold what a log must not.
  toJSON() {
    const { name, code, message, fault, retryable, loginRequired, status, detail } = this
    return { name, code, message, fault, retryable, loginRequired, status, detail }
  }
}
Object.defineProperty(GrantError.prototype, 'name', { value: 'GrantError' })

/** Out of the fields that the wasm rejects with; anything else is passed on as it is. */
export const asError = (thrown) =>
  thrown &&
  typeof thrown === 'object' &&
  typeof thrown.fault === 'string' &&
  !(thrown instanceof Error)
    ? new GrantError(MAKE, thrown)
    : thrown

export const grantError = (code, advice, more) =>
  new GrantError(MAKE, {
    code,
    advice,
    fault: 'internal',
    retryable: false,
    loginRequired: false,
    ...more,
  })
