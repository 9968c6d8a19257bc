// What a client refuses before anything is sent, and what it refuses after it was closed.

import { createTokenClient } from 'grantkit'

import { equal, ok, refused } from './check.mjs'
import { formOf, scripted, token } from './clients.mjs'

const LONE = 'a\ud800b'

/** Options that are refused, each with the name that the error tells. */
async function table(stage, rows, code = 'config_invalid') {
  for (const [detail, options] of rows) {
    const title = `${detail}: ${JSON.stringify(options)}`
    await refused(scripted(stage, options), code, { detail, fault: 'caller' }, title)
  }
}

export const cases = {
  async 'an unknown option is an error that names it'(stage) {
    await table(stage, [
      ['clientID', { clientID: 'x' }],
      ['scopes', { scopes: 'api' }],
      ['client_secret', { client_secret: 'x' }],
      ['insecureHTTP', { insecureHttp: false, insecureHTTP: true }],
      ['unknown', { unknown: undefined }],
      ['allowedUrls', { allowedUrls: [{ url: 'https://a/', scopes: 'x' }] }],
    ])
    const named = '{"__proto__":{"lenient":true},"issuer":"https://as.example","clientId":"x"}'
    const detail = '__proto__'
    await refused(createTokenClient(JSON.parse(named)), 'config_invalid', { detail })
    // What an object inherits is no option.
    const inherited = Object.create({ lenient: 'yes' })
    Object.assign(inherited, { issuer: 'https://as.example', clientId: 'x' })
    await createTokenClient(inherited)
  },

  async 'r183 a089 a polluted Object.prototype switches nothing on and adds nothing'() {
    const polluted = {
      insecureHttp: true,
      lenient: true,
      clientSecret: 'a secret of others',
      audience: 'https://evil.example',
      parameters: { mine: 'x' },
      headers: { authorization: 'Bearer of-others' },
      redirect: 'follow',
      token_type: 'Bearer',
      toJSON: 'x',
    }
    const sent = []
    const answers = [{ access_token: 't1' }, { access_token: 't2', token_type: 'Bearer' }]
    const options = {
      metadata: { token_endpoint: 'https://as.example/token' },
      clientId: 'app',
      fetch: async (url, { body, headers }) => {
        sent.push([url, body, Object.keys(headers)])
        return Response.json(answers.shift())
      },
    }
    const insecure = { ...options, metadata: { token_endpoint: 'http://as.example/token' } }
    const outcomes = []
    const settled = (promise) =>
      promise.then(
        (value) => ({ value }),
        (error) => ({ error }),
      )
    for (const [name, value] of Object.entries(polluted)) Object.prototype[name] = value
    try {
      outcomes.push(await settled(createTokenClient(insecure)))
      const client = await createTokenClient(options)
      outcomes.push(
        await settled(client.clientCredentials()),
        await settled(client.clientCredentials()),
      )
    } finally {
      for (const name of Object.keys(polluted)) delete Object.prototype[name]
    }
    const [plain, untyped, good] = outcomes
    equal(plain.error?.code, 'url_insecure')
    equal([untyped.error?.code, untyped.error?.detail], ['token_response_invalid', 'token_type'])
    equal(good.value?.access_token, 't2')
    const one = [
      'https://as.example/token',
      'grant_type=client_credentials&client_id=app',
      ['accept', 'content-type'],
    ]
    equal(sent, [one, one])
  },

  async 'unknown names in calls, too'(stage) {
    const client = await scripted(stage)
    for (const [call, detail] of [
      [() => client.getAccessToken({ force: true }), 'force'],
      [() => client.clientCredentials({ scopes: 'x' }), 'scopes'],
      [() => client.authorizationCode({ code: 'x', verifier: 'y' }), 'verifier'],
      [() => client.requestToken({ grantType: 'x', grant_type: 'y' }), 'grant_type'],
      [() => client.metadata({ cache: true }), 'cache'],
      [() => client.userInfo('x', 'y', { sub: 'z' }), 'sub'],
      [() => client.revoke('x', { hint: 'access_token' }), 'hint'],
      [() => client.validateIdToken('x', { iss: 'y' }), 'iss'],
      [() => client.endSessionUrl({ id_token_hint: 'x' }), 'id_token_hint'],
      [() => client.authorizationRequest({ mode: 'popup' }), 'mode'],
    ]) {
      await refused(call(), 'config_invalid', { detail }, detail)
    }
    equal(await stage.server.count(), 0)
  },

  async 'wrong types'(stage) {
    const one = (name, ...values) => values.map((value) => [name, { [name]: value }])
    await table(stage, [
      ...one('issuer', 7, null, {}),
      ...one('clientId', '', 7, null, undefined, {}),
      ...one('clientSecret', '', 7, null),
      ...one('scope', 7, ['api']),
      ...one('timeout', '10', -1, 1.5, NaN, Infinity, 2 ** 31, null),
      ...one('renewBefore', '60', -1),
      ...one('clockTolerance', '30', -1, 0.5),
      ...one('lenient', 'yes', 1, null),
      ...one('insecureHttp', 'true'),
      ...one('logger', 'x', {}),
      ...one('now', 5, null),
      ...one('fetch', {}, 'fetch'),
      ...one('metadata', 'x', [], 7),
      ...one('allowedUrls', 'https://api.example/', [7], [{}], [{ url: '' }], [null]),
      ...one('allowedUrls', ['/api'], ['api.example'], ['https://a/?x'], ['https://a/#x']),
      ...one('parameters', 'a=b', ['a'], { a: 7 }, { a: [7] }, { a: null }),
      ...one('resource', 7, [7], 'https://a/#x', 'relative'),
      ...one('audience', 7, [null]),
      ...one('idTokenAlgorithms', ['none'], ['HS256'], ['rs256'], 'none', [7]),
      ...one('clientAuthentication', 'basic', 7),
      ...one('redirectUri', '/callback', 'https://app.example/#x', 'callback', 7),
      ...one('postLogoutRedirectUri', '/', 'javascript:alert(1)'),
      ...one('retryMethods', 7, [7]),
      ...one('baseUrl', 7),
    ])
    for (const options of [undefined, null, 'x', 7, [], () => {}]) {
      await refused(createTokenClient(options), 'config_invalid', {}, String(options))
    }
    await refused(createTokenClient({ clientId: 'x' }), 'config_invalid', { detail: 'issuer' })
    await refused(createTokenClient({ issuer: 'https://as.example' }), 'config_invalid', {
      detail: 'clientId',
    })
  },

  async 'an option whose getter throws'(stage) {
    const options = {
      get scope() {
        throw new Error('a secret of the page')
      },
    }
    const all = Object.defineProperties(
      { issuer: stage.serverUrl, clientId: 'x' },
      Object.getOwnPropertyDescriptors(options),
    )
    await refused(createTokenClient(all), 'config_invalid', { detail: 'scope' })
  },

  async 'r004 a024 reserved parameters'(stage) {
    const reserved = [
      'client_id',
      'client_secret',
      'client_assertion',
      'client_assertion_type',
      'response_type',
      'response_mode',
      'redirect_uri',
      'state',
      'nonce',
      'code',
      'code_verifier',
      'code_challenge',
      'code_challenge_method',
      'grant_type',
      'scope',
      'request',
      'request_uri',
      'refresh_token',
      '',
    ]
    const client = await scripted(stage)
    for (const name of reserved) {
      const parameters = { [name]: 'x' }
      await table(stage, [['parameters', { parameters }]])
      for (const call of ['clientCredentials', 'getAccessToken', 'authorizationRequest']) {
        await refused(client[call]({ parameters }), 'config_invalid', { detail: 'parameters' })
      }
    }
    for (const name of ['grant_type', 'client_id', 'client_secret', 'client_assertion', '']) {
      const request = { grantType: 'x', parameters: { [name]: 'x' } }
      await refused(client.requestToken(request), 'config_invalid', { detail: 'parameters' })
    }
    for (const [call, request, name] of [
      ['password', { username: 'x', password: 'y' }, 'username'],
      ['deviceCode', { deviceCode: 'x' }, 'device_code'],
      ['jwtBearer', { assertion: 'x' }, 'assertion'],
    ]) {
      const twice = { ...request, parameters: { [name]: 'z' } }
      await refused(client[call](twice), 'config_invalid', { detail: 'parameters' }, name)
    }
    equal(await stage.server.count(), 0)
  },

  async 'r004 a parameter that has an option of its own is not sent twice'(stage) {
    await stage.server.script({ '/token': { kind: 'echo' } })
    const client = await scripted(stage)
    for (const [option, name] of [
      ['acrValues', 'acr_values'],
      ['resource', 'resource'],
      ['audience', 'audience'],
    ]) {
      const twice = { [option]: 'urn:a', parameters: { [name]: 'urn:b' } }
      for (const call of ['clientCredentials', 'getAccessToken', 'authorizationRequest']) {
        const title = `${call} ${name}`
        await refused(client[call](twice), 'config_invalid', { detail: 'parameters' }, title)
      }
    }
    for (const [option, value, name] of [
      ['prompt', 'login', 'prompt'],
      ['loginHint', 'alice', 'login_hint'],
      ['uiLocales', 'de', 'ui_locales'],
      ['maxAge', 5, 'max_age'],
      ['claims', { id_token: {} }, 'claims'],
    ]) {
      const twice = { [option]: value, parameters: { [name]: 'x' } }
      const detail = 'parameters'
      await refused(client.authorizationRequest(twice), 'config_invalid', { detail }, name)
    }
    equal(await stage.server.count(), 0)
  },

  async 'r034 the characters of a scope'(stage) {
    const client = await scripted(stage)
    for (const scope of [
      'a"b',
      'a\\b',
      'é',
      'a\tb',
      'a\nb',
      'a  b',
      ' a',
      'a ',
      'a a',
      '\0',
      LONE,
    ]) {
      const title = JSON.stringify(scope)
      await refused(scripted(stage, { scope }), 'config_invalid', { detail: 'scope' }, title)
      for (const call of ['clientCredentials', 'getAccessToken', 'authorizationRequest']) {
        await refused(client[call]({ scope }), 'config_invalid', { detail: 'scope' }, title)
      }
    }
    await stage.server.script({ '/token': { kind: 'echo' } })
    const scope = "a:b/c?d=e&f#g [h]{i} ~ ! 'j' %+"
    equal((await client.clientCredentials({ scope })).sent.scope, scope)
  },

  async 'r004 an empty scope is no scope, and openid is never added'(stage) {
    await stage.server.script({ '/token': { kind: 'echo' } })
    const client = await scripted(stage, { scope: '' })
    ok(!('scope' in (await client.clientCredentials()).sent), 'sent')
    ok(!('scope' in (await client.clientCredentials({ scope: '' })).sent), 'sent')
    const { url, nonce } = await client.authorizationRequest()
    equal([new URL(url).searchParams.get('scope'), nonce], [null, undefined])
  },

  async 'r063 a secret and how it is sent belong together'(stage) {
    await table(stage, [
      ['clientSecret', { clientAuthentication: 'none' }],
      ['clientSecret', { clientAuthentication: 'client_secret_basic', clientSecret: undefined }],
      ['clientSecret', { clientAuthentication: 'client_secret_post', clientSecret: undefined }],
    ])
  },

  async 'r001 plain http beyond loopback'(stage) {
    const insecure = [
      ['issuer', { issuer: 'http://as.example' }],
      ['issuer', { issuer: 'http://localhost.evil.example' }],
      ['issuer', { issuer: 'http://127.0.0.1.evil.example' }],
      ['issuer', { issuer: 'http://10.0.0.1' }],
      ['discoveryUrl', { discoveryUrl: 'http://as.example/x' }],
      ['redirectUri', { redirectUri: 'http://app.example/callback' }],
      ['postLogoutRedirectUri', { postLogoutRedirectUri: 'http://app.example/' }],
      ['allowedUrls', { allowedUrls: ['http://api.example/'] }],
    ]
    await table(stage, insecure, 'url_insecure')
    await table(
      stage,
      insecure.map(([detail, options]) => [detail, { ...options, insecureHttp: false }]),
      'url_insecure',
    )
    for (const [, options] of insecure) await scripted(stage, { ...options, insecureHttp: true })
    const sent = []
    const fetch = async (url) => {
      sent.push(url)
      return Response.json(token().json)
    }
    const metadata = { token_endpoint: 'http://as.example/token' }
    const allowedUrls = ['https://api.example/']
    const secure = await scripted(stage, { metadata, fetch, allowedUrls })
    await refused(secure.clientCredentials(), 'url_insecure', { detail: 'token_endpoint' })
    await refused(secure.fetch('http://api.example/'), 'url_not_allowed')
    equal(sent, [])
    const dangerous = { metadata, fetch, insecureHttp: true, allowedUrls: ['http://api.example/'] }
    const client = await scripted(stage, dangerous)
    equal((await client.fetch('http://api.example/x')).status, 200)
    equal(sent, ['http://as.example/token', 'http://api.example/x'])
    for (const issuer of [
      'http://localhost:1',
      'http://127.0.0.2',
      'http://[::1]:1',
      'https://a',
    ]) {
      await scripted(stage, { issuer })
    }
  },

  async 'r002 r017 an issuer with a query, a fragment or two readings'(stage) {
    for (const issuer of ['https://as.example?x', 'https://as.example#x', 'https://as.example/?']) {
      await refused(scripted(stage, { issuer }), 'config_invalid', { detail: 'issuer' }, issuer)
    }
    for (const issuer of [
      'as.example',
      'https:as.example',
      'https:///as.example',
      'https://as.example\\@evil.example',
      'https://user@as.example',
      'https://as.example:99999',
      ' https://as.example',
      'https://as.example\n',
      'javascript:alert(1)',
      'ftp://as.example',
    ]) {
      await refused(scripted(stage, { issuer }), 'url_invalid', {}, issuer)
    }
  },

  async 'a026 lone surrogates have no encoding'(stage) {
    await table(stage, [
      ['clientId', { clientId: LONE }],
      ['clientSecret', { clientSecret: LONE }],
      ['audience', { audience: LONE }],
      ['resource', { resource: ['urn:x', `urn:${LONE}`] }],
      ['parameters', { parameters: { a: LONE } }],
      ['parameters', { parameters: { [LONE]: 'a' } }],
      ['redirectUri', { redirectUri: `https://app.example/${LONE}` }],
    ])
    const client = await scripted(stage)
    for (const [call, request, detail] of [
      ['password', { username: LONE, password: 'x' }, 'username'],
      ['password', { username: 'x', password: LONE }, 'password'],
      ['refreshToken', { refreshToken: LONE }, 'refreshToken'],
      ['clientCredentials', { acrValues: LONE }, 'acrValues'],
      ['requestToken', { grantType: 'x', parameters: { a: ['b', LONE] } }, 'parameters'],
      ['authorizationRequest', { loginHint: LONE }, 'loginHint'],
    ]) {
      await refused(client[call](request), 'config_invalid', { detail }, `${call} ${detail}`)
    }
    await refused(client.userInfo(LONE, 'x'), 'config_invalid')
    await refused(client.revoke(LONE), 'config_invalid')
    await refused(client.validateIdToken(LONE), 'config_invalid')
    equal(await stage.server.count(), 0)
  },

  async 'a026 r005 everything else arrives as it was'(stage) {
    await stage.server.script({ '/token': { kind: 'echo' } })
    const client = await scripted(stage)
    for (const value of [
      'a&b=c',
      '+ %20',
      '\r\n\0',
      '\u2028\u2029',
      '😀',
      'é',
      '<>"\'`',
      '%',
      '~*-._',
    ]) {
      const { sent } = await client.password({ username: value, password: value })
      equal([sent.username, sent.password], [value, value])
    }
    const parameters = { ' %&+£€': ' %&+£€' }
    await client.clientCredentials({ parameters })
    const { body } = (await stage.server.requests('/token')).at(-1)
    const encoded = '+%25%26%2B%C2%A3%E2%82%AC'
    ok(body.includes(`${encoded}=${encoded}`), body)
  },

  async 'required members of the grants'(stage) {
    const client = await scripted(stage)
    for (const [call, request, detail] of [
      ['requestToken', {}, 'grantType'],
      ['requestToken', { grantType: '' }, 'grantType'],
      ['requestToken', undefined, 'grantType'],
      ['authorizationCode', {}, 'code'],
      ['authorizationCode', undefined, 'code'],
      ['refreshToken', { refreshToken: '' }, 'refreshToken'],
      ['deviceCode', {}, 'deviceCode'],
      ['backchannel', {}, 'authReqId'],
      ['tokenExchange', { subjectTokenType: 'x' }, 'subjectToken'],
      ['jwtBearer', {}, 'assertion'],
      ['password', { username: 'x' }, 'password'],
      ['password', null, 'options'],
      ['getAccessToken', 'api', 'options'],
    ]) {
      await refused(client[call](request), 'config_invalid', { detail }, `${call} ${detail}`)
    }
    equal(await stage.server.count(), 0)
  },

  async 'r180 a094 after close every call is refused'(stage) {
    for (const how of ['close', 'dispose']) {
      await stage.server.script({ '/token': token() })
      const client = await scripted(stage, { allowedUrls: [stage.serverUrl] })
      equal(await client.getAccessToken(), 't1')
      const dispose = Symbol.dispose ?? Symbol.for('Symbol.dispose')
      if (how === 'close') client.close()
      else client[dispose]()
      const kept = (await stage.server.requests()).length
      const names = Object.getOwnPropertyNames(Object.getPrototypeOf(client))
      const calls = names.filter(
        (name) => !['constructor', 'close', 'toJSON', 'toString'].includes(name),
      )
      ok(calls.length >= 18, `only ${calls}`)
      for (const name of calls) {
        await refused(client[name]('x', 'y'), 'closed', { fault: 'caller' }, name)
      }
      await refused(client.getAccessToken(), 'closed')
      client.close()
      client[dispose]()
      equal(await stage.server.count(), kept)
    }
  },

  async 'r180 a094 closed while a call is under way'(stage) {
    await stage.server.script({ '/token': { hold: 'token', ...token() } })
    const client = await scripted(stage)
    const asking = refused(client.getAccessToken(), 'closed')
    await stage.server.arrived('/token')
    client.close()
    await stage.gates.open('token')
    await asking
    await refused(client.getAccessToken(), 'closed')
  },

  async 'two clients know nothing of each other'(stage) {
    await stage.server.script({ '/token': token() })
    const one = await scripted(stage)
    const two = await scripted(stage)
    equal([await one.getAccessToken(), await two.getAccessToken()], ['t1', 't2'])
    one.close()
    equal(await two.getAccessToken(), 't2')
    const [{ body }] = await stage.server.requests('/token')
    equal(formOf({ body }), { grant_type: 'client_credentials' })
  },
}
