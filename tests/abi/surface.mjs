// What the shipped wasm shows to the outside, for the snapshot in wasm.json.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { ROOT } from '../../scripts/setup.mjs'
import { initialMemory, sections } from '../../scripts/wasm.mjs'

export const wasm = readFileSync(join(ROOT, 'pkg', 'grantkit_bg.wasm'))

/** The functions that are in it, by the names that the compiler gave them. */
export function symbols() {
  const text = readFileSync(join(ROOT, 'pkg', '.symbols'), 'utf8')
  return text.replace(/\[[0-9a-f]+\]/g, '').split('\n')
}

export function surface() {
  const module = new WebAssembly.Module(wasm)
  const { imports, exports } = JSON.parse(readFileSync(join(ROOT, 'pkg', '.names.json'), 'utf8'))
  return {
    imports: named(WebAssembly.Module.imports(module), imports),
    exports: named(WebAssembly.Module.exports(module), exports),
    customSections: sections(wasm)
      .filter(({ id }) => id === 0)
      .map(({ name }) => name),
    initialMemory: initialMemory(wasm),
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
