// createSession where there is no page: a session that is signed out.

import { createSession } from 'grantkit'

import { equal, ok, refused } from './check.mjs'

const options = (stage, more) => ({
  issuer: stage.issuer,
  clientId: 'spa',
  redirectUri: stage.callback,
  scope: 'openid api offline_access',
  allowedUrls: [`${stage.serverUrl}/api/`],
  ...more,
})

export const cases = {
  async 'users_a15 without a page a session is signed out'(stage) {
    const session = await createSession(options(stage))
    const { signedIn, claims, expiresAt, sessionExpiresAt, idToken, scope } = session
    equal(signedIn, false)
    equal([claims, expiresAt, sessionExpiresAt, idToken, scope], [null, null, null, null, null])
    equal(await session.handleCallback(), { kind: 'none' })
    const elsewhere = 'https://app.example/other?code=x&state=y'
    equal((await session.handleCallback(elsewhere)).kind, 'none')
    await refused(session.getAccessToken(), 'login_required', { loginRequired: true })
    await refused(session.fetch(`${stage.serverUrl}/api/x`), 'login_required')
    await refused(session.userInfo(), 'login_required')
    await refused(session.signIn(), 'unsupported', { fault: 'caller' })
    await refused(session.handleCallback(`${stage.callback}?code=x&state=y`), 'state_unknown')
    equal(await stage.provider.count(), 0)
    equal(await stage.server.count(), 0)
    session.close()
  },

  async 'r065 a session has no secret, and its options are checked'(stage) {
    for (const [detail, more] of [
      ['clientSecret', { clientSecret: 'x' }],
      ['redirectUri', { redirectUri: '/callback' }],
      ['redirectUri', { redirectUri: undefined }],
      ['storage', { storage: 'cookie' }],
      ['scopes', { scopes: 'x' }],
      ['clientId', { clientId: '' }],
    ]) {
      const made = createSession(options(stage, more))
      await refused(made, 'config_invalid', { detail }, JSON.stringify(more))
    }
    await refused(createSession(), 'config_invalid')
  },

  async 'law 11 nothing is renewed behind an answer in a page: no waitUntil'(stage) {
    const session = await createSession(options(stage))
    const wrong = { waitUntil() {} }
    for (const call of [
      () => session.fetch(`${stage.serverUrl}/api/x`, {}, wrong),
      () => session.getAccessToken(wrong),
    ])
      await refused(call(), 'config_invalid', { detail: 'waitUntil' })
    session.close()
  },

  async 'r180 after close every call of a session is refused'(stage) {
    const session = await createSession(options(stage))
    session.close()
    for (const name of [
      'signIn',
      'handleCallback',
      'getAccessToken',
      'fetch',
      'userInfo',
      'signOut',
    ]) {
      await refused(session[name]('x'), 'closed', {}, name)
    }
    equal([session.signedIn, session.claims, session.idToken], [false, null, null])
    session.close()
    session[Symbol.dispose ?? Symbol.for('Symbol.dispose')]()
  },

  async 'r175 nothing shows of a session'(stage) {
    const session = await createSession(options(stage))
    equal(
      [JSON.stringify(session), `${session}`, Object.keys(session)],
      ['"[redacted]"', '[redacted]', []],
    )
    ok(typeof session.on('warning', () => {}) === 'function', 'no way to stop listening')
    session.close()
  },
}
