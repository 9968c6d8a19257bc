// Two clones may set up at once, and rustup and apt do not wait for each other. A socket is the lock:
// the system closes it with its process, however that ends, so it can never stay locked.
import { createHash } from 'node:crypto'
import { rmSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import { tmpdir, userInfo } from 'node:os'
import { join } from 'node:path'

/** Does work that one process of this user at a time may do. `waiting` is called before each wait. */
export async function alone(name, work, waiting = () => {}) {
  const path = address(name)
  for (;;) {
    const lock = await take(path)
    if (!lock) {
      await over(path, waiting)
      continue
    }
    try {
      return await work()
    } finally {
      await lock.release()
    }
  }
}

// Short, for a system's limit is near a hundred bytes.
function address(name) {
  const sum = createHash('sha256').update(`${userInfo().username}\0${name}`).digest('hex')
  const file = `grantkit-${sum.slice(0, 16)}`
  return process.platform === 'win32' ? `\\\\.\\pipe\\${file}` : join(tmpdir(), `${file}.sock`)
}

/** The lock, or null where another has it. */
function take(path) {
  return new Promise((resolve, reject) => {
    const waiters = new Set()
    const server = createServer((waiter) => {
      waiters.add(waiter)
      // One that was killed is not waited for.
      waiter.on('error', () => {}).on('close', () => waiters.delete(waiter))
    })
    server.on('error', (error) => (error.code === 'EADDRINUSE' ? resolve(null) : reject(error)))
    server.listen(path, () => resolve({ release }))

    function release() {
      const closed = new Promise((done) => server.close(done))
      for (const waiter of waiters) waiter.destroy()
      return closed
    }
  })
}

/** Waits until whoever has the lock is done with it or gone. */
function over(path, waiting) {
  return new Promise((resolve, reject) => {
    const socket = connect(path, waiting)
    socket.on('close', resolve).on('error', (error) => {
      // Nobody listens: it was left by a process that was killed.
      if (error.code === 'ECONNREFUSED') rmSync(path, { force: true })
      else if (!['ENOENT', 'ECONNRESET', 'EPIPE'].includes(error.code)) reject(error)
    })
  })
}
