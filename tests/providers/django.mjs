// django-oauth-toolkit, the most used server of Python, on a free port over a fresh database.
//
//   const provider = await startDjango()
//   provider.issuer       'http://127.0.0.1:43210/o'
//   await provider.person().signIn(url)

import { fileURLToPath } from 'node:url'

import { findDjango } from '../../scripts/providers.mjs'
import { createPerson } from '../support/person.mjs'
import { CALLBACK } from './client.mjs'
import { started, temporary } from './started.mjs'

const SERVER = fileURLToPath(new URL('django/server.py', import.meta.url))
const DEVICE_GRANT = 'urn:ietf:params:oauth:grant-type:device_code'

const python = findDjango()
/** For tests of it: why they cannot run, or false. */
export const skip = python
  ? false
  : 'django-oauth-toolkit is not installed; `npm test -- providers` installs it'

export const SECRET = 'app-secret-of-32-characters-or-more'
// Basic authentication carries it percent-encoded. RFC 6749, section 2.3.1.
export const ODD_SECRET = 'odd: secret %41 + é & = ? ü, 32 characters'

const confidential = {
  client_type: 'confidential',
  client_secret: SECRET,
  algorithm: 'RS256',
  redirect_uris: CALLBACK,
  post_logout_redirect_uris: CALLBACK,
}

// An application has one grant type, beside refresh tokens.
const APPLICATIONS = [
  { ...confidential, client_id: 'machine', authorization_grant_type: 'client-credentials' },
  {
    ...confidential,
    client_id: 'odd',
    client_secret: ODD_SECRET,
    authorization_grant_type: 'client-credentials',
  },
  { ...confidential, client_id: 'app', authorization_grant_type: 'authorization-code' },
  {
    ...confidential,
    client_id: 'app-hs256',
    algorithm: 'HS256',
    // A server that keeps a hash of the secret cannot sign with it.
    hash_client_secret: false,
    authorization_grant_type: 'authorization-code',
  },
  { ...confidential, client_id: 'trusted', authorization_grant_type: 'password' },
  {
    ...confidential,
    client_id: 'public',
    client_type: 'public',
    client_secret: '',
    authorization_grant_type: 'authorization-code',
  },
  {
    ...confidential,
    client_id: 'device',
    client_type: 'public',
    client_secret: '',
    authorization_grant_type: DEVICE_GRANT,
  },
]

const PEOPLE = [
  { name: 'alice', password: 'alice', email: 'alice@example.com' },
  // Signed in long ago, whenever asked.
  { name: 'bob', password: 'bob', email: 'bob@example.com', since: '2020-01-01T00:00:00Z' },
]

export async function startDjango() {
  const order = { folder: temporary('django'), people: PEOPLE, applications: APPLICATIONS }
  const server = await started(python, ['-I', SERVER], {
    ready: (line) => (line.startsWith('{"port"') ? JSON.parse(line) : undefined),
  })
  server.child.stdin.write(`${JSON.stringify(order)}\n`)
  const { port } = await server.said()
  const origin = `http://127.0.0.1:${port}`

  return {
    origin,
    issuer: `${origin}/o`,
    person,
    /** What its discovery does not say. */
    endpoints: {
      revocation_endpoint: `${origin}/o/revoke_token/`,
      introspection_endpoint: `${origin}/o/introspect/`,
      device_authorization_endpoint: `${origin}/o/device-authorization/`,
    },
    close: server.close,
  }
}

/** Somebody at a browser of their own. */
function person(name = 'alice') {
  const { follow, submit } = createPerson()
  const credentials = { username: name, password: name }

  /** Through the login form, where there is one, to the page behind it. */
  async function enter(url) {
    const page = await follow(url)
    const asked = page.response && new URL(page.url).pathname === '/accounts/login/'
    return asked ? submit(page, credentials) : page
  }

  return {
    /** Allows what is asked; answers the callback's address. */
    async signIn(url) {
      const page = await enter(url)
      return page.response ? (await submit(page, { allow: 'Authorize' })).url : page.url
    },
    /** Presses Cancel. */
    async refuse(url) {
      return (await submit(await enter(url), {})).url
    },
    /** Without any click: where the browser is sent. */
    async pass(url) {
      return (await follow(url)).url
    },
    /** Types the code of a device and decides: 'accept' or 'deny'. */
    async connect(url, code, action) {
      const asked = await submit(await enter(url), { user_code: code })
      return (await submit(asked, { action })).response.text()
    },
  }
}
