import { chromium } from 'playwright-core'
import { findChromium } from '../../scripts/setup.mjs'

/** A Chromium for one test; gone when that is over. */
export async function browserOf(t) {
  const browser = await chromium.launch({
    executablePath: await findChromium(),
    args: ['--no-sandbox', '--disable-gpu', '--no-first-run'],
  })
  t.after(() => browser.close())
  return browser
}
