// Servers of other languages, started by a test and stopped by their handle.

import { spawn } from 'node:child_process'
import { mkdtempSync, realpathSync, rmSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as passed } from 'node:timers/promises'

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
    /** Once the port is open: for a server that says that it serves before it does. */
    async listens(port) {
      while (!(await open(port))) {
        const end = await Promise.race([ended, passed(10)])
        if (end) throw new Error(`${command} ${end}\n${lines.join('\n')}`)
      }
    },
    async close() {
      kill()
      await ended
      process.off('exit', kill)
    },
  }
}

function open(port) {
  const socket = connect(port, '127.0.0.1')
  return new Promise((resolve) => {
    socket.on('connect', () => resolve(true)).on('error', () => resolve(false))
  }).finally(() => socket.destroy())
}
