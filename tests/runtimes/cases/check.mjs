// Assertions without a module of any runtime.

import { GrantError } from 'grantkit'

export function ok(value, message = 'not so') {
  if (!value) throw new Error(message)
}

/** The same value, or the same plain structure. */
export function equal(actual, expected, message = 'not equal') {
  if (!alike(actual, expected)) {
    throw new Error(`${message}: got ${told(actual)}, wanted ${told(expected)}`)
  }
}

export function includes(text, part, message = 'not in it') {
  ok(text.includes(part), `${message}: ${part} in ${text}`)
}

/** A promise that must be refused with a GrantError of that code and these fields; the error. */
export async function refused(promise, code, fields = {}, message = '') {
  const error = await promise.then(
    (value) => {
      throw new Error(`${message} not refused with ${code}: ${told(value)}`)
    },
    (reason) => reason,
  )
  ok(error instanceof GrantError && error instanceof Error, `${message} no GrantError: ${error}`)
  equal(error.code, code, `${message} code of ${error}`)
  for (const [name, value] of Object.entries(fields)) {
    equal(error[name], value, `${message} ${name} of ${error}`)
  }
  equal(error.name, 'GrantError')
  ok(error.message.startsWith(code), error.message)
  ok(FAULTS.includes(error.fault), error.fault)
  equal([typeof error.retryable, typeof error.loginRequired], ['boolean', 'boolean'])
  return error
}

const FAULTS = ['caller', 'server', 'response', 'network', 'internal']

function alike(one, other) {
  if (Object.is(one, other)) return true
  if (typeof one !== 'object' || typeof other !== 'object' || !one || !other) return false
  if (Array.isArray(one) !== Array.isArray(other)) return false
  const names = Object.keys(one)
  return (
    names.length === Object.keys(other).length &&
    names.every((name) => Object.hasOwn(other, name) && alike(one[name], other[name]))
  )
}

function told(value) {
  if (value instanceof Error) return String(value)
  return JSON.stringify(value) ?? String(value)
}
