// RFC 9449 in a page: tokens that are of use to this browser alone; and RFC 9470: an API that wants a
// stronger sign-in gets one.
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { compactVerify, decodeProtectedHeader } from 'jose'
import { suite } from '../suite.mjs'

const bound = (stage, { session, ...options } = {}) =>
  stage.open({ session: { dpop: true, ...session }, ...options })

/** A proof whose signature is good by the key in its own header. */
async function proved(request) {
  const header = decodeProtectedHeader(request.headers.dpop)
  const { payload } = await compactVerify(request.headers.dpop, async () =>
    globalThis.crypto.subtle.importKey(
      'jwk',
      header.jwk,
      { name: 'ECDSA', namedCurve: 'P-256' },
      false,
      ['verify'],
    ),
  )
  const { crv, kty, x, y } = header.jwk
  assert.equal(header.jwk.d, undefined)
  const thumbprint = createHash('sha256')
    .update(JSON.stringify({ crv, kty, x, y }))
    .digest('base64url')
  return { ...JSON.parse(Buffer.from(payload)), thumbprint }
}

const order = (app, api, ...more) =>
  app.run(
    (values) => settle(async () => (await session.fetch(...values)).status),
    [`${api.origin}/orders`, ...more],
  )

/** The key that the page keeps, as far as a script can read it. */
const kept = (app) =>
  app.run(async () => {
    const done = (request) =>
      new Promise((resolve, reject) => {
        request.onsuccess = () => resolve(request.result)
        request.onerror = () => reject(request.error)
      })
    const database = await done(indexedDB.open('grantkit.keys'))
    const [pair] = await done(
      database.transaction('grantkit.keys').objectStore('grantkit.keys').getAll(),
    )
    database.close()
    if (!pair) return null
    const read = crypto.subtle.exportKey('jwk', pair.privateKey)
    return { extractable: pair.privateKey.extractable, read: await read.catch(({ name }) => name) }
  })

/** What an authorization request says. */
const authorization = (provider, at) => {
  const { query } = provider
    .received()
    .filter(({ path }) => path === '/connect/authorize')
    .at(at)
  return Object.fromEntries(new URLSearchParams(query))
}

export const tokens = suite('tokens bound to a key', (test) => {
  test('r041 r136 r141 a whole session, at a server that wants nonces', async (stage) => {
    const { app, api, provider } = await bound(stage, { provider: { dpopNonce: true } })
    await app.visit()
    assert.equal(await kept(app), null, 'no key before somebody signs in')
    assert.equal((await app.signIn()).value.kind, 'signed-in')
    assert.deepEqual(await kept(app), { extractable: false, read: 'InvalidAccessError' })
    const [granted] = provider.granted()
    assert.equal(granted.token_type, 'DPoP')

    assert.deepEqual(await order(app, api), { value: 200 })
    const first = await proved(api.requests[0])
    assert.equal(api.requests[0].headers.authorization, `DPoP ${granted.access_token}`)
    assert.deepEqual([first.htm, first.htu], ['GET', `${api.origin}/orders`])
    const hash = createHash('sha256').update(granted.access_token).digest('base64url')
    assert.equal(first.ath, hash)
    assert.equal(authorization(provider, 0).dpop_jkt, first.thumbprint)

    // The next page of this tab goes on with the key, and renews by it.
    await app.reload()
    assert.equal(await app.run(() => session.signedIn), true)
    await app.run(() => session.getAccessToken({ forceRenewal: true }))
    assert.deepEqual(await order(app, api), { value: 200 })
    const second = await proved(api.requests[1])
    assert.equal(second.thumbprint, first.thumbprint)
    assert.notEqual(second.jti, first.jti)
    assert.equal((await app.run(() => session.userInfo())).sub, 'alice')

    // A sign-in under way in another tab may be bound to it.
    await app.run(() => session.signOut({ local: true }))
    assert.deepEqual(await kept(app), { extractable: false, read: 'InvalidAccessError' })
  })

  test('r139 r143 an API that wants a nonce, and one that hides it', async (stage) => {
    const { app, api } = await bound(stage)
    await app.visit()
    await app.signIn()
    const wants = {
      status: 401,
      headers: { 'www-authenticate': 'DPoP error="use_dpop_nonce"', 'dpop-nonce': 'n1' },
    }
    api.answer = async (request) => ((await proved(request)).nonce === 'n1' ? { body: {} } : wants)
    assert.deepEqual(await order(app, api, { method: 'PUT', body: 'twice' }), { value: 200 })
    assert.deepEqual(
      api.requests.map(({ method, body }) => [method, body]),
      [
        ['PUT', 'twice'],
        ['PUT', 'twice'],
      ],
    )
    const hidden = { ...wants.headers, 'access-control-expose-headers': 'www-authenticate' }
    api.answer = () => ({ status: 401, headers: hidden })
    const { error } = await order(app, api)
    assert.deepEqual([error.code, error.detail], ['dpop_nonce_rejected', 'missing'])
  })

  test('r141 where no key can be kept nobody leaves the page', async (stage) => {
    const { app, provider } = await bound(stage, {
      prepare: () => {
        IDBFactory.prototype.open = () => {
          throw new DOMException('no', 'SecurityError')
        }
      },
    })
    await app.visit()
    const { error } = await app.run(() => settle(session.signIn()))
    assert.equal(error.code, 'storage_unavailable')
    assert.ok(!provider.received().some(({ path }) => path === '/connect/authorize'))
  })

  test('r141 two tabs of a session have one key, and the next session has it, too', async (stage) => {
    const { app, api } = await bound(stage, { session: { storage: 'local' } })
    await app.visit()
    await app.signIn()
    const other = await app.tab()
    await other.visit()
    assert.deepEqual(await order(app, api), { value: 200 })
    assert.deepEqual(await order(other, api), { value: 200 })
    const [one, two] = await Promise.all(api.requests.map(proved))
    assert.equal(one.thumbprint, two.thumbprint)
    const over = other.event('signed-out')
    await app.run(() => session.signOut({ local: true }))
    assert.equal((await over).reason, 'other-tab')
    await other.signIn()
    assert.deepEqual(await order(other, api), { value: 200 })
    assert.equal((await proved(api.requests.at(-1))).thumbprint, one.thumbprint)
  })
})

export const stepUp = suite('an API that wants a stronger sign-in', (test) => {
  test('r131 the error has a request that is ready, and after it the call passes', async (stage) => {
    const { app, api, provider } = await stage.open({ session: { scope: 'openid api' } })
    await app.visit()
    await app.signIn()
    const weak = provider.granted()[0].access_token
    api.answer = ({ headers }) =>
      headers.authorization === `Bearer ${weak}`
        ? {
            status: 401,
            headers: {
              'www-authenticate':
                'Bearer error="insufficient_user_authentication", acr_values="urn:strong", max_age=3600, scope="orders"',
            },
          }
        : { body: {} }
    const { error } = await order(app, api)
    assert.equal(error.code, 'step_up_required')
    assert.deepEqual(error.response, { acr_values: 'urn:strong', max_age: 3600, scope: 'orders' })
    const ready = { acrValues: 'urn:strong', maxAge: 3600, scope: 'openid api orders' }
    assert.deepEqual(error.signIn, ready)
    assert.equal(api.requests.length, 1, 'nothing is tried by itself')
    assert.equal(await app.run(() => session.signedIn), true)

    const { value } = await app.signIn(error.signIn)
    assert.equal(value.kind, 'signed-in')
    const { acr_values, max_age, scope } = authorization(provider, -1)
    assert.deepEqual([acr_values, max_age, scope], ['urn:strong', '3600', 'openid api orders'])
    assert.deepEqual(await order(app, api), { value: 200 })
  })
})
