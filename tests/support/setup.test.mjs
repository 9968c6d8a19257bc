// A folder of the cache that cannot be filled is told, and is no reason to stop.
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { Failure, made } from '../../scripts/setup.mjs'

test('a cache that takes nothing is a failure of one line', async (context) => {
  const folder = mkdtempSync(join(tmpdir(), 'cache-'))
  context.after(() => rmSync(folder, { recursive: true }))
  writeFileSync(join(folder, 'file'), '')
  const home = join(folder, 'file', 'runtimes', 'bun')
  await assert.rejects(
    made(home, 'nothing', () => assert.fail('there is no place')),
    Failure,
  )
})
