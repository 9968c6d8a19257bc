// What stands around the cases, whatever runtime they run in: a provider, two servers that do what
// they are told, and people at browsers. The cases reach it over HTTP, as they are not in this process.

import http from 'node:http'

import { listen, readAll, stop } from '../../support/provider/front.mjs'
import { ODD_CLIENT, SECRET, startProvider } from '../../support/provider.mjs'
import { createPerson } from '../../support/person.mjs'
import { createGates } from './gates.mjs'
import { startServer } from './server.mjs'

const CALLBACK = 'https://app.example/callback'

export async function startStage() {
  const gates = createGates()
  const provider = await startProvider({ redirectUris: [CALLBACK] })
  const [server, stranger] = await Promise.all([startServer(gates), startServer(gates)])
  const lifetimes = { ...provider.lifetimes }
  let defects = []
  let offline = false

  // Everything that a case may call, by its path.
  const offered = {
    gates,
    server,
    stranger,
    provider: {
      count: (grant) => provider.count(grant),
      requests: (path) => provider.requests.filter((entry) => !path || entry.path === path),
      setDefects: (...list) => void (defects = provider.setDefects(list)),
      release: () => defects.forEach((defect) => defect.release()),
      setLifetimes: (changes) => void Object.assign(provider.lifetimes, changes),
      assertion: (sub) => provider.assertion(sub),
      resign: (jwt, changes, options) => provider.resign(jwt, changes, options),
      approveBackchannel: (id) => provider.approveBackchannel(id),
      denyBackchannel: (id) => provider.denyBackchannel(id),
      async goOffline() {
        offline = true
        await provider.goOffline()
      },
    },
    person: {
      /** Through the login form; answers the address that the browser is sent to. */
      signIn: (url, login) => createPerson().signIn(url, { login }),
      refuse: (url) => createPerson().refuse(url),
      /** Types nothing: the code is in the address. */
      async connect(url, login) {
        const person = createPerson()
        let page = await person.follow(url)
        page = await person.submit(page, {})
        page = await person.submit(page, {})
        page = await person.submit(page, { login, password: login })
        return page.response.text()
      },
    },
  }

  const control = http.createServer(async (req, res) => {
    const { path, args } = JSON.parse((await readAll(req)).toString('utf8'))
    try {
      const result = await path.reduce((object, name) => object[name], offered)(...args)
      res.end(JSON.stringify({ result }))
    } catch (error) {
      res.end(JSON.stringify({ error: error.stack }))
    }
  })
  await listen(control, 0)

  async function reset() {
    provider.setDefects([])
    if (offline) await provider.goOnline()
    offline = false
    provider.requests.length = 0
    Object.assign(provider.lifetimes, lifetimes)
    gates.reset()
    server.script()
    stranger.script()
  }

  return {
    /** As the cases see it; `known` travels to them as JSON. */
    known: {
      control: `http://127.0.0.1:${control.address().port}/`,
      issuer: provider.issuer,
      serverUrl: server.url,
      strangerUrl: stranger.url,
      keys: server.publicKeys,
      callback: CALLBACK,
      secret: SECRET,
      oddClient: ODD_CLIENT,
    },
    provider,
    server,
    gates,
    reset,
    async close() {
      await reset()
      await Promise.all([provider.close(), server.close(), stranger.close(), stop(control)])
    },
  }
}
