// A program in a simulated document, as jsdom and happy-dom give it to tests: every name of a page, and a
// global object that is no Window. It says what it saw.

const { issuer, secret } = JSON.parse(process.argv[2])
const values = new Map()
const storage = {
  get length() {
    return values.size
  },
  key: (at) => [...values.keys()][at] ?? null,
  getItem: (name) => values.get(name) ?? null,
  setItem: (name, value) => void values.set(name, value),
  removeItem: (name) => void values.delete(name),
}
const history = { state: null, replaceState() {} }
const location = { href: 'https://app.example/', origin: 'https://app.example', pathname: '/' }
const names = { window: globalThis, self: globalThis, document: {}, location, history }
const storages = { sessionStorage: storage, localStorage: storage }
for (const [name, value] of Object.entries({ ...names, ...storages }))
  Object.defineProperty(globalThis, name, { value, configurable: true })

const { createSession, createTokenClient } = await import('grantkit')
const options = { issuer, clientId: 'worker' }
const seen = []
for (const storage of ['session', 'local', 'memory']) {
  const session = await createSession({
    ...options,
    redirectUri: 'https://app.example/callback',
    scope: 'openid',
    storage,
  })
  const code = await session.getAccessToken().catch((error) => error.code)
  seen.push([session.signedIn, (await session.handleCallback()).kind, code])
  session.close()
}
const named = { clientSecret: secret, insecureClientSecret: true }
const client = await createTokenClient({ ...options, ...named })
seen.push(typeof (await client.getAccessToken()))
process.stdout.write(JSON.stringify(seen))
