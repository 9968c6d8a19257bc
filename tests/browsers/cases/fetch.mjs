// The fetch wrapper: the token goes where it may, and nowhere else.
import assert from 'node:assert/strict'
import { RESOURCE, readJwt } from '../../support/provider.mjs'
import { suite } from '../suite.mjs'

const REFUSED = { status: 401, headers: { 'www-authenticate': 'Bearer error="invalid_token"' } }

async function signedIn(stage, options) {
  const parts = await stage.open(options)
  await parts.app.visit()
  assert.equal((await parts.app.signIn()).value.kind, 'signed-in')
  return parts
}

/** A call of the wrapper: { value: { status, body } } or { error }. */
const call = (app, ...values) =>
  app.run(
    (values) =>
      settle(async () => {
        const answer = await session.fetch(...values)
        return { status: answer.status, body: await answer.text() }
      }),
    values,
  )

const bearer = (request) => request.headers.authorization?.replace('Bearer ', '')

export const destinations = suite('where the token goes', (test) => {
  test('r126 r127 to the allowed URLs, in a header', async (stage) => {
    const { app, api, provider } = await signedIn(stage)
    const orders = `${api.origin}/orders`
    const [{ access_token: token }] = provider.granted()
    const headers = { 'x-mine': '1' }
    const bodies = [
      await call(app, orders),
      await call(app, `${orders}/7?x=1#top`, { headers }),
      await call(app, `${orders}/`, { method: 'POST', body: 'text', headers: [['x-mine', '2']] }),
      await call(app, `${orders}/../orders/8`, { method: 'DELETE' }),
      await call(app, orders.replace('http', 'HTTP')),
    ]
    for (const { value } of bodies) {
      assert.deepEqual(value, { status: 200, body: '{"orders":[1,2,3]}' })
    }
    const seen = api.requests.map(({ method, url, body }) => `${method} ${url} ${body}`)
    assert.deepEqual(seen, [
      'GET /orders ',
      'GET /orders/7?x=1 ',
      'POST /orders/ text',
      'DELETE /orders/8 ',
      'GET /orders ',
    ])
    for (const request of api.requests) {
      assert.equal(bearer(request), token)
      assert.ok(!(request.url + request.body).includes(token))
    }
    assert.deepEqual(
      api.requests.map((request) => request.headers['x-mine']),
      [undefined, '1', '2', undefined, undefined],
    )
  })

  test('r126 a074 what only looks like an allowed URL gets nothing, not even a request', async (stage) => {
    const api = await stage.api()
    const evil = await stage.api()
    const { port } = api
    const allowed = `http://api.example:${port}/orders`
    const { app, site } = await signedIn(stage, {
      session: { allowedUrls: [allowed], insecureHttp: true },
    })
    for (const url of [
      `http://evil.example:${port}/orders`,
      `http://api.example.evil.example:${port}/orders`,
      `http://api.example@evil.example:${port}/orders`,
      `http://api.example:${port}@evil.example:${evil.port}/orders`,
      `http://api.example:${evil.port}/orders`,
      `http://sub.api.example:${port}/orders`,
      `http://api.exampl\u0435:${port}/orders`,
      `https://api.example:${port}/orders`,
      `ftp://api.example:${port}/orders`,
      `//evil.example:${port}/orders`,
      `\\\\evil.example:${port}\\orders`,
      `http:\\\\evil.example:${port}/orders`,
      `http://user:word@api.example:${port}/orders`,
      `http://api.example:${port}/`,
      `http://api.example:${port}/ordersevil`,
      `http://api.example:${port}/orders-evil`,
      `http://api.example:${port}/Orders`,
      `http://api.example:${port}/orders/../admin`,
      `http://api.example:${port}/orders/%2e%2e/admin`,
      `http://api.example:${port}/orders/..%2fadmin`,
      `http://api.example:${port}/orders/%2e%2e%2Fadmin`,
      `http://api.example:${port}/orders/%2e%2e%5cadmin`,
      `http://api.example:${port}/orders\\..\\admin`,
      `http://api.example:${port}/orders/..;/admin`,
      `${site.origin}/orders`,
      '/orders',
      'orders',
      '',
      'data:text/plain,x',
      'javascript:alert(1)',
      'blob:http://api.example/x',
    ]) {
      const { error } = await call(app, url)
      assert.deepEqual([error?.code, error?.fault], ['url_not_allowed', 'caller'], url)
    }
    assert.equal((await call(app, 'http://[')).error.code, 'url_invalid')
    assert.deepEqual([api.requests, api.preflights], [[], 0])
    assert.deepEqual([evil.requests, evil.preflights], [[], 0])
    assert.ok(!site.requests.some(({ url }) => url.endsWith('orders')))
    assert.equal((await call(app, `${allowed}/7`)).value.status, 200)
    assert.equal(api.requests.length, 1)
  })

  test('r126 a074 an input that changes its mind is held to what was checked', async (stage) => {
    const evil = await stage.api()
    const { app, api } = await signedIn(stage)
    const good = `${api.origin}/orders`
    const bad = `${evil.origin}/orders`
    const outcomes = await app.run(
      async ([good, bad]) => {
        const turns = (name) => {
          let times = 0
          return { [name]: () => (times++ === 0 ? good : bad) }
        }
        class Liar extends Request {
          get url() {
            return good
          }
          clone() {
            return new Request(bad)
          }
        }
        const plain = { url: good, clone: () => plain, toString: () => bad }
        const getter = {
          get url() {
            return turns.used ? bad : ((turns.used = true), good)
          },
          clone: () => getter,
          toString: () => bad,
        }
        const url = new URL(good)
        url.toString = () => bad
        const inputs = [turns('toString'), new Liar(bad), plain, getter, url]
        const call = (input) => settle(() => session.fetch(input).then(({ status }) => status))
        return Promise.all(inputs.map(call))
      },
      [good, bad],
    )
    for (const request of evil.requests) assert.equal(request.headers.authorization, undefined)
    assert.deepEqual(evil.requests, [], JSON.stringify(outcomes))
  })

  test('r126 a074 a base element does not move a relative URL', async (stage) => {
    const { app, api, site } = await signedIn(stage)
    const { error } = await app.run((base) => {
      document.head.append(Object.assign(document.createElement('base'), { href: base }))
      return settle(() => session.fetch('orders'))
    }, `${api.origin}/`)
    assert.equal(error.code, 'url_not_allowed')
    assert.deepEqual(api.requests, [])
    assert.ok(!site.requests.some(({ url }) => url === '/orders'))
  })

  test('r126 baseUrl is what relative URLs are relative to', async (stage) => {
    const { app, api } = await signedIn(stage)
    const outcome = await app.run(async (baseUrl) => {
      const session = await open({ baseUrl })
      return (await session.fetch('7?x=1')).status
    }, `${api.origin}/orders/`)
    assert.equal(outcome, 200)
    assert.equal(api.requests[0].url, '/orders/7?x=1')
  })

  test('r126 each URL its own token', async (stage) => {
    const api = await stage.api()
    const { app, provider } = await signedIn(stage, {
      session: {
        resource: RESOURCE,
        allowedUrls: [
          `${api.origin}/`,
          { url: `${api.origin}/orders`, audience: 'https://orders.example/' },
        ],
      },
    })
    const audience = (request) => readJwt(bearer(request)).payload.audience
    await call(app, `${api.origin}/other`)
    await call(app, `${api.origin}/orders/1`)
    await call(app, `${api.origin}/orders/2`)
    await call(app, `${api.origin}/orders/3`, {}, { audience: 'https://mine.example/' })
    assert.deepEqual(api.requests.map(audience), [
      undefined,
      'https://orders.example/',
      'https://orders.example/',
      'https://mine.example/',
    ])
    assert.equal(provider.count('refresh_token'), 2)
  })

  test('r127 a077 a header of the caller that would be in the way is refused', async (stage) => {
    const { app, api } = await signedIn(stage)
    const url = `${api.origin}/orders`
    const outcomes = await app.run((url) => {
      const headers = { Authorization: 'Bearer mine' }
      const calls = [
        [url, { headers }],
        [url, { headers: new Headers(headers) }],
        [url, { headers: [['AUTHORIZATION', 'x']] }],
        [new Request(url, { headers })],
        [new Request(url), { headers }],
        [url, { redirect: 'follow' }],
        [url, { headers: { 'bad name': 'x' } }],
        [url, {}, { scopes: 'x' }],
      ]
      return Promise.all(calls.map((values) => settle(() => session.fetch(...values))))
    }, url)
    assert.deepEqual(
      outcomes.map(({ error }) => `${error.code} ${error.detail}`),
      [
        ...Array(5).fill('config_invalid authorization'),
        'config_invalid redirect',
        'config_invalid headers',
        'config_invalid scopes',
      ],
    )
    assert.deepEqual([api.requests, api.preflights], [[], 0])
  })

  test('a cookie may go along where the caller says so', async (stage) => {
    const { app, api } = await signedIn(stage)
    // Cookies know no ports: the API's host is the page's.
    await app.run(() => void (document.cookie = 'mine=1; path=/'))
    await call(app, `${api.origin}/orders`)
    await call(app, `${api.origin}/orders`, { credentials: 'include' })
    assert.equal(api.requests[0].headers.cookie, undefined)
    assert.match(api.requests[1].headers.cookie, /\bmine=1\b/)
    assert.ok(api.requests.every(bearer))
  })

  test('r128 a075 a redirect is refused, wherever it leads', async (stage) => {
    const evil = await stage.api()
    const { app, api } = await signedIn(stage)
    for (const status of [301, 302, 303, 307, 308]) {
      for (const location of [`${evil.origin}/orders`, `${api.origin}/orders/else`]) {
        api.answer = () => ({ status, headers: { location } })
        const { error } = await call(app, `${api.origin}/orders`, { method: 'PUT', body: 'x' })
        assert.equal(error.code, 'redirect_refused', `${status}`)
      }
    }
    assert.deepEqual([evil.requests, evil.preflights], [[], 0])
    assert.ok(!api.requests.some(({ url }) => url === '/orders/else'))
  })

  test('nothing is sent by a session that is signed out, or closed', async (stage) => {
    const { app, api } = await signedIn(stage)
    await app.call('signOut', { local: true })
    assert.equal((await call(app, `${api.origin}/orders`)).error.code, 'login_required')
    await app.run(() => session.close())
    assert.equal((await call(app, `${api.origin}/orders`)).error.code, 'closed')
    assert.deepEqual([api.requests, api.preflights], [[], 0])
  })

  const overheard = (own) => async (stage) => {
    const { app, api, provider } = await stage.open({
      given: own,
      prepare: (own) => {
        globalThis.seen = []
        const { fetch } = globalThis
        const seeing = (...values) => {
          seen.push(new URL(values[0].url ?? values[0]).pathname)
          return fetch(...values)
        }
        if (own) options.fetch = seeing
        else globalThis.fetch = seeing
      },
    })
    await app.visit()
    await app.signIn()
    // What a script that came later can overhear.
    await app.run(() => {
      globalThis.stolen = ''
      const { stringify } = JSON
      const text = (value) => {
        if (typeof value === 'symbol') return ''
        try {
          return typeof value === 'object' ? stringify(value) : String(value)
        } catch {
          return String(value)
        }
      }
      const steal = (of, name) => {
        const real = of[name]
        of[name] = function (...values) {
          stolen += `\n${name}`
          for (const value of values) stolen += ` ${text(value)}`
          return real.apply(this, values)
        }
      }
      steal(globalThis, 'fetch')
      steal(JSON, 'parse')
      steal(JSON, 'stringify')
      steal(Array.prototype, 'map')
      steal(Array.prototype, 'push')
      JSON.stringify({ deep: ['heard'] })
    })
    const orders = `${api.origin}/orders`
    await app.run((url) => session.fetch(url).then(({ status }) => status), orders)
    await app.run(() => session.userInfo().then(({ sub }) => sub))
    await app.run(() => session.getAccessToken({ forceRenewal: true }).then(() => 0))
    const [seen, stolen] = await app.run(() => [globalThis.seen, globalThis.stolen])
    const asked = seen.filter((path) => !path.endsWith('.wasm'))
    assert.deepEqual(asked, ['/connect/token', '/orders', '/connect/userinfo', '/connect/token'])
    assert.ok(!/^fetch/m.test(stolen))
    assert.ok(stolen.includes('heard'), 'the spy is deaf')
    for (const granted of provider.granted()) {
      for (const name of ['access_token', 'refresh_token', 'id_token']) {
        assert.ok(!stolen.includes(granted[name]), name)
      }
    }
  }
  test(
    'users_a26 r183 a089 a fetch by option sees every request, the one of the page none',
    overheard(true),
  )
  test(
    'users_a26 r183 a089 the fetch of the moment sees every request, a later one none',
    overheard(false),
  )
})

export const answers = suite('what the API answers', (test) => {
  test('users_a22 r130 a 401 is answered with one fresh token and one more request', async (stage) => {
    const { app, api, provider } = await signedIn(stage)
    const [{ access_token: old }] = provider.granted()
    api.answer = (request) => (bearer(request) === old ? REFUSED : { body: 'fine' })
    const url = `${api.origin}/orders`
    const json = { method: 'PUT', body: '{"n":1}', headers: { 'content-type': 'application/json' } }
    assert.deepEqual(await call(app, url, json), { value: { status: 200, body: 'fine' } })
    assert.deepEqual(
      api.requests.map(({ method, body }) => `${method} ${body}`),
      ['PUT {"n":1}', 'PUT {"n":1}'],
    )
    assert.equal(bearer(api.requests[1]), provider.granted()[1].access_token)
    assert.equal(provider.count('refresh_token'), 1)
  })

  test('r130 a070 a 401 that stays is the answer, after two requests', async (stage) => {
    const { app, api, provider } = await signedIn(stage)
    api.answer = () => ({ ...REFUSED, body: 'go away' })
    const url = `${api.origin}/orders`
    assert.deepEqual(await call(app, url), { value: { status: 401, body: 'go away' } })
    assert.equal(api.requests.length, 2)
    assert.equal(provider.count('refresh_token'), 1)
  })

  test('r130 without a readable challenge a 401 counts as well', async (stage) => {
    const { app, api, provider } = await signedIn(stage)
    api.answer = () => ({ status: 401, body: '' })
    await call(app, `${api.origin}/orders`)
    assert.equal(api.requests.length, 2)
    assert.equal(provider.count('refresh_token'), 1)
  })

  test('users_a22 r130 a070 many 401s at once share one renewal', async (stage) => {
    const { app, api, provider } = await signedIn(stage)
    const [{ access_token: old }] = provider.granted()
    api.answer = (request) => (bearer(request) === old ? REFUSED : {})
    const statuses = await app.run((url) => {
      const calls = Array.from({ length: 8 }, (_, n) => session.fetch(`${url}/${n}`))
      return Promise.all(calls.map((call) => call.then(({ status }) => status)))
    }, `${api.origin}/orders`)
    assert.deepEqual(statuses, Array(8).fill(200))
    assert.equal(api.requests.length, 16)
    assert.equal(provider.count('refresh_token'), 1)
  })

  test('users_a22 r130 POST is not sent twice, unless the page says that it may be', async (stage) => {
    const { app, api, provider } = await signedIn(stage)
    api.answer = () => REFUSED
    const url = `${api.origin}/orders`
    assert.equal((await call(app, url, { method: 'POST', body: 'x' })).value.status, 401)
    assert.equal((await call(app, url, { method: 'PATCH', body: 'x' })).value.status, 401)
    assert.equal(api.requests.length, 2)
    assert.equal(provider.count('refresh_token'), 0)
    const status = await app.run(async (url) => {
      const session = await open({ retryMethods: ['post'] })
      return (await session.fetch(url, { method: 'POST', body: 'x' })).status
    }, url)
    assert.equal(status, 401)
    assert.equal(api.requests.length, 4)
  })

  for (const challenge of [
    'Bearer error="insufficient_scope", scope="orders"',
    'Bearer error="insufficient_user_authentication", max_age="5"',
  ]) {
    test(`r130 a fresh token would not help: ${challenge.split('"')[1]}`, async (stage) => {
      const { app, api, provider } = await signedIn(stage)
      api.answer = () => ({ status: 401, headers: { 'www-authenticate': challenge } })
      await call(app, `${api.origin}/orders`)
      assert.equal(api.requests.length, 1)
      assert.equal(provider.count('refresh_token'), 0)
    })
  }

  test('r130 without a fresh token the 401 is the answer', async (stage) => {
    const { app, api, provider } = await signedIn(stage)
    api.answer = () => ({ ...REFUSED, body: 'go away' })
    provider.setDefects({ path: '/connect/token', kind: 'status', status: 503 })
    const outcome = await call(app, `${api.origin}/orders`)
    assert.deepEqual(outcome, { value: { status: 401, body: 'go away' } })
    assert.equal(api.requests.length, 1)
  })

  test('r130 a Request is an input, its body is sent again', async (stage) => {
    const { app, api, provider } = await signedIn(stage)
    const [{ access_token: old }] = provider.granted()
    api.answer = (request) => (bearer(request) === old ? REFUSED : { body: 'fine' })
    const status = await app.run(async (url) => {
      const headers = { 'x-mine': '1', 'content-type': 'text/plain' }
      const request = new Request(url, { method: 'PUT', body: 'a body', headers })
      return (await session.fetch(request)).status
    }, `${api.origin}/orders`)
    assert.equal(status, 200)
    for (const request of api.requests) {
      assert.deepEqual([request.method, request.body], ['PUT', 'a body'])
      assert.equal(request.headers['x-mine'], '1')
    }
    assert.deepEqual(api.requests.length, 2)
    // What init says stands above what the Request says.
    const url = await app.run(async (url) => {
      const request = new Request(url, { headers: { 'x-mine': '1' } })
      return (await session.fetch(request, { headers: { 'x-mine': '2' } })).url
    }, `${api.origin}/orders/9`)
    assert.equal(url, `${api.origin}/orders/9`)
    assert.equal(api.requests.at(-1).headers['x-mine'], '2')
  })

  test('r008 the caller may give up; an API that is gone is a network_error', async (stage) => {
    const { app, api } = await signedIn(stage)
    let release
    const reached = new Promise((resolve) => {
      api.answer = () => {
        resolve()
        return new Promise((answer) => (release = () => answer({})))
      }
    })
    await app.run((url) => {
      globalThis.controller = new AbortController()
      globalThis.outcome = settle(session.fetch(url, { signal: controller.signal }))
    }, `${api.origin}/orders`)
    await reached
    const { error } = await app.run(() => (controller.abort(), outcome))
    assert.equal(error.code, 'aborted')
    release()
    const early = await app.run(
      (url) => settle(() => session.fetch(url, { signal: AbortSignal.abort() })),
      `${api.origin}/orders`,
    )
    assert.equal(early.error.code, 'aborted')
    await api.close()
    const gone = await call(app, `${api.origin}/orders`)
    assert.deepEqual([gone.error.code, gone.error.retryable], ['network_error', true])
  })

  test('an answer that is no success is an answer', async (stage) => {
    const { app, api } = await signedIn(stage)
    for (const status of [400, 403, 404, 500, 503]) {
      api.answer = () => ({ status, body: `${status}` })
      const { value } = await call(app, `${api.origin}/orders`)
      assert.deepEqual(value, { status, body: `${status}` })
    }
  })
})

export const userInfo = suite('user info', (test) => {
  const USERINFO = '/connect/userinfo'

  test('r114 r115 it is of the person who signed in, or nothing', async (stage) => {
    const { app, provider } = await signedIn(stage)
    for (const changes of [{ sub: 'bob' }, { sub: undefined }, { sub: ['alice'] }, { sub: '' }]) {
      const mutate = (json) => ({ ...json, ...changes })
      provider.setDefects({ path: USERINFO, kind: 'mutate', mutate })
      const { error, value } = await app.call('userInfo')
      assert.equal(error?.code, 'userinfo_invalid', JSON.stringify([changes, value]))
    }
    for (const [body, code] of [
      ['{"sub":"bob","sub":"alice"}', 'response_not_json'],
      ['<html>', 'response_not_json'],
    ]) {
      const headers = { 'content-type': 'application/json' }
      provider.setDefects({ path: USERINFO, kind: 'bytes', body, headers })
      assert.equal((await app.call('userInfo')).error.code, code)
    }
    provider.setDefects({ path: USERINFO, kind: 'html' })
    assert.equal((await app.call('userInfo')).error.code, 'response_content_type')
    provider.setDefects()
    assert.equal((await app.call('userInfo')).value.sub, 'alice')
    const last = provider.requests.at(-1)
    assert.deepEqual([last.method, last.scheme, last.query, last.body], ['GET', 'Bearer', {}, {}])
  })

  test('r118 a 401 costs one renewal and one more request', async (stage) => {
    const { app, provider } = await signedIn(stage)
    const headers = { 'www-authenticate': 'Bearer error="invalid_token"' }
    provider.setDefects({ path: USERINFO, kind: 'status', status: 401, headers, times: 1 })
    assert.equal((await app.call('userInfo')).value.sub, 'alice')
    assert.equal(provider.count('refresh_token'), 1)
    const defect = provider.setDefects({ path: USERINFO, kind: 'status', status: 401, headers })
    const { error } = await app.call('userInfo')
    assert.equal(error.status, 401)
    assert.equal(defect.hits, 2)
    assert.equal(provider.count('refresh_token'), 2)
  })

  test('r117 what it points at is not fetched', async (stage) => {
    const evil = await stage.api()
    const { app, provider } = await signedIn(stage)
    const more = {
      _claim_names: { address: 'elsewhere' },
      _claim_sources: { elsewhere: { endpoint: `${evil.origin}/claims`, access_token: 'x' } },
    }
    const mutate = (json) => ({ ...json, ...more })
    provider.setDefects({ path: USERINFO, kind: 'mutate', mutate })
    const { value } = await app.call('userInfo')
    assert.deepEqual(value._claim_sources, more._claim_sources)
    assert.deepEqual([evil.requests, evil.preflights], [[], 0])
  })
})
