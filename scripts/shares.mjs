// Where the bytes of a wasm are: what its file shrinks by, compressed, without the code of a ring, a
// module or a library. `node scripts/shares.mjs [grantkit]`; the page's wasm if none is named.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { brotli } from './size.mjs'
import { ROOT } from './setup.mjs'
import { functions } from './wasm.mjs'

const name = process.argv[2] ?? 'session'
const wasm = readFileSync(join(ROOT, 'pkg', `${name}_bg.wasm`))
const names = new Map(
  readFileSync(join(ROOT, 'pkg', `.${name}.symbols`), 'utf8')
    .trim()
    .split('\n')
    .map((line) => [Number.parseInt(line), line.replace(/^\d+:/, '').replace(/\[\w{16}\]/g, '')]),
)

const groups = new Map()
for (const { index, start, end } of functions(wasm)) {
  for (const group of groupsOf(names.get(index) ?? '')) {
    if (!groups.has(group)) groups.set(group, [])
    groups.get(group).push([start, end])
  }
}

const total = brotli(wasm)
const rows = [...groups].map(([group, ranges]) => ({
  group,
  functions: ranges.length,
  raw: ranges.reduce((sum, [start, end]) => sum + end - start, 0),
  brotli: total - brotli(without(ranges)),
}))
console.table(rows.sort((a, b) => b.brotli - a.brotli))

/** The ring, and the module in it; or what else it is of. */
function groupsOf(symbol) {
  if (/drop_glue|drop_in_place/.test(symbol)) return ['drops']
  const [, ring, module] = symbol.match(/^[<&]*grantkit::(\w+)::(\w+)/) ?? []
  if (ring) return [ring, `${ring}::${module}`]
  // What JavaScript calls has a plain name; the work of one caller is inlined there.
  if (!symbol.includes('::')) return ['exports']
  if (/wasm_bindgen|js_sys|web_sys|externref|wbg_/.test(symbol)) return ['bindings']
  return ['libraries']
}

function without(ranges) {
  const parts = []
  let at = 0
  for (const [start, end] of ranges) {
    parts.push(wasm.subarray(at, start))
    at = end
  }
  return Buffer.concat([...parts, wasm.subarray(at)])
}
