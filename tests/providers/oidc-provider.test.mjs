// The package against oidc-provider, which is certified and does nearly everything: what its answers
// have of their own, and how it takes a refresh token that is used again.

import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'

import { createPerson } from '../support/person.mjs'
import { RESOURCE, SECRET, startProvider } from '../support/provider.mjs'
import { CALLBACK, claimsOf, createTokenClient, refused, signedIn as comeBack } from './client.mjs'

const oidc = (name, run) => test(`oidc-provider: ${name}`, run)

let provider
before(async () => {
  provider = await startProvider({ redirectUris: [CALLBACK] })
})
after(async () => {
  await provider?.close()
  assert.deepEqual(provider?.server_errors, [])
})

const client = (more) =>
  createTokenClient({
    issuer: provider.issuer,
    clientId: 'worker',
    clientSecret: SECRET,
    redirectUri: CALLBACK,
    ...more,
  })

const signedIn = (one, request, person = createPerson()) => comeBack(one, person, request)

/** What waits for a person is begun by the test itself, by the client `worker`. */
async function ask(path, parameters) {
  const response = await fetch(`${provider.issuer}${path}`, {
    method: 'POST',
    body: new URLSearchParams(parameters).toString(),
    headers: {
      authorization: `Basic ${btoa(`worker:${SECRET}`)}`,
      'content-type': 'application/x-www-form-urlencoded',
    },
  })
  return response.json()
}

oidc('a token is opaque for a person and a JWT for an API; neither is read', async () => {
  const one = await client({ scope: 'openid' })
  const tokens = await signedIn(one)
  assert.ok(!tokens.access_token.includes('.'))
  assert.equal((await one.userInfo(tokens.access_token, 'alice')).sub, 'alice')
  const machine = await one.getAccessToken({ scope: 'api', resource: RESOURCE })
  assert.deepEqual([claimsOf(machine).aud, claimsOf(machine).scope], [RESOURCE, 'api'])
  await refused(one.userInfo(machine, 'alice'), 'response_status', { status: 401 })
})

oidc('no refresh token without offline_access, and one with it', async () => {
  const one = await client()
  assert.equal((await signedIn(one, { scope: 'openid' })).refresh_token, undefined)
  const { refresh_token: token } = await signedIn(one, { scope: 'openid offline_access' })
  assert.equal(typeof token, 'string')
})

oidc('a refresh token rotates, and its re-use ends the family', async () => {
  const one = await client({ scope: 'openid offline_access' })
  const first = await signedIn(one)
  const second = await one.refreshToken({ refreshToken: first.refresh_token })
  assert.notEqual(second.refresh_token, first.refresh_token)
  for (const refreshToken of [first.refresh_token, second.refresh_token]) {
    await refused(one.refreshToken({ refreshToken }), 'token_error', {
      error: 'invalid_grant',
      loginRequired: true,
    })
  }
})

oidc('an id_token of a refresh repeats the nonce, and is held to it', async () => {
  const one = await client({ scope: 'openid offline_access' })
  const first = await signedIn(one)
  const second = await one.refreshToken({ refreshToken: first.refresh_token })
  const { nonce } = first.claims
  const expected = { nonce, accessToken: second.access_token }
  assert.equal((await one.validateIdToken(second.id_token, expected)).sub, 'alice')
  for (const wrong of [undefined, `${nonce}x`]) {
    const checked = one.validateIdToken(second.id_token, { ...expected, nonce: wrong })
    await refused(checked, 'id_token_invalid', { detail: 'nonce' })
  }
})

oidc('a code that is used again takes the tokens back', async () => {
  const one = await client({ scope: 'openid offline_access' })
  const pending = await one.authorizationRequest()
  const answer = await createPerson().signIn(pending.url)
  const { refresh_token: refreshToken } = await one.callback(answer, pending)
  await refused(one.callback(answer, pending), 'token_error', { error: 'invalid_grant' })
  await refused(one.refreshToken({ refreshToken }), 'token_error', { error: 'invalid_grant' })
})

oidc(
  'an iss in the callback that discovery promises is wanted, and must be the issuer',
  async () => {
    const one = await client({ scope: 'openid' })
    const pending = await one.authorizationRequest()
    const answer = new URL(await createPerson().signIn(pending.url))
    answer.searchParams.set('iss', `${provider.issuer}/`)
    await refused(one.callback(answer.href, pending), 'issuer_mismatch')
    answer.searchParams.delete('iss')
    await refused(one.callback(answer.href, pending), 'issuer_missing')
  },
)

oidc('prompt=none answers login_required, and a code where somebody is signed in', async () => {
  const one = await client({ scope: 'openid' })
  const person = createPerson()
  const nobody = signedIn(one, { prompt: 'none' }, person)
  await refused(nobody, 'authorization_error', { error: 'login_required' })
  await signedIn(one, {}, person)
  assert.equal((await signedIn(one, { prompt: 'none' }, person)).claims.sub, 'alice')
})

oidc('a form_post answer is taken as a form', async () => {
  const one = await client({ scope: 'openid' })
  const pending = await one.authorizationRequest()
  const person = createPerson()
  const login = await person.follow(`${pending.url}&response_mode=form_post`)
  const page = await person.submit(login, {
    login: 'alice',
    password: 'alice',
  })
  const html = await page.response.text()
  const fields = [...html.matchAll(/name="([^"]+)" value="([^"]*)"/g)].map(([, ...pair]) => pair)
  const tokens = await one.callback(new URLSearchParams(fields), pending)
  assert.equal(tokens.claims.sub, 'alice')
})

oidc('an answer to a device has no interval; it waits, is allowed and is denied', async () => {
  const one = await client()
  const begun = () => ask('/connect/deviceauthorization', { scope: 'openid' })
  const device = await begun()
  assert.equal(device.interval, undefined)
  const poll = () => one.deviceCode({ deviceCode: device.device_code })
  await refused(poll(), 'token_error', { error: 'authorization_pending', retryable: true })
  await provider.approveDevice(device.user_code)
  assert.equal((await one.validateIdToken((await poll()).id_token)).sub, 'alice')
  const other = await begun()
  await provider.denyDevice(other.user_code)
  const denied = one.deviceCode({ deviceCode: other.device_code })
  await refused(denied, 'token_error', { error: 'access_denied', retryable: false })
})

oidc('a person is asked elsewhere (CIBA), and says yes or no', async () => {
  const one = await client()
  const begun = async () => {
    const answer = await ask('/connect/ciba', { scope: 'openid', login_hint: 'alice' })
    return answer.auth_req_id
  }
  const authReqId = await begun()
  await refused(one.backchannel({ authReqId }), 'token_error', { error: 'authorization_pending' })
  await provider.approveBackchannel(authReqId)
  const tokens = await one.backchannel({ authReqId })
  assert.equal((await one.validateIdToken(tokens.id_token)).sub, 'alice')
  const other = await begun()
  await provider.denyBackchannel(other)
  const denied = one.backchannel({ authReqId: other })
  await refused(denied, 'token_error', { error: 'access_denied' })
})

oidc(
  'new keys: an id_token under an unknown key is checked with the key set as it is now',
  async () => {
    const turning = await startProvider({ redirectUris: [CALLBACK] })
    try {
      const one = await client({ issuer: turning.issuer, scope: 'openid' })
      await signedIn(one)
      await turning.rotateKeys()
      assert.equal((await signedIn(one)).claims.sub, 'alice')
    } finally {
      await turning.close()
    }
  },
)
