// A test is named after the rows that it shows: users_a01 to users_a30 (what hurts users of such libraries),
// r044 and so on (requirements), a066 and so on (attacks). A row whose last test is gone is noticed here,
// and so is a test that tests/README.md or README.md names and nobody has.
import assert from 'node:assert/strict'
import { readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import test from 'node:test'
import { ROOT } from '../../scripts/setup.mjs'

const numbers = (first, last) =>
  Array.from({ length: last - first + 1 }, (_, at) => String(first + at).padStart(3, '0'))

const USERS = numbers(1, 30).map((number) => number.slice(1))
// A sign-in from a page and a token on the edge; popups and frames, renewal, tabs, where tokens live.
const REQUIREMENTS = [
  ...numbers(1, 22),
  ...numbers(28, 36),
  ...numbers(43, 57),
  ...numbers(60, 65),
  '068',
  ...numbers(71, 76),
  ...numbers(79, 128),
  '130',
  '158',
  ...numbers(164, 173),
  ...numbers(175, 181),
  '183',
]
// Of these, what has another meaning where several tabs renew.
const IN_TABS = numbers(118, 124)
const TABS = ['client/attacks.rs', 'client/races.rs', 'client/tabs.rs']
// Renewal and the fetch wrapper, storage, popups, messages, the page's own scripts, people side by side.
const ATTACKS = [
  '066',
  ...numbers(68, 70),
  ...numbers(74, 79),
  ...numbers(81, 86),
  ...numbers(89, 90),
]

const TESTS = join(ROOT, 'tests')
// A test that is skipped or ignored is none.
const RUST = [/#\[test\]\s*fn (?<name>\w+)/g]
const SCRIPT = [
  // Functions that make a test of a name,
  /\b(?:test|refused|law17)\(\s*(?<quote>['"`])(?<name>.+?)\k<quote>,/g,
  // and the cases of tests/runtimes, by their names.
  /^ {2}(?:async )?(?<quote>['"])(?<name>.+?)\k<quote>\(/gm,
]

/** The names of all tests, by file. */
const named = new Map(
  readdirSync(TESTS, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile() && /\.(rs|mjs)$/.test(entry.name))
    .map((entry) => join(entry.parentPath ?? entry.path, entry.name))
    .map((path) => {
      const text = readFileSync(path, 'utf8')
      const forms = path.endsWith('.rs') ? RUST : SCRIPT
      const names = forms.flatMap((form) =>
        [...text.matchAll(form)].map(({ groups }) => groups.name),
      )
      return [path.slice(TESTS.length + 1).replaceAll('\\', '/'), names]
    }),
)

/** Which rows of a kind a name has: users_a01, r123 and a068 stand between blanks or underscores. */
const rowsOf = (kind, name) =>
  [...name.matchAll(new RegExp(`(?<![a-z0-9])${kind}(\\d+)(?![a-z0-9])`, 'gi'))].map(
    ([, row]) => row,
  )

function assertNamed(kind, rows, files = [...named.keys()]) {
  const found = new Set(
    files.flatMap((file) => named.get(file)).flatMap((name) => rowsOf(kind, name)),
  )
  const missing = rows.filter((row) => !found.has(row))
  assert.deepEqual(missing, [], `no test is named after ${kind} ${missing.join(', ')}`)
}

/** The rows of the table in tests/README.md: number, what hurts, and the tests as [file, name]. */
function table() {
  const lines = readFileSync(join(TESTS, 'README.md'), 'utf8').split('\n')
  const rows = lines.map((line) => /^\| (\d\d) \| (.+?) \| (.+) \|$/.exec(line)).filter(Boolean)
  return rows.map(([, row, hurts, cell]) => {
    const parts = cell.split('<br>').map((part) => /^`([\w./-]+)` `(.+)`$/.exec(part.trim()))
    assert.ok(parts.every(Boolean), `row ${row} has something else than a file and a test`)
    return { row, hurts, tests: parts.map(([, file, name]) => [file, name]) }
  })
}

test('each of the thirty rows of what hurts users has a test', () => {
  assertNamed('users_a', USERS)
})

test('each requirement of a page and of the edge has a test', () => {
  assertNamed('r', REQUIREMENTS)
})

test('each requirement of a renewal has a test with several tabs', () => {
  assertNamed('r', IN_TABS, TABS)
})

test('each attack on renewal, tabs, storage, popups and the fetch wrapper has a test', () => {
  assertNamed('a', ATTACKS)
})

test('the table of tests/README.md has each row once, and names tests that exist', () => {
  const rows = table()
  assert.deepEqual(
    rows.map(({ row }) => row),
    USERS,
  )
  for (const { row, tests } of rows) {
    for (const [file, name] of tests) {
      assert.ok(named.get(file)?.includes(name), `${file} has no test ${name}`)
      assert.ok(rowsOf('users_a', name).includes(row), `${name} is not named after row ${row}`)
    }
  }
})

test('what README.md says it speaks is shown by tests that exist', () => {
  const readme = readFileSync(join(ROOT, 'README.md'), 'utf8')
  const [, section] = /## What it speaks\n([\s\S]+?)\n## /.exec(readme)
  const cells = section.split('\n').map((line) => /^\| .+ \| .+ \| (`.+`) \|$/.exec(line)?.[1])
  const tests = cells
    .filter(Boolean)
    .flatMap((cell) => cell.split('<br>'))
    .map((part) => /^`([\w./-]+)`(?: `(.+)`)?$/.exec(part))
  assert.ok(tests.length > 30 && tests.every(Boolean))
  for (const [, file, name] of tests) {
    assert.ok(named.has(file), `there is no ${file}`)
    // Some files make their tests by functions of their own.
    const text = readFileSync(join(TESTS, file), 'utf8')
    if (name) assert.ok(text.includes(name), `${file} has no test ${name}`)
  }
})
