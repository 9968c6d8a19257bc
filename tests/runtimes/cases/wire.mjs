// What goes over the wire: exactly these requests, and never one to where a redirect points.

import { equal, ok, refused } from './check.mjs'
import { DISCOVERY, discovering, endpoints, scripted, token } from './clients.mjs'

const REDIRECTS = [301, 302, 303, 307, 308]
const FORM = 'application/x-www-form-urlencoded'

/** Every back-channel endpoint: its path, what is answered elsewhere, and a call that asks it. */
const exchanges = (stage) => [
  [DISCOVERY, {}, (client) => client.metadata()],
  ['/token', {}, (client) => client.clientCredentials()],
  ['/token', {}, (client) => client.refreshToken({ refreshToken: 'a refresh token' })],
  ['/token', {}, (client) => client.getAccessToken()],
  ['/token', {}, (client) => client.fetch(`${stage.serverUrl}/api/x`)],
  ['/keys', {}, (client) => client.authorizationRequest({ scope: 'openid' })],
  ['/userinfo', {}, (client) => client.userInfo('an access token', 'alice')],
  ['/revoke', {}, (client) => client.revoke('a refresh token')],
]

export const cases = {
  async 'users_a14 r006 a028 a029 no redirect is followed, from any endpoint, to anywhere'(stage) {
    for (const [path, , call] of exchanges(stage)) {
      for (const status of REDIRECTS) {
        for (const target of [
          `${stage.strangerUrl}/target`,
          `${stage.serverUrl}/target`,
          '/target',
        ]) {
          const title = `${path} ${status} ${target}`
          await stage.server.script({
            [DISCOVERY]: { json: endpoints(stage) },
            '/target': { json: {} },
            [path]: { status, headers: { location: target }, json: token().json },
          })
          const client = await discovering(stage, { allowedUrls: [`${stage.serverUrl}/api/`] })
          await refused(call(client), 'redirect_refused', { status, fault: 'server' }, title)
          const seen = (await stage.server.requests()).filter((entry) => entry.path === '/target')
          equal(seen, [], title)
        }
      }
    }
    equal(await stage.stranger.count(), 0)
  },

  async 'r006 a redirect without a target is refused as well'(stage) {
    for (const status of [300, 301, 302, 303, 304, 307, 308]) {
      await stage.server.script({ '/token': { status } })
      const client = await scripted(stage)
      await refused(client.clientCredentials(), 'redirect_refused', { status }, `${status}`)
    }
  },

  async 'r006 a fetch of the caller that follows redirects is found out'(stage) {
    await stage.server.script({
      '/token': { status: 302, headers: { location: '/elsewhere' } },
      '/elsewhere': token(),
    })
    const client = await scripted(stage, {
      fetch: (url, init) => fetch(url, { ...init, redirect: 'follow' }),
    })
    await refused(client.clientCredentials(), 'redirect_refused')
  },

  async 'users_a14 r007 exactly these requests'(stage) {
    const { serverUrl } = stage
    await stage.server.script({
      [DISCOVERY]: { json: endpoints(stage) },
      '/token': token(),
      '/keys': { json: { keys: stage.keys } },
      '/userinfo': { json: { sub: 'alice' } },
      '/revoke': {},
    })
    const seen = []
    const client = await discovering(stage, {
      fetch(...given) {
        const [url, init] = given
        equal([given.length, typeof url], [2, 'string'])
        seen.push({ url, init })
        return fetch(url, init)
      },
    })
    await client.metadata()
    await client.clientCredentials({ scope: 'api' })
    await client.authorizationRequest({ scope: 'openid' })
    await client.userInfo('an-access-token', 'alice')
    await client.revoke('a token', { tokenTypeHint: 'refresh_token' })

    const basic = `Basic ${btoa('app:a+secret')}`
    const get = (path, headers = {}) => ({
      url: serverUrl + path,
      init: { method: 'GET', headers: { accept: 'application/json', ...headers } },
    })
    const post = (path, body) => ({
      url: serverUrl + path,
      init: {
        method: 'POST',
        headers: { accept: 'application/json', authorization: basic, 'content-type': FORM },
        body,
      },
    })
    const wanted = [
      get(DISCOVERY),
      post('/token', 'grant_type=client_credentials&scope=api'),
      get('/keys'),
      get('/userinfo', { authorization: 'Bearer an-access-token' }),
      post('/revoke', 'token=a+token&token_type_hint=refresh_token'),
    ]
    equal(seen.length, wanted.length)
    seen.forEach(({ url, init: { signal, redirect, ...init } }, i) => {
      ok(signal instanceof AbortSignal, 'no deadline')
      equal(redirect, 'manual')
      // Members that workerd refuses are not there: cache, for one.
      equal({ url, init }, wanted[i])
    })
  },

  async 'users_a26 r007 a form says what it is, without a charset'(stage) {
    await stage.server.script({ '/token': token() })
    await (await scripted(stage)).clientCredentials()
    const [{ headers, method, query }] = await stage.server.requests('/token')
    equal([headers['content-type'], method, query], [FORM, 'POST', ''])
    ok(!('cookie' in headers) && !('origin' in headers), 'a cookie or an origin')
  },

  async 'r003 the query of an endpoint is kept'(stage) {
    await stage.server.script({ '/token': token() })
    const metadata = endpoints(stage, { token_endpoint: `${stage.serverUrl}/token?tenant=x%20y` })
    await (await scripted(stage, { metadata })).clientCredentials()
    const [{ query }] = await stage.server.requests('/token')
    equal(query, '?tenant=x%20y')
  },

  async 'r183 fetch is looked up when the client is made'(stage) {
    await stage.server.script({ '/token': token() })
    const real = globalThis.fetch
    const spied = []
    const spy = (url, init) => {
      spied.push(url)
      return real(url, init)
    }
    try {
      globalThis.fetch = spy
      const client = await scripted(stage)
      globalThis.fetch = () => Promise.reject(new Error('not this one'))
      equal((await client.clientCredentials()).access_token, 't1')
      equal(spied, [`${stage.serverUrl}/token`])
      globalThis.fetch = real
      equal((await client.clientCredentials()).access_token, 't2')
      equal(spied.length, 2)
      const other = await scripted(stage)
      await other.clientCredentials()
      equal(spied.length, 2)
    } finally {
      globalThis.fetch = real
    }
  },

  async 'r183 a089 what is overwritten afterwards sees no secret'(stage) {
    const json = JSON.stringify(token().json)
    const init = { headers: { 'content-type': 'application/json' } }
    const client = await scripted(stage, { fetch: async () => new Response(json, init) })
    const seen = []
    const patched = [
      [JSON, 'parse'],
      [JSON, 'stringify'],
      [Array.prototype, 'map'],
      [Array.prototype, 'push'],
      [String.prototype, 'split'],
      [String.prototype, 'concat'],
    ]
    const undo = patched.map(([owner, name]) => {
      const real = owner[name]
      owner[name] = function (...given) {
        for (const value of [this, ...given]) seen[seen.length] = value
        return Reflect.apply(real, this, given)
      }
      return () => (owner[name] = real)
    })
    let answer
    try {
      answer = await client.clientCredentials()
      JSON.stringify({ deep: [{ inside: 'heard' }] })
    } finally {
      for (const one of undo) one()
    }
    equal(answer.token_type, 'Bearer')
    const texts = seen.flatMap((value) => written(value))
    ok(texts.includes('heard'), 'the spy is deaf')
    for (const secret of ['a secret', 'a+secret', btoa('app:a+secret'), 't$n']) {
      ok(!texts.some((text) => text.includes(secret)), 'a secret was seen')
    }
  },
}

/** What a script reads in a value that it overheard: the value itself, and what it holds. */
function written(value, depth = 4) {
  if (typeof value === 'symbol') return []
  if (value === null || typeof value !== 'object') return [String(value)]
  if (depth === 0) return []
  const names = Reflect.ownKeys(value).filter((name) => typeof name === 'string')
  return names.flatMap((name) => [name, ...written(value[name], depth - 1)])
}
