// What the provider remembers: one map per provider, gone with the process. Several providers may
// stand on the same store, which is how keys are rotated without losing sessions.

const GRANTED = new Set([
  'AccessToken',
  'AuthorizationCode',
  'RefreshToken',
  'DeviceCode',
  'BackchannelAuthenticationRequest',
])

export function createStore() {
  const entries = new Map()

  const read = (key) => {
    const entry = entries.get(key)
    if (!entry) return undefined
    if (entry.expiresAt > Date.now()) return entry.payload
    entries.delete(key)
    return undefined
  }
  const find = (model, member, value) => {
    for (const key of entries.keys()) {
      if (!key.startsWith(`${model}:`)) continue
      const payload = read(key)
      if (payload?.[member] === value) return payload
    }
    return undefined
  }

  const adapter = (model) => ({
    async upsert(id, payload, expiresIn) {
      // Expired tokens stay for a minute, so that the provider can say why it refuses them.
      const expiresAt = expiresIn === undefined ? Infinity : Date.now() + (expiresIn + 60) * 1000
      entries.set(`${model}:${id}`, { payload, expiresAt })
    },
    async find(id) {
      return read(`${model}:${id}`)
    },
    async findByUid(uid) {
      return find(model, 'uid', uid)
    },
    async findByUserCode(userCode) {
      return find(model, 'userCode', userCode)
    },
    async consume(id) {
      const payload = read(`${model}:${id}`)
      if (payload) payload.consumed = Math.floor(Date.now() / 1000)
    },
    async destroy(id) {
      entries.delete(`${model}:${id}`)
    },
    async revokeByGrantId(grantId) {
      for (const [key, { payload }] of entries) {
        if (payload.grantId === grantId && GRANTED.has(key.split(':')[0])) entries.delete(key)
      }
    },
  })

  return {
    adapter,
    /** Clients live here too, so that one can be added or changed while the provider runs. */
    setClient(metadata) {
      entries.set(`Client:${metadata.client_id}`, { payload: metadata, expiresAt: Infinity })
    },
    client(id) {
      return read(`Client:${id}`)
    },
  }
}
