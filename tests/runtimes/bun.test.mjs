// Bun runs the cases.

import { elsewhere } from './stage/elsewhere.mjs'

await elsewhere('bun', {
  // Nothing is installed while it runs, and nothing is reported.
  command: () => ({ args: ['run', '--no-install'], env: { DO_NOT_TRACK: '1' } }),
  leftOut: {
    'r135 a method of small and capital letters is proved as it is sent':
      'Bun makes GET of a method that it does not know, and Put is one',
  },
})
