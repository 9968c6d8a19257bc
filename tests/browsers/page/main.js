// A page that has the package, opens a session, handles the callback, and lets a test reach both.
import * as grantkit from 'grantkit'

const TYPES = ['signed-in', 'renewed', 'renewal-failed', 'expired', 'signed-out', 'warning']
const events = []

/** An error as data: what a test may compare. */
function fields(error) {
  if (!(error instanceof grantkit.GrantError)) return { thrown: String(error) }
  return { ...error, message: error.message }
}

/** How a call ended: { value } or { error }. */
async function settle(work) {
  try {
    return { value: await (typeof work === 'function' ? work() : work) }
  } catch (error) {
    return { error: fields(error) }
  }
}

function listen(session) {
  for (const type of TYPES) {
    session.on(type, (event) => {
      const told = event.error ? { ...event, error: fields(event.error) } : { ...event }
      events.push(told)
      globalThis.tell({ event: told })
    })
  }
  return session
}

async function open(more) {
  return listen(await grantkit.createSession({ ...globalThis.options, ...more }))
}

const here = () => location.href.slice(location.origin.length)

/** What a page does when it is loaded. */
async function arrive() {
  const opened = await settle(async () => {
    globalThis.session = await open()
  })
  const arrival = opened.error ? opened : await settle(session.handleCallback())
  globalThis.tell({ arrival: { ...arrival, url: here() } })
}

// Through the history, out of the browser's cache or loaded anew.
addEventListener('pageshow', ({ persisted }) => {
  const [navigation] = performance.getEntriesByType('navigation')
  if (persisted || navigation?.type === 'back_forward')
    globalThis.tell({ shown: { persisted, url: here() } })
})

Object.assign(globalThis, { grantkit, events, fields, settle, open, arrive })
// A test may want to do it by itself, or to change the address before.
if (globalThis.byHand) globalThis.tell({ arrival: { url: here() } })
else arrive()
