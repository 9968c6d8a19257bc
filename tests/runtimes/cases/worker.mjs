// The Worker in which the cases run: each in a request of its own. Beside them, the requests that the
// tests of shared work are made of.

import { createTokenClient } from 'grantkit'

import { suites } from './index.mjs'
import { createStage } from './stage.mjs'

/* global STAGE */
const stage = createStage(STAGE)

const options = {
  issuer: stage.issuer,
  clientId: 'worker',
  clientSecret: stage.secret,
  scope: 'api',
  redirectUri: stage.callback,
}
// At module scope, where workerd allows no I/O, no randomness and no timer (law 17).
const early = createTokenClient(options)
const settled = await createTokenClient(options)
let client

const asks = {
  token: (more) => client.getAccessToken(more),
  record: async () => (await client.authorizationRequest({ scope: 'openid' })).state,
}

const requests = {
  async case({ suite, name }) {
    try {
      await suites[suite][name](stage)
      return { passed: true }
    } catch (error) {
      return { passed: false, stack: error.stack }
    }
  },
  async early() {
    return { tokens: [await (await early).getAccessToken(), await settled.getAccessToken()] }
  },
  /** A client for the requests to come. */
  async renew() {
    client = await createTokenClient(options)
    return {}
  },
  /** Asks for what is shared and waits for it. */
  async follow({ what = 'token' }) {
    const asking = asks[what]()
    await stage.gates.arrive('followed')
    return { got: await asking }
  },
  /** Asks, and answers without waiting for it once the gate opens. */
  async lead({ what = 'token', until, background }, context) {
    const waitUntil = background ? (work) => context.waitUntil(work) : undefined
    asks[what]({ waitUntil }).catch(() => {})
    await stage.gates.wait(until)
    return {}
  },
  /** Asks, is called off, and answers. */
  async giveUp({ until }) {
    const controller = new AbortController()
    const token = client.getAccessToken({ signal: controller.signal }).catch((error) => error.code)
    await stage.gates.wait(until)
    controller.abort()
    return { code: await token }
  },
  /** Prints what must not show a secret. */
  async print() {
    const own = await createTokenClient(options)
    await own.getAccessToken()
    const wrong = { username: 'canary-name', password: 'canary-password' }
    console.log(own, { own }, await own.password(wrong).catch((error) => error))
    console.log('printed')
    return {}
  },
}

export default {
  async fetch(request, env, context) {
    const { kind, ...given } = await request.json()
    return Response.json(await requests[kind](given, context))
  },
}
