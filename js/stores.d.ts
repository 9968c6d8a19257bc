/**
 * `grantkit/stores`: stores for the option `cache` of `createTokenClient`, for isolates that come and go.
 *
 * | | where a token is found | token requests of ten cold isolates |
 * |---|---|---|
 * | `kvStore` | everywhere, up to a minute late | one each at the most |
 * | `cacheStore` | in one data centre | one each at the most |
 * | `durableObjectStore` | everywhere, at once | one |
 *
 * Any object with `get`, `set` and `delete` will do as well, see `Store`. Whatever the store, the values
 * are sealed, and a store that fails or is slow is done without.
 */
import type { Store } from './types.js'

/** What is used of a KV namespace. */
export interface KvNamespace {
  get(key: string): Promise<string | null>
  put(key: string, value: string, options?: { expirationTtl?: number }): Promise<void>
  delete(key: string): Promise<void>
}

/**
 * Workers KV. It keeps nothing for less than a minute: a token that lives shorter is not put there. What one
 * place writes is seen by the others within a minute.
 */
export declare function kvStore(
  namespace: KvNamespace,
  options?: {
    /** Before each key, where the namespace holds other things, too. */
    prefix?: string
  },
): Store

/** What is used of a Cache. */
export interface CacheLike {
  match(url: string): Promise<CachedLike | undefined>
  put(url: string, response: Response): Promise<void>
  delete(url: string): Promise<boolean>
}
interface CachedLike {
  text(): Promise<string>
}

/**
 * The Cache API: `caches.default`, another cache, or the name of one (default `grantkit`). A data centre
 * has its own. Values stand under addresses that nobody can ask for; on Cloudflare let `origin` be a
 * host of your zone, for others cost a look-up of their name.
 */
export declare function cacheStore(
  cache?: CacheLike | string,
  options?: {
    /** The origin of the addresses. Default `https://grantkit.invalid`. */
    origin?: string
  },
): Store

/** What is used of a Durable Object namespace. */
export interface DurableObjects {
  idFromName(name: string): unknown
  get(id: never): {
    fetch(
      url: string,
      init?: { method?: string; headers?: Record<string, string>; body?: string },
    ): Promise<{ status: number; ok: boolean; text(): Promise<string> }>
  }
}

/**
 * A Durable Object for each token, of the class {@link GrantkitTokens}, which the Worker exports. It also
 * makes renewal single-flight: one isolate asks the server, the others wait for what it brings. A turn
 * that is not used within five seconds passes on.
 *
 * ```toml
 * [[durable_objects.bindings]]
 * name = "TOKENS"
 * class_name = "GrantkitTokens"
 * [[migrations]]
 * tag = "grantkit"
 * new_sqlite_classes = ["GrantkitTokens"]
 * ```
 */
export declare function durableObjectStore(namespace: DurableObjects): Required<Store>

/** The Durable Object. It needs nothing of its environment, and stores nothing beyond a token's life. */
export declare class GrantkitTokens {
  constructor(state: DurableState, env?: unknown)
  fetch(request: Request): Promise<Response>
  alarm(): Promise<void>
  /** What Cloudflare's types tell a Durable Object by; there is no such property. */
  readonly __DURABLE_OBJECT_BRAND: never
}

/** What is used of the state of a Durable Object. */
export interface DurableState {
  blockConcurrencyWhile(work: () => Promise<void>): unknown
  readonly storage: {
    get(key: string): Promise<unknown>
    put(key: string, value: unknown): Promise<void>
    deleteAll(): Promise<void>
    setAlarm(at: number): Promise<void>
    deleteAlarm(): Promise<void>
  }
}

export {}
