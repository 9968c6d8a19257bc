// An id_token is proved before anything of its answer is kept or shown.
import assert from 'node:assert/strict'
import crypto from 'node:crypto'
import { breakSignature, readJwt } from '../../support/provider.mjs'
import { signJwt } from '../../support/provider/keys.mjs'
import { suite } from '../suite.mjs'

const JWKS = '/.well-known/openid-configuration/jwks'

const encoded = (text) => Buffer.from(text).toString('base64url')

const publicKey = (provider) => {
  const { kty, n, e, kid, alg, use } = provider.keys.find((key) => key.alg === 'RS256')
  return { kty, n, e, kid, alg, use }
}

/** Every later sign-in brings the id_token that `change` makes of the good one. */
function withToken(provider, change, ...more) {
  const seen = []
  const mutate = (json) => {
    seen.push(json.access_token, json.refresh_token, json.id_token)
    json.id_token = change(json.id_token, json)
    if (json.id_token) seen.push(json.id_token)
  }
  provider.setDefects([{ path: '/connect/token', kind: 'mutate', mutate }, ...more])
  return seen
}

async function assertNothingKept(app, secrets) {
  assert.deepEqual(
    await app.run(() => [session.signedIn, session.claims, session.idToken, session.expiresAt]),
    [false, null, null, null],
  )
  assert.equal((await app.call('getAccessToken')).error.code, 'login_required')
  const kept = await app.run(async () => {
    const texts = [sessionStorage, localStorage].flatMap((storage) => Object.values(storage))
    return {
      texts: texts.join('\n'),
      databases: await indexedDB.databases(),
      cookie: document.cookie,
    }
  })
  for (const secret of secrets) {
    if (typeof secret === 'string') assert.ok(!kept.texts.includes(secret))
  }
  assert.deepEqual([kept.databases, kept.cookie], [[], ''])
}

export const refusedTokens = suite('an id_token that is not in order', (test) => {
  /** Each row: what becomes of the good token, the error's code and detail, and what was asked for. */
  const refused = (name, rows, { fetches = 0, defects = [] } = {}) =>
    test(name, async (stage) => {
      const { app, provider } = await stage.open()
      await app.visit()
      // Once, for the form; later sign-ins need none.
      provider.setDefects({ path: '/connect/token', times: 1, kind: 'html' })
      assert.equal((await app.signIn()).error.code, 'response_content_type')
      const keySets = () => provider.requests.filter(({ path }) => path === JWKS).length
      const before = keySets()
      for (const [label, change, code, detail, ask] of rows) {
        const changed = (token, json) => change(token, provider, json)
        const secrets = withToken(provider, changed, ...defects)
        const { error, url } = await app.signIn(ask)
        assert.ok(error, `refused: ${label}`)
        assert.deepEqual([error.code, error.detail], [code, detail], label)
        assert.equal(error.fault, 'response', label)
        assert.equal(url, '/callback')
        await assertNothingKept(app, secrets)
      }
      assert.equal(keySets() - before, fetches, 'requests for the key set')
      provider.setDefects()
      assert.equal((await app.signIn()).value.kind, 'signed-in', 'and a sign-in works')
    })

  const invalid = (label, change, detail, ask) => [label, change, 'id_token_invalid', detail, ask]
  const claims = (changes) => (token, provider) => provider.resign(token, changes)
  const header = (headerChanges) => (token, provider) =>
    provider.resign(token, {}, { headerChanges })
  const now = () => Math.floor(Date.now() / 1000)

  refused('users_a09 r090 r104 its signature must be good', [
    invalid('every byte changed', breakSignature, 'signature'),
    invalid(
      'truncated',
      (token) => {
        const [head, body, value] = token.split('.')
        const half = Buffer.from(value, 'base64url').subarray(0, 128)
        return [head, body, half.toString('base64url')].join('.')
      },
      'signature',
    ),
    invalid('empty', (token) => token.slice(0, token.lastIndexOf('.') + 1), 'signature'),
    invalid(
      'of another token',
      (token, provider) => {
        const [head, body] = provider.resign(token, { sub: 'bob' }).split('.')
        return [head, body, token.split('.')[2]].join('.')
      },
      'signature',
    ),
    invalid(
      "by an attacker's key of the same name",
      (token, provider) => {
        const { privateKey } = crypto.generateKeyPairSync('rsa', { modulusLength: 2048 })
        const jwk = privateKey.export({ format: 'jwk' })
        return provider.resign(token, { sub: 'bob' }, { keyChanges: { jwk } })
      },
      'signature',
    ),
  ])

  refused('users_a09 r084 r085 r086 its algorithm is not chosen by the token', [
    ...['none', 'None', 'NoNe', 'nOnE', undefined, 'RS256 ', 'rs256', 'HS256'].map((alg) =>
      invalid(
        `alg ${alg}, unsigned`,
        (token, provider) => provider.resign(token, {}, { alg: 'none', headerChanges: { alg } }),
        'alg',
      ),
    ),
    invalid('alg none, signed', header({ alg: 'none' }), 'alg'),
    ...['PEM', 'DER', 'JWK', 'modulus'].map((rendering) =>
      invalid(
        `HS256 keyed with the public key as ${rendering}`,
        (token, provider) => {
          const jwk = publicKey(provider)
          const key = crypto.createPublicKey({ key: jwk, format: 'jwk' })
          const secret = {
            PEM: () => key.export({ type: 'spki', format: 'pem' }),
            DER: () => key.export({ type: 'spki', format: 'der' }),
            JWK: () => JSON.stringify(jwk),
            modulus: () => Buffer.from(jwk.n, 'base64url'),
          }[rendering]()
          const headerChanges = { kid: jwk.kid }
          return provider.resign(token, {}, { alg: 'HS256', headerChanges, keyChanges: { secret } })
        },
        'alg',
      ),
    ),
  ])

  refused(
    'r088 r106 r107 its key is one of the server; an unknown one is looked for once',
    [
      ['an unknown kid', header({ kid: 'unknown' }), 'jwks_key_not_found', undefined],
      [
        'a key in the header',
        (token) => {
          const { privateKey } = crypto.generateKeyPairSync('rsa', { modulusLength: 2048 })
          const { kty, n, e, ...rest } = privateKey.export({ format: 'jwk' })
          const { header, payload } = readJwt(token)
          const jwk = { kty, n, e }
          const jku = 'https://evil.example/jwks'
          const lying = { ...header, kid: jku, jku, x5u: jku, jwk }
          return signJwt(payload, { alg: 'RS256', header: lying, jwk: { ...jwk, ...rest } })
        },
        'jwks_key_not_found',
        undefined,
      ],
      [
        'a key for another algorithm',
        (token, provider) => {
          const kid = provider.keys.find((key) => key.alg === 'PS256').kid
          return provider.resign(token, {}, { headerChanges: { kid } })
        },
        'jwks_key_not_found',
        undefined,
      ],
    ],
    { fetches: 3 },
  )

  refused('r082 r083 r087 r089 its form is that of an id_token', [
    invalid('five parts', (token) => `${token}.a.b`, 'format'),
    invalid('two parts', (token) => token.split('.').slice(0, 2).join('.'), 'malformed'),
    invalid('padding', (token) => `${token}=`, 'malformed'),
    invalid('white space', (token) => `${token}\n`, 'malformed'),
    invalid('too large', (token) => `${token}${'A'.repeat(66_000)}`, 'too_large'),
    invalid('crit', header({ crit: ['exp'] }), 'crit'),
    invalid('crit that is empty', header({ crit: [] }), 'crit'),
    invalid('an access token', header({ typ: 'at+jwt' }), 'typ'),
    invalid('a logout token', header({ typ: 'logout+jwt' }), 'typ'),
    invalid(
      'a subject that stands twice',
      (token, provider) => {
        const text = JSON.stringify(readJwt(token).payload)
        return provider.sign(encoded(`{"sub":"bob",${text.slice(1)}`))
      },
      'malformed',
    ),
    ['missing', () => undefined, 'id_token_missing', undefined],
    ['a number', () => 7, 'token_response_invalid', 'id_token'],
    ['empty', () => '', 'token_response_invalid', 'id_token'],
  ])

  refused('users_a09 r091 r092 r093 r098 it is from that issuer, for this client, about somebody', [
    invalid(
      'iss + 1',
      (token, provider) => provider.resign(token, { iss: `${provider.issuer}1` }),
      'iss',
    ),
    invalid(
      'iss + /',
      (token, provider) => provider.resign(token, { iss: `${provider.issuer}/` }),
      'iss',
    ),
    invalid('no iss', claims({ iss: undefined }), 'iss'),
    invalid('aud of another', claims({ aud: 'spa1' }), 'aud'),
    invalid('aud in capitals', claims({ aud: 'SPA' }), 'aud'),
    invalid('no aud', claims({ aud: undefined }), 'aud'),
    invalid('aud of nobody', claims({ aud: [] }), 'aud'),
    invalid('aud of another, too', claims({ aud: ['spa', 'evil'] }), 'aud'),
    invalid('azp of another', claims({ azp: 'evil' }), 'azp'),
    invalid('no sub', claims({ sub: undefined }), 'sub'),
    invalid('sub that is a list', claims({ sub: ['alice'] }), 'sub'),
    invalid('sub that is too long', claims({ sub: 'a'.repeat(256) }), 'sub'),
  ])

  refused('users_a09 r094 r095 r096 r097 r099 r100 it is fresh and belongs to this answer', [
    invalid('no nonce', claims({ nonce: undefined }), 'nonce'),
    invalid('another nonce', claims({ nonce: 'replayed' }), 'nonce'),
    invalid(
      'a list of nonces',
      (token, provider) =>
        provider.resign(token, ({ nonce, ...rest }) => ({ ...rest, nonce: [nonce] })),
      'nonce',
    ),
    invalid('expired', (token, provider) => provider.resign(token, { exp: now() - 360 }), 'exp'),
    invalid(
      'exp in a string',
      (token, provider) => provider.resign(token, { exp: String(now() + 600) }),
      'exp',
    ),
    invalid('no exp', claims({ exp: undefined }), 'exp'),
    invalid('no iat', claims({ iat: undefined }), 'iat'),
    invalid(
      'a week old',
      (token, provider) => provider.resign(token, { iat: now() - 7 * 86_400 }),
      'clock',
    ),
    invalid(
      'not yet valid',
      (token, provider) => provider.resign(token, { nbf: now() + 600 }),
      'nbf',
    ),
    invalid('at_hash of another', claims({ at_hash: 'AAAAAAAAAAAAAAAAAAAAAA' }), 'at_hash'),
    invalid('c_hash of another', claims({ c_hash: 'AAAAAAAAAAAAAAAAAAAAAA' }), 'c_hash'),
  ])

  const silver = { id_token: { acr: { essential: true, values: ['urn:example:silver'] } } }
  refused(
    'r101 r102 it says what was asked for',
    [
      invalid('no auth_time', claims({ auth_time: undefined }), 'auth_time', { maxAge: 600 }),
      invalid(
        'auth_time of old',
        (token, provider) => provider.resign(token, { auth_time: now() - 700 }),
        'auth_time',
        { maxAge: 600 },
      ),
      invalid('a lower acr', claims({ acr: 'urn:example:bronze' }), 'acr', { claims: silver }),
      invalid('no acr', claims({ acr: undefined }), 'acr', { claims: silver }),
    ],
    {
      // The provider would ask again and again for what it cannot give.
      defects: [
        {
          path: '/connect/authorize',
          kind: 'rewrite',
          rewrite: (url) => url.searchParams.delete('claims'),
        },
      ],
    },
  )
})

export const acceptedTokens = suite('an id_token that is in order', (test) => {
  for (const alg of ['PS256', 'ES256', 'EdDSA']) {
    test(`r084 r090 ${alg} is accepted, and checked`, async (stage) => {
      const clientId = `spa-${alg.toLowerCase()}`
      const { app, provider } = await stage.open({ session: { clientId } })
      await app.visit()
      withToken(provider, breakSignature)
      const { error } = await app.signIn()
      assert.deepEqual([error.code, error.detail], ['id_token_invalid', 'signature'])
      provider.setDefects()
      assert.equal((await app.signIn()).value.kind, 'signed-in')
      const token = await app.run(() => session.idToken)
      assert.equal(readJwt(token).header.alg, alg)
      if (alg !== 'EdDSA') return
      withToken(provider, (token) => provider.resign(token, {}, { alg: 'Ed25519' }))
      assert.equal((await app.signIn()).value.kind, 'signed-in')
      assert.equal(readJwt(await app.run(() => session.idToken)).header.alg, 'Ed25519')
    })
  }

  test('r013 r103 strange claims are plain data', async (stage) => {
    const { app, provider } = await stage.open()
    await app.visit()
    withToken(provider, (token) => {
      const text = JSON.stringify(readJwt(token).payload)
      const strange = '"__proto__":{"polluted":1},"constructor":"c","toString":[1],"exotic":1.5e3'
      return provider.sign(encoded(`${text.slice(0, -1)},${strange}}`))
    })
    const arrival = await app.signIn()
    assert.equal(arrival.value?.kind, 'signed-in', JSON.stringify(arrival))
    const read = () =>
      app.run(() => {
        const { claims } = session
        const { __proto__, constructor, toString, exotic } = claims
        return { __proto: __proto__, constructor, toString, exotic, polluted: {}.polluted ?? null }
      })
    const strange = { __proto: { polluted: 1 }, constructor: 'c', toString: [1], exotic: 1500 }
    assert.deepEqual(await read(), { ...strange, polluted: null })
    await app.reload()
    assert.deepEqual(await read(), { ...strange, polluted: null }, 'after a reload, too')
  })

  test('r092 r093 an audience that is trusted may stand beside ours', async (stage) => {
    const { app, provider } = await stage.open({ session: { trustedAudiences: ['api'] } })
    await app.visit()
    withToken(provider, (token) => provider.resign(token, { aud: ['api', 'spa'], azp: 'spa' }))
    assert.equal((await app.signIn()).value.kind, 'signed-in')
    withToken(provider, (token) => provider.resign(token, { aud: ['api', 'spa'] }))
    assert.equal((await app.signIn()).error.detail, 'azp')
  })

  test('r107 keys that changed while the person was away are fetched anew', async (stage) => {
    const { app, provider } = await stage.open({ byHand: '/callback' })
    await app.visit()
    await app.signIn()
    await provider.rotateKeys()
    const before = provider.requests.length
    assert.equal((await app.arriveAt()).value.kind, 'signed-in')
    const paths = provider.requests.slice(before).map(({ path }) => path)
    assert.deepEqual(paths, ['/connect/token', JWKS])
  })

  test('r107 r112 unknown keys of renewals are looked for once a minute', async (stage) => {
    const { app, provider } = await stage.open()
    await app.visit()
    await app.signIn()
    withToken(provider, (token) => provider.resign(token, {}, { headerChanges: { kid: 'new' } }))
    const before = provider.requests.length
    for (let time = 0; time < 3; time++) {
      const { error } = await app.call('getAccessToken', { forceRenewal: true })
      assert.equal(error.code, 'jwks_key_not_found')
    }
    const paths = provider.requests.slice(before).map(({ path }) => path)
    assert.equal(paths.filter((path) => path === JWKS).length, 1)
  })

  test('r107 a key set that cannot be fetched ends the sign-in, not the page', async (stage) => {
    const { app, provider } = await stage.open({ byHand: '/callback' })
    await app.visit()
    await app.signIn()
    await provider.rotateKeys()
    provider.setDefects({ path: JWKS, kind: 'status', status: 503 })
    const { error } = await app.arriveAt()
    assert.deepEqual([error.code, error.retryable], ['response_status', true])
    await assertNothingKept(app, [])
    provider.setDefects()
    await app.signIn()
    assert.equal((await app.arriveAt()).value.kind, 'signed-in')
  })
})
