// What a token endpoint may answer instead of tokens, or around them.

import { GrantError, createTokenClient } from 'grantkit'

import { equal, includes, ok, refused } from './check.mjs'
import { scripted, token } from './clients.mjs'

const TYPE = 'application/json'
const GOOD = '"token_type":"Bearer","expires_in":60'
const body = (text, more) => ({ text, type: TYPE, ...more })

/** What a client makes of an answer of the token endpoint. */
async function asked(stage, answer, options) {
  await stage.server.script({ '/token': answer })
  const client = await scripted(stage, options)
  return client.clientCredentials()
}

/** Each answer, and how it is refused. */
async function table(stage, rows, options) {
  for (const [title, answer, code, fields] of rows) {
    await refused(asked(stage, answer, options), code, fields, title)
  }
}

export const cases = {
  async 'r012 r076 an error answer'(stage) {
    const json = {
      error: 'invalid_scope',
      error_description: 'no such scope',
      error_uri: 'https://as.example/help',
      more: { deep: [1] },
    }
    const error = await refused(asked(stage, { status: 400, json }), 'token_error', {
      status: 400,
      error: 'invalid_scope',
      error_description: 'no such scope',
      error_uri: 'https://as.example/help',
      fault: 'server',
      retryable: false,
      loginRequired: false,
      detail: undefined,
    })
    equal(error.response, json)
    ok(Object.isFrozen(error.response) && Object.isFrozen(error.response.more.deep), 'not frozen')
    equal(Object.getPrototypeOf(error.response), null)
    for (const text of ['invalid_scope', 'no such scope', 'help']) {
      ok(!error.message.includes(text), error.message)
    }
    const again = asked(stage, { status: 401, json: { error: 'invalid_grant' } })
    await refused(again, 'token_error', { status: 401, loginRequired: true })
  },

  async 'r053 a007 a008 the words of a server are filtered and capped'(stage) {
    const json = {
      error: 'bad"\\\u202ething',
      error_description: `<img src=x onerror=alert(1)>\r\n\0${'x'.repeat(10_000)}`,
      error_uri: 'javascript:alert(1)',
    }
    const error = await refused(asked(stage, { status: 400, json }), 'token_error')
    equal(error.error, 'badthing')
    equal(error.error_description.length, 512)
    ok(/^[ -~]*$/.test(error.error_description), 'control characters')
    equal(error.error_uri, undefined)
    ok(!error.message.includes('img'), error.message)
  },

  async 'r012 a033 a034 a035 answers that are no token response'(stage) {
    const tokens = { access_token: 'x', token_type: 'Bearer' }
    const page = { text: '<!doctype html><h1>Welcome</h1>', type: 'text/html' }
    await table(stage, [
      ['200 with error', { json: { error: 'invalid_grant' } }, 'token_error', { status: 200 }],
      [
        '200 with tokens and error',
        { json: { ...tokens, error: 'x' } },
        'token_error',
        { status: 200, error: 'x' },
      ],
      ['400 with tokens', { status: 400, json: tokens }, 'response_status', { status: 400 }],
      ['201 with tokens', { status: 201, json: tokens }, 'response_status', { status: 201 }],
      ['202 with tokens', { status: 202, json: tokens }, 'response_status', { status: 202 }],
      ['HTML', page, 'response_content_type', { status: 200, fault: 'response' }],
      ['HTML and 400', { status: 400, ...page }, 'response_not_json', { status: 400 }],
      ['HTML and 403', { status: 403, ...page }, 'response_not_json', { status: 403 }],
      ['HTML and 500', { status: 500, ...page }, 'response_status', { status: 500 }],
      ['nothing', body(''), 'response_not_json', { status: 200 }],
      ['nothing and 400', body('', { status: 400 }), 'response_not_json', { status: 400 }],
      ['nothing and 403', { status: 403, type: null }, 'response_not_json', { status: 403 }],
      ['[]', body('[]'), 'response_not_json'],
      ['null', body('null'), 'response_not_json'],
      ['a string', body('"x"'), 'response_not_json'],
      ['{}', body('{}'), 'token_response_invalid', { detail: 'access_token' }],
      ['error is an object', { status: 400, json: { error: {} } }, 'response_not_json'],
      ['error is a number', { status: 400, json: { error: 7 } }, 'response_not_json'],
      ['trailing text', body(`{"access_token":"x",${GOOD}}x`), 'response_not_json'],
    ])
  },

  async 'r012 204 has no tokens'(stage) {
    const answer = asked(stage, { status: 204, type: null })
    await refused(answer, 'response_status', { status: 204 })
  },

  async 'r010 the content type must be JSON'(stage) {
    const text = `{"access_token":"x",${GOOD}}`
    for (const type of [
      'application/json',
      'application/json; charset=utf-8',
      'Application/JSON;charset="UTF-8"',
      'application/token-response+json',
      null,
    ]) {
      equal((await asked(stage, { text, type })).access_token, 'x', type)
    }
    for (const type of ['text/html', 'text/plain', 'text/json', 'application/json-seq', 'json']) {
      await refused(asked(stage, { text, type }), 'response_content_type', { status: 200 }, type)
    }
  },

  async 'r011 a041 a043 one strict reader'(stage) {
    const base64 = (bytes) => btoa(String.fromCharCode(...bytes))
    const bytes = (text) => new TextEncoder().encode(text)
    const raw = (...parts) => ({
      base64: base64(parts.flatMap((part) => [...part])),
      type: TYPE,
    })
    const good = bytes(`{"access_token":"x",${GOOD}}`)
    const bom = [0xef, 0xbb, 0xbf]
    equal((await asked(stage, raw(bom, good))).access_token, 'x')
    const nested = (depth) =>
      body(`{"access_token":"x",${GOOD},"deep":${'['.repeat(depth)}${']'.repeat(depth)}}`)
    equal((await asked(stage, nested(20))).access_token, 'x')
    await table(stage, [
      ['two BOMs', raw(bom, bom, good), 'response_not_json'],
      ['UTF-16', raw([0xff, 0xfe], good), 'response_not_json'],
      ['twice', body(`{"access_token":"a","access_token":"a",${GOOD}}`), 'response_not_json'],
      [
        'twice, once escaped',
        body(`{"access_token":"a","access\\u005ftoken":"b",${GOOD}}`),
        'response_not_json',
      ],
      ['twice, deep', body(`{"access_token":"a",${GOOD},"x":{"y":1,"y":2}}`), 'response_not_json'],
      ['33 deep', nested(33), 'response_not_json'],
      ['60 000 deep', body(`{"a":${'['.repeat(60_000)}`), 'response_not_json'],
      [
        'invalid UTF-8',
        raw(bytes('{"access_token":"x'), [0xff], bytes(`",${GOOD}}`)),
        'response_not_json',
      ],
      [
        'overlong UTF-8',
        raw(bytes('{"access_token":"x",'), bytes('"y":"'), [0xc0, 0xaf], bytes(`",${GOOD}}`)),
        'response_not_json',
      ],
      ['lone surrogate', body(`{"access_token":"x","y":"\\ud800",${GOOD}}`), 'response_not_json'],
      ['single quotes', body(`{'access_token':'x'}`), 'response_not_json'],
      ['a comma too many', body(`{"access_token":"x",${GOOD},}`), 'response_not_json'],
      ['NaN', body(`{"access_token":"x",${GOOD},"y":NaN}`), 'response_not_json'],
    ])
  },

  async 'r071 r080 a040 access_token'(stage) {
    const rows = ['a\r\nb', 'a\nb', 'a\0b', 'é', '\u2028', '', 7, null, {}, ['x'], true, undefined]
    await table(
      stage,
      rows.map((value) => [
        `access_token ${JSON.stringify(value)}`,
        { json: { access_token: value, token_type: 'Bearer' } },
        'token_response_invalid',
        { detail: 'access_token', fault: 'response' },
      ]),
    )
    const json = { access_token: '!"~ ,x', token_type: 'Bearer' }
    equal((await asked(stage, { json })).access_token, '!"~ ,x')
  },

  async 'r072 a039 token_type'(stage) {
    const typed = (value) => ({ json: { access_token: 'x', token_type: value } })
    for (const good of ['Bearer', 'bearer', 'bEARER']) {
      equal((await asked(stage, typed(good))).token_type, good)
    }
    for (const options of [{}, { lenient: true }]) {
      await table(
        stage,
        [
          ['mac', typed('mac'), 'token_type_unsupported'],
          ['N_A outside of an exchange', typed('N_A'), 'token_type_unsupported'],
          ['with a space', typed('Bearer '), 'token_type_unsupported'],
          ['dpop', typed('DPoP'), 'token_binding_downgrade'],
          ['array', typed(['Bearer']), 'token_response_invalid', { detail: 'token_type' }],
          ['null', typed(null), 'token_response_invalid', { detail: 'token_type' }],
        ],
        options,
      )
    }
    const missing = typed(undefined)
    await refused(asked(stage, missing), 'token_response_invalid', { detail: 'token_type' })
    equal((await asked(stage, missing, { lenient: true })).access_token, 'x')
  },

  async 'r074 a038 expires_in'(stage) {
    const written = (text) =>
      body(`{"access_token":"x","token_type":"Bearer","expires_in":${text}}`)
    const now = () => 1_000_000
    for (const [text, seconds] of [
      ['0', 0],
      ['1', 1],
      ['2147484', 2147484],
      ['2147483647', 2147483647],
    ]) {
      const answer = await asked(stage, written(text), { now })
      equal([answer.expires_in, answer.expiresAt], [seconds, 1_000_000 + seconds * 1000], text)
    }
    const unknown = await asked(stage, token({ expires_in: undefined }), { now })
    ok(!('expires_in' in unknown) && !('expiresAt' in unknown), 'a life out of nothing')
    const wrong = ['-1', '1.5', '"abc"', 'null', 'true', '[]', '{}', '1e20', '2147483648', '1e400']
    const lines = (texts) =>
      texts.map((text) => [text, written(text), 'token_response_invalid', { detail: 'expires_in' }])
    await table(stage, lines([...wrong, '"3600"']))
    await table(stage, lines([...wrong, '"-1"', '" 1"', '""', '"1.0"']), { lenient: true })
    const digits = await asked(stage, written('"3600"'), { lenient: true, now })
    equal([digits.expires_in, digits.expiresAt], ['3600', 1_000_000 + 3600_000])
  },

  async 'r075 scope, refresh_token and id_token'(stage) {
    const tokens = { access_token: 'x', token_type: 'Bearer' }
    const rows = []
    for (const [name, values] of Object.entries({
      scope: [7, ['api'], null],
      refresh_token: ['', 7, null],
      id_token: ['', {}, null],
    })) {
      for (const value of values) {
        const json = { ...tokens, [name]: value }
        rows.push([`${name} ${value}`, { json }, 'token_response_invalid', { detail: name }])
      }
    }
    await table(stage, rows)
    equal((await asked(stage, { json: { ...tokens, scope: 'less' } })).scope, 'less')
  },

  async 'r013 a042 custom members are kept, frozen and harmless'(stage) {
    const text = `{"access_token":"x",${GOOD},"__proto__":{"polluted":1},"constructor":"c",
      "toString":"t","hasOwnProperty":null,"then":"later","custom":{"deep":[{"__proto__":{"a":1}}]},
      "number":1.5e3,"negative":-0.25,"no":false,"expiresAt":1,"claims":{"sub":"forged"},"é":"ü"}`
    const answer = await asked(stage, body(text), { now: () => 5000 })
    equal(Object.getPrototypeOf(answer), null)
    equal(Object.getPrototypeOf(answer.custom.deep[0]), null)
    for (const value of [answer, answer.custom, answer.custom.deep, answer.custom.deep[0]]) {
      ok(Object.isFrozen(value), 'not frozen')
    }
    equal(answer['__proto__'].polluted, 1)
    ok(Object.hasOwn(answer, '__proto__'), 'the prototype was set')
    equal([answer.constructor, answer.toString, answer.hasOwnProperty], ['c', 't', null])
    equal([answer.number, answer.negative, answer.no, answer['é']], [1500, -0.25, false, 'ü'])
    // Those two names are ours.
    equal([answer.expiresAt, 'claims' in answer], [65_000, false])
    equal([{}.polluted, {}.a, Object.prototype.a], [undefined, undefined, undefined])
  },

  async 'r013 twenty members that nobody knows'(stage) {
    const more = Object.fromEntries(Array.from({ length: 20 }, (_, i) => [`member ${i}`, i]))
    const answer = await asked(stage, token(more))
    equal(answer['member 19'], 19)
  },

  async 'a server that is down, busy or forbids'(stage) {
    const after = (seconds) => ({ headers: { 'retry-after': seconds } })
    const busy = { retryable: true, retryAfter: 7, fault: 'server' }
    await table(stage, [
      ['500', { status: 500 }, 'response_status', { status: 500, retryable: true }],
      ['503', { status: 503, ...after('7') }, 'response_status', { status: 503, ...busy }],
      ['429', { status: 429, ...after('7') }, 'response_status', { status: 429, ...busy }],
      [
        '503 as JSON',
        { status: 503, json: { error: 'temporarily_unavailable' }, ...after('7') },
        'token_error',
        { status: 503, error: 'temporarily_unavailable', ...busy },
      ],
      [
        '401 as JSON',
        {
          status: 401,
          json: { error: 'invalid_client' },
          headers: { 'www-authenticate': 'Basic realm="x"' },
        },
        'token_error',
        { status: 401, error: 'invalid_client', retryable: false, retryAfter: undefined },
      ],
      ['401', { status: 401, type: null }, 'response_not_json', { status: 401, retryable: false }],
      ['403', { status: 403, json: { error: 'no' } }, 'token_error', { status: 403 }],
      ['404', { status: 404, text: 'not here' }, 'response_not_json', { status: 404 }],
    ])
    const date = { 'retry-after': new Date(Date.now() + 3600_000).toUTCString() }
    const error = await refused(asked(stage, { status: 503, headers: date }), 'response_status')
    ok(error.retryAfter > 3000 && error.retryAfter <= 3601, `${error.retryAfter}`)
    const forever = { status: 503, ...after('99999999999999999999') }
    await refused(asked(stage, forever), 'response_status', { retryAfter: 86_400 })
    const nonsense = { status: 503, ...after('soon') }
    await refused(asked(stage, nonsense), 'response_status', { retryAfter: undefined })
  },

  async 'a connection that breaks, before and in the middle of the answer'(stage) {
    const text = `{"access_token":"x",${GOOD}}`
    const lost = { retryable: true, fault: 'network', status: undefined }
    await refused(asked(stage, { kind: 'reset' }), 'network_error', lost)
    await refused(asked(stage, { kind: 'half', text }), 'network_error', lost)
    // Nothing of it is remembered.
    equal((await asked(stage, token())).access_token, 't1')
  },

  async 'a server that is not there'(stage) {
    const client = await createTokenClient({
      issuer: stage.issuer,
      clientId: 'worker',
      clientSecret: stage.secret,
    })
    await client.clientCredentials()
    await stage.provider.goOffline()
    const error = await refused(client.clientCredentials(), 'network_error', { retryable: true })
    ok(!error.message.includes(stage.issuer), error.message)
  },

  async 'r009 a036 a body over the cap, whatever it announces'(stage) {
    const fill = (size) => 'x'.repeat(size - 70)
    const text = (size) => body(`{"access_token":"x",${GOOD},"fill":"${fill(size)}"}`)
    equal((await asked(stage, text(128 * 1024))).access_token, 'x')
    const large = asked(stage, text(128 * 1024 + 64))
    await refused(large, 'response_too_large', { fault: 'response', status: 200 })
    const error = asked(stage, { ...text(200_000), status: 500 })
    await refused(error, 'response_too_large', { status: 500 })
  },

  async 'r009 a036 a body without an end is cancelled at the cap'(stage) {
    await refused(asked(stage, { kind: 'endless' }), 'response_too_large', { status: 200 })
    await stage.server.dropped('/token')
  },

  async 'r009 a036 a compressed bomb is cancelled at the cap'(stage) {
    await refused(asked(stage, { kind: 'bomb' }), 'response_too_large', { status: 200 })
    await stage.server.dropped('/token')
  },

  async 'r008 a037 a slow head and a slow body end with the timeout'(stage) {
    const options = { timeout: 200 }
    const late = { retryable: true, fault: 'network' }
    await refused(asked(stage, { hold: 'never' }, options), 'timeout', late)
    await stage.server.dropped('/token')
    const stalled = { kind: 'stall', text: `{"access_token":"x",${GOOD}}` }
    await refused(asked(stage, stalled, options), 'timeout', late)
    await stage.server.dropped('/token')
    // Never silent: the deadline is that of the whole exchange.
    await refused(asked(stage, { kind: 'trickle' }, options), 'timeout', late)
    await stage.server.dropped('/token')
    equal((await asked(stage, token(), options)).access_token, 't1')
  },

  async 'r008 a signal that has spoken before the call: nothing is sent'(stage) {
    const signal = AbortSignal.abort()
    await stage.server.script({ '/token': token() })
    const asked = []
    const client = await scripted(stage, {
      allowedUrls: [`${stage.serverUrl}/api/`],
      fetch(url, init) {
        asked.push(new URL(url).pathname)
        return fetch(url, init)
      },
    })
    const gone = { fault: 'caller', retryable: false }
    await refused(client.clientCredentials({ signal }), 'aborted', gone)
    await refused(client.requestToken({ grantType: 'x', signal }), 'aborted', gone)
    await refused(client.userInfo('token', 'alice', { signal }), 'aborted', gone)
    await refused(client.revoke('token', { signal }), 'aborted', gone)
    await refused(client.metadata({ signal }), 'aborted', gone)
    await refused(client.getAccessToken({ signal }), 'aborted', gone)
    await refused(client.fetch(`${stage.serverUrl}/api/x`, {}, { signal }), 'aborted', gone)
    await refused(client.fetch(`${stage.serverUrl}/api/x`, { signal }), 'aborted', gone)
    const request = new Request(`${stage.serverUrl}/api/x`, { signal })
    await refused(client.fetch(request), 'aborted', gone)
    await client.clientCredentials()
    equal(asked, ['/token'])
  },

  async 'r008 a signal during the call hangs up'(stage) {
    for (const answer of [{ hold: 'never' }, { kind: 'stall', text: '{"a":"b"}' }]) {
      const controller = new AbortController()
      await stage.server.script({ '/token': answer })
      const client = await scripted(stage)
      const asking = client.clientCredentials({ signal: controller.signal })
      const checked = refused(asking, 'aborted', { retryable: false })
      await stage.server.arrived('/token')
      controller.abort()
      await checked
      await stage.server.dropped('/token')
    }
  },

  async 'r008 a caller that gives up does not take another along'(stage) {
    const controller = new AbortController()
    await stage.server.script({ '/token': { hold: 'token', ...token() } })
    const client = await scripted(stage)
    const first = refused(client.getAccessToken({ signal: controller.signal }), 'aborted')
    const second = client.getAccessToken()
    await stage.server.arrived('/token')
    controller.abort()
    await first
    await stage.gates.open('token')
    equal(await second, 't1')
    equal(await stage.server.count('/token'), 1)
  },

  async 'a fetch that throws, or answers with what is no response'(stage) {
    const broken = {
      throws() {
        throw new TypeError('broken')
      },
      rejects: () => Promise.reject(new Error('broken')),
      nothing: () => undefined,
      null: () => null,
      text: () => 'a string',
      object: () => ({}),
    }
    for (const [title, fetch] of Object.entries(broken)) {
      const client = await scripted(stage, { fetch })
      await refused(client.clientCredentials(), 'network_error', {}, title)
    }
    const client = await scripted(stage)
    await stage.server.script({ '/token': token() })
    equal(await client.getAccessToken(), 't1')
  },

  async 'r008 a fetch that never settles and hears no signal'(stage) {
    const fetch = () => new Promise(() => {})
    const late = await scripted(stage, { fetch, timeout: 50 })
    await refused(late.clientCredentials(), 'timeout')
    await refused(late.getAccessToken(), 'timeout')
    const client = await scripted(stage, { fetch })
    const controller = new AbortController()
    const { signal } = controller
    const calls = Promise.all([
      refused(client.clientCredentials({ signal }), 'aborted'),
      refused(client.getAccessToken({ signal }), 'aborted'),
      refused(client.metadata({ signal }), 'aborted'),
    ])
    controller.abort()
    await calls
    const body = new ReadableStream({ pull: () => new Promise(() => {}) })
    const init = { headers: { 'content-type': TYPE } }
    const endless = await scripted(stage, {
      fetch: async () => new Response(body, init),
      timeout: 50,
    })
    await refused(endless.clientCredentials(), 'timeout')
  },

  async 'a fetch that answers with a body that cannot be read'(stage) {
    const init = { headers: { 'content-type': TYPE } }
    const stream = (...chunks) =>
      new ReadableStream({
        start(controller) {
          for (const chunk of chunks) controller.enqueue(chunk)
          controller.close()
        },
      })
    const used = new Response(JSON.stringify(token().json), init)
    await used.clone().text()
    const locked = new Response(stream(new Uint8Array(1)), init)
    locked.body.getReader()
    const failing = new ReadableStream({
      start: (controller) => controller.error(new Error('broken')),
    })
    for (const [title, answer] of Object.entries({
      locked,
      failing: new Response(failing, init),
      numbers: { status: 200, headers: new Headers(init.headers), body: stream(1e12) },
      texts: { status: 200, headers: new Headers(init.headers), body: stream('text') },
      objects: { status: 200, headers: new Headers(init.headers), body: stream({}, null) },
    })) {
      const client = await scripted(stage, { fetch: async () => answer })
      const error = await client.clientCredentials().catch((reason) => reason)
      ok(error instanceof GrantError, `${title}: ${error}`)
      ok(['network_error', 'response_not_json'].includes(error.code), `${title}: ${error}`)
    }
    // A mock that answers with the same Response each time.
    const client = await scripted(stage, { fetch: async () => used })
    equal((await client.clientCredentials()).access_token, 't$n')
    await refused(client.clientCredentials(), 'network_error')
    await stage.server.script({ '/token': token() })
    equal(await (await scripted(stage)).getAccessToken(), 't1')
  },

  async 'r178 objects of the caller that throw when they are read'(stage) {
    const broken = () => {
      throw new Error('broken')
    }
    const throwing = (name) => Object.defineProperty({}, name, { get: broken, enumerable: true })
    const closedDoor = new Proxy({}, { ownKeys: broken })
    const mute = new Proxy({}, { ownKeys: broken, get: broken })
    const bystander = await scripted(stage)
    await stage.server.script({ '/token': token(), '/api/x': {} })
    equal(await bystander.getAccessToken(), 't1')
    const client = await scripted(stage, { allowedUrls: [`${stage.serverUrl}/api/`] })
    const url = `${stage.serverUrl}/api/x`
    const record = await client.authorizationRequest()
    const calls = {
      'a proxy as options': () => createTokenClient(closedDoor),
      'a proxy as a request': () => client.clientCredentials(closedDoor),
      'a getter in parameters': () => client.clientCredentials({ parameters: throwing('a') }),
      'a proxy as parameters': () => client.clientCredentials({ parameters: closedDoor }),
      'a getter in metadata': () => scripted(stage, { metadata: throwing('issuer') }),
      'a bigint in metadata': () => scripted(stage, { metadata: { a: 1n } }),
      'a getter in allowedUrls': () => scripted(stage, { allowedUrls: [throwing('url')] }),
      'a proxy in allowedUrls': () => scripted(stage, { allowedUrls: [closedDoor] }),
      'a loop as appState': () => {
        const appState = {}
        appState.loop = appState
        return client.authorizationRequest({ appState })
      },
      'a record with a getter': () => client.callback('?code=x&state=y', throwing('state')),
      'an answer that throws': () => client.callback({ toString: broken }, record),
      'an answer without a text': () => client.callback(Object.create(null), record),
      'a target that throws': () => client.fetch({ toString: broken }),
      'a proxy as a target': () => client.fetch(mute),
      'an init that throws': () => client.fetch(url, throwing('cache')),
      'headers that throw': () => client.fetch(url, { headers: throwing('a') }),
      'a getter for headers': () => client.fetch(url, throwing('headers')),
      'a signal that throws': () => client.clientCredentials({ signal: mute }),
    }
    for (const [title, call] of Object.entries(calls)) {
      const error = await (async () => call())().catch((reason) => reason)
      ok(error instanceof GrantError, `${title}: ${error}`)
      ok(
        ['config_invalid', 'url_invalid', 'state_missing', 'network_error'].includes(error.code),
        `${title}: ${error}`,
      )
      // Nobody else loses anything by it.
      equal(await bystander.getAccessToken({}), 't1', title)
    }
  },

  'errors are made by the package alone'() {
    let thrown
    try {
      new GrantError({ code: 'x' })
    } catch (error) {
      thrown = error
    }
    ok(thrown instanceof TypeError, 'made')
    includes(String(GrantError), 'class')
  },
}
