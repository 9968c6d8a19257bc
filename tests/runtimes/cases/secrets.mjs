// Where secrets may not appear: what is printed, serialised or logged of clients and errors.

import { GrantError, createTokenClient } from 'grantkit'

import { equal, ok, refused } from './check.mjs'
import { DISCOVERY, discovering, endpoints } from './clients.mjs'

const INSPECT = Symbol.for('nodejs.util.inspect.custom')

/** Secrets that are found again wherever they come up. */
const CANARY = 'canary'
const secret = (name) => `${CANARY}-${name}-${crypto.randomUUID()}`
const encodings = (text) => [text, encodeURIComponent(text), btoa(text)]

/** Everything that printing or serialising a thing may show. */
function shown(thing) {
  const texts = [
    JSON.stringify(thing),
    JSON.stringify({ thing, list: [thing] }),
    `${thing}`,
    String(thing),
    thing.toLocaleString?.(),
    Object.prototype.toString.call(thing),
    JSON.stringify(Object.entries(thing)),
    JSON.stringify(Object.getOwnPropertyNames(thing)),
    thing.stack,
    thing.message,
    String(thing.cause),
  ]
  for (const name in thing) texts.push(name, JSON.stringify(thing[name]))
  if (typeof thing[INSPECT] === 'function') texts.push(String(thing[INSPECT](2, {}, String)))
  try {
    const copy = structuredClone(thing)
    texts.push(JSON.stringify(copy), JSON.stringify(Object.entries(copy)), copy.stack, copy.message)
  } catch (error) {
    ok(error.name === 'DataCloneError', `${error}`)
  }
  return texts.filter((text) => text !== undefined).join('\n')
}

function clean(text, what) {
  const at = text.indexOf(CANARY)
  ok(at === -1, `${what} shows ${text.slice(at - 40, at + 60)}`)
  const encoded = btoa(CANARY).slice(0, 7)
  ok(!text.includes(encoded), `${what} shows an encoded secret`)
}

export const cases = {
  async 'r175 a091 nothing shows the secrets of a client'(stage) {
    const clientSecret = secret('client-secret')
    const accessToken = secret('access-token')
    await stage.server.script({
      [DISCOVERY]: { json: endpoints(stage) },
      '/token': { json: { access_token: accessToken, token_type: 'Bearer', expires_in: 3600 } },
    })
    const client = await discovering(stage, { clientSecret, parameters: { custom: secret('p') } })
    clean(shown(client), 'a fresh client')
    equal(await client.getAccessToken(), accessToken)
    clean(shown(client), 'a client with a token')
    equal([JSON.stringify(client), `${client}`], ['"[redacted]"', '[redacted]'])
    equal([Object.keys(client), Reflect.ownKeys(client)], [[], []])
    // A class that hands out nothing: neither what it stands on nor a way to make another.
    const { constructor } = client
    let thrown
    try {
      new constructor()
    } catch (error) {
      thrown = error
    }
    ok(thrown instanceof TypeError, 'made')
    for (const name of ['free', '__wbg_ptr', 'handle', 'ptr']) ok(!(name in client), name)
    client.close()
    clean(shown(client), 'a closed client')
  },

  async 'r176 a091 nothing shows secrets of a call that failed'(stage) {
    const clientSecret = secret('client-secret')
    const secrets = {
      password: { username: 'alice', password: secret('password') },
      refreshToken: { refreshToken: secret('refresh-token') },
      authorizationCode: { code: secret('code'), codeVerifier: secret('verifier') },
      deviceCode: { deviceCode: secret('device-code') },
      backchannel: { authReqId: secret('auth-req-id') },
      jwtBearer: { assertion: secret('assertion') },
      tokenExchange: { subjectToken: secret('subject'), subjectTokenType: 'urn:x' },
      requestToken: { grantType: 'x', parameters: { token: secret('parameter') } },
    }
    const answers = [
      { status: 400, json: { error: 'invalid_grant', error_description: 'no' } },
      { status: 503 },
      { status: 302, headers: { location: `/${CANARY}?code=${CANARY}` } },
      { text: '<h1>', type: 'text/html' },
      { json: { access_token: '' } },
      { kind: 'reset' },
      { kind: 'endless' },
    ]
    for (const answer of answers) {
      const metadata = endpoints(stage, { token_endpoint: `${stage.serverUrl}/token?${CANARY}=1` })
      await stage.server.script({
        [DISCOVERY]: { json: metadata },
        '/token': answer,
        '/userinfo': answer,
        '/revoke': answer,
      })
      const client = await discovering(stage, { clientSecret })
      const calls = [
        ...Object.entries(secrets).map(([name, request]) => client[name](request)),
        client.userInfo(secret('access-token'), 'alice'),
        client.validateIdToken(`${btoa(`{"alg":"${CANARY}"}`)}.${CANARY}.${CANARY}`),
        client.getAccessToken({ parameters: { custom: secret('custom') } }),
        client.fetch(`https://evil.example/${secret('path')}?token=${secret('query')}`),
        client.fetch(secret('relative')),
      ]
      for (const [i, { reason: error }] of (await Promise.allSettled(calls)).entries()) {
        ok(error instanceof GrantError, `call ${i} of ${JSON.stringify(answer)}: ${error}`)
        clean(shown(error), `call ${i} of ${JSON.stringify(answer)}: ${error.code}`)
      }
    }
  },

  async 'r176 what a server echoes stays in fields of its own'(stage) {
    const clientSecret = secret('client-secret')
    const json = {
      error: `${CANARY}-error`,
      error_description: `wrong secret ${clientSecret}`,
      echo: clientSecret,
    }
    await stage.server.script({
      [DISCOVERY]: { json: endpoints(stage) },
      '/token': { status: 400, json },
    })
    const client = await discovering(stage, { clientSecret })
    const error = await refused(client.clientCredentials(), 'token_error')
    equal(error.response.echo, clientSecret)
    for (const text of [JSON.stringify(error), String(error), error.message, error.stack]) {
      clean(text, 'an error that echoes')
    }
  },

  async 'r176 options that are refused do not show themselves'(stage) {
    for (const options of [
      { clientSecret: secret('secret'), clientAuthentication: secret('method') },
      { clientSecret: secret('secret'), issuer: `https://as.example/?${CANARY}` },
      { clientSecret: { secret: CANARY } },
      { redirectUri: `javascript:${CANARY}` },
      { scope: `"${CANARY}"` },
      { parameters: { client_secret: CANARY } },
      { allowedUrls: [`https://user:${CANARY}@api.example/`] },
    ]) {
      const all = { issuer: stage.serverUrl, clientId: 'x', ...options }
      const error = await createTokenClient(all).catch((reason) => reason)
      ok(error instanceof GrantError, `${error}`)
      clean(shown(error), JSON.stringify(options))
    }
  },

  async 'r176 a097 the log of all flows, at debug, holds no secret and no address'(stage) {
    const events = []
    const logger = (event) => void events.push(event)
    const tokens = {
      access_token: secret('access-token'),
      refresh_token: secret('refresh-token'),
      token_type: 'Bearer',
      expires_in: 3600,
    }
    const metadata = endpoints(stage, {
      token_endpoint: `${stage.serverUrl}/token?${CANARY}=in-the-address`,
    })
    const good = {
      [DISCOVERY]: { json: metadata },
      '/keys': { json: { keys: stage.keys } },
      '/token': { json: tokens },
      '/userinfo': { json: { sub: 'alice', secret: secret('claim') } },
      '/revoke': {},
      '/api/x': {},
    }
    const broken = {
      ...good,
      '/token': { status: 400, json: { error: CANARY, error_description: CANARY } },
      '/userinfo': { status: 401, text: CANARY },
      '/revoke': { status: 503, text: CANARY },
    }
    for (const answers of [good, broken, { ...good, '/token': { kind: 'reset' } }]) {
      await stage.server.script(answers)
      const client = await discovering(stage, {
        logger,
        clientSecret: secret('client-secret'),
        allowedUrls: [`${stage.serverUrl}/api/`],
        scope: 'openid',
      })
      const request = await client.authorizationRequest({
        loginHint: secret('hint'),
        appState: secret('state'),
      })
      const answer = `${request.redirectUri}?code=${secret('code')}&state=${request.state}`
      await Promise.allSettled([
        client.callback(answer, request),
        client.password({ username: secret('name'), password: secret('password') }),
        client.refreshToken({ refreshToken: secret('refresh-token') }),
        client.jwtBearer({ assertion: secret('assertion') }),
        client.requestToken({ grantType: 'x', parameters: { token: secret('parameter') } }),
        client.getAccessToken(),
        client.fetch(`${stage.serverUrl}/api/x?${secret('query')}`),
        client.fetch(`https://evil.example/${secret('path')}`),
        client.userInfo(secret('access-token'), 'alice'),
        client.revoke(secret('token')),
        client.endSessionUrl({ idTokenHint: secret('id-token'), state: secret('state') }),
        client.validateIdToken(secret('id-token')),
      ])
      const text = JSON.stringify(events)
      clean(text, 'the log')
      for (const hidden of [request.state, request.nonce, request.codeVerifier, stage.serverUrl]) {
        ok(!encodings(hidden).some((one) => text.includes(one)), 'the log tells too much')
      }
    }
    ok(events.length > 20, `only ${events.length} events`)
    for (const event of events) {
      ok(['debug', 'info', 'warning'].includes(event.level), event.level)
      equal(typeof event.type, 'string')
      for (const value of Object.values(event)) {
        ok(['string', 'number', 'boolean', 'undefined'].includes(typeof value), typeof value)
      }
    }
    const endpointsSeen = new Set(events.map(({ endpoint }) => endpoint))
    for (const one of ['metadata', 'jwks', 'token', 'userinfo', 'revocation']) {
      ok(endpointsSeen.has(one), `${one} was not logged`)
    }
  },

  async 'a logger that throws or calls back in does no harm'(stage) {
    await stage.server.script({
      [DISCOVERY]: { json: endpoints(stage) },
      '/token': { json: { access_token: 't', token_type: 'Bearer' } },
    })
    const throwing = await discovering(stage, {
      logger() {
        throw new Error('broken')
      },
    })
    equal((await throwing.clientCredentials()).access_token, 't')
    const inner = []
    const reentrant = await discovering(stage, {
      logger() {
        if (inner.length < 5) inner.push(reentrant.getAccessToken(), reentrant.endSessionUrl())
      },
    })
    equal((await reentrant.clientCredentials()).access_token, 't')
    ok((await Promise.all(inner)).length >= 5, 'not called')
    const later = []
    let client
    let times = 0
    const now = () => {
      if (client && times++ < 50) later.push(client.getAccessToken(), client.clientCredentials())
      return Date.now()
    }
    client = await discovering(stage, { now })
    equal(await client.getAccessToken(), 't')
    ok((await Promise.all(later)).length >= 50, 'not called')
    const closing = await discovering(stage, { logger: () => closing.close() })
    await refused(closing.getAccessToken(), 'closed')
  },

  async 'r179 a094 all methods at once, and close in the middle'(stage) {
    const tokens = {
      access_token: 't',
      token_type: 'Bearer',
      expires_in: 60,
      issued_token_type: 'urn:ietf:params:oauth:token-type:access_token',
    }
    const all = {
      [DISCOVERY]: { json: endpoints(stage) },
      '/keys': { json: { keys: stage.keys } },
      '/token': { json: tokens },
      '/userinfo': { json: { sub: 'alice' } },
      '/revoke': {},
      '/api/x': {},
    }
    const calls = (client) => [
      client.getAccessToken(),
      client.getAccessToken({ scope: 'x' }),
      client.fetch(`${stage.serverUrl}/api/x`),
      client.requestToken({ grantType: 'x' }),
      client.clientCredentials(),
      client.authorizationCode({ code: 'x' }),
      client.refreshToken({ refreshToken: 'x' }),
      client.deviceCode({ deviceCode: 'x' }),
      client.backchannel({ authReqId: 'x' }),
      client.tokenExchange({ subjectToken: 'x', subjectTokenType: 'y' }),
      client.jwtBearer({ assertion: 'x' }),
      client.password({ username: 'x', password: 'y' }),
      client.authorizationRequest({ scope: 'openid' }),
      client.endSessionUrl(),
      client.metadata(),
      client.userInfo('x', 'alice'),
      client.revoke('x'),
    ]
    await stage.server.script(all)
    const allowedUrls = [`${stage.serverUrl}/api/`]
    const client = await discovering(stage, { allowedUrls })
    equal((await Promise.all(calls(client))).length, 17)
    equal([await stage.server.count(DISCOVERY), await stage.server.count('/keys')], [1, 1])
    const closing = await discovering(stage, { allowedUrls })
    const under = calls(closing)
    closing.close()
    for (const { status, reason } of await Promise.allSettled(under)) {
      ok(status === 'fulfilled' || reason instanceof GrantError, `${reason}`)
    }
    // Nothing of it harms another.
    equal(await client.getAccessToken(), 't')
  },
}
