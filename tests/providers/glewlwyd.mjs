// glewlwyd, in C over sqlite: it shares no code with the other providers.
//
//   const provider = await startGlewlwyd()
//   provider.issuer       'http://127.0.0.1:43210/api/oidc'
//   await provider.person().signIn(url)

import { execFileSync } from 'node:child_process'
import { generateKeyPairSync } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'

import { findGlewlwyd, glewlwydEnvironment } from '../../scripts/providers.mjs'
import { createPerson } from '../support/person.mjs'
import { listen, stop } from '../support/provider/front.mjs'
import { CALLBACK } from './client.mjs'
import { started, temporary } from './started.mjs'

const home = findGlewlwyd()
/** For tests of it: why they cannot run, or false. */
export const skip = home ? false : 'glewlwyd is not installed; `npm test -- providers` installs it'

export const SECRET = 'app-secret-of-32-characters-or-more'

const SCOPES = ['openid', 'orders', 'offline_access']

const confidential = {
  confidential: true,
  client_secret: SECRET,
  redirect_uri: [CALLBACK],
  post_logout_redirect_uri: CALLBACK,
  enabled: true,
  scope: ['orders'],
  token_endpoint_auth_method: ['client_secret_basic', 'client_secret_post'],
}

const CLIENTS = [
  {
    ...confidential,
    client_id: 'app',
    authorization_type: [
      'code',
      'refresh_token',
      'client_credentials',
      'urn:openid:params:grant-type:ciba',
    ],
    backchannel_token_delivery_mode: 'poll',
  },
  { ...confidential, client_id: 'trusted', authorization_type: ['password', 'refresh_token'] },
  {
    ...confidential,
    client_id: 'public',
    confidential: false,
    client_secret: undefined,
    token_endpoint_auth_method: ['none'],
    authorization_type: ['code', 'refresh_token', 'device_authorization'],
  },
]

export const PEOPLE = [
  { username: 'alice', password: 'alice pass', name: 'Alice', email: 'alice@example.com' },
]

const plugin = (issuer, jwks) => ({
  module: 'oidc',
  name: 'oidc',
  display_name: 'OpenID Connect',
  parameters: {
    iss: issuer,
    'jwks-private': JSON.stringify(jwks),
    'default-kid': jwks.keys[0].kid,
    'jwks-show': true,
    'access-token-duration': 3600,
    'refresh-token-duration': 86400,
    'code-duration': 60,
    'refresh-token-rolling': true,
    'refresh-token-one-use': 'always',
    'allow-non-oidc': true,
    'auth-type-code-enabled': true,
    'auth-type-code-revoke-replayed': true,
    'auth-type-token-enabled': false,
    'auth-type-none-enabled': false,
    'auth-type-password-enabled': true,
    'auth-type-client-enabled': true,
    'auth-type-device-enabled': true,
    'auth-type-refresh-enabled': true,
    'name-claim': 'mandatory',
    'email-claim': 'mandatory',
    'pkce-allowed': true,
    'introspection-revocation-allowed': true,
    'introspection-revocation-allow-target-client': true,
    'session-management-allowed': true,
    'session-cookie-name': 'session',
    'session-cookie-expiration': 86400,
    'oauth-as-iss-id': true,
    'oauth-fapi-allow-jarm': true,
    'oauth-dpop-allowed': true,
    'oauth-dpop-iat-duration': 60,
    'oauth-dpop-nonce-mandatory': true,
    'oauth-dpop-nonce-counter': 2,
    'oauth-par-allowed': true,
    'oauth-par-request_uri-prefix': 'urn:ietf:params:oauth:request_uri:',
    'oauth-par-duration': 90,
    'oauth-ciba-allowed': true,
    'oauth-ciba-mode-poll-allowed': true,
    'oauth-ciba-default-expiry': 600,
    'oauth-ciba-maximum-expiry': 600,
    'device-authorization-expiration': 600,
    'device-authorization-interval': 5,
    'register-client-allowed': true,
    'register-client-auth-scope': ['orders'],
    'register-client-credentials-scope': ['orders'],
  },
})

/** `pages`: more addresses that people come back to, of the client `public`. */
export async function startGlewlwyd({ pages = [] } = {}) {
  const folder = temporary('glewlwyd')
  const port = await freePort()
  const origin = `http://127.0.0.1:${port}`
  const issuer = `${origin}/api/oidc`
  const database = join(folder, 'glewlwyd.db')
  makeDatabase(database)
  const config = join(folder, 'glewlwyd.conf')
  writeFileSync(config, configuration({ port, origin, database }))

  // It is in C, and asks nobody whether it is still wanted: it ends with this process.
  const command = join(home, 'usr', 'bin', 'glewlwyd')
  const server = await started(
    'setpriv',
    ['--pdeathsig', 'KILL', command, `--config-file=${config}`],
    {
      env: glewlwydEnvironment(home),
      ready: (line) => (/ started on port /.test(line) ? line : undefined),
    },
  )
  try {
    await server.said()
    await server.listens(port)
    await provision(origin, issuer, pages)
  } catch (error) {
    await server.close()
    throw error
  }
  return {
    origin,
    issuer,
    /** Somebody at a browser of their own. */
    person: () => personAt(origin),
    close: server.close,
  }
}

function makeDatabase(path) {
  const sql = join(home, 'usr/share/doc/glewlwyd/database/init.sqlite3.sql.gz')
  execFileSync('sqlite3', [path], {
    input: gunzipSync(readFileSync(sql)),
    env: { ...process.env, PATH: `${join(home, 'usr', 'bin')}:${process.env.PATH}` },
  })
}

function configuration({ port, origin, database }) {
  const modules = join(home, 'usr', 'lib', 'glewlwyd')
  return `port=${port}
bind_address="127.0.0.1"
external_url="${origin}"
login_url="login.html"
api_prefix="api"
allow_origin="*"
allow_methods="GET, POST, PUT, DELETE, OPTIONS"
allow_headers="Origin, X-Requested-With, Content-Type, Accept, Bearer, Authorization, DPoP"
expose_headers="Content-Encoding, Authorization, DPoP-Nonce, WWW-Authenticate"
log_mode="console"
log_level="INFO"
cookie_secure=0
cookie_same_site="lax"
user_module_path="${modules}/user"
client_module_path="${modules}/client"
user_auth_scheme_module_path="${modules}/scheme"
plugin_module_path="${modules}/plugin"
hash_algorithm="SHA256"
database={type="sqlite3";path="${database}";}
`
}

/** The administrator's work, by the API that its pages use. */
async function provision(origin, issuer, pages) {
  const { ask: admin, enter } = personAt(origin, { username: 'admin', password: 'password' })
  await enter()
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
  const jwks = { keys: [{ ...privateKey.export({ format: 'jwk' }), kid: 'first', alg: 'RS256' }] }
  await admin('POST', '/api/mod/plugin/', plugin(issuer, jwks))
  for (const name of SCOPES.filter((name) => name !== 'openid'))
    await admin('POST', '/api/scope/', { name, display_name: name, password_required: false })
  for (const client of CLIENTS) {
    const more = client.confidential ? [] : pages
    const changed = { ...client, redirect_uri: [...client.redirect_uri, ...more] }
    await admin('POST', '/api/client/', changed)
  }
  for (const person of PEOPLE)
    await admin('POST', '/api/user/', { ...person, scope: [...SCOPES, 'g_profile'], enabled: true })
}

function personAt(origin, credentials = PEOPLE[0]) {
  const { follow } = createPerson()
  let entered

  /** One call of the API, with this browser's cookies. */
  async function ask(method, path, json) {
    const { response } = await follow(origin + path, {
      method,
      body: JSON.stringify(json),
      headers: { 'content-type': 'application/json' },
    })
    const text = await response.text()
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text}`)
    return text
  }

  const person = {
    ask,
    /** By password, once. */
    enter() {
      const { username, password } = credentials
      return (entered ??= ask('POST', '/api/auth/', { username, password }))
    },
    /** Says yes to what a client wants to know. */
    async allow(client, scope) {
      await person.enter()
      await ask('PUT', `/api/auth/grant/${client}`, { scope })
    },
    /** What the pages do for an authorization request; answers the callback's address. */
    async signIn(url) {
      const query = new URL(url).searchParams
      // A request that was pushed has no scope to read.
      await person.allow(query.get('client_id'), query.get('scope') ?? 'openid')
      return person.pass(`${url}&g_continue=`)
    },
    /** Without any click: where the browser is sent. */
    async pass(url) {
      return (await follow(url)).url
    },
    /** Types a device's code and says yes. */
    async connect({ verification_uri_complete: url }, client, scope) {
      await person.allow(client, scope)
      return person.pass(`${url}&g_continue=`)
    },
    /** Answers the request of a client that waits: 'connect_uri' or 'cancel_uri'. */
    async decide(message, uri) {
      await person.enter()
      const requests = JSON.parse(await ask('GET', '/api/oidc/ciba_user_list/'))
      const one = requests.find((request) => request.binding_message === message)
      await person.allow(one.client_id, one.scopes.join(' '))
      return person.pass(`${one[uri]}&g_continue=`)
    },
  }
  return person
}

async function freePort() {
  const server = createServer()
  await listen(server, 0)
  const { port } = server.address()
  await stop(server)
  return port
}
