// What each shipped wasm shows to the outside, for the snapshot in wasm.json.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { ROOT } from '../../scripts/setup.mjs'
import { initialMemory, sections } from '../../scripts/wasm.mjs'

/** By the names of their files: what a page loads, and what servers use. */
export const WASMS = ['session', 'grantkit']

export const wasm = (name) => readFileSync(join(ROOT, 'pkg', `${name}_bg.wasm`))

/** The functions that are in it, by the names that the compiler gave them. */
export function symbols(name) {
  const text = readFileSync(join(ROOT, 'pkg', `.${name}.symbols`), 'utf8')
  return text.replace(/\[[0-9a-f]+\]/g, '').split('\n')
}

export function surfaces() {
  return Object.fromEntries(WASMS.map((name) => [name, surface(name)]))
}

export function surface(name) {
  const bytes = wasm(name)
  const module = new WebAssembly.Module(bytes)
  const shortened = readFileSync(join(ROOT, 'pkg', `.${name}.names.json`), 'utf8')
  const { imports, exports } = JSON.parse(shortened)
  return {
    imports: named(WebAssembly.Module.imports(module), imports),
    exports: named(WebAssembly.Module.exports(module), exports),
    customSections: sections(bytes)
      .filter(({ id }) => id === 0)
      .map(({ name }) => name),
    initialMemory: initialMemory(bytes),
  }
}

/** By the names from before the build made them short, without hashes: those change with compilers. */
function named(entries, shortened) {
  const long = Object.fromEntries(Object.entries(shortened).map(([name, short]) => [short, name]))
  return entries
    .map(({ name, kind }) => `${long[name] ?? name}: ${kind}`)
    .map((line) => line.replace(/_[0-9a-f]{13,16}(?=_|:)/g, ''))
    .sort()
}
