// Runs the cases of this folder, in whatever runtime has Node's modules: each line of its input names one.

import { createInterface } from 'node:readline'

import { suites } from './index.mjs'
import { createStage } from './stage.mjs'

const stage = createStage(JSON.parse(process.argv[2]))

createInterface({ input: process.stdin }).on('line', async (line) => {
  const { suite, name } = JSON.parse(line)
  let stack = null
  try {
    await suites[suite][name](stage)
  } catch (error) {
    stack = String(error.stack ?? error)
  }
  process.stdout.write(`${JSON.stringify({ suite, name, stack })}\n`)
})
