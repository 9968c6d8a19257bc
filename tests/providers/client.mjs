// The packed package as a server has it, what it sent, and how it refuses.

import assert from 'node:assert/strict'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { pathToFileURL } from 'node:url'

import { scratch } from '../support/package.mjs'

const { resolve } = createRequire(join(scratch(), 'index.js'))
/** Where its files are. */
export const PACKAGE = dirname(dirname(resolve('grantkit')))
export const { GrantError, createTokenClient } = await import(
  pathToFileURL(resolve('grantkit')).href
)

/** Where people come back to; nobody listens there. */
export const CALLBACK = 'https://app.example/callback'

/** A `fetch` that keeps what it sends: { method, path, headers, form }. */
export function recorder() {
  const requests = []
  const recorded = async (input, init) => {
    const request = new Request(input, init)
    const form = new URLSearchParams(await request.clone().text())
    const { pathname: path } = new URL(request.url)
    // As they were given: a Request adds its own.
    const headers = Object.fromEntries(new Headers(init?.headers ?? input.headers))
    requests.push({ method: request.method, path, headers, form: Object.fromEntries(form) })
    return fetch(input, init)
  }
  return { fetch: recorded, requests, to: (path) => requests.filter((one) => one.path === path) }
}

/** Signs a person in, and brings the answer back. */
export async function signedIn(client, person, request) {
  const pending = await client.authorizationRequest(request)
  return client.callback(await person.signIn(pending.url), pending)
}

/** A promise that must be refused with a GrantError of that code and these fields; the error. */
export async function refused(promise, code, fields = {}) {
  const error = await promise.then(
    (value) => assert.fail(`not refused with ${code}: ${JSON.stringify(value)}`),
    (reason) => reason,
  )
  assert.ok(error instanceof GrantError, `no GrantError: ${error.stack ?? error}`)
  const told = { code: error.code }
  for (const name of Object.keys(fields)) told[name] = error[name]
  assert.deepEqual(told, { code, ...fields }, `${error}`)
  return error
}

/** The claims of a JWT, which nobody checks. */
export function claimsOf(jwt) {
  return JSON.parse(Buffer.from(jwt.split('.')[1], 'base64url'))
}
