// Cases are written without a browser; the test file of a browser runs them all, each on a stage of its
// own. One case alone: node --test --test-name-pattern='r046 r061' tests/browsers/chromium.test.mjs
import { after, before, describe, test } from 'node:test'
import { bundle } from './site.mjs'
import { createStage } from './stage.mjs'

// Most of a case's time is spent on waiting for processes that wait for each other.
const TOGETHER = 3
// Far more than a case takes; one that hangs is told by its name.
const TIMEOUT = 120_000

/** Cases that belong together: `body` gets `test(name, run)`, and `run` gets the stage, and with it `skip(why)`. */
export const suite = (name, body) => ({ name, body })

/** Runs suites in one browser, which `launch` opens; profile.mjs says what a browser is. */
export function run(name, launch, suites) {
  describe(name, { concurrency: TOGETHER }, () => {
    let browser
    let files
    before(async () => {
      ;[browser, files] = await Promise.all([launch(), bundle()])
    })
    after(() => browser?.close())

    const one = (name, work) =>
      test(name, { timeout: TIMEOUT }, async (t) => {
        const stage = createStage(browser, files)
        t.after(stage.close)
        await work({ ...stage, skip: (why) => t.skip(why) })
      })
    for (const { name, body } of suites) {
      describe(name, { concurrency: 1 }, () => body(one))
    }
  })
}
