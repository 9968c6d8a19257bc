// The stage as a case sees it, in whatever runtime. `stage.server.count('/token')` and the like are
// calls over HTTP to the process that set the stage.

const { fetch } = globalThis

export function createStage(known) {
  const remote = (path) =>
    new Proxy(() => {}, {
      get: (_, name) => remote([...path, name]),
      apply: (_, __, args) => call(path, args),
    })

  async function call(path, args) {
    const answer = await fetch(known.control, {
      method: 'POST',
      body: JSON.stringify({ path, args }),
    })
    const { result, error } = await answer.json()
    if (error) throw new Error(`${path.join('.')}: ${error}`)
    return result
  }

  return {
    ...known,
    gates: remote(['gates']),
    person: remote(['person']),
    provider: remote(['provider']),
    server: remote(['server']),
    stranger: remote(['stranger']),
  }
}
