import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import test from 'node:test'
import { shipped } from '../../scripts/build.mjs'
import { ROOT } from '../../scripts/setup.mjs'
import { lateText } from '../../scripts/wasm.mjs'
import { changes } from '../support/snapshot.mjs'
import { WASMS, surface, surfaces, symbols, wasm } from './surface.mjs'

test('each wasm imports and exports what wasm.json pins (npm run pin records a meant change)', () => {
  assert.deepEqual(changes(new URL('wasm.json', import.meta.url), surfaces()), [])
})

test('r172 no glue makes a decoder or an encoder at import, and one of another text is refused', () => {
  for (const name of WASMS) {
    const glue = readFileSync(join(ROOT, 'pkg', `${name}.js`), 'utf8')
    assert.match(glue, /^ +.*new TextDecoder/m)
    assert.doesNotMatch(glue, /^\S.*new Text(De|En)coder/m)
    assert.throws(() => lateText(glue), /the glue has 0 of let cachedTextDecoder/)
  }
})

test('what a page loads has nothing of the client', () => {
  const client =
    /TokenClient<|TokenValidator<|js::(token_client|guard)::|(Client|Validator)Handle|(client|validator)handle|open(Client|Validator)/
  const found = (name) =>
    [...surface(name).exports, ...symbols(name)].filter((line) => client.test(line))
  assert.deepEqual(found('session'), [])
  assert.ok(found('grantkit').length > 10, 'the names are still those of the client')
})

// Only the pinned nightly takes the messages of the standard library's panics out.
const options = { skip: !shipped() && 'built by the stable toolchain' }

test('law 8 no message of a panic is in the wasm', options, () => {
  const all = WASMS.map((name) => wasm(name).toString('latin1')).join('')
  for (const banned of [
    'called `Option::unwrap()`',
    'called `Result::unwrap()`',
    'index out of bounds',
    'out of range for slice',
    'is not a char boundary',
    'already borrowed',
    'already mutably borrowed',
    'assertion failed',
    'attempt to',
    'capacity overflow',
    'entered unreachable code',
    'panicked at',
    '.rs',
  ])
    assert.ok(!all.includes(banned), banned)
})

test('nothing large that the wasm does without has come in', options, () => {
  // Each costs 2 to 64 kB after brotli.
  const banned = {
    'a second JSON reader': /serde_json|miniserde|simd_json/,
    'formatting of floats': /flt2dec|fmt::float|ryu|zmij|grisu|dragon/,
    'reading of floats': /dec2flt|fast_float/,
    'a second URL parser': /(?<![:\w])(url|idna|icu_\w+|unicode_normalization)::/,
    'hash tables': /hashbrown|HashMap|siphash/i,
    'regular expressions': /\bregex/,
    backtraces: /rustc_demangle|gimli|backtrace/,
    'reading options by serde': /serde_wasm_bindgen::de::/,
  }
  for (const name of WASMS) {
    const functions = symbols(name)
    assert.ok(functions.length > 50, 'the symbols are there')
    for (const [what, pattern] of Object.entries(banned))
      assert.deepEqual(
        functions.filter((one) => pattern.test(one)),
        [],
        `${what} in ${name}`,
      )
  }
})

test('no wasm has names, debug information or a list of its makers', () => {
  for (const name of WASMS) {
    const { customSections } = surface(name)
    for (const section of ['name', 'producers', '.debug_info', 'sourceMappingURL'])
      assert.ok(!customSections.includes(section), `${section} in ${name}`)
  }
})
