import assert from 'node:assert/strict'
import test from 'node:test'
import { shipped } from '../../scripts/build.mjs'
import { changes } from '../support/snapshot.mjs'
import { surface, symbols, wasm } from './surface.mjs'

test('the wasm imports and exports what wasm.json pins (npm run pin records a meant change)', () => {
  assert.deepEqual(changes(new URL('wasm.json', import.meta.url), surface()), [])
})

// Only the pinned nightly takes the messages of the standard library's panics out.
const options = { skip: !shipped() && 'built by the stable toolchain' }

test('law 8 no message of a panic is in the wasm', options, () => {
  const text = wasm.toString('latin1')
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
    assert.ok(!text.includes(banned), banned)
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
  const names = symbols()
  assert.ok(names.length > 50, 'the symbols are there')
  for (const [what, pattern] of Object.entries(banned))
    assert.deepEqual(
      names.filter((name) => pattern.test(name)),
      [],
      what,
    )
})

test('the wasm has no names, no debug information and no list of its makers', () => {
  const { customSections } = surface()
  for (const section of ['name', 'producers', '.debug_info', 'sourceMappingURL'])
    assert.ok(!customSections.includes(section), section)
})
