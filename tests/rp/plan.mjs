// Runs the cases of a plan, each under the id of its module, on the package as npm installs it. One
// module alone: node --test --test-name-pattern=oidcc-client-test-invalid-iss tests/rp/basic.test.mjs

import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { pathToFileURL } from 'node:url'

import { scratch } from '../support/package.mjs'
import { VARIANTS, createRp } from './rp.mjs'

// Far more than a case takes; one that hangs is told by its name.
const TIMEOUT = 60_000

const file = join(scratch(), 'entry.mjs')
writeFileSync(file, "export * from 'grantkit'\n")
const grantkit = await import(pathToFileURL(file).href)

/**
 * Each case is run for each way to be registered that `variants` names. A case that is an object has
 * fewer of them: { variants, run }.
 */
export function runPlan(plan, cases, { variants, ...setting }) {
  for (const name of variants) {
    describe(`${plan} [client_auth_type=${name}]`, () => {
      for (const [id, one] of Object.entries(cases)) {
        const { variants: own = variants, run = one } = one
        if (!own.includes(name)) continue
        test(id, { timeout: TIMEOUT }, async () => {
          const rp = createRp(grantkit, { variant: await VARIANTS[name](), ...setting })
          try {
            await run(rp)
          } finally {
            await rp.finish()
          }
        })
      }
    })
  }
}
