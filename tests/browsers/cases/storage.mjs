// What is kept in the browser, where, and for how long; and what happens when the browser refuses.
import assert from 'node:assert/strict'
import { NOWHERE } from '../stage.mjs'
import { suite } from '../suite.mjs'

const tokensKey = (provider) => `grantkit.1.tokens.spa.${provider.issuer}`
const serverKey = (provider) => `grantkit.1.server.spa.${provider.issuer}`
const records = async (app) =>
  Object.keys((await app.stored()).session).filter((key) => key.includes('.tx.'))

/** Starts to sign in, which leads nowhere, and answers the state. */
async function start(app, provider) {
  provider.setDefects(NOWHERE)
  const left = provider.next({ path: NOWHERE.path })
  await app.leave()
  return (await left).query.state
}

export const places = suite('where tokens live', (test) => {
  test('r165 in this tab: a reload keeps them, another tab has none', async (stage) => {
    const { app, provider } = await stage.open()
    await app.visit()
    await app.signIn()
    const { session, local } = await app.stored()
    const stored = JSON.parse(session[tokensKey(provider)])
    const [granted] = provider.granted()
    assert.equal(stored.access.token, granted.access_token)
    assert.equal(stored.access.expires_at, await app.run(() => globalThis.session.expiresAt))
    assert.equal(stored.refresh_token, granted.refresh_token)
    assert.deepEqual(local, {})

    const before = provider.requests.length
    await app.reload()
    assert.deepEqual(await app.call('getAccessToken'), { value: granted.access_token })
    assert.equal(await app.run(() => globalThis.session.claims.sub), 'alice')
    assert.equal(provider.requests.length, before, 'and asks nobody')

    const other = await app.tab()
    await other.visit()
    assert.equal(await other.run(() => globalThis.session.signedIn), false)
    assert.equal((await other.signIn({}, { form: false })).value.kind, 'signed-in')
    assert.deepEqual(await app.call('getAccessToken'), { value: granted.access_token })
  })

  test("r165 'local': every tab has them", async (stage) => {
    const { app, provider } = await stage.open({ session: { storage: 'local' } })
    await app.visit()
    await app.signIn()
    const { session, local } = await app.stored()
    assert.deepEqual(Object.keys(local), [tokensKey(provider)])
    assert.ok(!Object.keys(session).includes(tokensKey(provider)))
    const other = await app.tab()
    await other.visit()
    assert.deepEqual(await other.call('getAccessToken'), await app.call('getAccessToken'))
    assert.equal(provider.count(), 1)
    await app.call('signOut', { local: true })
    assert.deepEqual((await app.stored()).local, {})
  })

  test("r165 'memory': nothing is written, a reload is signed out", async (stage) => {
    const { app, provider } = await stage.open({ session: { storage: 'memory' } })
    await app.visit()
    await app.signIn()
    assert.ok((await app.call('getAccessToken', { forceRenewal: true })).value)
    const texts = await app.run(() =>
      [sessionStorage, localStorage].flatMap((storage) => Object.values(storage)).join('\n'),
    )
    for (const granted of provider.granted()) {
      for (const name of ['access_token', 'refresh_token', 'id_token']) {
        assert.ok(!texts.includes(granted[name]), name)
      }
    }
    await app.reload()
    assert.equal(await app.run(() => session.signedIn), false)
  })

  test('r165 a store of the page, whose answers are promises', async (stage) => {
    const { app, provider } = await stage.open({
      session: { scope: 'openid api' },
      prepare: () => {
        globalThis.kept = []
        const later = (answer) => new Promise((resolve) => setTimeout(resolve, 0, answer))
        options.storage = {
          get: (key) => later(localStorage.getItem(`mine ${key}`)),
          set(key, value, more) {
            kept.push(more)
            return later(localStorage.setItem(`mine ${key}`, value))
          },
          delete: (key) => later(localStorage.removeItem(`mine ${key}`)),
        }
      },
    })
    await app.visit()
    await app.signIn()
    const [expiresAt, kept] = await app.run(() => [session.expiresAt, kept])
    assert.deepEqual(kept, [{ expiresAt }])
    const names = () => app.run(() => Object.keys(localStorage))
    assert.deepEqual(await names(), [`mine ${tokensKey(provider)}`])
    await app.reload()
    assert.ok((await app.call('getAccessToken')).value)
    await app.call('signOut', { local: true })
    assert.deepEqual(await names(), [])
  })

  test('a Map is a store', async (stage) => {
    const { app } = await stage.open({
      prepare: () => {
        globalThis.map = new Map()
        options.storage = map
      },
    })
    await app.visit()
    await app.signIn()
    assert.equal(await app.run(() => map.size), 1)
    await app.call('signOut', { local: true })
    assert.equal(await app.run(() => map.size), 0)
  })

  for (const how of ['throws', 'rejects', 'answers nonsense']) {
    test(`r170 a store that ${how}: the tokens stay in memory, and a warning tells`, async (stage) => {
      const { app } = await stage.open({
        given: how,
        prepare: (how) => {
          const call = () => {
            if (how === 'throws') throw new Error('no')
            return how === 'rejects' ? Promise.reject(new Error('no')) : { strange: true }
          }
          options.storage = { get: call, set: call, delete: call }
        },
      })
      await app.visit()
      assert.equal((await app.signIn()).value.kind, 'signed-in')
      assert.ok((await app.call('getAccessToken', { forceRenewal: true })).value)
      if (how !== 'answers nonsense') {
        assert.equal((await app.event('warning')).code, 'storage_unavailable')
      }
      await app.call('signOut', { local: true })
      assert.equal(await app.run(() => session.signedIn), false)
    })
  }

  test('users_a27 users_a28 r166 r167 r168 a085 no cookie, database, cache or worker', async (stage) => {
    const { app, site } = await stage.open({
      prepare: () => {
        globalThis.written = []
        const cookie = Object.getOwnPropertyDescriptor(Document.prototype, 'cookie')
        Object.defineProperty(document, 'cookie', {
          get: () => cookie.get.call(document),
          set: (text) => written.push(text),
        })
        const { register } = ServiceWorkerContainer.prototype
        ServiceWorkerContainer.prototype.register = function (...values) {
          written.push('worker')
          return register.apply(this, values)
        }
        for (const name of ['Worker', 'SharedWorker']) {
          const construct = (...values) => (written.push(name), Reflect.construct(...values))
          globalThis[name] = new Proxy(globalThis[name], { construct })
        }
      },
    })
    await app.visit()
    const before = await app.run(() => written.splice(0))
    await app.signIn()
    await app.call('getAccessToken', { forceRenewal: true })
    await app.call('userInfo')
    assert.deepEqual(before, [])
    const left = await app.run(async () => ({
      cookie: document.cookie,
      written,
      databases: await indexedDB.databases(),
      caches: await caches.keys(),
      workers: (await navigator.serviceWorker.getRegistrations()).length,
    }))
    assert.deepEqual(left, { cookie: '', written: [], databases: [], caches: [], workers: 0 })
    const cookies = await app.cookies(site.origin)
    assert.ok(
      cookies.every(({ httpOnly }) => httpOnly),
      "the provider's alone",
    )
  })
})

export const refusals = suite('storage that refuses', (test) => {
  for (const [name, prepare] of [
    [
      'cannot be reached',
      () =>
        Object.defineProperty(window, 'sessionStorage', {
          get() {
            throw new DOMException('denied', 'SecurityError')
          },
        }),
    ],
    ['is null', () => Object.defineProperty(window, 'sessionStorage', { value: null })],
    [
      'throws at every call',
      () => {
        for (const name of ['getItem', 'setItem', 'removeItem', 'key', 'clear']) {
          Storage.prototype[name] = () => {
            throw new DOMException('no', 'SecurityError')
          }
        }
      },
    ],
  ]) {
    test(`r170 a081 it ${name}: a sign-in fails before the page is left`, async (stage) => {
      const { app, provider } = await stage.open({ prepare })
      assert.deepEqual((await app.visit()).value, { kind: 'none' })
      const warning = await app.event('warning')
      assert.equal(warning.code, 'storage_unavailable')
      assert.equal(typeof warning.message, 'string')
      const { error } = await app.call('signIn')
      assert.deepEqual([error.code, error.fault], ['storage_unavailable', 'internal'])
      assert.ok(!provider.requests.some(({ path }) => path === '/connect/authorize'))
      assert.equal((await app.call('getAccessToken')).error.code, 'login_required')
      assert.deepEqual(await app.call('signOut', { local: true }), { value: undefined })
      // A callback that was begun elsewhere.
      const { error: unknown } = await app.visit('/callback?code=1&state=2')
      assert.equal(unknown.code, 'state_unknown')
    })
  }

  test('users_a17 r170 a081 it is full when the tokens come: they stay in memory, and a warning tells', async (stage) => {
    const { app, provider } = await stage.open({ byHand: '/callback' })
    await app.visit()
    await app.signIn()
    await app.run(() => {
      for (let size = 2 ** 20; size >= 1; size /= 2) {
        try {
          for (let n = 0; ; n++) sessionStorage.setItem(`mine ${size} ${n}`, 'x'.repeat(size))
        } catch {}
      }
    })
    assert.equal((await app.arriveAt()).value.kind, 'signed-in')
    assert.equal((await app.event('warning')).code, 'storage_unavailable')
    assert.ok((await app.call('getAccessToken')).value)
    const { value } = await app.call('getAccessToken', { forceRenewal: true })
    assert.equal(value, provider.granted().at(-1).access_token)
    const warnings = await app.run(() => events.filter(({ type }) => type === 'warning').length)
    assert.equal(warnings, 1, 'once')
    assert.ok(!(tokensKey(provider) in (await app.stored()).session), 'no half of a record')
  })

  test('r170 a081 it is full when a sign-in starts: nothing is half written', async (stage) => {
    const { app } = await stage.open()
    await app.visit()
    await app.run(() => {
      Storage.prototype.setItem = () => {
        throw new DOMException('full', 'QuotaExceededError')
      }
    })
    assert.equal((await app.call('signIn')).error.code, 'storage_unavailable')
    assert.deepEqual((await app.stored()).session, {})
  })

  test('r170 a record that became too large is not left behind as it was', async (stage) => {
    const { app, provider } = await stage.open()
    await app.visit()
    await app.signIn()
    await app.run(() => {
      const { setItem } = Storage.prototype
      Storage.prototype.setItem = function (key, value) {
        if (key.includes('.tokens.')) throw new DOMException('full', 'QuotaExceededError')
        return setItem.call(this, key, value)
      }
    })
    await app.call('getAccessToken', { forceRenewal: true })
    assert.equal((await app.event('warning')).code, 'storage_unavailable')
    // The old refresh token was used up: a reload that found it would be taken for a thief.
    await app.reload()
    await app.call('getAccessToken', { forceRenewal: true })
    const { error } = await app.call('getAccessToken')
    assert.ok(!error || error.code === 'login_required')
    assert.equal(provider.count('refresh_token'), 1, 'a token that was used up is not sent again')
  })
})

export const damages = suite('stored text that is not ours, or damaged', (test) => {
  test('users_a24 r171 a082 a session: it is dropped, and a warning tells', async (stage) => {
    const { app, provider } = await stage.open()
    await app.visit()
    await app.signIn()
    const key = tokensKey(provider)
    const good = (await app.stored()).session[key]
    const other = (changes) => JSON.stringify({ ...JSON.parse(good), ...changes })
    for (const text of [
      '',
      'null',
      '[]',
      '"text"',
      '{',
      '{}',
      good.slice(0, -1),
      `${good} `.repeat(2),
      good.replace('"v":1', '"v":1,"v":1'),
      '{"__proto__":{"polluted":1}}',
      other({ v: 2 }),
      other({ issuer: 'https://evil.example' }),
      other({ client_id: 'other' }),
      other({ access: 'token' }),
      other({ access: { token: 7, received_at: 1 } }),
      other({ others: {} }),
      other({ claims: { sub: 'bob' } }),
      other({ claims: [] }),
      other({ refresh_token: 7 }),
      other({ scope: 7 }),
      '['.repeat(100_000),
      'x'.repeat(2_000_000),
      '\u0000\ud800',
    ]) {
      await app.run(([key, text]) => sessionStorage.setItem(key, text), [key, text])
      const arrival = await app.reload()
      const label = text.slice(0, 80)
      assert.deepEqual(arrival.value, { kind: 'none' }, label)
      assert.equal((await app.event('warning')).code, 'storage_corrupt', label)
      assert.equal(await app.run(() => session.signedIn), false, label)
      assert.equal(await app.run((key) => sessionStorage.getItem(key), key), null, label)
      assert.equal(await app.run(() => ({}).polluted), undefined, label)
    }
    assert.equal((await app.signIn()).value.kind, 'signed-in')
  })

  test('r171 a session with members that nobody knows is read', async (stage) => {
    const { app, provider } = await stage.open()
    await app.visit()
    await app.signIn()
    const key = tokensKey(provider)
    await app.run((key) => {
      const text = sessionStorage.getItem(key)
      sessionStorage.setItem(key, `{"__proto__":{"polluted":1},"constructor":1,${text.slice(1)}`)
    }, key)
    await app.reload()
    assert.equal(await app.run(() => session.signedIn), true)
    assert.equal(await app.run(() => ({}).polluted), undefined)
  })

  test('r171 a082 what was known of the server: it is asked anew, and options win', async (stage) => {
    const { app, provider } = await stage.open()
    await app.visit()
    await start(app, provider)
    const key = serverKey(provider)
    const good = (await app.stored()).session[key]
    const metadata = (changes) => {
      const stored = JSON.parse(good)
      Object.assign(stored.metadata, changes)
      return JSON.stringify(stored)
    }
    const evil = 'https://evil.example/'
    const documents = () => provider.requests.filter(({ path }) => path.endsWith('-configuration'))
    for (const text of [
      '',
      'null',
      '{',
      '{"metadata":[]}',
      '{"metadata":{"__proto__":{"polluted":1}},"metadata_at":1}',
      metadata({ issuer: evil }),
      metadata({ token_endpoint: 'http://evil.example/token' }),
      metadata({ authorization_endpoint: 'javascript:alert(1)' }),
      good.replace(/"metadata_at":\d+/, '"metadata_at":1'),
      good.replace(/"metadata_at":\d+/, '"metadata_at":"now"'),
      good.replace(/"metadata_at":\d+/, '"metadata_at":99999999999999'),
      'x'.repeat(1_000_000),
    ]) {
      await app.run(([key, text]) => sessionStorage.setItem(key, text), [key, text])
      const before = documents().length
      await app.reload()
      assert.ok(await start(app, provider))
      assert.equal(documents().length, before + 1, text.slice(0, 80))
      assert.equal(await app.run(() => ({}).polluted), undefined)
    }
    // Keys that are damaged, beside metadata that are not.
    const keys = good.replace(/"jwks":\{/, '"jwks":{"keys":7,"more":')
    await app.run(([key, text]) => sessionStorage.setItem(key, text), [key, keys])
    await app.reload()
    assert.ok(await start(app, provider))
    // By hand: nobody is asked, whatever is stored.
    const by = { ...JSON.parse(good).metadata, authorization_endpoint: `${provider.issuer}/mine` }
    await app.run((metadata) => {
      options.metadata = metadata
      return arrive()
    }, by)
    provider.setDefects({ ...NOWHERE, path: '/mine' })
    const left = provider.next({ path: '/mine' })
    await app.leave()
    await left
  })

  test('r171 a request under way: it is unknown', async (stage) => {
    const { app, provider } = await stage.open({ byHand: '/callback' })
    await app.visit()
    for (const damage of [
      () => '',
      () => '[]',
      () => '{"__proto__":{"polluted":1}}',
      (text) => text.slice(0, -1),
      (text) => text.replace('"verifier":', '"verifier":7,"was":'),
      (text) => text.replace('"created_at":', '"created_at":"now","was":'),
      (text) => text.replace(/"state":"./, '"state":"'),
      (text) => text.replace(/"issuer":"[^"]*"/, '"issuer":"https://evil.example"'),
    ]) {
      const { url } = await app.signIn()
      const state = new URLSearchParams(url.slice(url.indexOf('?'))).get('state')
      const key = `grantkit.1.tx.spa.${state}`
      const text = damage((await app.stored()).session[key])
      await app.run(([key, text]) => sessionStorage.setItem(key, text), [key, text])
      const { error } = await app.arriveAt()
      assert.equal(error.code, 'state_unknown', text.slice(0, 80))
      const left = Object.values((await app.stored()).session).join('\n')
      assert.ok(!left.includes('verifier'), 'nothing of it is left')
    }
    assert.equal(provider.count(), 0)
  })
})

export const requests = suite('requests under way', (test) => {
  /** Moves the clock of a session that was opened with `ahead`, also of the next one. */
  const forward = (app, seconds) =>
    app.run((seconds) => {
      localStorage.setItem('ahead', Number(localStorage.getItem('ahead')) + seconds * 1000)
    }, seconds)
  const ahead = () => {
    options.now = () => Date.now() + Number(localStorage.getItem('ahead'))
  }

  test('r045 twenty are kept, the oldest goes first', async (stage) => {
    const { app, provider } = await stage.open({ prepare: ahead })
    await app.visit()
    const states = []
    for (let n = 0; n < 22; n++) {
      states.push(await start(app, provider))
      await forward(app, 1)
    }
    const kept = (await records(app)).map((key) => key.split('.').at(-1))
    assert.deepEqual(kept.sort(), states.slice(2).sort())
    assert.equal(new Set(states).size, 22)
  })

  test('users_a17 r045 what is older than ten minutes goes, at the next start or load', async (stage) => {
    const { app, provider } = await stage.open({ prepare: ahead })
    await app.visit()
    await start(app, provider)
    await forward(app, 360)
    const second = await start(app, provider)
    assert.equal((await records(app)).length, 2)
    await forward(app, 360)
    const third = await start(app, provider)
    const kept = (await records(app)).map((key) => key.split('.').at(-1))
    assert.deepEqual(kept.sort(), [second, third].sort())
    await forward(app, 660)
    await app.reload()
    assert.deepEqual(await records(app), [])
  })

  test('users_a13 r045 r169 two tabs begin at once: both finish, and neither knows of the other', async (stage) => {
    const { app } = await stage.open()
    const other = await app.tab()
    await Promise.all([app.visit('/first'), other.visit('/second')])
    const arrivals = [app.arrival(), other.arrival()]
    await Promise.all([app.leave(), other.leave()])
    await other.form()
    await app.fillIn()
    // The provider knows the person by now; this form is still answered.
    await other.fillIn()
    const [first, second] = await Promise.all(arrivals)
    assert.equal(first.value.returnTo, '/first')
    assert.equal(second.value.returnTo, '/second')
  })

  test('users_a16 r046 a request that was abandoned does not block the next', async (stage) => {
    const { app } = await stage.open()
    await app.visit('/first')
    await app.leave()
    await app.form()
    await app.visit('/second')
    assert.equal((await records(app)).length, 1)
    assert.equal((await app.signIn()).value.returnTo, '/second')
  })
})
