// fetch(): where a token may go, and when a request is sent once more.

import { createTokenClient } from 'grantkit'

import { equal, ok, refused } from './check.mjs'
import { endpoints, scripted, token } from './clients.mjs'

const API = '/api/orders'

/** A client that may take tokens to `/api/`, and what stands there. */
async function opened(stage, answers, options) {
  await stage.server.script({ '/token': token(), [API]: { json: { orders: [] } }, ...answers })
  return scripted(stage, { allowedUrls: [`${stage.serverUrl}/api/`], ...options })
}

const counts = async (stage) => [await stage.server.count(API), await stage.server.count('/token')]

const refusedOnce = [
  { status: 401, text: 'who?', headers: { 'www-authenticate': 'Bearer error="invalid_token"' } },
  { json: { orders: [1] } },
]

export const cases = {
  async 'the token goes with the request, and comes from the cache'(stage) {
    const client = await opened(stage)
    const url = stage.serverUrl + API
    const answer = await client.fetch(url)
    ok(answer instanceof Response, 'no Response')
    equal([answer.status, await answer.json()], [200, { orders: [] }])
    await client.fetch(new URL(url))
    await client.fetch(new Request(url))
    await client.fetch(`${url}?a=b#c`, null)
    const seen = await stage.server.requests(API)
    equal(
      seen.map(({ headers }) => headers.authorization),
      Array.from({ length: 4 }, () => 'Bearer t1'),
    )
    equal(seen.at(-1).query, '?a=b')
    equal(await counts(stage), [4, 1])
  },

  async 'r126 a074 elsewhere nothing is sent and nothing asked'(stage) {
    const { serverUrl, strangerUrl } = stage
    const { port, host } = new URL(serverUrl)
    const client = await opened(stage)
    for (const target of [
      `${strangerUrl}${API}`,
      `https://${host}${API}`,
      `http://localhost:${port}${API}`,
      `http://127.0.0.2:${port}${API}`,
      `http://127.0.0.1:${Number(port) - 1}${API}`,
      `http://127.0.0.1${API}`,
      `http://user@${host}${API}`,
      `http://user:password@${host}${API}`,
      `${serverUrl}@evil.example${API}`,
      `${serverUrl}.evil.example${API}`,
      `http://evil.example/?${serverUrl}${API}`,
      `http://evil.example#${serverUrl}${API}`,
      `ftp://${host}${API}`,
      `ws://${host}${API}`,
      `data:text/plain,${serverUrl}${API}`,
      `blob:${serverUrl}/api/x`,
      `${serverUrl}/`,
      `${serverUrl}/apix`,
      `${serverUrl}/api-x/orders`,
      `${serverUrl}/API/orders`,
      `${serverUrl}/%61pi/orders`,
      `${serverUrl}/api/../secret`,
      `${serverUrl}/api/..`,
      `${serverUrl}/api/%2e%2e/secret`,
      `${serverUrl}/api/.%2E/secret`,
      `${serverUrl}/api/..%2fsecret`,
      `${serverUrl}/api/..%2Fsecret`,
      `${serverUrl}/api/%2e%2e%2fsecret`,
      `${serverUrl}/api/..%5csecret`,
      `${serverUrl}/api/x/..;/..;/secret`,
      `${serverUrl}/api/\\..\\..\\secret`,
      `${serverUrl}\\@evil.example/api/orders`,
      `http:\\\\evil.example${API}`,
      `//evil.example${API}`,
    ]) {
      const readable = URL.canParse(target)
      const code = readable ? 'url_not_allowed' : 'url_invalid'
      await refused(client.fetch(target), code, { fault: 'caller' }, target)
      if (readable) await refused(client.fetch(new URL(target)), code, {}, `URL ${target}`)
    }
    equal([await stage.server.count(), await stage.stranger.count()], [0, 0])
  },

  async 'r126 a path prefix ends at a segment'(stage) {
    const { serverUrl } = stage
    for (const [prefix, good, bad] of [
      ['/api', ['/api', '/api/', '/api/x', '/api?x', '/api//x'], ['/apix', '/ap', '/']],
      ['/api/', ['/api/', '/api/x'], ['/api', '/apix']],
      ['/api/v1', ['/api/v1', '/api/v1/x'], ['/api/v10', '/api/v2', '/api']],
      ['', ['', '/', '/x'], []],
    ]) {
      const answers = Object.fromEntries(good.map((path) => [path.split('?')[0] || '/', {}]))
      const client = await opened(stage, answers, { allowedUrls: [serverUrl + prefix] })
      for (const path of good) equal((await client.fetch(serverUrl + path)).status, 200, path)
      for (const path of bad)
        await refused(client.fetch(serverUrl + path), 'url_not_allowed', {}, path)
    }
  },

  async 'r126 without allowedUrls there is nowhere to go'(stage) {
    const client = await opened(stage, {}, { allowedUrls: undefined })
    await refused(client.fetch(stage.serverUrl + API), 'url_not_allowed')
    await refused(client.fetch(`${stage.serverUrl}/token`), 'url_not_allowed')
    equal(await stage.server.count(), 0)
  },

  async 'r126 what was parsed is what is fetched'(stage) {
    const { serverUrl, strangerUrl } = stage
    const client = await opened(stage)
    const answers = [serverUrl, strangerUrl, strangerUrl]
    const changing = { toString: () => answers.shift() + API }
    equal((await client.fetch(changing)).status, 200)
    const url = new URL(serverUrl + API)
    url.toString = () => strangerUrl + API
    await refused(client.fetch(url), 'url_not_allowed')
    equal(await stage.stranger.count(), 0)
    for (const nothing of [undefined, null, {}, [], 7, '', { toString: () => 7 }, Symbol('x')]) {
      const error = await client.fetch(nothing).catch((reason) => reason)
      ok(['url_invalid', 'config_invalid'].includes(error.code), `${String(nothing)}: ${error}`)
    }
    equal(await stage.server.count(API), 1)
  },

  async 'r126 a074 a request that says another address than it has'(stage) {
    const { serverUrl, strangerUrl } = stage
    const client = await opened(stage, refusedOnce)
    const liar = new Request(strangerUrl + API)
    Object.defineProperty(liar, 'url', { value: serverUrl + API })
    class Liar extends Request {
      get url() {
        return serverUrl + API
      }
    }
    const text = {
      url: serverUrl + API,
      clone: () => text,
      toString: () => strangerUrl + API,
    }
    const cloned = new Request(serverUrl + API)
    cloned.clone = () => new Request(strangerUrl + API)
    for (const input of [liar, new Liar(strangerUrl + API), text, cloned]) {
      await client.fetch(input).catch(() => {})
      const seen = await stage.stranger.requests()
      equal(
        seen.map(({ headers }) => headers.authorization),
        [],
        'a token went elsewhere',
      )
    }
  },

  async 'relative with baseUrl'(stage) {
    const { serverUrl } = stage
    const client = await opened(stage, {}, { baseUrl: `${serverUrl}/api/` })
    for (const input of ['orders', './orders', '/api/orders', '../api/orders?x']) {
      equal((await client.fetch(input)).status, 200, input)
    }
    for (const input of [
      '/orders',
      '../orders',
      '//evil.example/api/orders',
      'https://evil.example/api/',
    ]) {
      await refused(client.fetch(input), 'url_not_allowed', {}, input)
    }
    equal(await stage.server.count(API), 4)
    const without = await opened(stage)
    await refused(without.fetch('/api/orders'), 'url_invalid')
  },

  async 'each address has the token that belongs there'(stage) {
    const { serverUrl } = stage
    const client = await opened(
      stage,
      { '/api/admin/x': {} },
      {
        scope: 'api',
        allowedUrls: [
          { url: `${serverUrl}/api/`, audience: 'urn:api' },
          { url: `${serverUrl}/api/admin/`, scope: 'admin', resource: 'urn:admin' },
        ],
      },
    )
    await client.fetch(serverUrl + API)
    await client.fetch(`${serverUrl}/api/admin/x`)
    await client.fetch(serverUrl + API, {}, { scope: 'orders' })
    const bodies = (await stage.server.requests('/token')).map(({ body }) =>
      body.replace('grant_type=client_credentials&', ''),
    )
    equal(bodies, [
      'scope=api&audience=urn%3Aapi',
      'scope=admin&resource=urn%3Aadmin',
      'scope=orders&audience=urn%3Aapi',
    ])
    const [{ headers }] = await stage.server.requests('/api/admin/x')
    equal(headers.authorization, 'Bearer t2')
  },

  async 'users_a22 r130 after a 401 once more, with a fresh token'(stage) {
    for (const method of ['GET', 'HEAD', 'OPTIONS', 'PUT', 'DELETE']) {
      const client = await opened(stage, { [API]: refusedOnce })
      const init = { method, ...(method === 'PUT' ? { body: 'a body' } : {}) }
      const answer = await client.fetch(stage.serverUrl + API, init)
      equal([answer.status, await counts(stage)], [200, [2, 2]], method)
      const seen = await stage.server.requests(API)
      equal(
        seen.map(({ headers, method: sent, body }) => [headers.authorization, sent, body]),
        [
          ['Bearer t1', method, init.body ?? ''],
          ['Bearer t2', method, init.body ?? ''],
        ],
      )
      // The refused token is not handed out any more.
      equal(await client.getAccessToken(), 't2')
    }
  },

  async 'r130 a070 an API that always says 401'(stage) {
    const answer = { status: 401, text: 'no', headers: { 'www-authenticate': 'Bearer' } }
    const client = await opened(stage, { [API]: answer })
    const last = await client.fetch(stage.serverUrl + API)
    ok(last instanceof Response, 'no Response')
    equal([last.status, await last.text()], [401, 'no'])
    equal(await counts(stage), [2, 2])
  },

  async 'r130 a 401 without a readable challenge counts as a refused token'(stage) {
    const client = await opened(stage, { [API]: [{ status: 401 }, {}] })
    equal((await client.fetch(stage.serverUrl + API)).status, 200)
    equal(await counts(stage), [2, 2])
  },

  async 'r130 r131 a challenge with another reason asks for no fresh token'(stage) {
    for (const [challenge, code] of [
      ['Bearer error="insufficient_scope", scope="admin"', 'insufficient_scope'],
      ['Bearer realm="x", error="insufficient_user_authentication"', 'step_up_required'],
      ['Bearer error=insufficient_scope', 'insufficient_scope'],
      ['Bearer error="invalid_request"', undefined],
    ]) {
      const headers = { 'www-authenticate': challenge }
      const client = await opened(stage, { [API]: { status: 401, headers } })
      const answer = client.fetch(stage.serverUrl + API)
      if (code) await refused(answer, code, { status: 401 }, challenge)
      else equal((await answer).status, 401, challenge)
      equal(await counts(stage), [1, 1], challenge)
    }
    const forbidden = await opened(stage, { [API]: { status: 403 } })
    equal((await forbidden.fetch(stage.serverUrl + API)).status, 403)
    equal(await counts(stage), [1, 1])
  },

  async 'a076 a challenge that is broken or hostile leads nowhere'() {
    const site = 'https://api.example'
    const evil = 'http://169.254.169.254/'
    for (const challenge of [
      '',
      ',,,',
      '=',
      'Bearer error=',
      'Bearer error="invalid_token',
      'Bearer error="invalid_token", error="invalid_token"',
      'Bearer dG9rZW42OA==',
      'Basic realm="x", Bearer error="invalid_token", Negotiate',
      'Bearer realm="\\"", error="\\\\"',
      `Bearer resource_metadata="${evil}", error="invalid_token"`,
      `Bearer error="invalid_token", error_uri="${evil}", authorization_uri="${evil}"`,
      `Bearer ${'error="invalid_token", '.repeat(3000)}`,
      `Bearer realm="${'\\"'.repeat(30_000)}"`,
      'Bearer '.repeat(9000),
    ]) {
      const seen = []
      const fetch = async (input) => {
        const { pathname, origin } = new URL(input)
        seen.push(origin + pathname)
        if (pathname === '/token')
          return Response.json(token({ access_token: `t${seen.length}` }).json)
        return new Response('no', { status: 401, headers: { 'www-authenticate': challenge } })
      }
      const client = await createTokenClient({
        metadata: { issuer: site, token_endpoint: `${site}/token` },
        clientId: 'app',
        clientSecret: 'a secret',
        allowedUrls: [`${site}/api/`],
        fetch,
      })
      const answer = await client.fetch(site + API)
      const title = challenge.slice(0, 60)
      equal([answer.status, await answer.text()], [401, 'no'], title)
      const once = [`${site}/token`, site + API]
      equal(seen, seen.length === 2 ? once : [...once, ...once], title)
      // Nor is the client any worse for it.
      ok((await client.getAccessToken()).startsWith('t'), title)
    }
  },

  async 'r130 without a fresh token the 401 is the answer'(stage) {
    const client = await opened(stage, {
      [API]: { status: 401, text: 'no' },
      '/token': [token(), { status: 503 }],
    })
    const answer = await client.fetch(stage.serverUrl + API)
    equal([answer.status, await answer.text(), await counts(stage)], [401, 'no', [1, 2]])
  },

  async 'r130 a070 concurrent 401s share one renewal'(stage) {
    const client = await opened(stage, { [API]: { kind: 'guard', token: 't2' } })
    const calls = Array.from({ length: 20 }, () => client.fetch(stage.serverUrl + API))
    const answers = await Promise.all(calls)
    ok(
      answers.every(({ status }) => status === 200),
      'not all were let in',
    )
    equal(await counts(stage), [40, 2])
  },

  async 'r130 a 401 that comes late is no reason for another renewal'(stage) {
    const late = { hold: 'late', status: 401 }
    const client = await opened(stage, { [API]: refusedOnce, '/api/late': [late, {}] })
    const slow = client.fetch(`${stage.serverUrl}/api/late`)
    await stage.server.arrived('/api/late')
    equal((await client.fetch(stage.serverUrl + API)).status, 200)
    await stage.gates.open('late')
    equal((await slow).status, 200)
    const seen = await stage.server.requests('/api/late')
    equal(
      seen.map(({ headers }) => headers.authorization),
      ['Bearer t1', 'Bearer t2'],
    )
    equal(await stage.server.count('/token'), 2)
  },

  async 'r130 POST and PATCH are sent again only if the caller says so'(stage) {
    for (const [method, options, times] of [
      ['POST', {}, 1],
      ['post', {}, 1],
      ['PATCH', {}, 1],
      ['POST', { retryMethods: ['PATCH'] }, 1],
      ['POST', { retryMethods: ['POST'] }, 2],
      ['PATCH', { retryMethods: ['patch'] }, 2],
    ]) {
      const client = await opened(stage, { [API]: refusedOnce }, options)
      const answer = await client.fetch(stage.serverUrl + API, { method, body: 'a body' })
      const title = `${method} ${JSON.stringify(options)}`
      equal(answer.status, times === 2 ? 200 : 401, title)
      equal(await counts(stage), [times, times], title)
      const seen = await stage.server.requests(API)
      equal(
        seen.map(({ body }) => body),
        Array.from({ length: times }, () => 'a body'),
        title,
      )
    }
  },

  async 'r130 bodies of every kind arrive whole, also the second time'(stage) {
    const form = new FormData()
    form.set('a', 'b')
    for (const [body, sent] of [
      ['text', 'text'],
      [new URLSearchParams({ a: 'b c' }), 'a=b+c'],
      [new TextEncoder().encode('bytes'), 'bytes'],
      [new TextEncoder().encode('buffer').buffer, 'buffer'],
      [new Blob(['blob']), 'blob'],
      [form, 'name="a"'],
    ]) {
      const client = await opened(stage, { [API]: refusedOnce })
      const answer = await client.fetch(stage.serverUrl + API, { method: 'PUT', body })
      equal([answer.status, await counts(stage)], [200, [2, 2]], sent)
      for (const seen of await stage.server.requests(API)) ok(seen.body.includes(sent), seen.body)
    }
  },

  async 'users_a22 r130 a stream is sent once'(stage) {
    const stream = () =>
      new ReadableStream({
        start(controller) {
          controller.enqueue(new TextEncoder().encode('streamed'))
          controller.close()
        },
      })
    const client = await opened(stage, { [API]: refusedOnce })
    const init = { method: 'PUT', body: stream(), duplex: 'half' }
    equal((await client.fetch(stage.serverUrl + API, init)).status, 401)
    equal(await counts(stage), [1, 1])
    equal((await stage.server.requests(API))[0].body, 'streamed')
  },

  async 'r130 a Request keeps its body for a second time'(stage) {
    for (const [method, times] of [
      ['PUT', 2],
      ['POST', 1],
    ]) {
      const client = await opened(stage, { [API]: refusedOnce })
      const headers = { 'content-type': 'text/x', 'x-custom': 'yes' }
      const request = new Request(stage.serverUrl + API, { method, headers, body: 'a body' })
      const answer = await client.fetch(request)
      equal([answer.status, await counts(stage)], [times === 2 ? 200 : 401, [times, times]])
      for (const seen of await stage.server.requests(API)) {
        equal([seen.method, seen.body], [method, 'a body'])
        equal([seen.headers['content-type'], seen.headers['x-custom']], ['text/x', 'yes'])
      }
    }
  },

  async 'the init stands above the Request'(stage) {
    const client = await opened(stage)
    const request = new Request(stage.serverUrl + API, { headers: { 'x-one': '1' } })
    await client.fetch(request, { method: 'PUT', body: 'b', headers: { 'x-two': '2' } })
    const [{ method, body, headers }] = await stage.server.requests(API)
    equal([method, body, headers['x-one'], headers['x-two']], ['PUT', 'b', undefined, '2'])
    equal(headers.authorization, 'Bearer t1')
  },

  async 'a Request as init, as a Worker passes one on'(stage) {
    const client = await opened(stage, { [API]: refusedOnce })
    const headers = { 'content-type': 'text/x', 'x-custom': 'yes' }
    const incoming = new Request('https://worker.example/', { method: 'PUT', headers, body: 'b' })
    await client.fetch(stage.serverUrl + API, incoming)
    const [{ method, body, headers: sent }] = await stage.server.requests(API)
    equal([method, body, sent['content-type'], sent['x-custom']], ['PUT', 'b', 'text/x', 'yes'])
    equal(sent.authorization, 'Bearer t1')
    const own = new Request('https://worker.example/', { headers: { authorization: 'x' } })
    const refusedOwn = client.fetch(stage.serverUrl + API, own)
    await refused(refusedOwn, 'config_invalid', { detail: 'authorization' })
  },

  async 'r128 a075 redirects are refused, whoever they lead to'(stage) {
    for (const status of [301, 302, 303, 307, 308]) {
      for (const target of [`${stage.strangerUrl}/x`, `${stage.serverUrl}/api/other`]) {
        const answers = { [API]: { status, headers: { location: target } }, '/api/other': {} }
        const client = await opened(stage, answers)
        const fetched = client.fetch(stage.serverUrl + API)
        await refused(fetched, 'redirect_refused', { status }, `${status}`)
        equal([await stage.stranger.count(), await stage.server.count('/api/other')], [0, 0])
      }
    }
  },

  async 'r127 r128 a077 what the caller may not say'(stage) {
    const client = await opened(stage)
    const url = stage.serverUrl + API
    const fails = (input, init, detail) =>
      refused(client.fetch(input, init), 'config_invalid', { detail }, detail)
    await fails(url, { headers: { Authorization: 'Bearer mine' } }, 'authorization')
    await fails(url, { headers: [['AUTHORIZATION', '']] }, 'authorization')
    await fails(url, { headers: new Headers({ authorization: 'x' }) }, 'authorization')
    await fails(new Request(url, { headers: { authorization: 'x' } }), {}, 'authorization')
    await fails(url, { redirect: 'follow' }, 'redirect')
    await fails(url, { headers: { 'a b': 'c' } }, 'headers')
    equal(await stage.server.count(), 0)
    for (const redirect of ['manual', 'error']) {
      equal((await client.fetch(url, { redirect })).status, 200, redirect)
    }
  },

  async 'other members reach fetch unharmed'(stage) {
    const seen = []
    const client = await opened(
      stage,
      { [API]: refusedOnce },
      {
        fetch(url, init) {
          if (String(url.url ?? url).endsWith(API)) seen.push({ url, init })
          return fetch(url, init)
        },
      },
    )
    const { signal } = new AbortController()
    const headers = { 'x-custom': 'yes', Accept: 'text/plain' }
    const cf = { cacheEverything: false }
    const init = { method: 'PUT', body: 'b', headers, cf, signal, keepalive: true, unknown: 7 }
    const kept = { ...init, headers: { ...headers } }
    equal((await client.fetch(stage.serverUrl + API, init)).status, 200)
    equal(init, kept, 'the init was changed')
    equal(seen.length, 2)
    for (const [i, { url, init: sent }] of seen.entries()) {
      equal(url, stage.serverUrl + API)
      ok(sent.signal === signal && sent.cf === cf, 'a member was changed')
      equal([sent.method, sent.body, sent.keepalive, sent.unknown], ['PUT', 'b', true, 7])
      equal(sent.redirect, 'manual')
      equal(
        ['x-custom', 'accept', 'authorization'].map((name) => sent.headers.get(name)),
        ['yes', 'text/plain', `Bearer t${i + 1}`],
      )
    }
  },

  async 'a 304 and errors of the API pass'(stage) {
    for (const status of [200, 201, 204, 304, 400, 404, 409, 429, 500, 503]) {
      const client = await opened(stage, { [API]: { status } })
      const headers = { 'if-none-match': '"x"' }
      equal((await client.fetch(stage.serverUrl + API, { headers })).status, status)
      equal(await counts(stage), [1, 1])
    }
  },

  async 'a large and a streamed answer pass untouched'(stage) {
    const client = await opened(stage, { [API]: { kind: 'endless' } })
    const answer = await client.fetch(stage.serverUrl + API)
    const reader = answer.body.getReader()
    let size = 0
    while (size < 512 * 1024) size += (await reader.read()).value.length
    await reader.cancel()
    await stage.server.dropped(API)
  },

  async 'an API that is not there, and a signal'(stage) {
    const client = await opened(stage, { [API]: { kind: 'reset' }, '/api/slow': { hold: 'x' } })
    await refused(client.fetch(stage.serverUrl + API), 'network_error', { retryable: true })
    for (const how of ['init', 'request', 'options', 'options and request']) {
      const controller = new AbortController()
      const { signal } = controller
      const url = `${stage.serverUrl}/api/slow`
      const before = await stage.server.count('/api/slow')
      const fetched = {
        init: () => client.fetch(url, { signal }),
        options: () => client.fetch(url, {}, { signal }),
        request: () => client.fetch(new Request(url, { signal })),
        'options and request': () => client.fetch(new Request(url), {}, { signal }),
      }[how]()
      const checked = refused(fetched, 'aborted', { retryable: false }, how)
      await stage.server.arrived('/api/slow', before + 1)
      controller.abort()
      await checked
    }
  },

  async 'a token that cannot be had is an error, and the API is not asked'(stage) {
    const client = await opened(stage, {
      '/token': { status: 400, json: { error: 'invalid_scope' } },
    })
    await refused(client.fetch(stage.serverUrl + API), 'token_error', { error: 'invalid_scope' })
    equal(await counts(stage), [0, 1])
  },

  async 'waitUntil of fetch gets the work of the token'(stage) {
    const client = await opened(stage)
    const handed = []
    const waitUntil = (work) => void handed.push(work)
    await client.fetch(stage.serverUrl + API, {}, { waitUntil })
    equal(handed.length, 1)
    await handed[0]
  },

  async 'against a real provider and its userinfo as the API'(stage) {
    const metadata = endpoints(stage, { token_endpoint: `${stage.issuer}/connect/token` })
    const client = await opened(
      stage,
      {},
      {
        metadata,
        clientId: 'worker',
        clientSecret: stage.secret,
      },
    )
    await client.fetch(stage.serverUrl + API)
    const [{ headers }] = await stage.server.requests(API)
    equal(headers.authorization, `Bearer ${await client.getAccessToken()}`)
    equal(await stage.provider.count(), 1)
  },
}
