// The same test on each provider that has the feature.

import { after, before, test } from 'node:test'

import { createPerson } from '../support/person.mjs'
import { SECRET, startProvider } from '../support/provider.mjs'
import { CALLBACK, createTokenClient } from './client.mjs'
import * as django from './django.mjs'
import * as glewlwyd from './glewlwyd.mjs'

const KINDS = {
  'oidc-provider': {
    skip: false,
    async start(options) {
      const provider = await startProvider({ redirectUris: [CALLBACK], ...options })
      const own = { clientId: 'worker', clientSecret: SECRET, api: 'api' }
      const device = { clientId: 'device', clientSecret: undefined }
      return {
        ...provider,
        ...own,
        person: createPerson,
        device,
        allowDevice: ({ user_code: code }) => provider.approveDevice(code),
        denyDevice: ({ user_code: code }) => provider.denyDevice(code),
        loginHint: 'alice',
        allowRequest: (message, { auth_req_id: id }) => provider.approveBackchannel(id),
        denyRequest: (message, { auth_req_id: id }) => provider.denyBackchannel(id),
      }
    },
  },
  glewlwyd: {
    skip: glewlwyd.skip,
    async start() {
      const provider = await glewlwyd.startGlewlwyd()
      const own = { clientId: 'app', clientSecret: glewlwyd.SECRET, api: 'orders' }
      const device = { clientId: 'public', clientSecret: undefined }
      return {
        ...provider,
        ...own,
        device,
        allowDevice: (answer) => provider.person().connect(answer, device.clientId, 'openid'),
        loginHint: JSON.stringify({ username: 'alice' }),
        allowRequest: (message) => provider.person().decide(message, 'connect_uri'),
        denyRequest: (message) => provider.person().decide(message, 'cancel_uri'),
      }
    },
  },
  django: {
    skip: django.skip,
    async start() {
      const provider = await django.startDjango()
      const own = { clientId: 'machine', clientSecret: django.SECRET, api: 'orders' }
      const decide =
        (action) =>
        ({ verification_uri: url, user_code: code }) =>
          provider.person().connect(url, code, action)
      return {
        ...provider,
        ...own,
        metadata: provider.endpoints,
        device: { clientId: 'device', clientSecret: undefined },
        allowDevice: decide('accept'),
        denyDevice: decide('deny'),
      }
    },
  },
}

/**
 * Starts the providers of a test file, oidc-provider with these options. Answers a function that makes
 * a test for each of them, or for those that it names: `each(name, run, kinds)`. A test gets the server
 * with { kind, api, person, client }: the scope of an API, somebody at a browser, a confidential client;
 * and what people do elsewhere: { device, allowDevice, denyDevice, loginHint, allowRequest, denyRequest }.
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
  const { issuer, clientId, clientSecret, metadata = {} } = server
  const own = { issuer, clientId, clientSecret, metadata, redirectUri: CALLBACK }
  const client = (more) => createTokenClient({ ...own, ...more })
  return { ...server, kind, client }
}
