// A Rust program that has the crate without its JavaScript, built as its users build theirs.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { ROOT, run, stable, wasmTools } from '../../scripts/setup.mjs'

const TARGET = 'wasm32-unknown-unknown'

/** Builds it: where its script is, and its bytes. */
export async function built() {
  const env = { RUSTUP_TOOLCHAIN: await stable(), ...(await wasmTools()) }
  const manifest = join(ROOT, 'tests', 'rust', 'app', 'Cargo.toml')
  // With what the other builds have compiled already.
  const target = ['--target', TARGET, '--target-dir', join(ROOT, 'target')]
  await run('cargo', ['build', '--quiet', '--locked', '--manifest-path', manifest, ...target], {
    env,
  })
  const wasm = join(ROOT, 'target', TARGET, 'debug', 'grantkit_rust_app.wasm')
  // Test files run beside each other, and each has its own.
  const folder = mkdtempSync(join(ROOT, 'target', 'rust-'))
  process.on('exit', () => rmSync(folder, { recursive: true, force: true }))
  const out = ['--target', 'web', '--no-typescript', '--out-dir', folder, '--out-name', 'app']
  await run('wasm-bindgen', [...out, wasm], { env })
  return { folder, wasm: readFileSync(join(folder, 'app_bg.wasm')) }
}

/** Loads it into this process. */
export async function loaded({ folder, wasm }) {
  const app = await import(pathToFileURL(join(folder, 'app.js')).href)
  app.initSync({ module: wasm })
  return app
}
