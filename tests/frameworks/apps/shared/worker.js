import { open, render } from './server/server.js'

// OPTIONS is put in by the bundler. Work at module scope may do no I/O.
const early = open(OPTIONS)

export default {
  async fetch() {
    const { session, ...told } = await open(OPTIONS)
    const { session: first, ...before } = await early
    return Response.json({ told, before, html: await render() })
  },
}
