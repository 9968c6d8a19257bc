// Stores for the option `cache`: what isolates share, by the platform's own means. What they hold is
// sealed; none of this reads it. No object of one request is kept for another (law 17).

const ORIGIN = 'https://grantkit.invalid'

/** Seconds until a value is of no more use; undefined where nobody said. */
const life = (options) =>
  options?.expiresAt === undefined ? undefined : Math.floor((options.expiresAt - Date.now()) / 1000)

/** Workers KV: everywhere, a minute late. */
export function kvStore(namespace, { prefix = '' } = {}) {
  return {
    get: (key) => namespace.get(prefix + key),
    async set(key, value, options) {
      const expirationTtl = life(options)
      // KV keeps nothing for less than a minute.
      if (!(expirationTtl < 60)) await namespace.put(prefix + key, value, { expirationTtl })
    },
    delete: (key) => namespace.delete(prefix + key),
  }
}

/** The Cache API: one data centre. */
export function cacheStore(cache = 'grantkit', { origin = ORIGIN } = {}) {
  const opened = async () => (typeof cache === 'string' ? caches.open(cache) : cache)
  const address = (key) => new URL(encodeURIComponent(key), origin).href
  return {
    async get(key) {
      const answer = await (await opened()).match(address(key))
      return answer ? answer.text() : null
    },
    async set(key, value, options) {
      const seconds = life(options)
      if (seconds < 1) return
      const headers = { 'content-type': 'text/plain' }
      if (seconds !== undefined) headers['cache-control'] = `max-age=${seconds}`
      await (await opened()).put(address(key), new Response(value, { headers }))
    },
    async delete(key) {
      await (await opened()).delete(address(key))
    },
  }
}

/** A Durable Object for each name, of the class GrantkitTokens: everywhere, at once, and in turns. */
export function durableObjectStore(namespace) {
  // The turns that this isolate was given, by name.
  const turns = new Map()
  async function call(key, method, path, headers, body) {
    const object = namespace.get(namespace.idFromName(key))
    const answer = await object.fetch(`${ORIGIN}/${path}`, { method, headers, body })
    const text = await answer.text()
    if (!answer.ok) throw new Error(`the Durable Object answered ${answer.status}`)
    return { status: answer.status, text }
  }
  const turn = (key) => {
    const id = turns.get(key) ?? ''
    turns.delete(key)
    return id
  }
  return {
    async get(key) {
      const { status, text } = await call(key, 'GET', 'value')
      return status === 200 ? text : null
    },
    async set(key, value, options) {
      const headers = { turn: turn(key), 'expires-at': String(options?.expiresAt ?? '') }
      await call(key, 'PUT', 'value', headers, value)
    },
    async delete(key) {
      await call(key, 'DELETE', 'value')
    },
    async acquire(key, seen) {
      const { status, text } = await call(key, 'POST', 'turn', {}, seen ?? '')
      if (status === 200) return text
      turns.set(key, text)
      return null
    },
    async release(key) {
      await call(key, 'DELETE', 'turn', { turn: turn(key) })
    },
  }
}

/** How long a turn lasts that nobody ends: its request may have died. */
const TURN = 5000
/** How long a client waits for another's. */
const PATIENCE = 8000

/**
 * The Durable Object behind durableObjectStore: it holds one value and lets one isolate at a time make
 * the next one, while the others wait for it.
 *
 *   GET    /value               200 the value, 204 there is none
 *   PUT    /value               (turn, expires-at) 204; whoever waits gets it
 *   DELETE /value               204
 *   POST   /turn  value seen    200 another value than that; 201 the caller's turn, by its id
 *   DELETE /turn                (turn) 204; the next one's turn
 */
export class GrantkitTokens {
  #storage
  #record
  #turn
  #timer
  #waiting = []

  constructor(state) {
    this.#storage = state.storage
    state.blockConcurrencyWhile(async () => {
      this.#record = await this.#storage.get('record')
    })
  }

  async fetch(request) {
    const call = `${request.method} ${new URL(request.url).pathname}`
    const turn = request.headers.get('turn')
    const body = await request.text()
    if (call === 'GET /value') return told(this.#value())
    if (call === 'PUT /value') {
      await this.#put(body, Number(request.headers.get('expires-at') || Infinity), turn)
    } else if (call === 'DELETE /value') {
      await this.#clear()
    } else if (call === 'POST /turn') {
      return this.#acquire(body)
    } else if (call === 'DELETE /turn') {
      this.#end(turn)
    } else {
      return new Response(null, { status: 404 })
    }
    return told()
  }

  /** Values leave when they expire, and with them all that this object stores. */
  async alarm() {
    if (this.#value() === undefined) await this.#clear()
    else await this.#storage.setAlarm(this.#record.until)
  }

  #value() {
    return this.#record && Date.now() < this.#record.until ? this.#record.value : undefined
  }

  async #put(value, until, turn) {
    this.#record = { value, until }
    const served = ({ seen }) => seen !== value
    const waiting = this.#waiting
    this.#waiting = waiting.filter((one) => !served(one))
    for (const one of waiting.filter(served)) one.answer(told(value))
    this.#end(turn)
    await this.#storage.put('record', this.#record)
    if (until < Infinity) await this.#storage.setAlarm(until)
  }

  async #clear() {
    this.#record = undefined
    await this.#storage.deleteAlarm()
    await this.#storage.deleteAll()
  }

  #acquire(seen) {
    const value = this.#value()
    if (value !== undefined && value !== seen) return told(value)
    if (!this.#turn) return this.#begin()
    return new Promise((answer) => {
      this.#waiting.push({ seen, answer, since: Date.now() })
    })
  }

  #begin() {
    const turn = crypto.randomUUID()
    this.#turn = turn
    this.#timer = setTimeout(() => this.#end(turn), TURN)
    return new Response(turn, { status: 201 })
  }

  #end(turn) {
    if (turn !== this.#turn) return
    clearTimeout(this.#timer)
    this.#turn = undefined
    const patient = ({ since }) => Date.now() - since < PATIENCE
    const gone = this.#waiting.filter((one) => !patient(one))
    this.#waiting = this.#waiting.filter(patient)
    for (const one of gone) one.answer(new Response(null, { status: 503 }))
    // Of those who wait, the last to come is the likeliest to be there still.
    this.#waiting.pop()?.answer(this.#begin())
  }
}

const told = (value) =>
  value === undefined ? new Response(null, { status: 204 }) : new Response(value)
