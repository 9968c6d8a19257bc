// `npm run pin`: records what ships as it is now; the difference is what a reviewer reads.
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { build } from './build.mjs'
import { ROOT, modules, run, told } from './setup.mjs'

await told(async () => {
  await modules()
  await build()
  const { surfaces } = await import('../tests/abi/surface.mjs')
  const { names } = await import('../tests/types/names.mjs')
  write('tests/abi/wasm.json', surfaces())
  write('tests/types/names.json', names())
  await run(process.execPath, ['scripts/size.mjs', '--write'])
})

function write(path, value) {
  writeFileSync(join(ROOT, path), `${JSON.stringify(value, null, 2)}\n`)
}
