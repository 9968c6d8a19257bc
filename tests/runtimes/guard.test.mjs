// The README's API in workerd, asked over HTTP as clients ask it, with tokens of a real provider.

import assert from 'node:assert/strict'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, beforeEach, test } from 'node:test'

import { RESOURCE } from '../support/provider.mjs'
import { scratch } from '../support/package.mjs'
import { startStage } from './stage/stage.mjs'
import { DATES, bundle, startWorker } from './stage/workerd.mjs'

// Far more than a test takes; one that hangs is told by its name.
const TIMEOUT = 60_000
const KEYS = '/.well-known/openid-configuration/jwks'

// However busy this machine is, nobody loses patience: how often they ask is what is counted.
const PATIENT = `
const { setTimeout } = globalThis
globalThis.setTimeout = (run, after, ...rest) => setTimeout(run, after * 100, ...rest)
`

const readme = readFileSync(new URL('../../README.md', import.meta.url), 'utf8')
const [, shown] = /## Guard an API\n\n```js\n(.*?)```/s.exec(readme)

const project = scratch()
let set
const workers = {}
before(async () => {
  set = await startStage()
  const issuer = "'https://id.example'"
  const audience = "'https://api.example'"
  assert.ok(shown.includes(issuer) && shown.includes(audience))
  const program = (PATIENT + shown)
    .replace(issuer, JSON.stringify(set.known.issuer))
    .replace(audience, JSON.stringify(RESOURCE))
  mkdirSync(join(project, 'cases'))
  writeFileSync(join(project, 'cases', 'api.mjs'), program)
  const modules = await bundle(project, set.known, 'api.mjs')
  for (const date of DATES) workers[date] = await startWorker(modules, date)
})
beforeEach(() => set.reset())
after(async () => {
  for (const worker of Object.values(workers)) await worker.close()
  assert.deepEqual(set.provider.server_errors, [])
  await set.close()
})

async function token(scope) {
  const answer = await fetch(`${set.known.issuer}/connect/token`, {
    method: 'POST',
    headers: { authorization: `Basic ${btoa(`worker:${set.known.secret}`)}` },
    body: new URLSearchParams({ grant_type: 'client_credentials', scope }),
  })
  return (await answer.json()).access_token
}

for (const date of DATES) {
  const api = (name, run) =>
    test(`workerd ${date}, the README's API: ${name}`, { timeout: TIMEOUT }, () =>
      run((authorization) =>
        workers[date].fetch(RESOURCE, { headers: authorization ? { authorization } : {} }),
      ),
    )

  api('a good token, from many requests at once', async (ask) => {
    const good = await token('api')
    const answers = await Promise.all(Array.from({ length: 50 }, () => ask(`Bearer ${good}`)))
    for (const answer of answers) {
      assert.equal(answer.status, 200)
      assert.equal((await answer.json()).client_id, 'worker')
    }
    const asked = set.provider.requests.filter((entry) => entry.path === KEYS)
    assert.equal(asked.length, 1)
  })

  api('what it refuses', async (ask) => {
    const good = await token('api')
    const start = `realm="${RESOURCE}"`
    const algs = 'algs="ES256 PS256 RS256 EdDSA Ed25519"'
    for (const [authorization, status, challenge] of [
      [undefined, 401, `Bearer ${start}, scope="api", DPoP ${start}, scope="api", ${algs}`],
      ['Bearer x', 401, `Bearer ${start}, error="invalid_token"`],
      [`Bearer ${good}x`, 401, `Bearer ${start}, error="invalid_token"`],
      ['Bearer', 400, `Bearer ${start}, error="invalid_request"`],
      [`DPoP ${good}`, 401, `DPoP ${start}, error="invalid_dpop_proof", ${algs}`],
      [
        `Bearer ${await token('orders')}`,
        403,
        `Bearer ${start}, error="insufficient_scope", scope="api"`,
      ],
    ]) {
      const answer = await ask(authorization)
      const seen = [answer.status, answer.headers.get('www-authenticate')]
      assert.deepEqual(seen, [status, challenge], authorization)
      assert.equal(await answer.text(), '')
    }
  })
}
