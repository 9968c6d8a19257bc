import assert from 'node:assert/strict'
import { readFileSync, readdirSync } from 'node:fs'
import { test } from 'node:test'

import { plans, unmet } from './modules.mjs'

const here = (path) => new URL(path, import.meta.url)

for (const [plan, modules] of Object.entries(plans)) {
  test(`each module of the plan ${plan} has a test of its name, and no other has`, async () => {
    const [cases, ...others] = Object.entries(await import(here(`cases/${plan}.mjs`)))
    assert.deepEqual(others, [])
    const [name, byId] = cases
    assert.deepEqual(Object.keys(byId).sort(), [...modules].sort())
    const file = readFileSync(here(`${plan}.test.mjs`), 'utf8')
    assert.match(file, new RegExp(`import { ${name} } from './cases/${plan}.mjs'`))
    assert.match(file, new RegExp(`^runPlan\\w*\\('[^']+', ${name}\\b`, 'm'))
  })
}

test('each file of cases is a plan', () => {
  const files = readdirSync(here('cases')).map((name) => name.replace('.mjs', ''))
  assert.deepEqual(files.sort(), Object.keys(plans).sort())
})

test('no module that has a test is said to be out of reach', () => {
  assert.deepEqual(
    Object.values(plans)
      .flat()
      .filter((id) => id in unmet),
    [],
  )
})
