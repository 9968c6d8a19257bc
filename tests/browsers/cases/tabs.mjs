// Several tabs of one browser (R123, R164, R169): one renewal for all that hold a refresh token, a
// sign-in or sign-out in one known in all, and nothing told between them that others could use.
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { suite } from '../suite.mjs'

const TOKEN = '/connect/token'
const LATER = '59:30'
const STORES = ['local', 'session']

/** In `local` all tabs share a store; in `session` they are duplicates of one. */
const named = (storage) => (storage === 'local' ? 'that share a store' : 'that are duplicates')

/** Tabs of one browser, the first of them signed in, with clocks that the test moves. */
async function tabs(stage, count, { storage = 'local', ...options } = {}) {
  const parts = await stage.open({
    ...options,
    provider: { lifetimes: { idToken: 86_400 }, ...options.provider },
    session: { storage, backgroundRenewal: false, ...options.session },
  })
  const { app } = parts
  await app.clock.install()
  await app.visit()
  assert.equal((await app.signIn()).value.kind, 'signed-in')
  const all = [app]
  while (all.length < count) all.push(await (storage === 'local' ? another : duplicate)(app))
  const later = () => app.clock.fastForward(LATER)
  return { ...parts, all, later }
}

/** One more tab. */
async function another(app, path) {
  const tab = await app.tab()
  await tab.visit(path)
  return tab
}

/** One more tab, with a copy of the sessionStorage of this one. */
async function duplicate(app, path = '/') {
  const entries = await app.run(() => Object.entries(sessionStorage))
  const tab = await another(app, path)
  await tab.run((entries) => {
    for (const [key, value] of entries) sessionStorage.setItem(key, value)
  }, entries)
  await tab.reload()
  assert.equal(await tab.run(() => session.signedIn), true)
  return tab
}

/** Ten calls at once, which go on; `asked` has how they ended. */
const ask = (tab, ...values) =>
  tab.run((values) => {
    const ten = Array.from({ length: 10 }, () => settle(session.getAccessToken(...values)))
    globalThis.asked = Promise.all(ten)
  }, values)

const asked = (tab) => tab.run(() => globalThis.asked)

/** What all calls of all tabs answered, if they answered the same. */
async function same(all) {
  const answers = (await Promise.all(all.map(asked))).flat()
  for (const answer of answers) assert.deepEqual(answer, answers[0])
  return answers[0].value
}

async function record(tab, storage) {
  const { [storage]: entries } = await tab.stored()
  const [, text] = Object.entries(entries).find(([key]) => key.includes('.tokens.')) ?? []
  return text && JSON.parse(text)
}

const newest = (provider) => provider.granted().at(-1)

/** Lets a script of the same origin hear, and say, what tabs tell each other. */
function overhear() {
  const Own = BroadcastChannel
  Object.assign(globalThis, { channels: [], ended: [] })
  globalThis.BroadcastChannel = class extends Own {
    constructor(name) {
      super(name)
      channels.push(name)
    }
    close() {
      ended.push(this.name)
      super.close()
    }
  }
}

/** A tab whose own session is closed, and which hears and says what it likes: `heard`, `say`. */
async function spy(app) {
  const tab = await another(app)
  await tab.run(() => {
    const [name] = channels
    session.close()
    const channel = new BroadcastChannel(name)
    Object.assign(globalThis, { heard: [], say: (message) => channel.postMessage(message) })
    channel.onmessage = ({ data }) => heard.push(data)
  })
  return tab
}

/** Says it all in this order, and waits until the tabs have got it. */
async function says(spy, all, messages) {
  const arrived = all.map((tab) =>
    tab.run(() => {
      const channel = new BroadcastChannel(channels[0])
      return new Promise((resolve) => {
        channel.onmessage = ({ data }) => data === 'the last' && resolve()
        tell({ listening: true })
      })
    }),
  )
  await Promise.all(all.map((tab) => tab.next('listening')))
  await spy.run((messages) => {
    for (const message of messages) say(message)
    say('the last')
  }, messages)
  await Promise.all(arrived)
}

const fingerprint = (token) => createHash('sha256').update(token).digest('base64url')

export const renewals = suite('one renewal for all tabs', (test) => {
  for (const storage of STORES) {
    test(`users_a01 r123 a068 four tabs ${named(storage)}, ten calls each: one request`, async (stage) => {
      const { all, provider, later } = await tabs(stage, 4, { storage })
      for (let round = 1; round <= 3; round++) {
        await later()
        const defect = provider.setDefects({ path: TOKEN, kind: 'hold', times: 1 })
        await Promise.all(all.map((tab) => ask(tab)))
        await defect.reached
        defect.release()
        assert.equal(await same(all), newest(provider).access_token)
        assert.equal(provider.count('refresh_token'), round)
        for (const tab of all) {
          const { refresh_token: kept, access } = await record(tab, storage)
          assert.equal(kept, newest(provider).refresh_token)
          assert.equal(access.token, newest(provider).access_token)
        }
      }
      // Each of them goes on from there.
      for (const [at, tab] of all.entries()) {
        await later()
        assert.equal((await tab.call('getAccessToken')).value, newest(provider).access_token)
        assert.equal(provider.count('refresh_token'), 4 + at)
      }
    })

    test(`r123 four tabs ${named(storage)}: who asks a moment later asks nobody`, async (stage) => {
      const { all, provider, later } = await tabs(stage, 4, { storage })
      for (let round = 1; round <= 6; round++) {
        await later()
        const [first, ...others] = all
        await ask(first)
        await asked(first)
        await Promise.all(others.map((tab) => ask(tab)))
        assert.equal(await same(all), newest(provider).access_token)
        assert.equal(provider.count('refresh_token'), round)
      }
    })

    test(`r123 the timers of four tabs ${named(storage)}: one request for each life`, async (stage) => {
      const session = { backgroundRenewal: true }
      const { all, provider, later } = await tabs(stage, 4, { storage, session })
      for (let lives = 1; lives <= 3; lives++) {
        await later()
        const events = await Promise.all(all.map((tab) => tab.event('renewed')))
        assert.equal(events.filter(({ otherTab }) => !otherTab).length, 1)
        assert.equal(provider.count('refresh_token'), lives)
        for (const tab of all) {
          const { value } = await tab.call('getAccessToken')
          assert.equal(value, newest(provider).access_token)
        }
      }
      assert.equal(provider.count('refresh_token'), 3)
    })

    test(`r123 forced renewals in two tabs ${named(storage)} at once are one`, async (stage) => {
      const { all, provider } = await tabs(stage, 2, { storage })
      const defect = provider.setDefects({ path: TOKEN, kind: 'hold', times: 1 })
      await Promise.all(all.map((tab) => ask(tab, { forceRenewal: true })))
      await defect.reached
      defect.release()
      assert.equal(await same(all), newest(provider).access_token)
      assert.equal(provider.count('refresh_token'), 1)
    })

    test(`r068 r123 two tabs ${named(storage)}, tokens for two APIs: one by one`, async (stage) => {
      const { all, provider, later } = await tabs(stage, 2, { storage })
      await later()
      const defect = provider.setDefects({ path: TOKEN, kind: 'hold', times: 1 })
      await ask(all[0])
      await defect.reached
      await ask(all[1], { audience: 'https://orders.example/' })
      defect.release()
      const tokens = [await same([all[0]]), await same([all[1]])]
      // This provider takes the second use of a refresh token for theft.
      const granted = provider.granted().map(({ access_token: token }) => token)
      assert.deepEqual(tokens, granted.slice(1))
      assert.equal(provider.count('refresh_token'), 2)
    })

    test(`r123 a page and a frame in it, storage ${storage}: one request`, async (stage) => {
      const { app, provider, later } = await tabs(stage, 1, { storage })
      const inside = app.arrival()
      await app.run(() => {
        document.body.append(Object.assign(document.createElement('iframe'), { src: '/' }))
      })
      await inside
      await later()
      const answers = await app.run(() => {
        const calls = [globalThis, frames[0]].flatMap(({ settle, session }) =>
          Array.from({ length: 10 }, () => settle(session.getAccessToken())),
        )
        return Promise.all(calls)
      })
      assert.deepEqual(answers, Array(20).fill({ value: newest(provider).access_token }))
      assert.equal(provider.count('refresh_token'), 1)
    })
  }

  test('r123 a tab that storage reaches late does not spend what is spent', async (stage) => {
    const { all, provider, later } = await tabs(stage, 2)
    const [first, second] = all
    await later()
    // As a browser does that gives each tab a copy of its storage.
    await second.run(() => {
      const old = { ...localStorage }
      const own = Storage.prototype.getItem
      globalThis.looks = 0
      Storage.prototype.getItem = function (key) {
        if (!key.includes('.tokens.') || globalThis.upToDate) return own.call(this, key)
        looks++
        return old[key]
      }
    })
    assert.equal((await first.call('getAccessToken')).value, newest(provider).access_token)
    await ask(second)
    await second.until(() => looks > 4)
    assert.equal(provider.count('refresh_token'), 1)
    await second.run(() => {
      globalThis.upToDate = true
    })
    assert.equal(await same([second]), newest(provider).access_token)
    assert.equal(provider.count('refresh_token'), 1)
    assert.equal(await second.run(() => session.signedIn), true)
  })
})

export const apart = suite('each tab a store of its own', (test) => {
  test('r123 a duplicate that opens a message late does not spend what is spent', async (stage) => {
    const { all, provider, later } = await tabs(stage, 2, { storage: 'session' })
    const [first, second] = all
    await later()
    await second.run(() => {
      const own = SubtleCrypto.prototype.decrypt
      const opened = new Promise((resolve) => (globalThis.unlock = resolve))
      SubtleCrypto.prototype.decrypt = async function (how, key, data) {
        // It takes a copy at once, as the platform's does: what was given is wiped.
        const copy = data.slice()
        globalThis.got = true
        await opened
        return own.call(this, how, key, copy)
      }
    })
    assert.equal((await first.call('getAccessToken')).value, newest(provider).access_token)
    await second.until(() => globalThis.got)
    await ask(second)
    await second.run(() => globalThis.unlock())
    assert.equal(await same([second]), newest(provider).access_token)
    assert.equal(provider.count('refresh_token'), 1)
  })

  test('r123 a tab that the browser duplicates gets the new tokens, and keeps them', async (stage) => {
    const { app, provider, later } = await tabs(stage, 1, { storage: 'session' })
    await app.run(() => {
      const link = { id: 'twin', href: '/', target: '_blank', rel: 'opener', textContent: 'Twin' }
      document.body.append(Object.assign(document.createElement('a'), link))
    })
    const twin = await app.opened(() => app.click('#twin'))
    assert.deepEqual((await twin.arrival()).value, { kind: 'none' })
    const kept = async () => (await record(twin, 'session')).refresh_token
    assert.equal(await kept(), newest(provider).refresh_token)
    await later()
    assert.equal((await app.call('getAccessToken')).value, newest(provider).access_token)
    const { value } = await twin.call('getAccessToken')
    assert.equal(value, newest(provider).access_token)
    assert.equal(await kept(), newest(provider).refresh_token)
    assert.equal((await record(app, 'session')).refresh_token, newest(provider).refresh_token)
    assert.equal(provider.count('refresh_token'), 1)
    await twin.reload()
    const reloaded = await twin.call('getAccessToken')
    assert.deepEqual(reloaded, { value })
    assert.equal(provider.count('refresh_token'), 1)
    // From here it goes on by itself.
    await later()
    const after = await twin.call('getAccessToken')
    assert.equal(after.value, newest(provider).access_token)
    assert.equal((await app.call('getAccessToken')).value, newest(provider).access_token)
    assert.equal(provider.count('refresh_token'), 2)
  })

  test('r123 tabs that signed in apart renew apart', async (stage) => {
    const { app, provider, later } = await tabs(stage, 1, { storage: 'session' })
    const other = await another(app)
    assert.equal(await other.run(() => session.signedIn), false)
    assert.equal((await other.signIn()).value.kind, 'signed-in')
    for (let round = 1; round <= 2; round++) {
      await later()
      await Promise.all([ask(app), ask(other)])
      const tokens = [await same([app]), await same([other])]
      const granted = provider.granted().map(({ access_token: token }) => token)
      assert.deepEqual(tokens.toSorted(), granted.slice(-2).toSorted())
      assert.notEqual(tokens[0], tokens[1])
      assert.equal(provider.count('refresh_token'), 2 * round)
    }
  })

  test('r123 a duplicate without crypto.subtle has to sign in again', async (stage) => {
    const { app, provider, later } = await tabs(stage, 1, {
      storage: 'session',
      session: { scope: 'api offline_access' },
      prepare: () => {
        if (location.search === '?bare')
          Object.defineProperty(Crypto.prototype, 'subtle', { value: undefined })
      },
    })
    const twin = await duplicate(app, '/?bare')
    await later()
    assert.equal((await app.call('getAccessToken')).value, newest(provider).access_token)
    const { error } = await twin.call('getAccessToken')
    assert.deepEqual([error.code, error.error], ['login_required', 'invalid_grant'])
    assert.equal((await twin.event('signed-out')).reason, 'final-error')
    assert.equal(provider.count('refresh_token'), 2)
    assert.equal((await twin.signIn()).value.kind, 'signed-in')
  })
})

export const deaths = suite('a tab that dies', (test) => {
  for (const storage of STORES) {
    /** One tab has a request under way, and the lock; the other waits. */
    async function inMidRenewal(stage, options) {
      const parts = await tabs(stage, 2, { storage, ...options })
      await parts.later()
      const [one, two] = parts.all
      const defect = parts.provider.setDefects({ path: TOKEN, kind: 'hold', times: 1 })
      await ask(one)
      await defect.reached
      await ask(two)
      return { ...parts, one, two, defect }
    }

    test(`a069 closed in mid-renewal, tabs ${named(storage)}: the other goes on`, async (stage) => {
      const { one, two, provider } = await inMidRenewal(stage)
      await one.close()
      assert.equal(await same([two]), newest(provider).access_token)
      assert.equal(provider.count('refresh_token'), 2)
      assert.equal((await record(two, storage)).refresh_token, newest(provider).refresh_token)
    })

    test(`a069 crashed in mid-renewal, tabs ${named(storage)}: the other goes on`, async (stage) => {
      const { one, two, provider } = await inMidRenewal(stage)
      if (!(await one.crash())) return stage.skip('this browser cannot be told to crash a tab')
      assert.equal(await same([two]), newest(provider).access_token)
      assert.equal(provider.count('refresh_token'), 2)
    })

    test(`a069 an answer that dies with its tab, tabs ${named(storage)}: told, not stuck`, async (stage) => {
      const { all, provider, later } = await tabs(stage, 2, { storage })
      const [one, two] = all
      await later()
      const rotated = new Promise((resolve) => {
        const defect = { path: TOKEN, kind: 'mutate', times: 1 }
        const mutate = () => new Promise(() => resolve())
        provider.setDefects({ ...defect, mutate })
      })
      await ask(one)
      await rotated
      await ask(two)
      await one.close()
      // This provider takes the second use of a rotated token for theft.
      for (const { error } of await asked(two)) assert.equal(error.code, 'login_required')
      const event = await two.event('signed-out')
      assert.deepEqual([event.reason, event.error.error], ['final-error', 'invalid_grant'])
      assert.equal(provider.count('refresh_token'), 2)
      assert.equal((await two.signIn()).value.kind, 'signed-in')
      assert.equal((await two.call('getAccessToken')).value, newest(provider).access_token)
    })
  }
})

export const signing = suite('signing in and out', (test) => {
  for (const storage of STORES) {
    test(`users_a13 r169 begun in four tabs, storage ${storage}: all finish`, async (stage) => {
      const { app, provider } = await stage.open({ session: { storage } })
      const all = [app]
      while (all.length < 4) all.push(await app.tab())
      for (const tab of all) await tab.visit(`/orders?tab=${all.indexOf(tab)}`)
      await Promise.all(all.map((tab) => tab.leave()))
      await Promise.all(all.map((tab) => tab.form()))
      const arrivals = all.map((tab) => tab.arrival())
      for (const tab of all) await tab.fillIn()
      for (const [at, arrival] of (await Promise.all(arrivals)).entries()) {
        assert.equal(arrival.error, undefined)
        assert.equal(arrival.value.kind, 'signed-in')
        assert.equal(arrival.value.returnTo, `/orders?tab=${at}`)
      }
      assert.equal(provider.count('authorization_code'), 4)
      for (const tab of all) assert.equal(await tab.run(() => session.signedIn), true)
    })

    test(`users_a12 r164 a sign-out in one of three tabs ${named(storage)} is known in all`, async (stage) => {
      const { all, provider } = await tabs(stage, 3, { storage })
      const [first, ...others] = all
      for (const tab of others) assert.ok((await tab.call('getAccessToken')).value)
      await first.call('signOut', { local: true })
      assert.deepEqual(await first.event('signed-out'), { type: 'signed-out', reason: 'sign-out' })
      const count = provider.count()
      for (const tab of others) {
        const event = await tab.event('signed-out')
        assert.deepEqual(event, { type: 'signed-out', reason: 'other-tab' })
        const known = await tab.run(() => [
          session.signedIn,
          session.claims,
          session.idToken,
          session.expiresAt,
          session.scope,
        ])
        assert.deepEqual(known, [false, null, null, null, null])
        assert.equal((await tab.call('getAccessToken')).error.code, 'login_required')
        assert.equal(await record(tab, storage), undefined)
        await tab.reload()
        assert.equal(await tab.run(() => session.signedIn), false)
      }
      assert.equal(provider.count(), count, 'and nothing was asked')
    })
  }

  test('r164 a sign-out ends tabs that signed in apart, too', async (stage) => {
    const { app } = await tabs(stage, 1, { storage: 'session' })
    const other = await another(app)
    await other.signIn()
    await app.call('signOut', { local: true })
    assert.equal((await other.event('signed-out')).reason, 'other-tab')
    assert.equal(await record(other, 'session'), undefined)
  })

  test('r164 a tab in the back/forward cache is not signed in when it comes back', async (stage) => {
    const { app } = await stage.open({ session: { storage: 'local' } })
    await app.visit()
    await app.signIn()
    const second = await another(app)
    await second.leave({ prompt: 'login' })
    await second.form()
    await app.call('signOut', { local: true })
    await second.travel(-1)
    await second.until(() => globalThis.session)
    assert.equal(await second.run(() => session.signedIn), false)
    assert.equal((await second.call('getAccessToken')).error.code, 'login_required')
  })

  test('a sign-in in one tab signs the others in', async (stage) => {
    const { app, provider } = await stage.open({ session: { storage: 'local' } })
    await app.visit()
    const others = [await another(app), await another(app)]
    for (const tab of others) assert.equal(await tab.run(() => session.signedIn), false)
    assert.equal((await app.signIn()).value.kind, 'signed-in')
    for (const tab of others) {
      const event = await tab.event('signed-in')
      assert.equal(event.otherTab, true)
      assert.equal(event.claims.sub, 'alice')
      assert.equal(await tab.run(() => session.claims.sub), 'alice')
      assert.equal((await tab.call('getAccessToken')).value, newest(provider).access_token)
    }
    assert.equal(provider.count(), 1)
  })

  test('another person in the store: the other tabs know who it is', async (stage) => {
    const { all, provider } = await tabs(stage, 2)
    const [first, second] = all
    await first.call('signOut', { local: true })
    assert.equal((await second.event('signed-out')).reason, 'other-tab')
    const bob = { form: true, name: 'bob' }
    assert.equal((await first.signIn({ prompt: 'login' }, bob)).value.kind, 'signed-in')
    const event = await second.event('signed-in')
    assert.deepEqual([event.otherTab, event.claims.sub], [true, 'bob'])
    assert.equal((await second.call('getAccessToken')).value, newest(provider).access_token)
  })
})

export const messages = suite('what tabs tell each other', (test) => {
  for (const storage of STORES) {
    test(`a086 r164 no message carries a token, tabs ${named(storage)}`, async (stage) => {
      const { all, app, provider, later } = await tabs(stage, 2, { storage, prepare: overhear })
      const listener = await spy(app)
      for (const tab of all) {
        await later()
        await ask(tab)
        assert.equal(await same([tab]), newest(provider).access_token)
      }
      const other = await another(app)
      if (storage === 'session') await other.signIn()
      await app.call('signOut', { local: true })
      await other.event('signed-out')
      await listener.until(() => heard.some((told) => told.includes('signed-out')))
      const told = await listener.run(() => heard)
      assert.ok(told.length >= 3, `${told}`)
      const secrets = provider
        .granted()
        .flatMap((granted) => [granted.access_token, granted.refresh_token, granted.id_token])
        .filter((token) => token)
      assert.ok(secrets.length >= 9)
      for (const message of told) {
        assert.equal(typeof message, 'string')
        for (const secret of secrets) assert.ok(!message.includes(secret), message)
        // Nor a part of one: a JWT's payload can be read by itself.
        for (const part of secrets.flatMap((secret) => secret.split('.')))
          assert.ok(!message.includes(part), message)
      }
    })

    test(`a086 forged and malformed messages change nothing, tabs ${named(storage)}`, async (stage) => {
      const { all, app, provider, later } = await tabs(stage, 2, { storage, prepare: overhear })
      const forger = await spy(app)
      await later()
      await ask(all[0])
      await asked(all[0])
      await ask(all[1])
      assert.equal(await same(all), newest(provider).access_token)
      const old = await forger.run(() => heard.find((told) => told.includes('sealed')))
      assert.equal(typeof old, storage === 'session' ? 'string' : 'undefined')
      const of = fingerprint(newest(provider).refresh_token)
      const before = await Promise.all(
        all.map(async (tab) => [await tab.run(() => events.length), await record(tab, storage)]),
      )
      const since = provider.requests.length
      const forged = [
        { kind: 'renewed', line: of, sealed: JSON.parse(old ?? '{}').sealed ?? 'v1.AAAA' },
        { kind: 'renewed', line: of, sealed: `v1.${'A'.repeat(200)}` },
        { kind: 'renewed', line: of, sealed: JSON.stringify(before[0][1]) },
        { kind: 'renewed', line: of, sealed: '' },
        { kind: 'renewed', line: of },
        { kind: 'renewed', sealed: 'x' },
        { kind: 'asked', line: 'x' },
        { kind: 'asked' },
        { kind: 'answered', line: of, sealed: 'https://evil.example/?code=x' },
        { kind: 'took', line: of },
        { kind: 'changed' },
        { kind: 'signed-in', access_token: 'evil' },
        { kind: 1 },
        { kind: ['signed-out'] },
        { KIND: 'signed-out' },
      ]
      await says(forger, all, [
        ...forged.map((message) => JSON.stringify(message)),
        ...forged,
        { kind: 'signed-out' },
        '{"kind":"signed-out","kind":"signed-out"}',
        '{"kind":"signed-out"',
        '[{"kind":"signed-out"}]',
        '"signed-out"',
        'signed-out',
        '',
        'null',
        null,
        undefined,
        7,
        new Array(3).fill(null),
        '['.repeat(100_000),
        `{"kind":"${'x'.repeat(1_000_000)}"}`,
        ...Array(100).fill('{"kind":"changed"}'),
      ])
      for (const [at, tab] of all.entries()) {
        const { value } = await tab.call('getAccessToken')
        assert.equal(value, newest(provider).access_token)
        assert.deepEqual(
          [await tab.run(() => events.length), await record(tab, storage)],
          before[at],
        )
      }
      assert.equal(provider.requests.length, since)
      // And they go on to renew.
      await later()
      await Promise.all(all.map((tab) => ask(tab)))
      assert.equal(await same(all), newest(provider).access_token)
      assert.equal(provider.count('refresh_token'), 2)
    })

    test(`a086 a forged sign-out ends tabs ${named(storage)} here and nowhere else`, async (stage) => {
      const { all, app, provider } = await tabs(stage, 2, { storage, prepare: overhear })
      const forger = await spy(app)
      const since = provider.requests.length
      await says(forger, all, [JSON.stringify({ kind: 'signed-out' })])
      for (const tab of all) {
        const event = await tab.event('signed-out')
        assert.deepEqual(event, { type: 'signed-out', reason: 'other-tab' })
        assert.equal((await tab.call('getAccessToken')).error.code, 'login_required')
      }
      assert.equal(provider.requests.length, since, 'nothing was given back')
      // What tabs share is for the one that signs out to clear.
      await app.reload()
      assert.equal(await app.run(() => session.signedIn), storage === 'local')
    })
  }
})

export const leases = suite('without Web Locks', (test) => {
  const prepare = () => delete Navigator.prototype.locks

  for (const storage of STORES) {
    test(`r123 a lease does the same for four tabs ${named(storage)}`, async (stage) => {
      const { app, all, provider, later } = await tabs(stage, 4, { storage, prepare })
      assert.equal(await app.run(() => navigator.locks), undefined)
      for (let round = 1; round <= 3; round++) {
        await later()
        const defect = provider.setDefects({ path: TOKEN, kind: 'hold', times: 1 })
        await Promise.all(all.map((tab) => ask(tab)))
        await defect.reached
        defect.release()
        assert.equal(await same(all), newest(provider).access_token)
        assert.equal(provider.count('refresh_token'), round)
      }
      // No lease is left behind.
      await app.until(() => !Object.keys(localStorage).some((key) => key.endsWith('.lease')))
    })

    test(`a069 r123 the lease of a dead tab ends, tabs ${named(storage)}`, async (stage) => {
      const { all, provider, later, app } = await tabs(stage, 2, { storage, prepare })
      const [one, two] = all
      await later()
      const defect = provider.setDefects({ path: TOKEN, kind: 'hold', times: 1 })
      await ask(one)
      await defect.reached
      await one.close()
      await ask(two)
      const leases = () => Object.keys(localStorage).filter((key) => key.endsWith('.lease')).length
      assert.equal(await two.run(leases), 1)
      assert.equal(provider.count('refresh_token'), 1)
      await app.clock.fastForward('00:20')
      assert.equal(await same([two]), newest(provider).access_token)
      assert.equal(provider.count('refresh_token'), 2)
      await two.until(() => !Object.keys(localStorage).some((key) => key.endsWith('.lease')))
    })
  }
})

export const closing = suite('a session that is closed', (test) => {
  for (const storage of STORES) {
    test(`users_a29 hears nothing any more, storage ${storage}`, async (stage) => {
      const { all, app, provider } = await tabs(stage, 2, { storage, prepare: overhear })
      const [one, two] = all
      const forger = await spy(app)
      assert.equal(await two.run(() => ended.length), 0)
      await two.run(() => session.close())
      assert.deepEqual(await two.run(() => ended), await two.run(() => channels))
      const kept = await record(two, storage)
      await says(forger, all, [JSON.stringify({ kind: 'signed-out' })])
      assert.equal((await one.event('signed-out')).reason, 'other-tab')
      assert.deepEqual(await record(two, storage), kept)
      assert.deepEqual(await two.run(() => events), [])
      assert.equal((await two.call('getAccessToken')).error.code, 'closed')
      assert.equal(provider.count('refresh_token'), 0)
    })
  }

  test('in mid-renewal: what comes is kept for the others, and the lock is free', async (stage) => {
    const { all, provider, later } = await tabs(stage, 2)
    const [one, two] = all
    await later()
    const defect = provider.setDefects({ path: TOKEN, kind: 'hold', times: 1 })
    await ask(one)
    await defect.reached
    await ask(two)
    await one.run(() => session.close())
    defect.release()
    for (const { error } of await asked(one)) assert.equal(error.code, 'closed')
    assert.equal(await same([two]), newest(provider).access_token)
    assert.equal(provider.count('refresh_token'), 1)
    await two.until(async () => {
      const { held, pending } = await navigator.locks.query()
      return held.length + pending.length === 0
    })
  })
})
