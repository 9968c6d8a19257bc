// The demo's Worker: gets its own token by client credentials and asks the API with it.

import { createTokenClient } from 'grantkit'

let client
let tokenRequests = 0

export default {
  async fetch(request, env, ctx) {
    client ??= createTokenClient({
      issuer: env.ISSUER,
      clientId: env.CLIENT_ID,
      clientSecret: env.CLIENT_SECRET,
      scope: 'orders',
      allowedUrls: [env.API],
      fetch: countingFetch,
    })
    const headers = { 'cache-control': 'no-store', vary: 'origin' }
    const origin = request.headers.get('origin')
    if (env.PAGES.includes(origin)) headers['access-control-allow-origin'] = origin
    try {
      const began = tokenRequests
      const grants = await client
      const waitUntil = (work) => ctx.waitUntil(work)
      if (new URL(request.url).searchParams.has('fresh')) {
        await grants.getAccessToken({ forceRenewal: true })
      }
      const response = await grants.fetch(`${env.API}orders`, {}, { waitUntil })
      const from = tokenRequests > began ? 'network' : 'cache'
      const answer = response.ok ? await response.json() : { status: response.status }
      return Response.json({ ...answer, token: { from, requests: tokenRequests } }, { headers })
    } catch (error) {
      const { code, message } = error
      return Response.json({ error: { code, message } }, { status: 502, headers })
    }
  },
}

// The only POST that this client makes is the token request.
function countingFetch(input, init) {
  if ((init?.method ?? input.method) === 'POST') tokenRequests++
  return fetch(input, init)
}
