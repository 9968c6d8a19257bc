// A page that is a Rust program, and lets a test reach it.
import init, * as app from './app.js'

const url = () => location.href.slice(location.origin.length)

try {
  // Where the site has the wasm of a page.
  await init({ module_or_path: '/pkg/session_bg.wasm' })
  const { issuer, redirectUri, allowedUrls } = globalThis.options
  globalThis.page = await app.openPage(issuer, redirectUri, allowedUrls[0])
  globalThis.tell({ arrival: { value: page.signedIn, url: url() } })
} catch (error) {
  globalThis.tell({ arrival: { error: String(error), url: url() } })
}
