// `npm start`: sets up, builds, and serves the demo until Ctrl-C.
import { build } from './build.mjs'
import { modules, told } from './setup.mjs'

await told(async () => {
  await modules()
  await build()
  const { serve } = await import('../www/serve.mjs')
  await serve()
})
