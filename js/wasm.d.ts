/** The compiled module, where the runtime or bundler imports `.wasm` files so. */
declare const module: object
export default module
