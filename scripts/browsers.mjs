// Firefox and WebKitGTK for the tests: the system's; else Debian's, by apt as root. Unlike Chromium they
// may be missing: then it is said how to get what could not be installed.
import { existsSync } from 'node:fs'
import { Failure, apt, findOnPath } from './setup.mjs'

/** There is no such browser here; the message says what to do about it. */
export class Missing extends Failure {}

const FIREFOXES = [
  'firefox-esr',
  'firefox',
  '/Applications/Firefox.app/Contents/MacOS/firefox',
  'C:\\Program Files\\Mozilla Firefox\\firefox.exe',
]

/** What a variable of the environment names, which must be there. */
function named(variable) {
  const path = process.env[variable]
  if (path && !existsSync(path))
    throw new Failure(`there is nothing at ${path}, which ${variable} names`)
  return path
}

/** Where a Firefox is, without installing one. */
export function findFirefox() {
  return named('FIREFOX') || FIREFOXES.map(findOnPath).find(Boolean) || null
}

/** Where WebKitGTK's driver and the display for it are, without installing them. */
export function findWebKit() {
  const driver = named('WEBKIT_DRIVER') || findOnPath('WebKitWebDriver')
  const display = findOnPath('Xvfb')
  return driver && display ? { driver, display } : null
}

/** Where a Firefox is; installed where it can be. */
export function firefox() {
  return installed('Firefox', findFirefox, ['firefox-esr'], 'FIREFOX=/path/to/firefox')
}

/** Where WebKitGTK's driver and the display are; installed where they can be. */
export function webkit() {
  const named = 'WEBKIT_DRIVER=/path/to/WebKitWebDriver, with Xvfb on the PATH'
  return installed('WebKitGTK', findWebKit, ['webkit2gtk-driver', 'xvfb'], named)
}

async function installed(what, find, packages, named) {
  const found = find()
  if (found) return found
  const why = await apt(what, packages).then(
    (done) => (done ? 'what apt-get installed has none' : 'apt-get as root is not here'),
    (error) => {
      if (error instanceof Failure) return error.message
      throw error
    },
  )
  const fresh = find()
  if (fresh) return fresh
  throw new Missing(
    `there is no ${what}, and ${why}. Install it (Debian: apt-get install ` +
      `${packages.join(' ')}), or name it: ${named}`,
  )
}
