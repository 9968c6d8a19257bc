// The Back-Channel Logout plan: the person signs out at the provider, which tells the RP by a token. The RP
// answers 200 and forgets the session, or 400 and keeps it.

import assert from 'node:assert/strict'
import http from 'node:http'

import { listen, readAll, stop } from '../../support/provider/front.mjs'

/** An RP with sessions by `sid`, and an address at which it is told that one is over. */
async function listening(rp) {
  const sessions = new Map()
  const troubles = []
  let client
  const server = http.createServer(async (req, res) => {
    const form = new URLSearchParams((await readAll(req)).toString('utf8'))
    let status = 200
    try {
      const { sid } = await client.validateLogoutToken(form.get('logout_token'))
      sessions.delete(sid)
    } catch (error) {
      troubles.push(error)
      status = error.status ?? 500
    }
    res.writeHead(status, { 'cache-control': 'no-store' }).end()
  })
  await listen(server, 0)
  rp.cleanup(() => stop(server))
  return {
    uri: `http://127.0.0.1:${server.address().port}/logout`,
    serve: (made) => void (client = made),
    sessions,
    troubles,
  }
}

/** Signs in, signs out, and answers what the RP made of the token. */
async function signedOut(rp, flow) {
  const place = await listening(rp)
  const parts = await rp.start(
    { ...flow, client: { backchannelLogoutUri: place.uri } },
    // As it is registered for id_tokens, so it is for logout tokens.
    { idTokenAlgorithms: ['RS256'] },
  )
  place.serve(parts.client)
  const signedIn = await rp.signIn(parts)
  place.sessions.set(signedIn.tokens.claims.sid, signedIn.tokens.claims.sub)
  const back = await rp.leave(parts, signedIn, 'of the RP')
  assert.equal(new URL(back).searchParams.get('state'), 'of the RP')
  return { ...parts, ...place }
}

const refuses = (flow, detail) => async (rp) => {
  const { provider, sessions, troubles } = await signedOut(rp, flow)
  assert.deepEqual(provider.op.logouts, [400])
  assert.equal(sessions.size, 1, 'the session goes on')
  const [error, ...more] = troubles
  assert.deepEqual([error.code, error.detail, more], ['token_invalid', detail, []])
}

const claims = (logoutToken, detail) => refuses({ logoutToken }, detail)

export const logout = {
  async 'oidcc-client-test-rp-backchannel-rpinitlogout'(rp) {
    const { provider, sessions, troubles } = await signedOut(rp)
    assert.deepEqual(troubles, [])
    assert.deepEqual(provider.op.logouts, [200])
    assert.equal(sessions.size, 0)
  },

  'oidcc-client-test-rp-backchannel-rpinitlogout-alg-none': refuses(
    { logoutTokenBy: { alg: 'none' } },
    'alg',
  ),
  'oidcc-client-test-rp-backchannel-rpinitlogout-wrong-alg': refuses(
    { logoutTokenBy: { alg: 'ES256' } },
    'alg',
  ),
  'oidcc-client-test-rp-backchannel-rpinitlogout-no-event': claims(
    (token) => void delete token.events,
    'events',
  ),
  'oidcc-client-test-rp-backchannel-rpinitlogout-wrong-event': claims(
    (token) => void (token.events = { 'http://schemas.openid.net/event/foobar': {} }),
    'events',
  ),
  'oidcc-client-test-rp-backchannel-rpinitlogout-with-nonce': claims(
    (token) => void (token.nonce = 'logout_tokens_must_not_contain_a_nonce'),
    'nonce',
  ),
  'oidcc-client-test-rp-backchannel-rpinitlogout-wrong-aud': claims(
    (token) => void (token.aud += 'INVALID'),
    'aud',
  ),
  'oidcc-client-test-rp-backchannel-rpinitlogout-wrong-iss': claims(
    (token) => void (token.iss += 'INVALID'),
    'iss',
  ),
}
