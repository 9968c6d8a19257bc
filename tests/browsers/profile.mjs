// A browser profile and its tabs: storage, cookies and the clock are shared by the tabs, and by nobody
// else. A browser is what Playwright calls one. Of all that it can do, what is used stands here and in
// tab.mjs alone, so that another driver has little to be like.
import assert from 'node:assert/strict'
import { createTab } from './tab.mjs'

/** Runs in the page: tells what nobody handles. The words of a trap are each engine's own. */
const report = () => {
  const unhandled = (error) =>
    tell({ trouble: error instanceof WebAssembly.RuntimeError ? error.name : `${error?.message}` })
  addEventListener('error', ({ error }) => unhandled(error))
  addEventListener('unhandledrejection', ({ reason }) => unhandled(reason))
}

/** Answers the first tab, and how the profile is closed. */
export async function openProfile(browser, origin, { session, byHand, prepare, given, trouble }) {
  const context = await browser.newContext({ baseURL: origin })
  const troubles = []
  const tabs = new Map()
  await context.exposeBinding('tell', ({ page }, message) => {
    if (message.trouble) troubles.push(message.trouble)
    else tabOf(page).hear(message)
  })

  // The provider's pages are none of ours. A window that another opens may begin as an empty page, which
  // is of its opener's origin, and stay the same window.
  const before = (work, given, where = origin) =>
    context.addInitScript(`if (origin === '${where}') (${work})(${JSON.stringify(given)})`)
  await before(report)
  await before((given) => (globalThis.options = given), session)
  if (byHand) await before((path) => (globalThis.byHand = location.pathname === path), byHand)
  if (prepare) await before(prepare, given)

  const profile = {
    /** One more tab. */
    tab: async () => tabOf(await context.newPage()),
    /** The tab or the popup that the page opens by what is done. */
    async opened(work) {
      const [page] = await Promise.all([context.waitForEvent('page'), work()])
      return tabOf(page)
    },
    /** Runs a function in every document of an origin from now on, before its scripts. */
    prepare: before,
    /** The clocks of all tabs, once installed: fastForward, runFor, setSystemTime. */
    clock: context.clock,
    /** Takes this machine off the network, or brings it back. */
    offline: (off) => context.setOffline(off),
    cookies: (url) => context.cookies(url),
  }
  // Who has typed a password in this profile is known to the provider.
  const person = { known: false }

  // A popup may tell something before anybody knows of it.
  function tabOf(page) {
    if (!tabs.has(page))
      tabs.set(page, Object.assign(createTab(page, { person, troubles }), profile))
    return tabs.get(page)
  }

  async function close() {
    await context.close()
    assert.deepEqual(troubles, trouble ?? [], 'nothing is left unhandled in the page')
  }
  return { tab: await profile.tab(), close }
}
