// The Worker of the README with a shared cache, which has Cloudflare's types.
import { createTokenClient } from 'grantkit'
import type { Store, TokenClient } from 'grantkit'
import { cacheStore, durableObjectStore, GrantkitTokens, kvStore } from 'grantkit/stores'

export { GrantkitTokens } from 'grantkit/stores'

interface Env {
  ISSUER: string
  CLIENT_ID: string
  CLIENT_SECRET: string
  CACHE_KEY: string
  TOKENS: DurableObjectNamespace<GrantkitTokens>
  PLAIN: DurableObjectNamespace
  KV: KVNamespace
}

let client: Promise<TokenClient> | undefined
export default {
  async fetch(_request, env, ctx) {
    const cacheKey = Uint8Array.from(atob(env.CACHE_KEY), (c) => c.charCodeAt(0))
    client ??= createTokenClient({
      issuer: env.ISSUER,
      clientId: env.CLIENT_ID,
      clientSecret: env.CLIENT_SECRET,
      allowedUrls: ['https://api.example/'],
      cache: durableObjectStore(env.TOKENS),
      cacheKey,
    })
    const waitUntil = (work: Promise<unknown>) => ctx.waitUntil(work)
    return (await client).fetch('https://api.example/orders', {}, { waitUntil })
  },
} satisfies ExportedHandler<Env>

export async function others(env: Env): Promise<Store[]> {
  const key: CryptoKey = await crypto.subtle.importKey('raw', new Uint8Array(32), 'HKDF', false, [
    'deriveKey',
  ])
  void createTokenClient({ clientId: 'worker', cache: kvStore(env.KV), cacheKey: key })
  return [
    kvStore(env.KV, { prefix: 'tokens:' }),
    cacheStore(),
    cacheStore('tokens', { origin: 'https://app.example' }),
    cacheStore(caches.default),
    cacheStore(await caches.open('tokens')),
    durableObjectStore(env.PLAIN),
  ]
}
