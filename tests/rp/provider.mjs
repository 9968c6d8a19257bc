// An OpenID provider for one flow: honest but for what the flow says, and as strict with the RP as the
// OpenID Foundation's suite. It keeps every request, so that a test can tell that there was no further
// one, and every fault of the RP.
//
// A flow has
//   client             registered: auth, secret, jwks, assertionAlgs, userInfoAlg, redirectUris, …
//   keys, alg          a set of provider/keys.mjs, and what tokens are signed by (RS256)
//   rotate             'signing' or 'second authorization': when the keys are replaced
//   responseMode       that the RP must ask for
//   silent             prompt=none with max_age=0 is what it is about
//   fapi, dpop, dpopNonce, dpopScheme, signedRequests
//   asked(parameters, must)   what else an authorization request must have
// and changes, in place or by an answer of their own, to what the provider would have said:
//   metadata, answer, signedAnswer (signedAnswerBy), tokens, idToken (idTokenBy), userInfo, leave,
//   logoutToken (logoutTokenBy)
// and refuses(token): whether the resource answers 401.

import crypto from 'node:crypto'
import http from 'node:http'

import { listen, readAll, stop } from '../support/provider/front.mjs'
import { authorize, push } from './provider/authorization.mjs'
import { Fault } from './provider/checks.mjs'
import { discovery, jwks, revoke, userinfo } from './provider/endpoints.mjs'
import { usualKeys } from './provider/keys.mjs'
import { endSession, tellInFrames } from './provider/logout.mjs'
import { register } from './provider/registration.mjs'
import { token } from './provider/tokens.mjs'

const BASE = '/test/a/grantkit/'
const USER = {
  sub: 'user-subject-1234531',
  name: 'Demo T. User',
  given_name: 'Demo',
  family_name: 'User',
  preferred_username: 'd.tu',
  birthdate: '2000-02-03',
  zoneinfo: 'America/Los_Angeles',
  email: 'user@example.com',
  email_verified: false,
  phone_number: '+1 555 5550000',
  phone_number_verified: false,
  address: { street_address: '100 Universal City Plaza', country: 'USA' },
}
const CORS = {
  'access-control-allow-origin': '*',
  'access-control-allow-headers': 'authorization, content-type, dpop',
  'access-control-expose-headers': 'www-authenticate, dpop-nonce',
}

/** A provider of its own on a free port. */
export async function startProvider(flow) {
  const seen = new Set()
  let generation = 0
  let under = 0
  const op = {
    flow,
    client: flow.client,
    user: USER,
    sid: crypto.randomUUID(),
    keys: flow.keys ?? (await usualKeys()),
    jwksName: `jwks_${crypto.randomBytes(6).toString('hex')}`,
    nonces: { server: crypto.randomUUID(), resource: crypto.randomUUID() },
    pushed: new Map(),
    codes: new Map(),
    verifiers: new Set(),
    accessTokens: new Map(),
    refreshTokens: new Map(),
    idTokens: new Set(),
    /** What the RP answered to logout tokens: status and headers. */
    logouts: [],
    requests: [],
    faults: [],
    fault: (message) => void op.faults.push(message),
    url: (name) => `${op.issuer}${name}`,
    /** What is good for one use. */
    once(what) {
      if (seen.has(what)) throw new Fault(`${what}: used before`)
      seen.add(what)
    },
    async rotate() {
      op.keys = await usualKeys(++generation)
    },
  }
  const endpoints = {
    '.well-known/openid-configuration': ['discovery', discovery],
    [op.jwksName]: ['jwks', jwks],
    authorize: ['authorize', authorize],
    token: ['token', token],
    userinfo: ['userinfo', userinfo],
    par: ['par', push],
    end_session: ['end_session', endSession],
    frames: ['frames', tellInFrames],
    register: ['register', register],
    revoke: ['revoke', revoke],
  }

  async function answer(req) {
    const url = new URL(req.url, op.issuer)
    const body = (await readAll(req)).toString('utf8')
    const name = url.pathname.startsWith(BASE) ? url.pathname.slice(BASE.length) : url.pathname
    const [called, endpoint] = endpoints[name] ?? [name]
    const posted = /^application\/x-www-form-urlencoded\b/.test(req.headers['content-type'])
    const request = {
      name,
      called,
      method: req.method,
      headers: req.headers,
      query: url.searchParams,
      form: new URLSearchParams(posted ? body : ''),
      body,
    }
    op.requests.push(request)
    try {
      if (!endpoint) throw new Fault('there is nothing here', { status: 404 })
      return await endpoint(op, request)
    } catch (error) {
      request.challenged = error.expected
      if (!error.expected)
        op.fault(`${called}: ${error instanceof Fault ? error.message : error.stack}`)
      const { status = 500, headers, error: code = 'server_error' } = error
      return { status, headers, json: { error: code } }
    }
  }

  const server = http.createServer(async (req, res) => {
    if (req.method === 'OPTIONS') return res.writeHead(204, CORS).end()
    under++
    const { status = 200, headers, json, html, text } = await answer(req)
    const type = json ? 'application/json' : html ? 'text/html; charset=utf-8' : 'text/plain'
    res.writeHead(status, {
      'content-type': type,
      'cache-control': 'no-store',
      ...CORS,
      ...headers,
    })
    under--
    res.end(json ? JSON.stringify(json) : (html ?? text))
  })
  await listen(server, 0)
  op.issuer = `http://127.0.0.1:${server.address().port}${BASE}`

  return {
    issuer: op.issuer,
    user: USER,
    requests: op.requests,
    faults: op.faults,
    idTokens: op.idTokens,
    op,
    /** What was called, in order, by browser and RP; the same call with the nonce it was told is one. */
    calls: () => op.requests.filter(({ challenged }) => !challenged).map(({ called }) => called),
    /** What was told a nonce. */
    challenges: () =>
      op.requests.filter(({ challenged }) => challenged).map(({ called }) => called),
    /** Nothing may be under way any more. */
    async close() {
      if (under > 0) op.fault(`${under} requests when all was over`)
      await stop(server)
    },
  }
}
