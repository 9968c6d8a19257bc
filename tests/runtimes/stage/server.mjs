// A server that does what a test tells it: an authorization server that lies, an API, a stranger who
// must never be asked. It keeps the whole of every request; nothing here is anybody's secret.
//
//   server.script({ '/token': [{ status: 503 }, { json: { … } }], '/hang': { hold: 'gate' } })
//
// A path has one answer, or several that are given in turn; the last one stays. An answer is `status`,
// `headers` and one of `json`, `text` (under the content type `type`; null is none), `base64`; or one
// of the kinds below. `$n` in a JSON text counts the requests of that path.

import http from 'node:http'
import { constants, createGzip } from 'node:zlib'

import { listen, readAll, stop } from '../../support/provider/front.mjs'
import { keyFor, signJwt, signingKeys } from '../../support/provider/keys.mjs'

const CHUNK = Buffer.alloc(16 * 1024, ' ')

export async function startServer(gates) {
  let rules = new Map()
  let log = []
  const wishes = new Set()
  const open = new Set()
  const keys = await signingKeys(1)

  function noticed() {
    for (const wish of wishes) if (wish.check()) wishes.delete(wish)
  }

  function until(met) {
    return new Promise((resolve) => {
      const check = () => met() && (resolve(), true)
      if (!check()) wishes.add({ check })
    })
  }

  async function handle(req, res) {
    const url = new URL(req.url, 'http://server')
    const body = (await readAll(req)).toString('utf8')
    const path = url.pathname
    const entry = { method: req.method, path, query: url.search, headers: req.headers, body }
    log.push(entry)
    res.on('close', () => {
      if (!res.writableFinished) entry.dropped = true
      open.delete(res)
      noticed()
    })
    open.add(res)
    const count = log.filter((known) => known.path === path).length
    const rule = rules.get(path)
    const answer = rule
      ? rule.length > 1
        ? rule.shift()
        : rule[0]
      : { status: 404, text: 'nothing' }
    noticed()
    if (answer.hold) await Promise.race([gates.wait(answer.hold), closed(res)])
    if (res.destroyed) return
    await (KINDS[answer.kind] ?? plain)({ req, res, entry, answer, count, keys })
  }

  const server = http.createServer((req, res) => {
    res.on('error', () => {})
    handle(req, res).catch((error) => {
      if (res.headersSent) res.destroy()
      else res.writeHead(500, { 'content-type': 'text/plain' }).end(error.stack)
    })
  })
  await listen(server, 0)
  const url = `http://127.0.0.1:${server.address().port}`

  return {
    url,
    publicKeys: keys.map(({ d, p, q, dp, dq, qi, ...known }) => known),
    /** Replaces all answers; the log begins anew. */
    script(answers = {}) {
      rules = new Map(
        Object.entries(answers).map(([path, answer]) => [
          path,
          [answer].flat().map((one) => ({ ...one })),
        ]),
      )
      log = []
    },
    requests: (path) => log.filter((entry) => !path || entry.path === path),
    count: (path) => log.filter((entry) => !path || entry.path === path).length,
    /** Settles when so many requests have arrived at a path. */
    arrived: (path, times = 1) =>
      until(() => log.filter((entry) => entry.path === path).length >= times),
    /** Settles when somebody hung up before the answer of that path was complete. */
    dropped: (path) => until(() => log.some((entry) => entry.path === path && entry.dropped)),
    sign: (claims, options) => signed(keys, claims, options?.alg, options?.header),
    async close() {
      for (const res of open) res.destroy()
      await stop(server)
    },
  }
}

function closed(res) {
  return new Promise((resolve) => res.once('close', resolve))
}

function signed(keys, claims, alg = 'RS256', header = {}) {
  const jwk = keyFor(keys, alg)
  return signJwt(claims, { alg, jwk, header: { alg, kid: jwk.kid, ...header } })
}

function plain({ res, answer, count }) {
  const { status = 200, headers, json, base64 } = answer
  let { text, type } = answer
  let body = text ?? ''
  if (json !== undefined) body = JSON.stringify(json).replaceAll('$n', count)
  if (base64 !== undefined) body = Buffer.from(base64, 'base64')
  if (type === undefined) type = json === undefined ? 'text/plain' : 'application/json'
  res.writeHead(status, { ...(type === null ? {} : { 'content-type': type }), ...headers })
  res.end([204, 304].includes(status) ? undefined : body)
}

const JSON_TYPE = { 'content-type': 'application/json' }

const KINDS = {
  plain,
  /** Tells what it was sent. */
  echo({ res, entry }) {
    const sent = Object.fromEntries(new URLSearchParams(entry.body))
    res.writeHead(200, JSON_TYPE)
    const token = { access_token: 'echo', token_type: 'Bearer', expires_in: 60 }
    // A token exchange says what it brings (RFC 8693, section 2.2.1).
    const kind = sent.subject_token ? { issued_token_type: sent.subject_token_type } : {}
    res.end(JSON.stringify({ ...token, ...kind, sent }))
  },
  reset({ req }) {
    req.socket.resetAndDestroy()
  },
  /** Half of the length that was announced, then the connection breaks. */
  half({ res, answer }) {
    const body = Buffer.from(answer.text)
    res.writeHead(200, { ...JSON_TYPE, 'content-length': body.length })
    res.write(body.subarray(0, body.length / 2), () => res.destroy())
  },
  /** Half of the body, then nothing. */
  async stall({ res, answer }) {
    const body = Buffer.from(answer.text)
    res.writeHead(200, { ...JSON_TYPE, 'content-length': body.length })
    res.write(body.subarray(0, body.length / 2))
    await closed(res)
  },
  /** Byte by byte, without an end: never silent for long. */
  async trickle({ res }) {
    res.writeHead(200, JSON_TYPE)
    const ticking = setInterval(() => res.write(' '), 20)
    await closed(res)
    clearInterval(ticking)
  },
  /** A body without an end. */
  async endless({ res, answer }) {
    res.writeHead(answer.status ?? 200, JSON_TYPE)
    const gone = closed(res)
    while (!res.destroyed) {
      if (!res.write(CHUNK)) {
        await Promise.race([new Promise((resolve) => res.once('drain', resolve)), gone])
      }
    }
  },
  /** The same under compression: a megabyte weighs a kilobyte. */
  async bomb({ res }) {
    res.writeHead(200, { ...JSON_TYPE, 'content-encoding': 'gzip' })
    const gzip = createGzip({ flush: constants.Z_SYNC_FLUSH })
    gzip.pipe(res)
    const gone = closed(res)
    const block = Buffer.alloc(1 << 20, ' ')
    while (!res.destroyed) {
      const more = new Promise((resolve) => gzip.write(block, resolve))
      await Promise.race([more, gone])
    }
    gzip.destroy()
  },
  /** An API: 200 for one token, else 401; as in RFC 6750, section 3. */
  guard({ res, entry, answer }) {
    const good = entry.headers.authorization === `Bearer ${answer.token}`
    res.writeHead(good ? 200 : 401, {
      ...JSON_TYPE,
      ...(good ? {} : { 'www-authenticate': 'Bearer error="invalid_token"' }),
    })
    res.end(JSON.stringify({ good, method: entry.method, body: entry.body }))
  },
  /** A token endpoint for people: the code or refresh token is JSON of what the id_token says beyond the usual. */
  people({ res, entry, answer, keys }) {
    const form = new URLSearchParams(entry.body)
    const now = Math.floor(Date.now() / 1000)
    const { sub, nonce, alg, ...claims } = JSON.parse(form.get('code') ?? form.get('refresh_token'))
    const said = { sub, nonce, iat: now, exp: now + 600, ...answer.claims, ...claims }
    res.writeHead(200, JSON_TYPE)
    res.end(
      JSON.stringify({
        access_token: `access of ${sub}`,
        token_type: 'Bearer',
        expires_in: 600,
        id_token: signed(keys, said, alg),
        verifier: form.get('code_verifier'),
      }),
    )
  },
}
