// The page's own server, and APIs.
import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { join } from 'node:path'
import * as esbuild from 'esbuild'
import { scratch } from '../support/package.mjs'
import { listen, readAll, stop } from '../support/provider/front.mjs'

const here = (path) => readFileSync(new URL(path, import.meta.url))

/** The page as a user would build it: from the tarball alone, with the wasm beside the script. */
export async function bundle() {
  const project = scratch()
  const built = async (contents) => {
    const { outputFiles } = await esbuild.build({
      stdin: { contents, resolveDir: project },
      bundle: true,
      format: 'esm',
      target: 'es2022',
      write: false,
      logLevel: 'error',
    })
    return Buffer.from(outputFiles[0].contents)
  }
  const [script, alone] = await Promise.all([
    built(here('page/main.js')),
    built("export * from 'grantkit'"),
  ])
  const wasm = (name) => readFileSync(join(project, `node_modules/grantkit/pkg/${name}_bg.wasm`))
  const html = here('page/index.html')
  return { html, script, alone, wasm: wasm('session'), whole: wasm('grantkit') }
}

/** The document everywhere; the scripts and the wasm at their places. */
export async function startSite(files, { host = '127.0.0.1', headers = {}, wasm = files.wasm }) {
  const requests = []
  const site = { headers, wasm, wasmType: 'application/wasm', requests }
  const scripts = {
    '/page/main.js': files.script,
    // The package with nothing around it.
    '/page/grantkit.js': files.alone,
  }
  const server = createServer((req, res) => {
    const { pathname } = new URL(req.url, 'http://site')
    // A browser looks for an icon by itself, whenever it pleases.
    if (req.url !== '/favicon.ico') requests.push({ url: req.url, referer: req.headers.referer })
    const send = (type, body, more) =>
      res.writeHead(200, { 'content-type': type, ...more }).end(body)
    if (scripts[pathname]) return send('text/javascript', scripts[pathname])
    if (pathname === '/pkg/grantkit_bg.wasm') return send('application/wasm', files.whole)
    if (pathname === '/pkg/session_bg.wasm') {
      if (site.wasm) return send(site.wasmType, site.wasm)
      return res.writeHead(404, { 'content-type': 'text/html' }).end('<h1>Not found</h1>')
    }
    return send('text/html; charset=utf-8', files.html, site.headers)
  })
  await listen(server, 0)
  site.origin = `http://${host}:${server.address().port}`
  site.close = () => stop(server)
  return site
}

/** An API with open CORS. `answer` may be replaced: (request) => { status, headers, body }. */
export async function startApi() {
  const requests = []
  const api = { requests, preflights: 0, answer: () => ({ body: { orders: [1, 2, 3] } }) }
  const server = createServer(async (req, res) => {
    const body = (await readAll(req)).toString('utf8')
    const cors = {
      'access-control-allow-origin': req.headers.origin ?? '*',
      'access-control-allow-credentials': 'true',
      'access-control-allow-headers': 'authorization, content-type, dpop, x-mine',
      'access-control-allow-methods': 'GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS',
      'access-control-expose-headers': 'www-authenticate, dpop-nonce',
    }
    if (req.method === 'OPTIONS') {
      api.preflights++
      return res.writeHead(204, cors).end()
    }
    const request = { method: req.method, url: req.url, headers: req.headers, body }
    requests.push(request)
    const answer = await api.answer(request)
    res.writeHead(answer.status ?? 200, {
      'content-type': 'application/json',
      ...cors,
      ...answer.headers,
    })
    res.end(typeof answer.body === 'string' ? answer.body : JSON.stringify(answer.body ?? {}))
  })
  await listen(server, 0)
  api.port = server.address().port
  api.origin = `http://127.0.0.1:${api.port}`
  api.close = () => stop(server)
  return api
}
