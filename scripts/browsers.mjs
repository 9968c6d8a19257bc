// Firefox and WebKitGTK for the tests: the system's; else Debian's, by apt as root. Unlike Chromium they
// may be missing, where they cannot be installed: then null is answered, and said how to name one.
import { existsSync } from 'node:fs'
import { Failure, apt, findOnPath, output, say } from './setup.mjs'

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

/** Where a Firefox is, or null; installed where it can be. */
export function firefox() {
  return installed('Firefox', findFirefox, ['firefox-esr'], 'FIREFOX=/path/to/firefox')
}

/** Where WebKitGTK's driver and the display are, or null; installed where they can be. */
export function webkit() {
  const hint = 'WEBKIT_DRIVER=/path/to/WebKitWebDriver, with Xvfb on the PATH'
  return installed('WebKitGTK', findWebKit, ['webkit2gtk-driver', 'xvfb'], hint)
}

async function installed(what, find, packages, hint) {
  const found = find()
  if (found) return found
  const done = await apt(what, packages).catch((error) => {
    if (!(error instanceof Failure)) throw error
    say(error.message)
  })
  const fresh = done ? find() : null
  if (!fresh) say(`${what} is not here and cannot be installed; name one: ${hint}`)
  return fresh
}
