// The instance of the wasm: calls beside each other, calls that come back in, traps, and the end.
import assert from 'node:assert/strict'
import { suite } from '../suite.mjs'
import { exportOf, withoutBody } from '../trap.mjs'

/**
 * Lets a test trap the instance where it calls out: `trapAt` is a part of the text of an import. What
 * it then runs is a real trap, which leaves the wasm above it half done.
 */
const trapper = () => {
  // (module (func (export "trap") unreachable))
  const bytes = [
    0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00, 0x01, 0x04, 0x01, 0x60, 0x00, 0x00, 0x03, 0x02,
    0x01, 0x00, 0x07, 0x08, 0x01, 0x04, 0x74, 0x72, 0x61, 0x70, 0x00, 0x00, 0x0a, 0x05, 0x01, 0x03,
    0x00, 0x00, 0x0b,
  ]
  const { Instance, Module } = WebAssembly
  const { trap } = new Instance(new Module(new Uint8Array(bytes))).exports
  globalThis.trapped = 0
  globalThis.instances = 0
  const armed = (imports) => {
    instances++
    const out = {}
    for (const [group, functions] of Object.entries(imports)) {
      out[group] = {}
      for (const [name, own] of Object.entries(functions)) {
        const text = String(own)
        out[group][name] = (...values) => {
          if (globalThis.trapAt && text.includes(globalThis.trapAt)) {
            globalThis.trapAt = undefined
            trapped++
            trap()
          }
          return own(...values)
        }
      }
    }
    return out
  }
  for (const name of ['instantiate', 'instantiateStreaming']) {
    const own = WebAssembly[name]
    WebAssembly[name] = (source, imports) => own(source, armed(imports))
  }
  WebAssembly.Instance = function (module, imports) {
    return new Instance(module, armed(imports))
  }
}

const METHODS = ['signIn', 'handleCallback', 'getAccessToken', 'fetch', 'userInfo', 'signOut']

export const concurrent = suite('calls beside each other', (test) => {
  test('r179 every method at once, on several sessions', async (stage) => {
    const { app, api } = await stage.open()
    await app.visit()
    await app.signIn()
    const outcomes = await app.run(async (url) => {
      const others = await Promise.all([open(), open(), open({ clientId: 'other' })])
      const all = [session, ...others]
      const calls = all.flatMap((one) => [
        () => one.handleCallback(),
        () => one.getAccessToken(),
        () => one.getAccessToken({ forceRenewal: true }),
        () => one.getAccessToken({ minLifetime: 10 }),
        () => one.fetch(url).then(({ status }) => status),
        () => one.userInfo().then(({ sub }) => sub),
        () => one.signIn({ prompt: 'none login' }),
        async () => [one.signedIn, one.expiresAt, one.idToken, one.scope, `${one}`].length,
        () => one.getAccessToken({ unknown: 1 }),
        () => one.fetch('https://evil.example/'),
      ])
      return Promise.all(calls.map((call) => settle(call)))
    }, `${api.origin}/orders`)
    for (const { error } of outcomes) {
      if (!error) continue
      assert.ok(error.code, JSON.stringify(error))
      assert.notEqual(error.code, 'instance_poisoned')
    }
    const mine = outcomes.slice(0, 10).map(({ value, error }) => error?.code ?? typeof value)
    assert.deepEqual(mine, [
      'object',
      'string',
      'string',
      'string',
      'number',
      'string',
      'config_invalid',
      'number',
      'config_invalid',
      'url_not_allowed',
    ])
  })

  test('r179 r180 every method at once with the sign-out and the end', async (stage) => {
    const { app, api } = await stage.open()
    await app.visit()
    await app.signIn()
    for (const last of ['signOut', 'close']) {
      const outcomes = await app.run(
        async ([url, last]) => {
          const one = await open()
          const calls = [
            () => one.getAccessToken({ forceRenewal: true }),
            () => one.fetch(url),
            () => one.userInfo(),
            () => (last === 'close' ? one.close() : one.signOut({ local: true })),
            () => one.getAccessToken(),
            () => one.fetch(url),
            () => one.handleCallback(),
            () => one.signOut({ local: true }),
          ]
          const settled = await Promise.all(calls.map((call) => settle(call)))
          return settled.map(({ error }) => error?.code ?? error?.thrown ?? 'fine')
        },
        [`${api.origin}/orders`, last],
      )
      const allowed = ['fine', 'login_required', 'closed', 'aborted']
      assert.deepEqual(
        outcomes.filter((code) => !allowed.includes(code)),
        [],
        outcomes.join(' '),
      )
      if (last === 'close') assert.deepEqual(outcomes.slice(4), Array(4).fill('closed'))
    }
  })

  test('r179 hooks of the page may come back in', async (stage) => {
    const { app, api } = await stage.open({
      prepare: () => {
        globalThis.back = []
        const look = (from) => {
          // Often enough, and not for ever: what is started calls the hooks again.
          if (!globalThis.session || back.filter((one) => one === from).length > 5) return
          back.push(from)
          // As a page would: look, and start something.
          const { signedIn, claims, expiresAt } = session
          session.getAccessToken().catch(() => {})
          session.userInfo().catch(() => {})
          return [signedIn, claims, expiresAt]
        }
        const { fetch } = globalThis
        options.logger = () => look('logger')
        options.now = () =>
          look.busy
            ? Date.now()
            : ((look.busy = true), look('now'), (look.busy = false), Date.now())
        options.fetch = (...values) => {
          if (!String(values[0].url ?? values[0]).includes('userinfo')) look('fetch')
          return fetch(...values)
        }
        options.storage = {
          get: (key) => (look('store'), sessionStorage.getItem(key)),
          set: (key, value) => (look('store'), sessionStorage.setItem(key, value)),
          delete: (key) => (look('store'), sessionStorage.removeItem(key)),
        }
      },
    })
    await app.visit()
    await app.run(() => {
      for (const type of ['signed-in', 'renewed', 'signed-out', 'warning']) {
        session.on(type, () => back.push(session.signedIn))
      }
    })
    assert.equal((await app.signIn()).value.kind, 'signed-in')
    await app.run(() => session.on('renewed', () => back.push(`renewed ${session.signedIn}`)))
    assert.ok((await app.call('getAccessToken', { forceRenewal: true })).value)
    const options = await app.run(
      (url) =>
        settle(async () => {
          const getters = {
            get headers() {
              return session.signedIn ? { 'x-mine': '1' } : {}
            },
            get method() {
              session.getAccessToken().catch(() => {})
              return 'GET'
            },
          }
          return (await session.fetch(url, getters)).status
        }),
      `${api.origin}/orders`,
    )
    assert.deepEqual(options, { value: 200 })
    assert.deepEqual(await app.call('signOut', { local: true }), { value: undefined })
    const back = await app.run(() => back)
    for (const hook of ['logger', 'now', 'fetch', 'store', 'renewed true']) {
      assert.ok(back.includes(hook), `${hook} of ${[...new Set(back)].join(' ')}`)
    }
  })

  test('r179 a router that listens to navigations may look at the session', async (stage) => {
    const { app } = await stage.open({
      prepare: () => {
        globalThis.guards = []
        navigation.addEventListener('navigate', () => {
          if (!globalThis.session) return
          guards.push(session.signedIn)
          session.getAccessToken().catch(() => {})
        })
        const { replaceState } = history
        history.replaceState = function (...values) {
          replaceState.apply(this, values)
          if (globalThis.session) guards.push(typeof session.claims)
        }
      },
    })
    await app.visit()
    assert.equal((await app.signIn()).value?.kind, 'signed-in')
    assert.deepEqual(await app.run(() => guards), [false, 'object'])
    const arrival = app.arrival()
    await app.run(() => void session.signOut())
    assert.equal((await arrival).value?.kind, 'signed-out')
  })
})

export const listeners = suite('listeners', (test) => {
  test('they hear what they asked for, until they are taken away', async (stage) => {
    const { app } = await stage.open({ trouble: ['mine', 'mine'] })
    await app.visit()
    await app.signIn()
    const heard = await app.run(async () => {
      const heard = []
      const listener = ({ type, expiresAt }) => heard.push([type, typeof expiresAt])
      const off = [session.on('renewed', listener), session.on('renewed', listener)]
      session.on('renewed', () => {
        throw new Error('mine')
      })
      session.on('renewed', () => heard.push('behind the one that throws'))
      await session.getAccessToken({ forceRenewal: true })
      off[0]()
      off[0]()
      await session.getAccessToken({ forceRenewal: true })
      off[1]()
      heard.push(await settle(() => session.on('no-such-event', listener)))
      heard.push(await settle(() => session.on('renewed', 'no function')))
      session.close()
      return heard
    })
    const renewed = ['renewed', 'number']
    const behind = 'behind the one that throws'
    assert.deepEqual(heard.slice(0, 5), [renewed, renewed, behind, renewed, behind])
    const codes = heard.slice(5).map(({ error }) => error.code)
    assert.deepEqual(codes, ['config_invalid', 'config_invalid'])
  })
})

export const end = suite('the end', (test) => {
  test('r180 after close every call is refused, and nothing is known', async (stage) => {
    const { app, api, provider } = await stage.open()
    await app.visit()
    await app.signIn()
    const count = provider.requests.length
    const [codes, known, again] = await app.run(
      async ([names, url]) => {
        session.close()
        session.close()
        session[Symbol.dispose ?? 'close']()
        const codes = []
        for (const name of names) {
          const { error } = await settle(() => session[name](name === 'fetch' ? url : undefined))
          codes.push(error?.code)
        }
        const { signedIn, claims, expiresAt, idToken, scope, sessionExpiresAt } = session
        const again = await open()
        return [
          codes,
          [signedIn, claims, expiresAt, idToken, scope, sessionExpiresAt],
          again.signedIn,
        ]
      },
      [METHODS, `${api.origin}/orders`],
    )
    assert.deepEqual(codes, Array(METHODS.length).fill('closed'))
    assert.deepEqual(known, [false, null, null, null, null, null])
    assert.equal(again, true, 'what is stored is kept')
    assert.equal(provider.requests.length, count)
  })

  test('r180 closed while the callback is under way: the next session has it', async (stage) => {
    const { app, provider } = await stage.open({ byHand: '/callback' })
    await app.visit()
    await app.signIn()
    const defect = provider.setDefects({ path: '/connect/token', kind: 'hold' })
    await app.run(async () => {
      globalThis.session = await open()
      globalThis.outcome = settle(session.handleCallback())
    })
    await defect.reached
    await app.run(() => session.close())
    defect.release()
    const { error } = await app.run(() => outcome)
    assert.equal(error.code, 'closed')
    assert.equal(await app.run(async () => (await open()).signedIn), true)
    assert.equal(provider.count('authorization_code'), 1)
  })

  test('users_a29 r180 a session that is closed leaves no timer behind', async (stage) => {
    const { app, provider } = await stage.open()
    await app.clock.install()
    await app.visit()
    await app.signIn()
    await app.run(() => session.close())
    await app.clock.fastForward('02:00:00')
    assert.equal(provider.count('refresh_token'), 0)
    assert.deepEqual(await app.run(() => events.map(({ type }) => type)), ['signed-in'])
  })
})

export const traps = suite('a trap', (test) => {
  test('r178 a body that is gone: the call says so, the next one works', async (stage) => {
    const { app, site, provider } = await stage.open()
    await app.visit()
    await app.signIn()
    const script = await (await fetch(`${site.origin}/page/main.js`)).text()
    site.wasm = withoutBody(site.wasm, exportOf(script, 'SessionHandle', 'look'))
    await app.reload()
    const token = provider.granted()[0].access_token
    for (let time = 0; time < 2; time++) {
      const { error } = await app.run(() => settle(() => session.signedIn))
      assert.deepEqual(
        [error.code, error.fault, error.retryable],
        ['instance_poisoned', 'internal', true],
      )
      assert.equal((await app.call('userInfo')).value.sub, 'alice')
      assert.deepEqual(await app.call('getAccessToken'), { value: token })
    }
    assert.equal(provider.count(), 1)
  })

  test('r178 in the middle of a call: all that are under way are told, the next works', async (stage) => {
    const { app, provider } = await stage.open({ prepare: trapper, trouble: ['RuntimeError'] })
    await app.visit()
    await app.signIn()
    const before = (await app.stored()).session
    const defect = provider.setDefects({ path: '/connect/userinfo', kind: 'hold' })
    await app.run(() => {
      globalThis.beside = settle(session.userInfo())
    })
    await defect.reached
    await app.run(() => {
      globalThis.trapAt = '.verify('
      globalThis.middle = settle(session.getAccessToken({ forceRenewal: true }))
    })
    await app.until(() => trapped === 1)
    const next = await app.call('getAccessToken', { minLifetime: 1 })
    assert.ok(next.value || next.error.code === 'instance_poisoned', JSON.stringify(next))
    for (const { error } of await app.run(() => Promise.all([middle, beside]))) {
      assert.deepEqual([error.code, error.retryable], ['instance_poisoned', true])
    }
    defect.release()
    provider.setDefects()
    const { session } = await app.stored()
    assert.deepEqual(Object.keys(session), Object.keys(before), 'no half of a record')
    assert.deepEqual(await app.call('getAccessToken'), {
      value: provider.granted()[0].access_token,
    })
    await app.until(() => globalThis.session.claims?.sub === 'alice')
    assert.equal(await app.run(() => instances), 2)
  })

  test('r178 in the callback: nothing is kept, the next sign-in works', async (stage) => {
    const { app, provider } = await stage.open({
      byHand: '/callback',
      prepare: trapper,
      trouble: ['RuntimeError'],
    })
    await app.visit()
    await app.signIn()
    await app.run(async () => {
      globalThis.session = await open()
      globalThis.trapAt = '.verify('
      globalThis.outcome = settle(session.handleCallback())
    })
    await app.until(() => trapped === 1)
    const next = await app.call('getAccessToken', { minLifetime: 1 })
    assert.ok(['instance_poisoned', 'login_required'].includes(next.error.code))
    assert.equal((await app.run(() => outcome)).error.code, 'instance_poisoned')
    const { session } = await app.stored()
    assert.ok(!Object.keys(session).some((key) => key.includes('.tokens.')))
    assert.equal(provider.count(), 1)
    await app.signIn()
    assert.equal((await app.arriveAt()).value.kind, 'signed-in')
  })

  test('r178 after a trap the session knows what the store knows', async (stage) => {
    const { app, provider } = await stage.open({ prepare: trapper })
    await app.visit()
    await app.signIn()
    const { error } = await app.run(() => {
      globalThis.trapAt = 'Object.keys('
      return settle(session.getAccessToken({ minLifetime: 1 }))
    })
    assert.equal(error.code, 'instance_poisoned')
    // A page that only looks, as it draws itself anew.
    await app.until(() => session.signedIn)
    assert.equal(await app.run(() => session.claims.sub), 'alice')
    assert.equal((await app.call('getAccessToken')).value, provider.granted()[0].access_token)
  })

  test('r178 a call under way is told by itself, without another call', async (stage) => {
    const { app } = await stage.open({ prepare: trapper, trouble: ['RuntimeError'] })
    await app.visit()
    await app.signIn()
    await app.run(() => {
      globalThis.trapAt = '.verify('
      globalThis.outcome = 'nothing'
      settle(session.getAccessToken({ forceRenewal: true })).then((end) => {
        globalThis.outcome = end.error?.code
      })
    })
    await app.until(() => outcome !== 'nothing')
    assert.deepEqual(await app.run(() => [trapped, outcome]), [1, 'instance_poisoned'])
  })

  test('r178 what a client holds and does in a wasm of its own goes on', async (stage) => {
    const { app } = await stage.open({ prepare: trapper })
    await app.visit()
    await app.signIn()
    const told = await app.run(async () => {
      let asked = 0
      let release
      const held = new Promise((resolve) => (release = resolve))
      const client = await grantkit.createTokenClient({
        issuer: 'https://as.example',
        metadata: { token_endpoint: 'https://as.example/token' },
        clientId: 'machine',
        async fetch() {
          const access_token = `token-${++asked}`
          if (asked > 1) await held
          return Response.json({ access_token, token_type: 'Bearer', expires_in: 600 })
        },
      })
      const first = await client.getAccessToken()
      const beside = settle(client.clientCredentials())
      globalThis.trapAt = 'Object.keys('
      const { error } = await settle(session.getAccessToken({ minLifetime: 1 }))
      release()
      const { value } = await beside
      return [first, error?.code, value?.access_token, await client.getAccessToken(), asked]
    })
    assert.deepEqual(told, ['token-1', 'instance_poisoned', 'token-2', 'token-1', 2])
    assert.deepEqual(await app.run(() => [session.signedIn, trapped]), [false, 1])
    await app.until(() => session.signedIn)
    assert.equal(await app.run(() => instances), 3, 'two, and the one after the trap')
  })

  test('r178 while a call is taken apart: it is told, the next one works', async (stage) => {
    const { app, provider } = await stage.open({ prepare: trapper })
    await app.visit()
    await app.signIn()
    const token = provider.granted()[0].access_token
    for (const at of ['Object.keys(', 'Reflect.get(']) {
      const { error } = await app.run((at) => {
        globalThis.trapAt = at
        return settle(() => session.getAccessToken({ minLifetime: 1 }))
      }, at)
      assert.equal(error?.code, 'instance_poisoned', at)
      assert.deepEqual(await app.call('getAccessToken', { minLifetime: 1 }), { value: token })
    }
    assert.equal(await app.run(() => trapped), 2)
  })
})
