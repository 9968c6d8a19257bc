// The plans for refresh tokens and for logout at the RP's wish, for a page: the session proves the renewed
// id_token by itself, and is the one who takes the person back from the provider.

import assert from 'node:assert/strict'

const inRefresh = (change) => ({
  idToken(claims, grant) {
    if (grant === 'refresh_token') change(claims)
  },
})

const SIGNED_IN = ['discovery', 'jwks', 'authorize', 'token']

/** The renewal is refused whole, and nothing is asked with what it brought. */
const refusesRenewal = (change, detail) => ({
  flow: inRefresh(change),
  async run({ app, provider }) {
    const { error } = await app.call('getAccessToken', { forceRenewal: true })
    assert.deepEqual([error.code, error.detail], ['id_token_invalid', detail])
    assert.deepEqual(provider.calls(), [...SIGNED_IN, 'token'])
    const ended = await app.event('signed-out')
    assert.deepEqual([ended.reason, ended.error.code], ['final-error', 'id_token_invalid'])
    assert.equal((await app.call('userInfo')).error.code, 'login_required')
    assert.deepEqual(provider.calls(), [...SIGNED_IN, 'token'])
  },
})

/** Signs out and comes back with what the provider makes of the state. */
const leaves = (flow, stateMatched) => ({
  flow,
  async run({ app, provider }) {
    const arrival = app.arrival()
    await app.run(() => void settle(session.signOut({ returnTo: '/start' })))
    const { value } = await arrival
    // Where to go on is in the record, never in the address: whoever sends a person here does not choose it.
    assert.deepEqual(value, { kind: 'signed-out', stateMatched, returnTo: '/start' })
    assert.equal(await app.run(() => session.signedIn), false)
    assert.equal((await app.call('getAccessToken')).error.code, 'login_required')
    const { session, local } = await app.stored()
    const tokens = [...Object.keys(session), ...Object.keys(local)].filter((key) =>
      key.includes('.tokens.'),
    )
    assert.deepEqual(tokens, [])
    assert.deepEqual(provider.calls(), [...SIGNED_IN, 'end_session'])
    const { query } = provider.requests.at(-1)
    assert.equal(query.get('client_id'), 'page')
  },
})

export const session = {
  'oidcc-client-test-refresh-token': {
    async run({ app, provider }) {
      const { value } = await app.call('getAccessToken', { forceRenewal: true })
      assert.equal((await app.call('userInfo')).value.sub, provider.user.sub)
      assert.deepEqual(provider.calls(), [...SIGNED_IN, 'token', 'userinfo'])
      assert.equal(provider.requests.at(-1).headers.authorization, `Bearer ${value}`)
      // The refresh token was replaced: the next renewal is by the new one.
      assert.ok((await app.call('getAccessToken', { forceRenewal: true })).value)
      const [, one, two] = provider.requests.filter(({ called }) => called === 'token')
      assert.notEqual(one.form.get('refresh_token'), two.form.get('refresh_token'))
    },
  },
  'oidcc-client-test-refresh-token-invalid-issuer': refusesRenewal(
    (claims) => void (claims.iss += '1'),
    'iss',
  ),
  'oidcc-client-test-refresh-token-invalid-sub': refusesRenewal(
    (claims) => void (claims.sub += '1'),
    'sub',
  ),
  'oidcc-client-test-rp-init-logout': leaves({}, true),
  'oidcc-client-test-rp-init-logout-other-state': leaves(
    { leave: ({ state }) => ({ state: `${state}_INVALID` }) },
    false,
  ),
  'oidcc-client-test-rp-init-logout-no-state': leaves({ leave: () => ({}) }, false),
  'oidcc-client-test-rp-frontchannel-rpinitlogout': {
    framed: true,
    async run({ app, provider }) {
      let answer = app.arrival()
      await app.run(() => void settle(session.signOut({ returnTo: '/start' })))
      // In the frame nobody is signed in any more, and in which order both are told is nobody's matter.
      while ((await answer).value.kind === 'none') answer = app.arrival()
      const { value } = await answer
      assert.deepEqual(value, { kind: 'signed-out', stateMatched: true, returnTo: '/start' })
      assert.equal(await app.run(() => session.signedIn), false)
      assert.deepEqual(provider.calls(), [...SIGNED_IN, 'end_session'])
    },
  },
  'oidcc-client-test-rp-frontchannel-opinitlogout': {
    framed: true,
    async run({ app, provider }) {
      const { value } = await app.visit(`${provider.issuer}frames`)
      assert.deepEqual(value, { kind: 'signed-out', stateMatched: true })
      await app.visit()
      assert.equal(await app.run(() => session.signedIn), false)
      assert.deepEqual(provider.calls(), [...SIGNED_IN, 'frames'])
    },
  },
}
