// What a token endpoint, or whatever stands in its place, can answer at the end of a sign-in.
import assert from 'node:assert/strict'
import { gzipSync } from 'node:zlib'
import { suite } from '../suite.mjs'

const TOKEN = '/connect/token'

async function assertNothingKept(app) {
  const { session, local } = await app.stored()
  const names = [...Object.keys(session), ...Object.keys(local)]
  assert.deepEqual(
    names.filter((name) => name.includes('.tokens.')),
    [],
  )
  assert.equal(await app.run(() => session.signedIn), false)
}

async function* endless(size = Infinity) {
  const chunk = Buffer.alloc(64 * 1024, ' ')
  for (let sent = 0; sent < size; sent += chunk.length) yield chunk
}

export const failedAnswers = suite('an answer of the token endpoint that is no success', (test) => {
  /** Each row: a defect, the error's code, and more of its fields. */
  const refused = (name, rows) =>
    test(name, async (stage) => {
      const { app, provider } = await stage.open()
      await app.visit()
      for (const [defect, code, fields = {}] of rows) {
        provider.setDefects({ path: TOKEN, ...defect })
        const { error, url } = await app.signIn()
        const label = JSON.stringify(defect).slice(0, 200)
        assert.equal(error?.code, code, label)
        for (const [name, value] of Object.entries(fields)) {
          assert.equal(error[name], value, `${name} of ${label}`)
        }
        assert.equal(url, '/callback')
        await assertNothingKept(app)
      }
      assert.equal(provider.count(), rows.length, 'each code was sent once')
      provider.setDefects()
      assert.equal((await app.signIn()).value.kind, 'signed-in', 'and a sign-in works')
    })

  const json = (json, status) => ({ kind: 'json', json, status })
  const text = (body, headers = { 'content-type': 'application/json' }) => ({
    kind: 'bytes',
    body,
    headers,
  })
  const ok = (changes) => ({ kind: 'mutate', mutate: (json) => ({ ...json, ...changes }) })
  const invalid = (changes) => [
    ok(changes),
    'token_response_invalid',
    { detail: Object.keys(changes)[0], fault: 'response' },
  ]

  refused('r010 r011 r012 r076 it is not JSON, or not 200', [
    [{ kind: 'html' }, 'response_content_type', { status: 200, fault: 'response' }],
    [{ kind: 'html', status: 400 }, 'response_not_json', { status: 400 }],
    [{ kind: 'html', status: 502 }, 'response_status', { status: 502, retryable: true }],
    [{ kind: 'empty' }, 'response_not_json'],
    [{ kind: 'content-type', type: 'text/json' }, 'response_content_type'],
    [{ kind: 'half' }, 'network_error'],
    [text('[]'), 'response_not_json'],
    [text('{"access_token":"a","access_token":"b","token_type":"Bearer"}'), 'response_not_json'],
    [text('{"access_token":"a"} x'), 'response_not_json'],
    [text(Buffer.from('{"access_token":"\xff"}', 'latin1')), 'response_not_json'],
    [text('['.repeat(100_000)), 'response_not_json'],
    [{ kind: 'status', status: 204 }, 'response_status', { status: 204 }],
    [json({ access_token: 'a', token_type: 'Bearer' }, 201), 'response_status', { status: 201 }],
    [json({ access_token: 'a', token_type: 'Bearer' }, 400), 'response_status', { status: 400 }],
  ])

  refused('r012 r076 it refuses', [
    [
      json({ error: 'invalid_grant', error_description: 'no <b>such</b> code' }, 400),
      'token_error',
      { error: 'invalid_grant', status: 400, loginRequired: true, fault: 'server' },
    ],
    [json({ error: 'invalid_grant' }, 200), 'token_error', { status: 200 }],
    [json({ error: 'temporarily_unavailable' }, 400), 'token_error', { retryable: true }],
    [json({ error: { code: 1 } }, 400), 'response_not_json'],
    [
      { kind: 'status', status: 503, headers: { 'retry-after': '7' } },
      'response_status',
      { retryAfter: 7, retryable: true },
    ],
    [{ kind: 'status', status: 429 }, 'response_status', { retryable: true }],
  ])

  refused('r071 r072 r073 r074 r075 it does not hold what it must', [
    invalid({ access_token: undefined }),
    invalid({ access_token: '' }),
    invalid({ access_token: 7 }),
    invalid({ access_token: 'a\r\nX-Injected: 1' }),
    invalid({ access_token: 'é' }),
    invalid({ token_type: undefined }),
    invalid({ token_type: ['Bearer'] }),
    [ok({ token_type: 'mac' }), 'token_type_unsupported'],
    [ok({ token_type: 'DPoP' }), 'token_binding_downgrade'],
    ...[-1, 1.5, '3600', null, true, [], 1e20, 2 ** 31].map((value) =>
      invalid({ expires_in: value }),
    ),
    invalid({ refresh_token: '' }),
    invalid({ scope: ['api'] }),
  ])

  refused('r009 it is too large, whatever it says of itself', [
    [text(endless()), 'response_too_large', { fault: 'response' }],
    [text(`{"access_token":"a","more":"${'x'.repeat(128 * 1024)}"}`), 'response_too_large'],
    [
      text(gzipSync(Buffer.alloc(20_000_000, ' ')), {
        'content-type': 'application/json',
        'content-encoding': 'gzip',
      }),
      'response_too_large',
    ],
  ])

  refused('r007 it has no CORS headers', [
    [{ kind: 'html', cors: false }, 'network_error', { retryable: true, fault: 'network' }],
  ])

  test('r006 it leads elsewhere: nobody follows', async (stage) => {
    const { app, provider } = await stage.open()
    const evil = await stage.api()
    await app.visit()
    for (const status of [301, 302, 303, 307, 308]) {
      for (const location of [`${evil.origin}/token`, `${provider.issuer}/connect/userinfo`]) {
        provider.setDefects({ path: TOKEN, kind: 'redirect', status, location })
        const { error } = await app.signIn()
        assert.deepEqual([error.code, error.fault], ['redirect_refused', 'server'], `${status}`)
      }
    }
    await assertNothingKept(app)
    assert.deepEqual(evil.requests, [])
    assert.ok(!provider.requests.some(({ path }) => path === '/connect/userinfo'))
  })

  test('r008 it never ends: the call does', async (stage) => {
    const { app, provider } = await stage.open({
      session: { timeout: 2500 },
      prepare: () => {
        const { fetch } = globalThis
        globalThis.fetch = async (...values) => {
          const answer = await fetch(...values)
          tell({ answered: new URL(answer.url).pathname })
          return answer
        }
      },
    })
    await app.clock.install()
    await app.visit()
    for (const [kind, begun] of [
      ['hold', (defect) => defect.reached],
      // The head is there, and half of the body.
      ['stall', () => app.next('answered', (path) => path === TOKEN)],
    ]) {
      const defect = provider.setDefects({ path: TOKEN, kind })
      const arrival = app.signIn()
      await begun(defect)
      await app.clock.fastForward(2500)
      const { error } = await arrival
      assert.deepEqual([error.code, error.retryable], ['timeout', true], kind)
      await assertNothingKept(app)
    }
    provider.setDefects()
    assert.equal((await app.signIn()).value.kind, 'signed-in')
  })

  test('r008 its caller gives up: nothing is kept', async (stage) => {
    const { app, provider } = await stage.open({ byHand: '/callback' })
    await app.visit()
    await app.signIn()
    const defect = provider.setDefects({ path: TOKEN, kind: 'hold' })
    await app.run(async () => {
      globalThis.session = await open()
      globalThis.controller = new AbortController()
      const { signal } = controller
      globalThis.outcome = settle(session.handleCallback(undefined, { signal }))
    })
    await defect.reached
    const { error } = await app.run(() => (controller.abort(), outcome))
    assert.equal(error.code, 'aborted')
    await assertNothingKept(app)
  })
})

export const goodAnswers = suite('an answer of the token endpoint that is a success', (test) => {
  test('r013 r071 r072 unknown and strange members do no harm', async (stage) => {
    const { app, provider } = await stage.open()
    await app.visit()
    provider.setDefects({
      path: TOKEN,
      kind: 'mutate',
      mutate: (json, reply) => {
        const more = Object.fromEntries(Array.from({ length: 20 }, (_, i) => [`member_${i}`, i]))
        reply.headers['content-type'] = 'Application/JSON; charset=UTF-8'
        const strange = '{"__proto__":{"polluted":1},"constructor":{"prototype":1},"toString":"x"}'
        return { ...json, ...more, ...JSON.parse(strange), token_type: 'bEARER' }
      },
    })
    assert.equal((await app.signIn()).value.kind, 'signed-in')
    assert.equal(await app.run(() => ({}).polluted), undefined)
  })

  test('r074 the longest life makes no timer overflow', async (stage) => {
    const { app, provider } = await stage.open({
      prepare: () => {
        globalThis.delays = []
        const { setTimeout } = globalThis
        globalThis.setTimeout = (work, delay, ...rest) => {
          delays.push(delay)
          return setTimeout(work, delay, ...rest)
        }
      },
    })
    await app.visit()
    provider.setDefects({
      path: TOKEN,
      kind: 'mutate',
      mutate: (json) => ({ ...json, expires_in: 2 ** 31 - 1 }),
    })
    assert.equal((await app.signIn()).value.kind, 'signed-in')
    const delays = await app.run(() => delays)
    assert.ok(
      delays.every((delay) => delay >= 0 && delay <= 2 ** 31 - 1),
      String(delays),
    )
    assert.ok(delays.includes(2 ** 31 - 1))
    assert.equal(provider.count(), 1)
  })

  test('r072 r074 what is tolerated is asked for by name', async (stage) => {
    const { app, provider } = await stage.open({ session: { lenient: true } })
    await app.visit()
    const mutate = ({ token_type: type, ...json }) => ({ ...json, expires_in: '600' })
    provider.setDefects({ path: TOKEN, kind: 'mutate', mutate })
    assert.equal((await app.signIn()).value.kind, 'signed-in')
    assert.ok((await app.run(() => session.expiresAt - Date.now())) <= 600_000)
  })

  test('r074 r124 without a life the token is used, and nothing is renewed by a timer', async (stage) => {
    const { app, provider } = await stage.open()
    await app.visit()
    const mutate = ({ expires_in: life, ...json }) => json
    provider.setDefects({ path: TOKEN, kind: 'mutate', mutate })
    assert.equal((await app.signIn()).value.kind, 'signed-in')
    assert.equal(await app.run(() => session.expiresAt), null)
    assert.ok((await app.call('getAccessToken')).value)
    await app.clock.install()
    await app.reload()
    await app.clock.fastForward('02:00')
    assert.ok((await app.call('getAccessToken')).value)
    assert.equal(provider.count(), 1)
  })

  test('r075 the scope that was granted is told', async (stage) => {
    const { app, provider } = await stage.open()
    await app.visit()
    const mutate = (json) => ({ ...json, scope: 'openid api' })
    provider.setDefects({ path: TOKEN, kind: 'mutate', mutate })
    await app.signIn()
    assert.equal(await app.run(() => session.scope), 'openid api')
    await app.reload()
    assert.equal(await app.run(() => session.scope), 'openid api')
  })
})
