import { createSession } from 'grantkit'

import { createLog } from './log.js'
import * as view from './view.js'
import { words } from './words.js'

const { VITE_ISSUER, VITE_API, VITE_AUDIENCE, VITE_WORKER, VITE_TOKEN_LIFE } = import.meta.env

const SIGNED_OUT = {
  'sign-out': 'You signed out',
  'other-tab': 'Signed out in another tab',
  'final-error': 'The provider ended the session',
}

const log = createLog()
let session

// The Worker needs nobody's session.
onClick('ask-worker', 'worker', () => askWorker())
onClick('ask-worker-often', 'worker', () => askWorker({ times: 10 }))
onClick('ask-worker-fresh', 'worker', () => askWorker({ fresh: true }))

try {
  session = await createSession({
    issuer: VITE_ISSUER,
    clientId: 'spa',
    redirectUri: `${location.origin}/callback`,
    postLogoutRedirectUri: `${location.origin}/`,
    scope: 'openid profile email orders offline_access',
    resource: VITE_AUDIENCE,
    allowedUrls: [VITE_API],
  })
  listen()
  const answer = await session.handleCallback()
  if (answer.kind === 'signed-out') log.add('signed-out', 'Back from the provider’s sign-out')
  if (answer.returnTo) history.replaceState(history.state, '', answer.returnTo)
} catch (error) {
  problem('welcome', error)
}
// A refused sign-in leaves the page on the callback's path.
if (location.pathname === '/callback') history.replaceState(history.state, '', '/')
try {
  await render()
  setInterval(tick, 250)
} catch (error) {
  view.showSignedOut({ ready: false })
  problem('welcome', error)
}

onClick('sign-in', 'welcome', async () => {
  log.add('sign-in', 'Off to the provider')
  await session.signIn()
})

onClick('sign-out', 'person', () => session.signOut())

onClick('renew', 'token', () => session.getAccessToken({ forceRenewal: true }))

onClick('call-api', 'api', async () => {
  const began = performance.now()
  const response = await session.fetch(`${VITE_API}orders`)
  if (!response.ok) throw new Error(`The API answered ${response.status}.`)
  const { orders } = await response.json()
  view.showOrders(orders, since(began))
  log.add('api', `${orders.length} orders in ${since(began)}`)
})

async function askWorker({ fresh = false, times = 1 } = {}) {
  const began = performance.now()
  const ask = async () => (await fetch(VITE_WORKER + (fresh ? '?fresh' : ''))).json()
  const answers = await Promise.all(Array.from({ length: times }, ask))
  const failed = answers.find(({ error }) => error)
  if (failed) throw failed.error
  view.showWorker(answers, since(began))
  const { from, requests } = answers.at(-1).token
  const count = times === 1 ? 'One answer' : `${times} answers`
  log.add('worker', `${count}, the token from the ${from}; token requests so far: ${requests}`)
}

function listen() {
  session.on('signed-in', ({ claims, otherTab }) => {
    log.add('signed-in', `${claims?.name ?? 'Somebody'} signed in${inOtherTab(otherTab)}`)
    render()
  })
  session.on('renewed', ({ expiresAt, otherTab }) => {
    log.add('renewed', `A new token until ${view.clockTime(expiresAt)}${inOtherTab(otherTab)}`)
    view.clearProblem('token')
    render()
  })
  session.on('renewal-failed', ({ error }) => {
    log.add('renewal-failed', words(error), error.code)
    view.showProblem('token', error)
  })
  session.on('expired', ({ error }) => {
    log.add('expired', 'The token has expired', error?.code)
    render()
  })
  session.on('signed-out', ({ reason, error }) => {
    log.add('signed-out', SIGNED_OUT[reason] ?? reason, error?.code)
    render()
    if (error) view.showProblem('welcome', error)
  })
  session.on('warning', ({ code, message }) => log.add('warning', message, code))
}

async function render() {
  if (!session?.signedIn) return view.showSignedOut({ ready: session !== undefined })
  view.showPerson(session.claims)
  try {
    const token = await session.getAccessToken()
    view.showToken({ token, expiresAt: session.expiresAt, scope: session.scope })
  } catch (error) {
    problem('token', error)
  }
  tick()
}

function tick() {
  if (session?.signedIn) view.showClock(session.expiresAt, VITE_TOKEN_LIFE * 1000)
}

/** A button that works once at a time and shows in its card what went wrong. */
function onClick(id, card, work) {
  view.onClick(id, async () => {
    view.clearProblem(card)
    try {
      await work()
    } catch (error) {
      problem(card, error)
    }
  })
}

function problem(card, error) {
  // Nobody needs to read that a page which is being left was left.
  if (error.code === 'aborted') return
  view.showProblem(card, error)
  // A renewal that fails tells the log by its own event.
  if (card !== 'token') log.add('problem', words(error), error.code)
}

function since(began) {
  return `${Math.round(performance.now() - began)} ms`
}

function inOtherTab(otherTab) {
  return otherTab ? ' in another tab' : ''
}
