// WebKitGTK as what profile.mjs calls a browser: as much of Playwright as the cases use, by WebDriver.
// WebDriver runs no script before those of a page and hears nothing of it; a proxy of ours does both.
import { setTimeout as pause } from 'node:timers/promises'
import { TOLD, startProxy } from '../support/proxy.mjs'
import { startDisplay, startSession } from '../support/webdriver.mjs'
import { decoded, encoded, opening, running } from './webkit-inside.mjs'

// A guard against hanging: nothing is asserted by it.
const PATIENCE = 30_000
// WebDriver tells of nothing: what is waited for is looked for.
const LOOK = 20

/** One display for all; each context is a browser of its own. */
export async function launch({ driver, display }) {
  // Ends the process by its front door, where what was started is stopped.
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.once(signal, () => process.exit(1))
  const screen = await startDisplay(display)
  return {
    newContext: ({ baseURL }) => openContext({ driver, display: screen.name }, baseURL),
    close: screen.stop,
  }
}

async function openContext(tools, origin) {
  const scripts = []
  const bindings = new Map()
  const answers = new Map()
  const pages = []
  const documents = new Map()
  let count = 0
  let heard = Promise.resolve()

  const script = () => [opening(TOLD, ++count, [...bindings.keys()]), ...scripts].join(';\n')

  function hear(text) {
    const { kind, from, ...message } = decoded(text)
    if (kind === 'answer') return answers.get(message.id)?.(message)
    // One after the other, as they came.
    heard = heard.then(async () => {
      if (!documents.has(from)) documents.set(from, await showing(from))
      const page = documents.get(from)
      page?.at(message.url)
      if (kind === 'console') page?.wrote(message.text)
      if (kind === 'call') bindings.get(message.name)({ page }, message.value)
    })
  }

  /** The page that shows a document. Only a driver knows that; a window's name does not last. */
  async function showing(id) {
    for (const page of pages) {
      const shown = await page.window.execute('return globalThis.driver?.id').catch(() => undefined)
      if (shown === id) return page
    }
  }

  // Whose request it is cannot be told: each page takes all for its own.
  const passed = (url) => pages.forEach((page) => page.asked(url))

  const proxy = await startProxy({ origin, script, hear, passed })
  const session = await startSession({ ...tools, proxy: proxy.address }).catch(async (error) => {
    await proxy.close()
    throw error
  })
  // The one that the browser opened with.
  const idle = (await session.handles()).map(session.window)

  function adopt(window) {
    const page = createPage(window, { origin, answers, gone })
    pages.push(page)
    return page
  }

  const bounded = async (what, look) => {
    for (const until = Date.now() + PATIENCE; Date.now() < until; await pause(LOOK)) {
      const found = await look(await session.handles())
      if (found) return found
    }
    throw new Error(`no window ${what}`)
  }
  /** The next window that a page opens. */
  const opened = () =>
    bounded('was opened', (handles) => {
      const known = pages.map(({ window }) => window.handle)
      const handle = handles.find((handle) => !known.includes(handle))
      return handle && adopt(session.window(handle))
    })
  /** Settles when a window was closed. */
  const gone = (handle) => bounded('was closed', (handles) => !handles.includes(handle))

  return {
    exposeBinding: async (name, call) => void bindings.set(name, call),
    addInitScript: async (source) => void scripts.push(source),
    setOffline: async (off) => proxy.cut(off),
    /** Those of the host of the first tab. */
    cookies: () => pages[0].window.cookies(),
    waitForEvent: opened,
    newPage: async () => adopt(idle.pop() ?? (await session.open())),
    async close() {
      try {
        await session.end()
      } finally {
        for (const page of pages) page.closed()
        await proxy.close()
      }
    },
  }
}

function createPage(window, { origin, answers, gone }) {
  const listeners = { request: [], console: [], close: [] }
  let address = 'about:blank'
  let closed = false
  let count = 0

  async function evaluate(work, argument) {
    const id = `${window.handle} ${++count}`
    const answered = new Promise((resolve) => answers.set(id, resolve))
    const begun = await window.execute(running(work), id, encoded(argument))
    const { value, thrown } = begun === null ? await answered : decoded(begun)
    answers.delete(id)
    if (thrown !== undefined) throw new Error(thrown)
    return value
  }

  return {
    window,
    // It has no name: this is none of the browsers that Playwright knows.
    context: () => ({ browser: () => null }),
    on: (type, listener) => listeners[type].push(listener),
    once: (type, listener) => listeners[type].push(listener),
    /** The one event that is waited for: it is closed. */
    async waitForEvent() {
      await gone(window.handle)
      closed = true
    },
    isClosed: () => closed,
    url: () => address,
    goto: (path) => window.goto(new URL(path, origin).href),
    reload: window.reload,
    async close() {
      await window.close()
      closed = true
    },
    evaluate,
    async waitForFunction(met, argument) {
      const until = Date.now() + PATIENCE
      while (!(await evaluate(met, argument))) {
        if (Date.now() > until) throw new Error(`it does not happen: ${met}`)
        await pause(LOOK)
      }
    },
    waitForSelector: window.find,
    fill: window.fill,
    click: window.click,

    at: (url) => (address = url),
    asked: (url) => listeners.request.forEach((listener) => listener({ url: () => url })),
    wrote: (text) => listeners.console.forEach((listener) => listener({ text: () => text })),
    closed: () => listeners.close.forEach((listener) => listener()),
  }
}
