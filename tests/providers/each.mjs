// The same test on each provider that has the feature.

import { after, before, test } from 'node:test'

import { createPerson } from '../support/person.mjs'
import { SECRET, startProvider } from '../support/provider.mjs'
import { CALLBACK, createTokenClient } from './client.mjs'
import * as glewlwyd from './glewlwyd.mjs'

const KINDS = {
  'oidc-provider': {
    skip: false,
    async start(options) {
      const provider = await startProvider({ redirectUris: [CALLBACK], ...options })
      const own = { clientId: 'worker', clientSecret: SECRET, api: 'api' }
      return { ...provider, ...own, person: createPerson }
    },
  },
  glewlwyd: {
    skip: glewlwyd.skip,
    async start() {
      const own = { clientId: 'app', clientSecret: glewlwyd.SECRET, api: 'orders' }
      return { ...(await glewlwyd.startGlewlwyd()), ...own }
    },
  },
}

/**
 * Starts the providers of a test file, oidc-provider with these options. Answers a function that makes
 * a test for each of them, or for those that it names: `each(name, run, kinds)`. A test gets { kind,
 * issuer, api, person, client }: a scope of an API, somebody at a browser, and a confidential client.
 */
export function onEach(kinds, options) {
  const servers = new Map()
  before(async () => {
    const wanted = kinds.filter((kind) => !KINDS[kind].skip)
    await Promise.all(wanted.map(async (kind) => servers.set(kind, await begin(kind, options))))
  })
  after(() => Promise.all([...servers.values()].map((server) => server.close())))
  return (name, run, only = kinds) => {
    for (const kind of only)
      test(`${kind}: ${name}`, { skip: KINDS[kind].skip }, () => run(servers.get(kind)))
  }
}

async function begin(kind, options) {
  const server = await KINDS[kind].start(options)
  const { issuer, clientId, clientSecret } = server
  const client = (more) =>
    createTokenClient({ issuer, clientId, clientSecret, redirectUri: CALLBACK, ...more })
  return { ...server, kind, client }
}
