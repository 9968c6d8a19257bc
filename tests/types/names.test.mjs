import assert from 'node:assert/strict'
import { join } from 'node:path'
import test from 'node:test'
import ts from 'typescript'
import { ROOT } from '../../scripts/setup.mjs'
import { changes } from '../support/snapshot.mjs'
import { DECLARATIONS, names, program } from './names.mjs'

test('the public names are those of names.json (npm run pin records a meant change)', () => {
  assert.deepEqual(changes(new URL('names.json', import.meta.url), names()), [])
})

test('nothing public is any', () => {
  const compiled = program()
  for (const path of DECLARATIONS) {
    const file = compiled.getSourceFile(join(ROOT, path))
    const visit = (node) => {
      const { line } = file.getLineAndCharacterOfPosition(node.pos)
      assert.notEqual(node.kind, ts.SyntaxKind.AnyKeyword, `any in ${path}:${line + 1}`)
      ts.forEachChild(node, visit)
    }
    visit(file)
  }
})
