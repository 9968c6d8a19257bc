// What the README shows is what the apps are made of.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'

const read = (path) => readFileSync(new URL(path, import.meta.url), 'utf8')

test('the README shows the files that these tests run', () => {
  const [, section] = read('../../README.md').split('## With React, Vue or Svelte\n')
  const blocks = [...section.split('\n## ')[0].matchAll(/```js\n\/\/ (\S+)\n(.*?)```/gs)]
  const shown = blocks.map(([, name, text]) => [name, text])
  assert.deepEqual(shown, [
    ['session.js', read('apps/shared/session.js')],
    ['useSession.js', read('apps/react/useSession.js')],
    ['useSession.js', read('apps/vue/useSession.js')],
    ['useSession.svelte.js', read('apps/svelte/useSession.svelte.js')],
  ])
})
