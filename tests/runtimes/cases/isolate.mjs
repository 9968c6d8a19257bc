// A Worker of which there are ten: a client in module scope over a store that all of them share, and the
// Durable Object behind one of the stores.

import { createTokenClient } from 'grantkit'
import { cacheStore, durableObjectStore, kvStore } from 'grantkit/stores'

import { createStage } from './stage.mjs'

export { GrantkitTokens } from 'grantkit/stores'

/* global STAGE */
const stage = createStage(STAGE)

const stores = {
  kv: (env) => kvStore(env.KV, { prefix: 'tokens:' }),
  cache: () => cacheStore(),
  object: (env) => durableObjectStore(env.TOKENS),
}
let client
let told
let shift

const { setTimeout } = globalThis

const requests = {
  /** All patience lasts so many times longer from now on. */
  async patience({ times }) {
    globalThis.setTimeout = (callback, after, ...rest) =>
      setTimeout(callback, after * times, ...rest)
    return {}
  },
  /** A fresh isolate, as far as a client sees. */
  async make({ store, options }, env) {
    told = []
    shift = 0
    client = await createTokenClient({
      issuer: stage.issuer,
      clientId: 'worker',
      clientSecret: stage.secret,
      scope: 'api',
      cache: stores[store](env),
      cacheKey: Uint8Array.from({ length: 32 }, (_, i) => i + 1),
      now: () => Date.now() + shift,
      logger: (event) => void (event.type === 'cache-failed' && told.push(event)),
      ...options,
    })
    return {}
  },
  async ask({ background, gate, ...options }, env, context) {
    const waitUntil = background ? (work) => context.waitUntil(work) : undefined
    const asking = client.getAccessToken({ ...options, waitUntil })
    if (gate) await stage.gates.arrive(gate)
    try {
      return { token: await asking }
    } catch (error) {
      return { code: error.code }
    }
  },
  /** So many requests to this isolate at once; the gate hears from the first. */
  async storm({ number, gate }, env) {
    const calls = Array.from({ length: number }, async (_, at) => {
      const body = JSON.stringify({ kind: 'ask', gate: at === 0 ? gate : undefined })
      const answer = await env.SELF.fetch('https://self.example/', { method: 'POST', body })
      return (await answer.json()).token
    })
    return { tokens: await Promise.all(calls) }
  },
  /** Asks, and answers without waiting for it once the gate opens. */
  async leave({ until }) {
    client.getAccessToken().catch(() => {})
    await stage.gates.wait(until)
    return {}
  },
  async later({ seconds }) {
    shift += seconds * 1000
    return {}
  },
  async told() {
    return { told }
  },
  /** What the Durable Objects hold, as whoever has the binding reads it. */
  async value({ name }, env) {
    const object = env.TOKENS.get(env.TOKENS.idFromName(name))
    const answer = await object.fetch('https://object.example/value')
    return { status: answer.status, value: await answer.text() }
  },
}

export default {
  async fetch(request, env, context) {
    const { kind, ...given } = await request.json()
    return Response.json(await requests[kind](given, env, context))
  },
}
