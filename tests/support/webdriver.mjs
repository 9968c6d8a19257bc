// W3C WebDriver, as far as the tests need it: a display, a driver, and one session with its windows.
// Every wait has an end, and what is started here is stopped by its handle, however the process ends.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { setTimeout as pause } from 'node:timers/promises'

// A guard against hanging: nothing is asserted by it.
const PATIENCE = 30_000
// How often an element is looked for. The driver could wait for one, but waits in the page: that goes
// into the back/forward cache, and nothing answers.
const LOOK = 20
// There is no such element, or the page is being left.
const NOT_YET = ['no such element', 'no such frame', 'no such window']

/** What the driver answers in place of a value; `code` is the protocol's. */
export class WebDriverError extends Error {
  constructor({ error, message }, command) {
    super(`${command}: ${error}: ${message}`)
    this.code = error
  }
}

/** A display that nobody sees: { name, stop }. */
export async function startDisplay(command) {
  const screen = ['-screen', '0', '1280x1024x24']
  // It starts anew when its last client goes, unless told, and refuses whoever comes at that moment.
  const args = ['-displayfd', '3', ...screen, '-nolisten', 'tcp', '-noreset']
  const server = begin(command, args, { stdio: ['ignore', 'ignore', 'ignore', 'pipe'] })
  const number = await server.within(once(server.child.stdio[3], 'data'), 'no display')
  return { name: `:${String(number).trim()}`, stop: server.stop }
}

/** A driver and a browser of its own. `proxy` is the host and port that all its requests go through. */
export async function startSession({ driver, display, proxy }) {
  const port = await freePort()
  const server = begin(driver, ['--host=127.0.0.1', `--port=${port}`], {
    stdio: 'ignore',
    env: { ...process.env, DISPLAY: display },
  })
  const send = async (method, path, body) => {
    const response = await fetch(`http://127.0.0.1:${port}${path}`, {
      method,
      body: body === undefined ? undefined : JSON.stringify(body),
      signal: AbortSignal.timeout(2 * PATIENCE),
    }).catch((cause) => {
      throw new Error(`${method} ${path} is not answered: ${cause.message}`, { cause })
    })
    const { value } = await response.json()
    if (!response.ok) throw new WebDriverError(value, `${method} ${path}`)
    return value
  }
  try {
    await server.within(
      listening(() => send('GET', '/status')),
      'the driver does not listen',
    )
    const { sessionId } = await send('POST', '/session', {
      capabilities: {
        alwaysMatch: {
          'webkitgtk:browserOptions': { args: ['--automation'] },
          proxy: { proxyType: 'manual', httpProxy: proxy, sslProxy: proxy },
          timeouts: { implicit: 0, pageLoad: PATIENCE, script: PATIENCE },
        },
      },
    })
    return createSession(
      (method, path, body) => send(method, `/session/${sessionId}${path}`, body),
      {
        stop: server.stop,
      },
    )
  } catch (error) {
    await server.stop()
    throw error
  }
}

function createSession(send, { stop }) {
  // The driver has one current window: commands to several go one after the other.
  let last = Promise.resolve()
  let current
  const inTurn = (work) => {
    const result = last.then(work)
    last = result.catch(() => {})
    return result
  }
  const to = (handle, work) =>
    inTurn(async () => {
      if (current !== handle) await send('POST', '/window', { handle })
      current = handle
      return work()
    })

  function window(handle) {
    const command = (method, path, body) => to(handle, () => send(method, path, body))
    const on = async (selector, act, body = {}) => {
      const element = await find(selector)
      return command('POST', `/element/${Object.values(element)[0]}/${act}`, body)
    }
    /** The first element that a selector matches, as soon as there is one. */
    async function find(selector) {
      const until = Date.now() + PATIENCE
      const ask = { using: 'css selector', value: selector }
      for (;;) {
        try {
          return await command('POST', '/element', ask)
        } catch (error) {
          if (!NOT_YET.includes(error.code) || Date.now() > until) throw error
          await pause(LOOK)
        }
      }
    }
    return {
      handle,
      goto: (url) => command('POST', '/url', { url }),
      reload: () => command('POST', '/refresh', {}),
      /** Runs the body of a function; its answer is JSON. */
      execute: (script, ...args) => command('POST', '/execute/sync', { script, args }),
      find,
      click: (selector) => on(selector, 'click'),
      async fill(selector, text) {
        await on(selector, 'clear')
        await on(selector, 'value', { text })
      },
      /** Those of the page's host, with those that no script can read. */
      cookies: () => command('GET', '/cookie'),
      close: () => command('DELETE', '/window'),
    }
  }

  return {
    window,
    handles: () => inTurn(() => send('GET', '/window/handles')),
    /** A window of its own: one that another covers would be slowed down. */
    async open() {
      const { handle } = await inTurn(() => send('POST', '/window/new', { type: 'window' }))
      return window(handle)
    },
    /** Closes the browser and its driver. */
    async end() {
      try {
        await inTurn(() => send('DELETE', ''))
      } finally {
        await stop()
      }
    },
  }
}

/** A process in a group of its own, so that it is stopped with all that it starts. */
function begin(command, args, options) {
  const child = spawn(command, args, { ...options, detached: true })
  const gone = new Promise((resolve) => {
    child.once('exit', (code, signal) => resolve(`${command} ended: ${signal ?? code}`))
    child.once('error', (error) => resolve(`${command} does not start: ${error.message}`))
  })
  const kill = () => {
    try {
      process.kill(-child.pid, 'SIGKILL')
    } catch {
      // It is gone.
    }
  }
  process.once('exit', kill)
  return {
    child,
    /** What `work` answers, unless the process ends or time runs out before. */
    async within(work, late) {
      const guard = new AbortController()
      const over = pause(PATIENCE, late, guard).catch(() => {})
      const failed = Promise.race([gone, over]).then((why) => {
        throw new Error(why)
      })
      failed.catch(() => {})
      try {
        return await Promise.race([work, failed])
      } finally {
        guard.abort()
      }
    },
    async stop() {
      process.off('exit', kill)
      if (child.pid === undefined) return
      kill()
      await gone
    },
  }
}

/** Asks until it is answered: a driver does not tell when it listens. */
async function listening(ask) {
  for (let until = Date.now() + PATIENCE; Date.now() < until; await pause(10)) {
    const up = await ask().then(
      () => true,
      () => false,
    )
    if (up) return
  }
  throw new Error('the driver does not answer')
}

async function freePort() {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address()
  await new Promise((resolve) => server.close(resolve))
  return port
}
