// The crate in Rust programs, on Node: what a Worker or a server does.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { after, before, beforeEach, test } from 'node:test'
import { startStage } from '../runtimes/stage/stage.mjs'
import { createPerson } from '../support/person.mjs'
import { built, loaded } from './app.mjs'

const read = (path) => readFileSync(new URL(path, import.meta.url), 'utf8')

let set
let files
let app
before(async () => {
  ;[set, files] = await Promise.all([startStage(), built()])
  app = await loaded(files)
})
beforeEach(() => set.reset())
after(async () => {
  assert.deepEqual(set.provider.server_errors, [])
  await set.close()
})

// That the program links with an allocator of its own shows that the crate has none: there can be one.
test('a Rust program exports what it says itself, and nothing of ours', async () => {
  const exported = WebAssembly.Module.exports(await WebAssembly.compile(files.wasm))
  const said = exported.map(({ name }) => name).filter((name) => !/^_|^wasm_bindgen__/.test(name))
  const page = ['close', 'events', 'fetch', 'handleCallback', 'hearing', 'renew', 'signIn']
  assert.deepEqual(said.sort(), [
    ...['behind', 'early', 'grants', 'memory', 'openOnServer', 'openPage'],
    ...[...page, 'signOut', 'signedIn', 'subject', 'userInfo'].map((name) => `page_${name}`),
    ...['twoSteps', 'work', 'wrongClients', 'wrongSessions'],
  ])
  // Functions have their names in a build like this one.
  const text = files.wasm.toString('latin1')
  assert.ok(text.includes('grantkit::web::token_client'))
  assert.ok(!text.includes('grantkit::js::'))
})

test('the README shows the files that these tests run', () => {
  const [, section] = read('../../README.md').split('## Rust\n')
  const shown = [...section.split('\n## ')[0].matchAll(/```rust\n(.*?)```/gs)].map(
    ([, text]) => text,
  )
  assert.deepEqual(shown, [read('app/src/page.rs'), read('app/src/worker.rs')])
})

test('a client asks once for all, and takes the token to its API alone', async () => {
  set.server.script({ '/orders': [{ json: {} }, { status: 201 }, { status: 202 }] })
  const api = `${set.known.serverUrl}/orders`
  const [first, second, ...statuses] = await app.work(set.known.issuer, set.known.secret, api)
  assert.equal(first, second)
  assert.equal(set.provider.count('client_credentials'), 1)
  assert.deepEqual(statuses, ['200', '201', '202', 'url_not_allowed', 'closed'])
  const sent = set.server.requests('/orders').map(({ method, query, headers, body }) => ({
    method,
    query,
    token: headers.authorization,
    body,
  }))
  const token = `Bearer ${first}`
  assert.deepEqual(sent, [
    { method: 'GET', query: '?by=address', token, body: '' },
    { method: 'PUT', query: '?by=request', token, body: 'a body' },
    { method: 'PUT', query: '?by=init', token, body: 'a body' },
  ])
})

test('a wrong secret is told by code', async () => {
  const api = `${set.known.serverUrl}/orders`
  await assert.rejects(app.work(set.known.issuer, 'wrong', api), (error) => error === 'token_error')
})

test('every grant sends what is its own', async () => {
  set.server.script({ '/token': { kind: 'echo' } })
  const answers = await app.grants(set.known.serverUrl)
  const refused = answers.pop()
  const sent = answers.map((answer) => JSON.parse(answer).sent)
  const urn = 'urn:ietf:params:oauth:grant-type'
  const callback = 'https://app.example/callback'
  assert.deepEqual(sent, [
    { grant_type: 'custom', x: 'y' },
    { grant_type: 'client_credentials', scope: 'own' },
    { grant_type: 'authorization_code', code: 'it', redirect_uri: callback, code_verifier: 'v' },
    { grant_type: 'refresh_token', refresh_token: 'it', scope: 'less' },
    { grant_type: `${urn}:device_code`, device_code: 'it' },
    { grant_type: 'urn:openid:params:grant-type:ciba', auth_req_id: 'it' },
    {
      grant_type: `${urn}:token-exchange`,
      subject_token: 'it',
      subject_token_type: 'kind',
      actor_token: 'actor',
      actor_token_type: 'actor kind',
      requested_token_type: 'wanted',
      scope: 'own',
    },
    { grant_type: `${urn}:jwt-bearer`, assertion: 'it', scope: 'own' },
    { grant_type: 'password', username: 'who', password: 'it', scope: 'own' },
  ])
  assert.equal(refused, 'config_invalid refreshToken')
})

test('work behind an answer is handed over', async () => {
  // A fifth of its life, and so all of it, is time to renew.
  const token = { access_token: 't$n', token_type: 'Bearer', expires_in: 0 }
  set.server.script({
    '/token': [{ json: { ...token, expires_in: 3600 } }],
    '/api': { kind: 'guard', token: 't1' },
  })
  const [first, status, handed] = await app.behind(set.known.serverUrl)
  assert.deepEqual([first, status], ['t1', '200'])
  // The token that is fresh needs nothing behind the second answer.
  assert.equal(handed, '1')
  assert.equal(set.server.count('/token'), 1)
})

test('a server signs a person in, in two steps', async () => {
  const next = (url) => createPerson().signIn(url, { login: 'alice' })
  const [subject, info, logout, issuer, stranger, gone] = await app.twoSteps(
    set.known.issuer,
    set.known.secret,
    next,
  )
  assert.equal(subject, 'alice')
  assert.equal(info, 'alice')
  assert.equal(new URL(logout).searchParams.get('client_id'), 'worker')
  assert.equal(issuer, set.known.issuer)
  assert.equal(stranger, 'userinfo_invalid sub')
  assert.equal(gone, 'response_status')
})

test('options are held to the same rules as in JavaScript', async () => {
  assert.deepEqual(app.wrongClients(), [
    'fine',
    'fine',
    'config_invalid clientId',
    'config_invalid clientSecret',
    'config_invalid clientSecret',
    'config_invalid issuer',
    'url_insecure discoveryUrl',
    'config_invalid redirectUri',
    'config_invalid idTokenAlgorithms',
    'config_invalid cacheKey',
    'config_invalid cacheKey',
    'config_invalid cache',
    'fine',
  ])
  assert.deepEqual(await app.wrongSessions(), [
    'fine',
    'config_invalid clientId',
    'config_invalid clientId',
    'config_invalid redirectUri',
    'url_insecure issuer',
    'config_invalid storage',
    'config_invalid scope',
    'config_invalid allowedUrls',
    'config_invalid parameters',
  ])
})

test('a session on a server is signed out and asks nobody', async () => {
  const page = await app.openOnServer(set.known.issuer)
  assert.equal(page.signedIn, false)
  assert.equal(page.subject, undefined)
  assert.equal(await page.handleCallback(), 'none')
  await assert.rejects(page.signIn('redirect'), (error) => error === 'unsupported page')
  await assert.rejects(page.signIn('silent', 'login'), (error) => error === 'config_invalid prompt')
  await assert.rejects(page.fetch('https://api.example/'), (error) => error === 'url_not_allowed')
  await assert.rejects(page.userInfo(), (error) => error === 'login_required')
  await page.signOut()
  page.close()
  await assert.rejects(page.signIn('redirect'), (error) => error === 'closed')
  assert.deepEqual(page.events(), [])
  assert.deepEqual(set.provider.requests, [])
})

test('what nobody heard waits for the first listener', async () => {
  assert.deepEqual(await app.early(), ['first warning storage_unavailable'])
})
