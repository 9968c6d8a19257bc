// Servers of other languages, started by a test and stopped by their handle.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, realpathSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'

/** A folder of this run, gone when the process ends. */
export function temporary(name) {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), `grantkit-${name}-`)))
  process.on('exit', () => rmSync(folder, { recursive: true, force: true, maxRetries: 3 }))
  return folder
}

/**
 * A process, once it has printed a line of which `ready` makes something: { said, child, close }. One
 * that ends first is told with all that it printed.
 */
export async function started(command, args, { ready, ...options }) {
  const child = spawn(command, args, { stdio: ['pipe', 'pipe', 'pipe'], ...options })
  const ended = new Promise((resolve) => {
    child.on('error', (error) => resolve(error.message))
    child.on('close', (code, signal) => resolve(`ended with ${signal ?? code}`))
  })
  const kill = () => child.kill('SIGKILL')
  process.on('exit', kill)
  const lines = []
  const said = new Promise((resolve) => {
    for (const stream of [child.stdout, child.stderr]) {
      createInterface({ input: stream }).on('line', (line) => {
        lines.push(line)
        const made = ready(line)
        if (made !== undefined) resolve({ made })
      })
    }
  })
  return {
    child,
    /** All that it printed so far. */
    lines,
    /** What `ready` made of its line. */
    async said() {
      const first = await Promise.race([said, ended])
      if (first.made === undefined) throw new Error(`${command} ${first}\n${lines.join('\n')}`)
      return first.made
    },
    async close() {
      kill()
      await ended
      process.off('exit', kill)
    },
  }
}
