// `npm run bench`: size and speed beside two peers, in one run. README.md says how to read it.
import { build, shipped } from '../scripts/build.mjs'
import { chromium, modules, say, told } from '../scripts/setup.mjs'

await told(async () => {
  await modules()
  await build()
  if (!shipped())
    say('built by the stable toolchain: the wasm is about a third larger than shipped')
  const executablePath = await chromium()
  const { measure } = await import('./measure.mjs')
  await measure({ executablePath })
})
