// Where endpoints come from: discovered, or given by hand.

import { createTokenClient } from 'grantkit'

import { equal, refused } from './check.mjs'
import { DISCOVERY, confidential, discovering, endpoints, token } from './clients.mjs'

const OAUTH = '/.well-known/oauth-authorization-server'

const paths = async (stage) => (await stage.server.requests()).map(({ path }) => path)

export const cases = {
  async 'r014 OpenID Connect Discovery, once for all calls'(stage) {
    await stage.server.script({ [DISCOVERY]: { json: endpoints(stage) }, '/token': token() })
    const client = await discovering(stage)
    equal(await paths(stage), [], 'asked before it was needed')
    await client.clientCredentials()
    await client.clientCredentials()
    equal(await client.metadata(), endpoints(stage))
    equal(await paths(stage), [DISCOVERY, '/token', '/token'])
    const [{ method, headers, body }] = await stage.server.requests(DISCOVERY)
    equal(
      [method, headers.accept, headers.authorization, body],
      ['GET', 'application/json', undefined, ''],
    )
  },

  async 'the metadata of a real provider'(stage) {
    const client = await confidential(stage)
    const metadata = await client.metadata()
    equal(metadata.issuer, stage.issuer)
    equal(metadata.token_endpoint, `${stage.issuer}/connect/token`)
    equal([Object.isFrozen(metadata), Object.getPrototypeOf(metadata)], [true, null])
    equal(Object.isFrozen(metadata.scopes_supported), true)
  },

  async 'r015 RFC 8414 where OpenID answers 404'(stage) {
    await stage.server.script({ [OAUTH]: { json: endpoints(stage) }, '/token': token() })
    const client = await discovering(stage)
    equal((await client.clientCredentials()).access_token, 't1')
    equal(await paths(stage), [DISCOVERY, OAUTH, '/token'])
  },

  async 'r014 r015 an issuer with a path'(stage) {
    for (const slash of ['', '/']) {
      const issuer = `${stage.serverUrl}/tenants/one${slash}`
      const metadata = { json: endpoints(stage, { issuer }) }
      await stage.server.script({ [`/tenants/one${DISCOVERY}`]: metadata, '/token': token() })
      await (await discovering(stage, { issuer })).clientCredentials()
      equal(await paths(stage), [`/tenants/one${DISCOVERY}`, '/token'])
      await stage.server.script({ [`${OAUTH}/tenants/one`]: metadata, '/token': token() })
      await (await discovering(stage, { issuer })).clientCredentials()
      equal(await paths(stage), [`/tenants/one${DISCOVERY}`, `${OAUTH}/tenants/one`, '/token'])
    }
  },

  async 'discoveryUrl, which alone is asked'(stage) {
    await stage.server.script({ '/somewhere': { json: endpoints(stage) }, '/token': token() })
    const discoveryUrl = `${stage.serverUrl}/somewhere`
    await (await discovering(stage, { discoveryUrl })).clientCredentials()
    equal(await paths(stage), ['/somewhere', '/token'])
    const issuer = 'https://other.example'
    await stage.server.script({
      '/somewhere': { json: endpoints(stage, { issuer }) },
      '/token': token(),
    })
    await (await discovering(stage, { discoveryUrl, issuer })).clientCredentials()
    await stage.server.script({})
    const client = await discovering(stage, { discoveryUrl })
    await refused(client.clientCredentials(), 'metadata_invalid', { status: 404 })
    equal(await paths(stage), ['/somewhere'])
  },

  async 'users_a26 metadata by hand: nothing is discovered'(stage) {
    const { serverUrl, strangerUrl } = stage
    const by = { clientId: 'app', clientSecret: 'a secret' }
    for (const options of [
      { issuer: serverUrl, metadata: { token_endpoint: `${serverUrl}/token` } },
      { metadata: { issuer: serverUrl, token_endpoint: `${serverUrl}/token` } },
      { metadata: { token_endpoint: `${serverUrl}/token` } },
    ]) {
      await stage.server.script({ '/token': token() })
      const client = await createTokenClient({ ...by, ...options })
      equal((await client.clientCredentials()).access_token, 't1')
      equal(await paths(stage), ['/token'])
    }
    // Members by hand win over discovered ones.
    await stage.server.script({
      [DISCOVERY]: { json: endpoints(stage, { token_endpoint: `${strangerUrl}/token` }) },
      '/token': token(),
    })
    const metadata = { token_endpoint: `${serverUrl}/token` }
    const client = await discovering(stage, { metadata })
    equal((await client.metadata()).token_endpoint, `${serverUrl}/token`)
    equal((await client.clientCredentials()).access_token, 't1')
    equal(await stage.stranger.count(), 0)
  },

  async 'an endpoint that the server does not have'(stage) {
    await stage.server.script({ [DISCOVERY]: { json: { issuer: stage.serverUrl } } })
    const client = await discovering(stage)
    for (const [call, detail] of [
      [() => client.clientCredentials(), 'token_endpoint'],
      [() => client.getAccessToken(), 'token_endpoint'],
      [() => client.userInfo('token', 'alice'), 'userinfo_endpoint'],
      [() => client.revoke('token'), 'revocation_endpoint'],
      [() => client.endSessionUrl(), 'end_session_endpoint'],
      [() => client.authorizationRequest(), 'authorization_endpoint'],
    ]) {
      await refused(call(), 'metadata_unsupported', { detail }, detail)
    }
  },

  async 'r016 a031 the issuer, byte for byte'(stage) {
    const { serverUrl } = stage
    const { port } = new URL(serverUrl)
    for (const issuer of [
      `${serverUrl}/`,
      `${serverUrl}1`,
      serverUrl.slice(0, -1),
      serverUrl.toUpperCase(),
      serverUrl.replace('http:', 'https:'),
      `http://localhost:${port}`,
      `http://127.1:${port}`,
      'https://as.example',
      `${serverUrl}/%2e`,
      '',
      undefined,
      null,
      7,
      [serverUrl],
      { issuer: serverUrl },
    ]) {
      await stage.server.script({
        [DISCOVERY]: [{ json: endpoints(stage, { issuer }) }, { json: endpoints(stage) }],
        '/token': token(),
      })
      const client = await discovering(stage)
      const title = JSON.stringify(issuer)
      await refused(client.clientCredentials(), 'metadata_issuer_mismatch', {}, title)
      equal(await stage.server.count('/token'), 0, title)
      // Nothing of the document was kept.
      equal((await client.clientCredentials()).access_token, 't1', title)
      equal(await stage.server.count(DISCOVERY), 2, title)
    }
  },

  async 'r016 the options are not normalised either'(stage) {
    await stage.server.script({ [DISCOVERY]: { json: endpoints(stage) } })
    const { port } = new URL(stage.serverUrl)
    for (const issuer of [`${stage.serverUrl}/`, `HTTP://127.0.0.1:${port}`]) {
      const client = await discovering(stage, { issuer })
      await refused(client.clientCredentials(), 'metadata_issuer_mismatch', {}, issuer)
    }
  },

  async 'r018 what is no metadata document'(stage) {
    const page = { text: '<!doctype html><h1>Welcome</h1>', type: 'text/html' }
    const json = (text) => ({ text, type: 'application/json' })
    const text = JSON.stringify(endpoints(stage))
    for (const [title, answer, status] of [
      ['500', { status: 500 }, 500],
      ['503', { status: 503, headers: { 'retry-after': '5' } }, 503],
      ['404 at both', { status: 404 }, 404],
      ['204', { status: 204, type: null }, 204],
      ['201', { status: 201, json: endpoints(stage) }, 201],
      ['HTML', page, 200],
      ['a JSON text called text/plain', { text, type: 'text/plain' }, 200],
      ['array', json(`[${text}]`), 200],
      ['null', json('null'), 200],
      ['nothing', json(''), 200],
      ['issuer twice', json(text.replace('{', '{"issuer":"x",')), 200],
      ['cut', json(text.slice(0, -1)), 200],
    ]) {
      const oauth = status === 404 ? answer : { json: endpoints(stage) }
      await stage.server.script({ [DISCOVERY]: answer, [OAUTH]: oauth, '/token': token() })
      const client = await discovering(stage)
      const retryable = status >= 500
      const fields = { status, retryable }
      const error = await refused(client.clientCredentials(), 'metadata_invalid', fields, title)
      equal(error.retryAfter, status === 503 ? 5 : undefined, title)
      // No fallback for a server that is broken, and no endpoint that was guessed.
      equal(await stage.server.count(OAUTH), status === 404 ? 1 : 0, title)
      equal(await stage.server.count('/token'), 0, title)
    }
  },

  async 'r009 a document over the cap'(stage) {
    const large = { ...endpoints(stage), fill: 'x'.repeat(256 * 1024) }
    await stage.server.script({ [DISCOVERY]: { json: large } })
    await refused((await discovering(stage)).clientCredentials(), 'response_too_large')
  },

  async 'r019 a030 members are checked before they are used'(stage) {
    const { serverUrl } = stage
    for (const [member, value, code = 'metadata_invalid'] of [
      ['token_endpoint', 123],
      ['token_endpoint', null],
      ['token_endpoint', ''],
      ['token_endpoint', '/token'],
      ['token_endpoint', 'file:///etc/passwd'],
      ['token_endpoint', `${serverUrl}/token#x`],
      ['token_endpoint', serverUrl.replace('//', '//user@')],
      ['token_endpoint', 'http://as.example/token', 'url_insecure'],
      ['jwks_uri', 'javascript:alert(1)'],
      ['jwks_uri', [`${serverUrl}/keys`]],
      ['authorization_endpoint', 'data:text/html,x'],
      ['authorization_endpoint', 'https:as.example'],
      ['userinfo_endpoint', 'https://as.example\\@evil.example/'],
      ['revocation_endpoint', 'ftp://as.example/'],
      ['end_session_endpoint', {}],
      ['response_types_supported', 'code'],
      ['grant_types_supported', ['authorization_code', 7]],
      ['scopes_supported', { openid: true }],
      ['token_endpoint_auth_methods_supported', 'client_secret_basic'],
      ['code_challenge_methods_supported', 'S256'],
      ['authorization_response_iss_parameter_supported', 'true'],
      ['require_pushed_authorization_requests', 1],
    ]) {
      const title = `${member} ${JSON.stringify(value)}`
      await stage.server.script({
        [DISCOVERY]: [{ json: endpoints(stage, { [member]: value }) }, { json: endpoints(stage) }],
        '/token': token(),
      })
      const client = await discovering(stage)
      await refused(client.clientCredentials(), code, { detail: member }, title)
      equal(await stage.server.count('/token'), 0, title)
      equal((await client.clientCredentials()).access_token, 't1', title)
    }
    // By hand they are checked in the same way.
    const metadata = endpoints(stage, { token_endpoint: 'data:x' })
    const client = await discovering(stage, { metadata })
    await refused(client.clientCredentials(), 'metadata_invalid', { detail: 'token_endpoint' })
  },

  async 'r021 a023 a server without S256 is refused, one that says nothing is not'(stage) {
    const openid = { scope: 'openid' }
    const methods = (list) => endpoints(stage, { code_challenge_methods_supported: list })
    for (const list of [['plain'], []]) {
      await stage.server.script({ [DISCOVERY]: { json: methods(list) }, '/keys': { json: {} } })
      const client = await discovering(stage)
      await refused(client.authorizationRequest(openid), 'metadata_unsupported', {
        detail: 'code_challenge_methods_supported',
      })
    }
    for (const list of [undefined, ['S256'], ['plain', 'S256']]) {
      await stage.server.script({
        [DISCOVERY]: { json: methods(list) },
        '/keys': { json: { keys: stage.keys } },
      })
      const { url } = await (await discovering(stage)).authorizationRequest(openid)
      equal(new URL(url).searchParams.get('code_challenge_method'), 'S256')
    }
  },

  async 'users_a02 r022 one document for all who ask at once'(stage) {
    await stage.server.script({
      [DISCOVERY]: { hold: 'document', json: endpoints(stage) },
      '/token': token(),
    })
    const client = await discovering(stage)
    const calls = Promise.all([
      ...Array.from({ length: 20 }, () => client.clientCredentials()),
      client.metadata(),
      client.endSessionUrl(),
      client.getAccessToken(),
    ])
    await stage.server.arrived(DISCOVERY)
    await stage.gates.open('document')
    await calls
    equal([await stage.server.count(DISCOVERY), await stage.server.count('/token')], [1, 21])
  },

  async 'r022 a failure is told to all who wait and is not remembered'(stage) {
    await stage.server.script({
      [DISCOVERY]: [{ hold: 'document', status: 503 }, { json: endpoints(stage) }],
      '/token': token(),
    })
    const client = await discovering(stage)
    const calls = Array.from({ length: 5 }, () =>
      refused(client.clientCredentials(), 'metadata_invalid', { status: 503 }),
    )
    await stage.server.arrived(DISCOVERY)
    await stage.gates.open('document')
    await Promise.all(calls)
    equal(await stage.server.count(DISCOVERY), 1)
    equal((await client.clientCredentials()).access_token, 't1')
    equal(await stage.server.count(DISCOVERY), 2)
  },

  async 'r022 a document serves for a day'(stage) {
    await stage.server.script({ [DISCOVERY]: { json: endpoints(stage) }, '/token': token() })
    let now = Date.now()
    const client = await discovering(stage, { now: () => now })
    const asked = async () => {
      await client.clientCredentials()
      return stage.server.count(DISCOVERY)
    }
    equal(await asked(), 1)
    now += 24 * 3600_000 - 1
    equal(await asked(), 1)
    now += 1
    equal(await asked(), 2)
    // A clock that was set back makes it look as if it came from the future.
    now -= 3600_000
    equal(await asked(), 3)
  },

  async 'users_a25 r091 an issuer of many tenants: {tenantid} is what the token says'(stage) {
    const issuer = `${stage.serverUrl}/{tenantid}/v2.0`
    const discoveryUrl = `${stage.serverUrl}/common/v2.0${DISCOVERY}`
    await stage.server.script({
      [`/common/v2.0${DISCOVERY}`]: { json: endpoints(stage, { issuer }) },
      '/keys': { json: { keys: stage.keys } },
      '/token': token(),
    })
    const client = await discovering(stage, { issuer, discoveryUrl })
    equal((await client.clientCredentials()).access_token, 't1')
    const now = Math.floor(Date.now() / 1000)
    const idToken = (claims) =>
      stage.server.sign({ aud: 'app', sub: 'alice', iat: now, exp: now + 600, ...claims })
    const good = { iss: `${stage.serverUrl}/one/v2.0`, tid: 'one' }
    equal((await client.validateIdToken(await idToken(good))).tid, 'one')
    for (const wrong of [
      { ...good, tid: 'two' },
      { ...good, tid: undefined },
      { ...good, iss: issuer },
      { ...good, iss: `${stage.serverUrl}/{tenantid}/v2.0`, tid: '{tenantid}x' },
    ]) {
      const checked = client.validateIdToken(await idToken(wrong))
      await refused(checked, 'id_token_invalid', { detail: 'iss' }, JSON.stringify(wrong))
    }
  },

  async 'client authentication is chosen by what the server lists'(stage) {
    for (const [methods, sent] of [
      [undefined, 'basic'],
      [['client_secret_basic'], 'basic'],
      [['client_secret_post', 'client_secret_basic'], 'basic'],
      [['client_secret_post'], 'post'],
      [['private_key_jwt', 'client_secret_post'], 'post'],
    ]) {
      const metadata = endpoints(stage, { token_endpoint_auth_methods_supported: methods })
      await stage.server.script({
        [DISCOVERY]: { json: metadata },
        '/token': token(),
        '/revoke': {},
      })
      const client = await discovering(stage)
      await client.clientCredentials()
      await client.revoke('token')
      for (const path of ['/token', '/revoke']) {
        const [{ headers, body }] = await stage.server.requests(path)
        const posted = new URLSearchParams(body).get('client_secret')
        const found = [headers.authorization?.split(' ')[0], posted]
        equal(found, sent === 'basic' ? ['Basic', null] : [undefined, 'a secret'], path)
      }
    }
    for (const methods of [[], ['none'], ['private_key_jwt']]) {
      const metadata = endpoints(stage, { token_endpoint_auth_methods_supported: methods })
      await stage.server.script({ [DISCOVERY]: { json: metadata } })
      await refused((await discovering(stage)).clientCredentials(), 'metadata_unsupported', {
        detail: 'token_endpoint_auth_methods_supported',
      })
    }
    // The caller's choice stands above the list.
    const json = endpoints(stage, { token_endpoint_auth_methods_supported: ['client_secret_post'] })
    await stage.server.script({ [DISCOVERY]: { json }, '/token': token() })
    const clientAuthentication = 'client_secret_basic'
    await (await discovering(stage, { clientAuthentication })).clientCredentials()
    const [{ headers }] = await stage.server.requests('/token')
    equal(headers.authorization, `Basic ${btoa('app:a+secret')}`)
  },
}
