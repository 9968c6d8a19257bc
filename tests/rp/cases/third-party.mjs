// The plan for logins that a third party initiates (OpenID Connect Core 1.0, section 4).

import assert from 'node:assert/strict'

import { WHOLE } from '../rp.mjs'

const INITIATE = 'https://rp.example/initiate'

export const thirdParty = {
  async 'oidcc-client-test-3rd-party-init-login'({ start, visit, refused }) {
    const parts = await start({
      asked: (parameters, must) => must(parameters.get('login_hint') === 'alice', 'login_hint'),
    })
    const { client, provider } = parts
    const sent = (parameters) => `${INITIATE}?${new URLSearchParams(parameters)}`

    // Nobody else may send a person anywhere, and nothing is asked for them.
    for (const iss of ['https://evil.example/', provider.issuer.slice(0, -1)]) {
      await refused(
        later(() => client.acceptThirdPartyLogin(sent({ iss }))),
        'issuer_mismatch',
      )
    }
    await refused(
      later(() => client.acceptThirdPartyLogin(sent({}))),
      'callback_malformed',
    )
    assert.deepEqual(provider.calls(), [])

    const targets = {
      'https://rp.example/orders?x=1': '/orders?x=1',
      'https://evil.example/': undefined,
    }
    for (const [target, returnTo] of Object.entries(targets)) {
      const url = sent({ iss: provider.issuer, login_hint: 'alice', target_link_uri: target })
      const accepted = await client.acceptThirdPartyLogin(url)
      assert.deepEqual([accepted.loginHint, accepted.returnTo], ['alice', returnTo])
    }
    await visit(parts, { loginHint: 'alice' })
    assert.deepEqual(provider.calls(), WHOLE)
  },
}

/** Whether it throws or rejects. */
const later = async (work) => work()
