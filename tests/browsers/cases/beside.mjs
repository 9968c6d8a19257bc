// Signing in beside the page (R044, R059, R060, A083, A084): in a popup, or silently in a hidden frame; and
// a login that loops.
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { suite } from '../suite.mjs'

const AUTHORIZE = '/connect/authorize'
const METADATA = '/.well-known/openid-configuration'
const LOGIN = /^\/login\//
const COOP = { 'cross-origin-opener-policy': 'same-origin' }

/**
 * The page's scripts give the name `open` to something of theirs: `window.open` stays what it is, and
 * counts. What it answers shows what the page has seen of the popup.
 */
function watchOpen() {
  const own = globalThis.open.bind(globalThis)
  Object.assign(globalThis, { opens: 0, sawAway: false, sawClosed: false })
  const watched = (...values) => {
    opens++
    const popup = own(...values)
    const location = {
      replace: (url) => popup.location.replace(url),
      get href() {
        try {
          return popup.location.href
        } catch (error) {
          globalThis.sawAway = true
          throw error
        }
      },
    }
    return (
      popup && {
        location,
        close: () => popup.close(),
        get closed() {
          if (popup.closed && globalThis.inPassing-- > 0) return false
          globalThis.sawClosed ||= popup.closed
          return popup.closed
        },
      }
    )
  }
  Object.defineProperty(globalThis, 'open', { get: () => watched, set() {} })
}

/** A page with a button that signs in beside it; how each time ended is in `besides`. */
async function withButton(
  stage,
  { ask = { mode: 'popup' }, path, prepare, clock, ...options } = {},
) {
  const parts = await stage.open({ ...options, prepare: watchOpen })
  if (prepare) await parts.app.prepare(prepare)
  if (clock) await parts.app.clock.install()
  await parts.app.visit(path)
  await button(parts.app, ask)
  return parts
}

const button = (app, ask) =>
  app.run((ask) => {
    const made = Object.assign(document.createElement('button'), { id: 'beside' })
    made.textContent = 'Sign in'
    Object.assign(globalThis, { besides: [], aborter: new AbortController() })
    made.onclick = () => {
      const before = opens
      const call = session.signIn({ ...ask, signal: aborter.signal })
      besides.push(settle(call))
      // By then, in the click itself.
      globalThis.opened = opens - before
    }
    document.body.append(made)
  }, ask)

/** Clicks; answers the popup. */
const popup = ({ app }) => app.opened(() => app.click('#beside'))

const outcome = ({ app }, at = 0) => app.run((at) => besides[at], at)

const frames = ({ app }) => app.run(() => document.querySelectorAll('iframe').length)
const asked = (provider, path = AUTHORIZE) =>
  provider.requests.filter((request) => request.path === path)

/** Signs in silently; answers how it ended. */
const silently = (app, ask) =>
  app.run((ask) => settle(session.signIn({ mode: 'silent', ...ask })), ask)

const record = async (app) => {
  const { session } = await app.stored()
  const key = Object.keys(session).find((key) => key.includes('.tokens.'))
  return key && JSON.parse(session[key])
}

/** Nobody is signed in, and nothing is left of the try. */
async function nothingCame(parts) {
  const { app, provider } = parts
  assert.equal(await app.run(() => session.signedIn), false)
  assert.equal(await record(app), undefined)
  assert.equal(provider.count(), 0)
  assert.equal(await frames(parts), 0)
  assert.deepEqual(await app.run(() => events), [])
}

export const popups = suite('a popup', (test) => {
  test('r060 signs the page in, which stays', async (stage) => {
    const appState = { cart: [1, 2], note: 'ü' }
    const parts = await withButton(stage, {
      ask: { mode: 'popup', appState },
      path: '/orders?x=1#top',
    })
    const { app, provider } = parts
    const before = await app.run(() => [history.length, history.state])
    const page = await popup(parts)
    await page.fillIn()
    assert.deepEqual(await outcome(parts), { value: { kind: 'signed-in', appState } })
    await page.closed()
    const event = await app.event('signed-in')
    assert.deepEqual([event.otherTab, event.claims.sub], [false, 'alice'])
    const [granted] = provider.granted()
    assert.equal((await app.call('getAccessToken')).value, granted.access_token)
    assert.equal((await record(app)).refresh_token, granted.refresh_token)
    assert.equal(await app.run(() => session.claims.sub), 'alice')
    assert.deepEqual(await app.run(() => [history.length, history.state]), before)
    assert.equal(
      await app.run(() => location.pathname + location.search + location.hash),
      '/orders?x=1#top',
    )
    // The page asks for the token, the popup for nothing.
    assert.equal(provider.count(), 1)
    assert.equal(asked(provider).length, 1)
    assert.ok(app.requests.some((url) => url.endsWith('/connect/token')))
    const { session } = await app.stored()
    assert.deepEqual(
      Object.keys(session).filter((key) => /\.(tx|loop)\./.test(key)),
      [],
    )
    await app.reload()
    assert.equal(await app.run(() => session.signedIn), true)
  })

  test('a084 opens in the click itself, before anything is known of the server', async (stage) => {
    const parts = await stage.open({ prepare: watchOpen })
    const { app, provider } = parts
    const defect = provider.setDefects({ path: METADATA, kind: 'hold' })
    await app.visit()
    await button(app, { mode: 'popup' })
    const page = await popup(parts)
    assert.equal(await app.run(() => opened), 1)
    await defect.reached
    assert.equal(page.url(), 'about:blank')
    assert.equal(asked(provider).length, 0)
    defect.release()
    await page.fillIn()
    assert.equal((await outcome(parts)).value.kind, 'signed-in')
    await page.closed()
  })

  test('r060 a person who is known there sees no form', async (stage) => {
    const parts = await withButton(stage)
    await (await popup(parts)).fillIn()
    assert.equal((await outcome(parts)).value.kind, 'signed-in')
    await parts.app.call('signOut', { local: true })
    const page = await popup(parts)
    assert.equal((await outcome(parts, 1)).value.kind, 'signed-in')
    await page.closed()
    assert.equal(asked(parts.provider).length, 2)
  })

  test('r060 two clicks are two popups, and each ends', async (stage) => {
    const parts = await withButton(stage)
    const pages = [await popup(parts), await popup(parts)]
    for (const page of pages) await page.form()
    await pages[1].fillIn()
    assert.equal((await outcome(parts, 1)).value.kind, 'signed-in')
    await pages[1].closed()
    assert.equal(pages[0].isClosed(), false)
    await pages[0].fillIn()
    assert.equal((await outcome(parts, 0)).value.kind, 'signed-in')
    await pages[0].closed()
    assert.equal(parts.provider.count(), 2)
    const [, { access_token: last }] = parts.provider.granted()
    assert.equal((await parts.app.call('getAccessToken')).value, last)
  })

  test('r060 where tabs share a store, the others are signed in, too', async (stage) => {
    const parts = await withButton(stage, { session: { storage: 'local' } })
    const other = await parts.app.tab()
    await other.visit()
    await (await popup(parts)).fillIn()
    assert.equal((await outcome(parts)).value.kind, 'signed-in')
    const event = await other.event('signed-in')
    assert.deepEqual([event.otherTab, event.claims.sub], [true, 'alice'])
    assert.equal(parts.provider.count(), 1)
  })

  test('users_a19 a084 closed by the person: popup_closed, and the next click works', async (stage) => {
    const parts = await withButton(stage, { clock: true })
    const { app } = parts
    const page = await popup(parts)
    await page.form()
    await app.until(() => sawAway)
    await app.clock.fastForward('00:03')
    await page.close()
    const { error } = await outcome(parts)
    assert.deepEqual([error.code, error.fault], ['popup_closed', 'caller'])
    await nothingCame(parts)
    await (await popup(parts)).fillIn()
    assert.equal((await outcome(parts, 1)).value.kind, 'signed-in')
  })

  test('a084 closed while it is empty still: popup_closed, and nobody is asked', async (stage) => {
    const parts = await stage.open({ prepare: watchOpen })
    const { app, provider } = parts
    const defect = provider.setDefects({ path: METADATA, kind: 'hold' })
    await app.visit()
    await button(app, { mode: 'popup' })
    const page = await popup(parts)
    await defect.reached
    await page.close()
    defect.release()
    assert.equal((await outcome(parts)).error.code, 'popup_closed')
    assert.equal(asked(provider).length, 0)
    await nothingCame(parts)
  })

  test('a084 blocked: popup_blocked, and nothing is sent', async (stage) => {
    // A sandbox without allow-popups, for a browser that is driven blocks nothing by itself.
    const parts = await withButton(stage, {
      headers: {
        'content-security-policy': 'sandbox allow-scripts allow-same-origin allow-forms',
      },
    })
    const { app, provider } = parts
    await app.click('#beside')
    const { error } = await outcome(parts)
    assert.deepEqual([error.code, error.fault, error.retryable], ['popup_blocked', 'caller', false])
    assert.equal(await app.run(() => opened), 1)
    assert.deepEqual(provider.requests, [])
    await nothingCame(parts)
    // Where a blocker answers like that, it is the same.
    for (const answer of [null, undefined]) {
      await app.run((answer) => {
        Object.defineProperty(globalThis, 'open', { get: () => () => answer, configurable: true })
      }, answer)
      assert.equal((await app.call('signIn', { mode: 'popup' })).error.code, 'popup_blocked')
      await app.visit()
    }
    assert.deepEqual(provider.requests, [])
  })

  for (const [where, path] of [
    ['login page', LOGIN],
    ['pages', /./],
  ])
    test(`users_a19 a084 cut off by the policy of the provider's ${where}: it works all the same`, async (stage) => {
      // Chromium shows it elsewhere before it looks closed, for so long that it is seen now and then.
      const prepare = () => {
        globalThis.inPassing = 3
      }
      const parts = await withButton(stage, { clock: true, prepare })
      const { app, provider } = parts
      provider.setDefects({ path, method: 'GET', kind: 'headers', headers: COOP })
      const page = await popup(parts)
      await page.form()
      assert.equal(await page.run(() => opener), null)
      // To the page it looks as if it were closed, for as long as the person takes.
      await app.until(() => sawClosed)
      await app.clock.fastForward('01:00')
      await page.fillIn()
      assert.equal((await outcome(parts)).value.kind, 'signed-in')
      await page.closed()
      assert.equal((await app.event('signed-in')).claims.sub, 'alice')
      assert.equal(provider.count(), 1)
    })

  test('users_a19 a084 cut off by the policy of the page itself: it works all the same', async (stage) => {
    const parts = await withButton(stage, { headers: COOP })
    const page = await popup(parts)
    await page.fillIn()
    assert.equal((await outcome(parts)).value.kind, 'signed-in')
    await page.closed()
    assert.equal(parts.provider.count(), 1)
  })

  test('a084 an abort closes it', async (stage) => {
    const parts = await withButton(stage)
    const { app } = parts
    const page = await popup(parts)
    await page.form()
    await app.run(() => aborter.abort())
    const { error } = await outcome(parts)
    assert.deepEqual([error.code, error.fault], ['aborted', 'caller'])
    await page.closed()
    await nothingCame(parts)
  })

  test('a084 so does an abort while it is empty still, and the end of the session', async (stage) => {
    const parts = await withButton(stage)
    const { app, provider } = parts
    const defect = provider.setDefects({ path: METADATA, kind: 'hold' })
    const first = await popup(parts)
    await defect.reached
    await app.run(() => aborter.abort())
    assert.equal((await outcome(parts)).error.code, 'aborted')
    await first.closed()
    defect.release()
    await app.run(() => {
      globalThis.aborter = new AbortController()
    })
    const second = await popup(parts)
    await second.form()
    await app.run(() => session.close())
    assert.equal((await outcome(parts, 1)).error.code, 'closed')
    await second.closed()
    assert.equal(provider.count(), 0)
  })

  for (const [step, ask] of [
    ['sign in', { mode: 'popup' }],
    ['consent', { mode: 'popup', prompt: 'consent' }],
  ])
    test(`r059 a person who refuses to ${step}: authorization_error`, async (stage) => {
      const parts = await withButton(stage, { ask })
      const { app } = parts
      const page = await popup(parts)
      if (step === 'consent') {
        await page.fillIn()
        await page.consent()
      }
      await page.refuse()
      const { error } = await outcome(parts)
      assert.deepEqual([error.code, error.error], ['authorization_error', 'access_denied'])
      await page.closed()
      await nothingCame(parts)
      assert.equal((await app.signIn({}, { form: step !== 'consent' })).value.kind, 'signed-in')
    })

  test('r060 beside a page that is signed in: another person takes the place', async (stage) => {
    const parts = await withButton(stage, { ask: { mode: 'popup', prompt: 'login' } })
    const { app, provider } = parts
    await (await popup(parts)).fillIn()
    assert.equal((await outcome(parts)).value.kind, 'signed-in')
    await (await popup(parts)).fillIn({ name: 'bob' })
    assert.equal((await outcome(parts, 1)).value.kind, 'signed-in')
    assert.equal(await app.run(() => session.claims.sub), 'bob')
    const { access_token: last } = provider.granted().at(-1)
    assert.equal((await app.call('getAccessToken')).value, last)
  })

  test('r046 the page is gone: the popup says so, and spends nothing', async (stage) => {
    const parts = await withButton(stage)
    const { app, provider } = parts
    const page = await popup(parts)
    await page.form()
    await app.reload()
    await page.fillIn()
    await page.until(() => location.pathname === '/callback' && globalThis.session)
    const { error } = await page.call('handleCallback')
    assert.deepEqual([error.code, error.detail], ['state_unknown', 'unknown'])
    assert.equal(page.isClosed(), false)
    assert.equal(provider.count(), 0)
    assert.equal(await app.run(() => session.signedIn), false)
  })

  test('r057 r081 a forged answer is refused, and what it brings is not sent', async (stage) => {
    const parts = await withButton(stage)
    const { app, provider, site } = parts
    const page = await popup(parts)
    await page.form()
    const [{ query }] = asked(provider)
    const forged = new URLSearchParams({
      code: 'canary',
      state: query.state,
      iss: 'https://evil.example',
    })
    const address = `${site.origin}/callback?${forged}`
    await page.run((url) => void location.assign(url), address)
    assert.equal((await outcome(parts)).error.code, 'issuer_mismatch')
    await page.closed()
    await nothingCame(parts)
    assert.ok(!app.requests.some((url) => url !== address && url.includes('canary')))
  })

  test('a083 messages of others are ignored, and the sign-in goes on', async (stage) => {
    const parts = await withButton(stage, {
      prepare: () => {
        const Own = BroadcastChannel
        globalThis.channels = []
        globalThis.BroadcastChannel = class extends Own {
          constructor(name) {
            super(name)
            channels.push(name)
          }
        }
      },
    })
    const { app, provider } = parts
    const page = await popup(parts)
    await page.form()
    const [{ query }] = asked(provider)
    const url = `${parts.site.origin}/callback?code=evil&state=${query.state}&iss=${provider.issuer}`
    const line = createHash('sha256').update(query.state).digest('base64url')
    const messages = [
      url,
      { kind: 'answered', line, sealed: url },
      { kind: 'answered', line, sealed: `v1.${'A'.repeat(120)}` },
      { kind: 'took', line },
      { type: 'authorization_response', response: { code: 'evil', state: query.state } },
      { kind: 'answered', line: query.state, sealed: url },
      { error: 'access_denied', state: query.state },
      JSON.stringify({ kind: 'answered', line: query.state, url }),
      null,
    ]
    await app.run(() => {
      globalThis.arrived = 0
      addEventListener('message', () => arrived++)
    })
    // From the window that the page opened, of another origin; from a frame; from the page itself.
    await page.run((messages) => {
      for (let round = 0; round < 100; round++)
        for (const message of messages) opener.postMessage(message, '*')
    }, messages)
    await app.run((messages) => {
      const frame = document.createElement('iframe')
      frame.sandbox = 'allow-scripts'
      frame.srcdoc = `<script>
        for (const message of ${JSON.stringify(messages)}) parent.postMessage(message, '*')
      </script>`
      document.body.append(frame)
      for (const message of messages) postMessage(message, location.origin)
    }, messages)
    const all = messages.length * 102
    await app.until((all) => arrived === all, all)
    // And over the channels of this origin, by somebody who does not know the state.
    const names = await app.run(() => [...globalThis.channels])
    const other = await app.tab()
    await other.visit()
    await other.run(
      ([names, messages]) => {
        for (const name of names) {
          const channel = new BroadcastChannel(name)
          for (let round = 0; round < 100; round++)
            for (const message of messages) {
              channel.postMessage(message)
              channel.postMessage(JSON.stringify(message))
            }
        }
      },
      [names, messages],
    )
    assert.equal(names.length, 1)
    assert.equal(await app.run(() => session.signedIn), false)
    assert.equal(provider.count(), 0)
    await page.fillIn()
    assert.equal((await outcome(parts)).value.kind, 'signed-in')
    await page.closed()
    assert.equal(provider.count(), 1)
  })
})

export const silent = suite('silently', (test) => {
  /** A person who is known to the provider, and a tab that does not know that. */
  async function known(stage, options) {
    const parts = await stage.open(options)
    const { app } = parts
    await app.visit()
    assert.equal((await app.signIn()).value.kind, 'signed-in')
    const tab = await app.tab()
    await tab.visit('/orders')
    assert.equal(await tab.run(() => session.signedIn), false)
    return { ...parts, tab, since: parts.provider.requests.length }
  }

  const since = ({ provider, since }, path = AUTHORIZE) =>
    provider.requests.slice(since).filter((request) => request.path === path)

  test('r044 signs in by the session at the provider, in a frame that goes', async (stage) => {
    const parts = await known(stage)
    const { tab, provider } = parts
    const defect = provider.setDefects({ path: AUTHORIZE, kind: 'hold', times: 1 })
    await tab.run(() => {
      globalThis.beside = settle(session.signIn({ mode: 'silent', appState: { n: 1 } }))
    })
    await defect.reached
    const frame = await tab.run(() => {
      const [{ hidden, sandbox, title }] = document.querySelectorAll('iframe')
      return { hidden, sandbox: [...sandbox].sort(), title, many: frames.length }
    })
    assert.deepEqual(frame, {
      hidden: true,
      sandbox: ['allow-same-origin', 'allow-scripts'],
      title: 'sign-in',
      many: 1,
    })
    defect.release()
    const result = await tab.run(() => beside)
    assert.deepEqual(result, { value: { kind: 'signed-in', appState: { n: 1 } } })
    assert.equal(await frames({ app: tab }), 0)
    assert.equal((await tab.event('signed-in')).otherTab, false)
    assert.equal(await tab.run(() => session.claims.sub), 'alice')
    const { access_token: token } = provider.granted().at(-1)
    assert.equal((await tab.call('getAccessToken')).value, token)
    assert.equal(await tab.run(() => location.pathname), '/orders')
    assert.deepEqual(
      since(parts).map(({ query }) => query.prompt),
      ['none'],
    )
    assert.equal(since(parts, '/connect/token').length, 1)
    await tab.reload()
    assert.equal(await tab.run(() => session.signedIn), true)
  })

  test('r044 renews what has no refresh token', async (stage) => {
    const parts = await stage.open({ session: { scope: 'openid api' } })
    const { app, provider } = parts
    await app.visit()
    await app.signIn()
    const [{ access_token: first }] = provider.granted()
    assert.deepEqual(await silently(app), { value: { kind: 'signed-in' } })
    const { access_token: second } = provider.granted().at(-1)
    assert.notEqual(first, second)
    assert.equal((await app.call('getAccessToken')).value, second)
    assert.equal(provider.count('authorization_code'), 2)
    assert.equal(await frames(parts), 0)
  })

  test('r059 without a session there: login_required at once, and no loop', async (stage) => {
    const parts = await stage.open({ session: { timeout: 60_000 } })
    const { app, provider } = parts
    await app.visit()
    for (let round = 1; round <= 3; round++) {
      const { error } = await silently(app)
      assert.deepEqual(
        [error.code, error.error, error.loginRequired],
        ['login_required', 'login_required', true],
      )
      assert.equal(asked(provider).length, round)
      await nothingCame(parts)
    }
    assert.equal((await app.signIn()).value.kind, 'signed-in')
  })

  test('r059 where the person has to do something: login_required', async (stage) => {
    const { tab, provider } = await known(stage)
    const { error } = await silently(tab, { maxAge: 0 })
    assert.deepEqual([error.code, error.error], ['login_required', 'login_required'])
    assert.equal(provider.count('authorization_code'), 1)
    assert.equal(await tab.run(() => session.signedIn), false)
  })

  for (const [what, defect] of [
    ['never answers', { kind: 'hold' }],
    [
      'shows a page that may not be framed',
      { kind: 'bytes', body: '<h1>Sign in</h1>', headers: { 'x-frame-options': 'DENY' } },
    ],
    ['shows a login page', { kind: 'bytes', body: '<h1>Sign in</h1>' }],
    ['breaks the connection', { kind: 'reset' }],
  ])
    test(`r044 a provider that ${what}: timeout, and the frame goes`, async (stage) => {
      const parts = await stage.open({ session: { timeout: 1_500 } })
      const { app, provider } = parts
      await app.visit()
      const headers = { 'content-type': 'text/html', ...defect.headers }
      provider.setDefects({ path: AUTHORIZE, ...defect, headers })
      const { error } = await silently(app)
      assert.deepEqual([error.code, error.retryable], ['timeout', true])
      // A browser may try again by itself where the connection broke.
      if (defect.kind !== 'reset') assert.equal(asked(provider).length, 1)
      await nothingCame(parts)
      provider.setDefects()
      assert.equal((await app.signIn()).value.kind, 'signed-in')
    })

  /** The page by another name: of another site than the provider, whose cookies stay out of its frames. */
  async function ofAnotherSite(stage) {
    const parts = await stage.open()
    const { app, provider, site, session } = parts
    const origin = site.origin.replace('127.0.0.1', 'localhost')
    const redirectUri = `${origin}/callback`
    provider.setPages([session.redirectUri, redirectUri])
    const given = { ...session, redirectUri, postLogoutRedirectUri: `${origin}/` }
    await app.prepare((given) => (globalThis.options = given), given, origin)
    return { ...parts, origin }
  }

  test('users_a06 r044 where cookies of others are blocked no frame is needed, and none made', async (stage) => {
    const { app, provider, origin } = await ofAnotherSite(stage)
    const watch = () => {
      globalThis.framed = 0
      new MutationObserver((changes) => {
        const added = changes.flatMap((change) => [...change.addedNodes])
        framed += added.filter(({ localName }) => /^i?frame$/.test(localName)).length
      }).observe(document, { childList: true, subtree: true })
    }
    await app.prepare(watch, undefined, origin)
    await app.clock.install()
    await app.visit(`${origin}/orders`)
    const seen = [await app.run(() => framed)]
    assert.equal((await app.signIn()).value.kind, 'signed-in')
    assert.ok((await app.call('getAccessToken', { forceRenewal: true })).value)
    seen.push(await app.run(() => framed))
    await app.reload()
    assert.equal(await app.run(() => session.signedIn), true)
    await app.clock.fastForward('59:30')
    const { value } = await app.call('getAccessToken')
    assert.equal(value, provider.granted().at(-1).access_token)
    assert.equal(provider.count('refresh_token'), 2)
    seen.push(await app.run(() => framed))
    assert.deepEqual(seen, [0, 0, 0])
    assert.equal(asked(provider).length, 1, 'the one sign-in, and no other way to the provider')
    // The watch sees what it is for.
    await silently(app)
    assert.equal(await app.run(() => framed), 1)
  })

  test('r044 where cookies of others are blocked: login_required', async (stage) => {
    const { app, provider, origin } = await ofAnotherSite(stage)
    await app.visit()
    await app.signIn()
    // The same person at the same provider, from a page of another site.
    const tab = await app.tab()
    await tab.visit(`${origin}/`)
    const { error } = await silently(tab)
    assert.deepEqual([error.code, error.error], ['login_required', 'login_required'])
    assert.equal(await frames({ app: tab }), 0)
    assert.equal(provider.count(), 1)
    // By a redirect it works, without a form.
    assert.equal((await tab.signIn()).value.kind, 'signed-in')
  })

  test('r044 an abort takes the frame away', async (stage) => {
    const parts = await stage.open()
    const { app, provider } = parts
    await app.visit()
    const defect = provider.setDefects({ path: AUTHORIZE, kind: 'hold' })
    await app.run(() => {
      globalThis.aborter = new AbortController()
      globalThis.beside = settle(session.signIn({ mode: 'silent', signal: aborter.signal }))
    })
    await defect.reached
    assert.equal(await frames(parts), 1)
    await app.run(() => aborter.abort())
    assert.equal((await app.run(() => beside)).error.code, 'aborted')
    await nothingCame(parts)
  })

  test('r044 four at once each get their own answer', async (stage) => {
    const { tab, provider } = await known(stage)
    const results = await tab.run(() =>
      Promise.all([1, 2, 3, 4].map((n) => settle(session.signIn({ mode: 'silent', appState: n })))),
    )
    const kinds = [1, 2, 3, 4].map((appState) => ({ value: { kind: 'signed-in', appState } }))
    assert.deepEqual(results, kinds)
    assert.equal(await frames({ app: tab }), 0)
    assert.equal(provider.count(), 5)
  })

  test('r044 beside a page that is signed in: what is new takes the place', async (stage) => {
    const { app, provider } = await stage.open()
    await app.visit()
    await app.signIn()
    const before = await record(app)
    assert.deepEqual(await silently(app), { value: { kind: 'signed-in' } })
    const after = await record(app)
    assert.notEqual(after.refresh_token, before.refresh_token)
    assert.equal(after.refresh_token, provider.granted().at(-1).refresh_token)
    // It goes on to renew with the new one.
    const { value } = await app.call('getAccessToken', { forceRenewal: true })
    assert.equal(value, provider.granted().at(-1).access_token)
    assert.equal(provider.count('refresh_token'), 1)
  })
})

export const loops = suite('a login that loops', (test) => {
  /** Five callbacks within a minute. */
  async function looping(stage) {
    const parts = await stage.open()
    const { app } = parts
    await app.clock.install()
    await app.visit()
    for (let round = 0; round < 5; round++)
      assert.equal((await app.signIn({}, { loops: true })).value.kind, 'signed-in')
    return parts
  }

  test('users_a06 ends in login_loop, and nothing is sent; a minute later it may go on', async (stage) => {
    const { app, provider } = await looping(stage)
    const count = provider.requests.length
    for (let round = 0; round < 3; round++) {
      const { error } = await app.call('signIn')
      assert.deepEqual([error.code, error.retryable], ['login_loop', false])
    }
    assert.equal(provider.requests.length, count)
    assert.equal(await app.run(() => session.signedIn), true)
    await app.clock.fastForward('01:00')
    assert.equal((await app.signIn({}, { loops: true })).value.kind, 'signed-in')
  })

  test('a person who signs out may sign in again, as often as they like', async (stage) => {
    const { app } = await looping(stage)
    await app.call('signOut', { local: true })
    for (let round = 0; round < 3; round++)
      assert.equal((await app.signIn({}, { loops: true })).value.kind, 'signed-in')
  })

  test('in one tab does not stop another', async (stage) => {
    const { app } = await looping(stage)
    const other = await app.tab()
    await other.visit()
    assert.equal((await other.signIn({}, { loops: true })).value.kind, 'signed-in')
  })
})
