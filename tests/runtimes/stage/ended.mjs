import { spawn } from 'node:child_process'
import { once } from 'node:events'

// Far more than a program takes; one that does not end is killed, and its status says so.
const TIMEOUT = 50_000

/** What a program prints until it ends by itself: `{ text, status }`, the status as `[code, signal]`. */
export async function ended(command, args, options) {
  const stdio = ['ignore', 'pipe', 'inherit']
  const child = spawn(command, args, { stdio, timeout: TIMEOUT, ...options })
  const [text, status] = await Promise.all([
    child.stdout.setEncoding('utf8').reduce((all, part) => all + part, ''),
    once(child, 'close'),
  ])
  return { text, status }
}
