// The fault layer: what the network and the machines between a client and a server can do to an
// exchange. It stands before the provider on the public port, keeps the log of requests, and passes
// everything that no defect claims.

import http from 'node:http'

import { registeredForm } from './registered.mjs'

// Values of these parameters never reach the log; their length does.
const SECRET_PARAMETERS = new Set([
  'client_secret',
  'client_assertion',
  'assertion',
  'password',
  'code',
  'code_verifier',
  'refresh_token',
  'access_token',
  'token',
  'subject_token',
  'actor_token',
  'device_code',
  'auth_req_id',
  'id_token_hint',
  'logout_token',
  'request',
])

const TOKEN_PATH = '/connect/token'

/** `passOn(request)` gets { method, url, headers, body } and answers { status, headers, body }. */
export async function startFront({ port, passOn, allowsOrigin, prefix }) {
  const requests = []
  const received = []
  const replies = []
  const waiting = new Set()
  let defects = []

  async function handle(req, res) {
    const url = new URL(req.url, 'http://front')
    const path = url.pathname.startsWith(prefix) ? url.pathname.slice(prefix.length) : url.pathname
    const body = await readAll(req)
    const form = /^application\/x-www-form-urlencoded\b/i.test(req.headers['content-type'] ?? '')
      ? new URLSearchParams(body.toString('utf8'))
      : new URLSearchParams()
    const entry = {
      method: req.method,
      path,
      grantType: form.get('grant_type') ?? undefined,
      status: undefined,
      at: Date.now(),
      scheme: req.headers.authorization?.split(' ')[0],
      origin: req.headers.origin,
      contentType: req.headers['content-type'],
      body: withoutSecrets(form),
      query: withoutSecrets(url.searchParams),
    }
    requests.push(entry)
    const { method, headers } = req
    received.push({ method, path, query: url.search, headers, body: body.toString('utf8') })

    const pass = async (as = req.url) => {
      const reply = await passOn(registeredForm({ method, url: as, headers, body }))
      if (entry.path === TOKEN_PATH && reply.status === 200) replies.push(reply)
      return reply
    }
    const answer = { passOn: pass, req, res, entry, allowsOrigin }
    const defect = defects.find((candidate) => candidate.claims(entry))
    await (defect ? defect.apply(answer) : send(res, await pass()))
    entry.status = res.headersSent && !res.destroyed ? res.statusCode : undefined
    for (const wish of waiting) if (wish.matches(entry)) wish.fulfil(entry)
  }

  const server = http.createServer((req, res) => {
    res.on('error', () => {})
    handle(req, res).catch((error) => {
      if (res.headersSent) res.destroy()
      else res.writeHead(502, { 'content-type': 'text/plain' }).end(error.message)
    })
  })
  await listen(server, port)
  const address = server.address().port

  return {
    port: address,
    requests,
    /** The same requests whole: { method, path, query, headers, body }. Unlike the log it is secret. */
    received: () => received,
    /** What the token endpoint granted, with what a defect made of it. Unlike the log it is secret. */
    granted: () => replies.map((reply) => JSON.parse(reply.body.toString('utf8'))),
    /** How many token requests arrived, of one grant type or of all. */
    count(grantType) {
      return requests.filter(
        (entry) =>
          entry.path === TOKEN_PATH &&
          entry.method === 'POST' &&
          (grantType === undefined || entry.grantType === grantType),
      ).length
    },
    /** The next request that matches { path, grant, method }, once it was answered. */
    next(match = {}) {
      return new Promise((resolve) => {
        const wish = {
          matches: (entry) => matches(match, entry),
          fulfil(entry) {
            waiting.delete(wish)
            resolve(entry)
          },
        }
        waiting.add(wish)
      })
    },
    /** Replaces all defects. Answers a handle for each: { hits, reached, release() }. */
    setDefects(wanted) {
      for (const defect of defects) defect.release()
      const list = Array.isArray(wanted) ? wanted : wanted ? [wanted] : []
      defects = list.map(createDefect)
      return Array.isArray(wanted) ? defects : defects[0]
    },
    /** Connections are refused until `goOnline`, which comes back on the same port. */
    async goOffline() {
      await stop(server)
    },
    async goOnline() {
      await listen(server, address)
    },
    async close() {
      for (const defect of defects) defect.release()
      if (server.listening) await stop(server)
    },
  }
}

export function listen(server, port) {
  // A connection that is closed for idleness just when it is used again is a fault that nobody asked for.
  server.keepAliveTimeout = 0
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, '127.0.0.1', () => {
      server.off('error', reject)
      resolve()
    })
  })
}

export function stop(server) {
  return new Promise((resolve) => {
    server.close(resolve)
    server.closeAllConnections()
  })
}

export async function readAll(stream) {
  const chunks = []
  for await (const chunk of stream) chunks.push(chunk)
  return Buffer.concat(chunks)
}

function withoutSecrets(parameters) {
  const result = {}
  for (const name of new Set(parameters.keys())) {
    const values = parameters
      .getAll(name)
      .map((value) => (SECRET_PARAMETERS.has(name) ? `[${value.length} characters]` : value))
    result[name] = values.length === 1 ? values[0] : values
  }
  return result
}

function matches({ path, grant, method }, entry) {
  if (path instanceof RegExp ? !path.test(entry.path) : path && path !== entry.path) return false
  if (grant && grant !== entry.grantType) return false
  return method ? method === entry.method : entry.method !== 'OPTIONS'
}

// A defect claims `times` requests that match it, after letting `skip` of them pass.
function createDefect({ times = Infinity, skip = 0, ...defect }) {
  const kind = KINDS[defect.kind]
  if (!kind) throw new Error(`unknown defect: ${defect.kind}`)
  const released = withResolvers()
  const reached = withResolvers()
  let passed = 0
  const handle = {
    hits: 0,
    /** Settles when the first request has met the defect. */
    reached: reached.promise,
    /** Lets go what `hold` and `stall` keep waiting. */
    release: released.resolve,
    claims(entry) {
      if (handle.hits >= times || !matches(defect, entry)) return false
      if (passed++ < skip) return false
      handle.hits++
      return true
    },
    async apply(answer) {
      reached.resolve(answer.entry)
      await kind(answer, { ...defect, released: defect.until ?? released.promise })
    },
  }
  return handle
}

// Each kind makes the answer. `after: true` means that the provider did its work before the fault,
// so that what the client knows and what the provider knows differ.
const KINDS = {
  /** Late by `ms`. */
  async delay(answer, { ms, after }) {
    const reply = after ? await answer.passOn() : undefined
    await new Promise((resolve) => setTimeout(resolve, ms))
    await send(answer.res, reply ?? (await answer.passOn()))
  },
  /** Late until `release()` is called or `until` settles. */
  async hold(answer, { released, after }) {
    const reply = after ? await answer.passOn() : undefined
    await released
    await send(answer.res, reply ?? (await answer.passOn()))
  },
  /** The connection breaks. */
  async reset(answer, { after }) {
    if (after) await answer.passOn()
    answer.req.socket.resetAndDestroy()
  },
  /** A status, 503 unless told; `headers` such as retry-after, `body` a string or JSON. */
  async status(answer, { status = 503, headers, body = '', after, cors }) {
    if (after) await answer.passOn()
    await own(answer, { status, headers, body, cors })
  },
  /** JSON of the test's choice. */
  async json(answer, { status = 200, headers, json, after, cors }) {
    if (after) await answer.passOn()
    await own(answer, { status, headers, body: json, cors })
  },
  /** A page where JSON was wanted: a captive portal, a proxy, a login page. */
  async html(answer, { status = 200, after, cors }) {
    if (after) await answer.passOn()
    const body = '<!doctype html><title>Welcome</title><h1>Please accept our terms</h1>'
    await own(answer, { status, headers: { 'content-type': 'text/html' }, body, cors })
  },
  async empty(answer, { status = 200, headers, after, cors }) {
    if (after) await answer.passOn()
    const type = { 'content-type': 'application/json', ...headers }
    await own(answer, { status, headers: type, body: '', cors })
  },
  async redirect(answer, { status = 302, location, cors }) {
    await own(answer, { status, headers: { location }, body: '', cors })
  },
  /** The announced length never arrives: the connection breaks in the middle of the body. */
  async half(answer) {
    const { res } = answer
    const reply = await answer.passOn()
    res.writeHead(reply.status, { ...reply.headers, 'content-length': reply.body.length })
    await new Promise((resolve) =>
      res.write(reply.body.subarray(0, reply.body.length / 2), resolve),
    )
    res.destroy()
  },
  /** Half of the body, then silence until `release()`. */
  async stall(answer, { released }) {
    const { res } = answer
    const reply = await answer.passOn()
    const middle = Math.floor(reply.body.length / 2)
    res.writeHead(reply.status, { ...reply.headers, 'content-length': reply.body.length })
    res.write(reply.body.subarray(0, middle))
    await released
    res.end(reply.body.subarray(middle))
  },
  /** The provider's answer under another content type; null takes it away. */
  async 'content-type'(answer, { type = 'text/html' }) {
    const reply = await answer.passOn()
    if (type === null) delete reply.headers['content-type']
    else reply.headers['content-type'] = type
    await send(answer.res, reply)
  },
  /** The provider's answer with these headers, too. */
  async headers(answer, { headers }) {
    const reply = await answer.passOn()
    Object.assign(reply.headers, headers)
    await send(answer.res, reply)
  },
  /** `mutate(json, reply)` changes the provider's JSON, or the reply's status and headers. */
  async mutate(answer, { mutate }) {
    const reply = await answer.passOn()
    const json = reply.body.length ? JSON.parse(reply.body.toString('utf8')) : undefined
    const changed = (await mutate(json, reply)) ?? json
    if (changed !== undefined) reply.body = Buffer.from(JSON.stringify(changed))
    await send(answer.res, reply)
  },
  /** The provider is asked something else: `rewrite(url)` changes what it hears. */
  async rewrite(answer, { rewrite }) {
    const url = new URL(answer.req.url, 'http://front')
    rewrite(url)
    await send(answer.res, await answer.passOn(url.pathname + url.search))
  },
  /** Bytes of the test's choice: `body` is a string, a Buffer or an async iterable. */
  async bytes(answer, { status = 200, headers, body, after, cors }) {
    if (after) await answer.passOn()
    await own(answer, { status, headers, body, cors })
  },
}

// An answer that the provider did not make. With CORS, so that a page sees the fault itself.
async function own({ res, entry, allowsOrigin }, { status, headers, body, cors = true }) {
  const json = body !== null && body?.constructor === Object
  const all = json ? { 'content-type': 'application/json' } : {}
  if (cors && entry.origin && allowsOrigin(entry.origin)) {
    all['access-control-allow-origin'] = entry.origin
    all['access-control-expose-headers'] = 'Retry-After, WWW-Authenticate'
  }
  res.writeHead(status, { ...all, ...headers })
  if (body?.[Symbol.asyncIterator]) {
    const closed = once(res, 'close')
    for await (const chunk of body) {
      if (res.destroyed) return
      if (!res.write(chunk)) await Promise.race([once(res, 'drain'), closed])
    }
    res.end()
  } else {
    res.end(json ? JSON.stringify(body) : body)
  }
}

function once(emitter, event) {
  return new Promise((resolve) => emitter.once(event, resolve))
}

function send(res, { status, headers, body }) {
  // The reply's own Date is sent, so that a test can move it.
  res.sendDate = false
  res.writeHead(status, { ...headers, 'content-length': body.length })
  res.end(body)
}

function withResolvers() {
  let resolve
  const promise = new Promise((done) => (resolve = done))
  return { promise, resolve }
}
