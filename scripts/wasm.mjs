// Reads and rewrites what a wasm file declares and the JavaScript API does not tell.

const CUSTOM = 0
const IMPORT = 2
const MEMORY = 5
const EXPORT = 7
const CODE = 10
const PAGE = 65536
const HEADER = 8

/** The sections in order: `{ id, name, bytes }`, where only custom sections have a name. */
export function sections(wasm) {
  const found = []
  let at = HEADER
  while (at < wasm.length) {
    const id = wasm[at]
    const size = unsigned(wasm, at + 1)
    const bytes = wasm.subarray(size.next, size.next + size.value)
    found.push({ id, name: id === CUSTOM ? text(bytes, 0).value : null, bytes })
    at = size.next + size.value
  }
  return found
}

/** Bytes of linear memory that an instance starts with. */
export function initialMemory(wasm) {
  const { bytes } = sections(wasm).find(({ id }) => id === MEMORY)
  // One memory: its count, its flags, its least number of pages.
  return unsigned(bytes, 2).value * PAGE
}

/** Where the code of each function stands in the file, by its index. */
export function functions(wasm) {
  const found = []
  let index = 0
  for (const { id, bytes } of sections(wasm)) {
    // Imports are functions only, see `entries`; they come first.
    if (id === IMPORT) index += unsigned(bytes, 0).value
    if (id !== CODE) continue
    const base = bytes.byteOffset - wasm.byteOffset
    const count = unsigned(bytes, 0)
    let at = count.next
    for (let each = 0; each < count.value; each++) {
      const size = unsigned(bytes, at)
      const end = size.next + size.value
      found.push({ index: index + each, start: base + size.next, end: base + end })
      at = end
    }
  }
  return found
}

/**
 * Gives the functions that wasm and glue share short names on both sides. wasm-bindgen's names end in
 * hashes, which no compression shrinks: some 27 bytes for each. `names` tells what they were; `name` is
 * that of the files.
 */
export function shorten(wasm, glue, name) {
  const names = { imports: {}, exports: {} }
  const parts = [wasm.subarray(0, HEADER)]
  for (const { id, bytes } of sections(wasm)) {
    let body = bytes
    if (id === IMPORT)
      body = entries(bytes, 2, ([, name]) => ['a', (names.imports[name] ??= short(names.imports))])
    if (id === EXPORT)
      body = entries(bytes, 1, ([name]) => [
        name === 'memory' ? name : (names.exports[name] ??= short(names.exports)),
      ])
    parts.push(Uint8Array.of(id), leb(body.length), body)
  }

  let script = replaceOnce(glue, `"./${name}_bg.js": `, '"a": ')
  for (const [name, to] of Object.entries(names.imports))
    script = replaceOnce(script, `\n        ${name}: `, `\n        ${to}: `)
  script = script.replace(/\bwasm\.(\w+)/g, (whole, name) =>
    Object.hasOwn(names.exports, name) ? `wasm.${names.exports[name]}` : whole,
  )
  return { wasm: Buffer.concat(parts), glue: script, names }
}

/**
 * Lets the glue tell of a trap in a callback: `onTrap(listener)`. Nobody is on the stack there to catch
 * it, and whoever waits for the promise would wait for ever.
 */
export function tellTraps(glue) {
  const callback = /\nfunction (wasm_bindgen_\w*invoke\w*)\(([^)]*)\) \{\n([^]*?)\n\}\n/g
  let found = 0
  const told = glue.replace(callback, (_, name, parameters, body) => {
    found++
    const caught = 'catch (error) {\n        trap(error);\n        throw error;\n    }'
    return `\nfunction ${name}(${parameters}) {\n    try {\n${body}\n    } ${caught}\n}\n`
  })
  if (found === 0) throw new Error('the glue has no callbacks any more')
  // What an instance that is gone still waited for is nobody's business any more.
  const stale = "throw new Error('Cannot invoke closure from previous WASM instance')"
  const quiet = replaceOnce(told, stale, 'return')
  return `let trap = () => {};\nexport function onTrap(listener) {\n    trap = listener;\n}\n${quiet}`
}

/**
 * Makes the glue's decoder and encoder when text is first passed, not at import: where a page is simulated
 * for tests (jsdom under Jest) neither may exist, and what imports the package there need not call it.
 */
export function lateText(glue) {
  const fresh = "cachedTextDecoder = new TextDecoder('utf-8', { ignoreBOM: true });\n"
  let script = replaceOnce(
    glue,
    `let ${fresh}cachedTextDecoder.decode();\n`,
    'let cachedTextDecoder;\n',
  )
  const full = 'numBytesDecoded >= MAX_SAFARI_DECODE_BYTES'
  script = replaceOnce(script, `if (${full})`, `if (!cachedTextDecoder || ${full})`)
  // Whatever runs this wasm has `encodeInto`: what stands in for it goes.
  const encoder =
    /\nconst cachedTextEncoder = new TextEncoder\(\);\n\nif \(!\('encodeInto' [^]*?\n\}\n/
  const [found] = encoder.exec(script) ?? []
  if (!found) throw new Error('the glue has no encoder any more')
  script = replaceOnce(script, found, '\nlet cachedTextEncoder;\n')
  const passes = 'function passStringToWasm0(arg, malloc, realloc) {\n'
  script = replaceOnce(script, passes, `${passes}    cachedTextEncoder ??= new TextEncoder();\n`)
  if (/^\S.*\bnew Text(De|En)coder\b/m.test(script)) throw new Error('the glue makes one at import')
  return script
}

/** Rewrites a section whose entries are `count` names and then what they stand for. */
function entries(bytes, count, rename) {
  const parts = []
  const total = unsigned(bytes, 0)
  let at = total.next
  for (let entry = 0; entry < total.value; entry++) {
    const names = []
    for (let each = 0; each < count; each++) {
      const name = text(bytes, at)
      names.push(name.value)
      at = name.next
    }
    for (const name of rename(names)) parts.push(leb(name.length), Buffer.from(name))
    // A kind, then the index of a type (imports: functions only) or of the thing (exports).
    if (count === 2 && bytes[at] !== 0) throw new Error(`${names} is no function`)
    const { next } = unsigned(bytes, at + 1)
    parts.push(bytes.subarray(at, next))
    at = next
  }
  return Buffer.concat([leb(total.value), ...parts])
}

function replaceOnce(whole, from, to) {
  const pieces = whole.split(from)
  if (pieces.length !== 2) throw new Error(`the glue has ${pieces.length - 1} of ${from.trim()}`)
  return pieces.join(to)
}

const LETTERS = 'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ'

/** The next free name: a to Z, then two letters. */
function short(taken) {
  const count = Object.keys(taken).length
  if (count < LETTERS.length) return LETTERS[count]
  const rest = count - LETTERS.length
  return `${LETTERS.at(-1 - Math.floor(rest / LETTERS.length))}${LETTERS[rest % LETTERS.length]}`
}

function text(bytes, at) {
  const length = unsigned(bytes, at)
  const next = length.next + length.value
  return { value: new TextDecoder().decode(bytes.subarray(length.next, next)), next }
}

/** An unsigned LEB128 number. */
function unsigned(bytes, at) {
  let value = 0
  for (let shift = 0; ; shift += 7) {
    const byte = bytes[at++]
    value += (byte & 127) * 2 ** shift
    if (byte < 128) return { value, next: at }
  }
}

function leb(number) {
  const bytes = []
  do {
    bytes.push((number & 127) | (number > 127 ? 128 : 0))
    number = Math.floor(number / 128)
  } while (number > 0)
  return Uint8Array.from(bytes)
}
