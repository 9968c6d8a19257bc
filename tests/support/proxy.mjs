// A proxy between one browser and this machine. It gives a driver that cannot do so itself what it needs:
// a script before those of the page, a way for the page to speak up, and a network that can be cut.
// It passes on what goes to this machine and nothing else, so nothing leaves it.
import http from 'node:http'
import { pipeline } from 'node:stream'
import { listen, readAll, stop } from './provider/front.mjs'

// Of every origin, and no server hears of them.
const SCRIPT = '/.driver/script.js'
export const TOLD = '/.driver/told'

/**
 * Documents at the port of `origin`, whatever the host, run `script()` first, each its own. `hear(text)` gets what they post to TOLD.
 * `passed(url)` is told of every other request.
 */
export async function startProxy({ origin, script, hear, passed }) {
  let cut = false
  const passing = new Set()
  const site = new URL(origin).port

  const own = {
    '/favicon.ico': (req, res) => res.writeHead(404).end(),
    [SCRIPT](req, res) {
      const headers = { 'content-type': 'text/javascript', 'cache-control': 'no-store' }
      res.writeHead(200, headers).end(script())
    },
    async [TOLD](req, res) {
      hear((await readAll(req)).toString('utf8'))
      res.writeHead(204).end()
    },
  }

  function pass(req, res, { port, path }) {
    const { 'proxy-connection': _, ...headers } = req.headers
    const onward = http.request({ host: '127.0.0.1', port, path, method: req.method, headers })
    // What breaks on one side breaks on the other.
    onward.on('error', () => res.destroy())
    onward.on('response', async (reply) => {
      res.sendDate = false
      const document = port === site && /^text\/html\b/.test(reply.headers['content-type'])
      if (!document) {
        res.writeHead(reply.statusCode, reply.rawHeaders)
        return pipeline(reply, res, () => {})
      }
      const html = (await readAll(reply)).toString('utf8')
      const { 'content-length': length, ...rest } = reply.headers
      const body = html.replace(/<head>/, `<head><script src="${SCRIPT}"></script>`)
      res.writeHead(reply.statusCode, rest).end(body)
    })
    passing.add(res)
    res.on('close', () => {
      passing.delete(res)
      onward.destroy()
    })
    pipeline(req, onward, () => {})
  }

  const server = http.createServer((req, res) => {
    res.on('error', () => {})
    const url = URL.canParse(req.url) ? new URL(req.url) : null
    const here = url && /^(127\.0\.0\.1|localhost|.*\.example)$/.test(url.hostname)
    if (!here) return res.destroy()
    if (own[url.pathname]) return own[url.pathname](req, res)
    passed(url.href)
    if (cut) return res.destroy()
    pass(req, res, { port: url.port, path: url.pathname + url.search })
  })
  server.on('connect', (req, socket) => socket.destroy())
  await listen(server, 0)
  return {
    address: `127.0.0.1:${server.address().port}`,
    /** Cuts the network, or mends it. */
    cut(off) {
      cut = off
      if (off) for (const res of passing) res.destroy()
    },
    close: () => stop(server),
  }
}
