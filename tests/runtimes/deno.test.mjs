// Deno runs the cases, allowed to reach this machine and to read the project.

import { join } from 'node:path'

import { elsewhere } from './stage/elsewhere.mjs'

await elsewhere('deno', {
  command: (project) => ({
    args: ['run', '--no-prompt', '--no-remote', '--allow-net=127.0.0.1', `--allow-read=${project}`],
    env: { DENO_DIR: join(project, 'deno'), DENO_NO_UPDATE_CHECK: '1' },
  }),
  leftOut: {},
})
