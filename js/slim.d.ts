/**
 * `grantkit/slim`: the same package for runtimes that must be given the bytes.
 *
 * ```js
 * import module from 'grantkit/wasm'
 * import { initSync, createTokenClient } from 'grantkit/slim'
 * initSync({ module })
 * ```
 */
export * from './types.js'

/** The file `grantkit/wasm`, as a URL, a Response, bytes, or a compiled module. Once, before the first call. */
export declare function init(source: WasmSource | PromiseLike<WasmSource>): Promise<void>
/** The same at once: with bytes (not in workerd) or a compiled module. */
export declare function initSync(source: { module: WasmModule | BufferSourceLike }): void

/** A compiled `WebAssembly.Module`; spelled so that it needs no library of types. */
export type WasmModule = object
type BufferSourceLike = ArrayBuffer | ArrayBufferView
export type WasmSource = string | URLLike | ResponseLike | BufferSourceLike | WasmModule
interface URLLike {
  readonly href: string
}
interface ResponseLike {
  arrayBuffer(): Promise<ArrayBuffer>
}
