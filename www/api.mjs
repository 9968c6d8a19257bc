// The demo's API: orders for whoever brings a valid access token. RFC 6750, RFC 9068.

import http from 'node:http'

import { createRemoteJWKSet, jwtVerify } from 'jose'

export const AUDIENCE = 'https://orders.example/'

const ORDERS = [
  { id: '2041', item: 'Coffee beans, 1 kg', price: '€ 18.50', state: 'on its way' },
  { id: '2038', item: 'Pour-over kettle', price: '€ 64.00', state: 'delivered' },
  { id: '2017', item: 'Paper filters, 200', price: '€ 7.20', state: 'delivered' },
]

/** `origins()` answers the pages that may call. */
export function createApi({ issuer, jwksUri, origins }) {
  const keys = createRemoteJWKSet(new URL(jwksUri))

  async function handle(req, res) {
    res.setHeader('vary', 'origin')
    if (origins().includes(req.headers.origin)) {
      res.setHeader('access-control-allow-origin', req.headers.origin)
      res.setHeader('access-control-expose-headers', 'www-authenticate')
    }
    if (req.method === 'OPTIONS') {
      res.setHeader('access-control-allow-methods', 'GET')
      res.setHeader('access-control-allow-headers', 'authorization')
      res.setHeader('access-control-max-age', '600')
      return res.writeHead(204).end()
    }
    if (new URL(req.url, 'http://api').pathname !== '/orders') return answer(res, 404)
    if (req.method !== 'GET') return answer(res, 405, { headers: { allow: 'GET' } })

    const token = /^Bearer +(\S+)$/i.exec(req.headers.authorization ?? '')?.[1]
    if (!token) return refuse(res, 401)
    const claims = await verify(token)
    if (!claims) return refuse(res, 401, { error: 'invalid_token' })
    if (!String(claims.scope).split(' ').includes('orders')) {
      return refuse(res, 403, { error: 'insufficient_scope', scope: 'orders' })
    }
    return answer(res, 200, { body: { for: claims.sub, orders: ORDERS } })
  }

  async function verify(token) {
    try {
      const options = { issuer, audience: AUDIENCE, typ: 'at+jwt', requiredClaims: ['exp', 'sub'] }
      return (await jwtVerify(token, keys, options)).payload
    } catch (error) {
      // A key set that cannot be fetched says nothing about the token.
      if (error.code === 'ERR_JWKS_TIMEOUT' || error instanceof TypeError) throw error
      return undefined
    }
  }

  return http.createServer((req, res) => {
    handle(req, res).catch(() => answer(res, 503, { headers: { 'retry-after': '5' } }))
  })
}

function refuse(res, status, { error, scope } = {}) {
  const parts = ['realm="orders"']
  if (error) parts.push(`error="${error}"`)
  if (scope) parts.push(`scope="${scope}"`)
  answer(res, status, { headers: { 'www-authenticate': `Bearer ${parts.join(', ')}` } })
}

function answer(res, status, { headers = {}, body } = {}) {
  res.writeHead(status, {
    'content-type': 'application/json',
    'cache-control': 'no-store',
    ...headers,
  })
  res.end(JSON.stringify(body ?? { status }))
}
