// Two clones may set up at once, and rustup and apt do not wait for each other. A socket is the lock:
// the system closes it with its process, however that ends, so it can never stay locked.
//
// It listens before it can be found: in a folder of its own, which is then renamed to the lock's. That
// fails while there is another's socket in it. Whoever finds one that nobody listens at removes it by its
// name, which no other ever has: what was taken meanwhile is not harmed.
import { createHash, randomUUID } from 'node:crypto'
import { mkdtempSync, readdirSync, renameSync, rmSync, rmdirSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import { tmpdir, userInfo } from 'node:os'
import { join } from 'node:path'

const WINDOWS = process.platform === 'win32'

/** Does work that one process of this user at a time may do. `waiting` is called before each wait. */
export async function alone(name, work, waiting = () => {}) {
  const place = placeOf(name)
  for (;;) {
    const lock = await (WINDOWS ? listen(place) : take(place))
    if (lock) {
      try {
        return await work()
      } finally {
        await lock.release()
      }
    }
    for (const path of socketsOf(place)) await over(path, waiting)
  }
}

function placeOf(name) {
  // In a container a user need not have a name.
  const user = process.getuid?.() ?? userInfo().username
  const sum = createHash('sha256').update(`${user}\0${name}`).digest('hex')
  const place = `grantkit-${sum.slice(0, 16)}`
  if (WINDOWS) return `\\\\.\\pipe\\${place}`
  // A socket's path has a limit near a hundred bytes, and some cut off what is beyond.
  const folder = Buffer.byteLength(tmpdir()) > 50 ? '/tmp' : tmpdir()
  return join(folder, place)
}

/** The lock, or null where another has it. */
async function take(place) {
  const [own, name] = [mkdtempSync(`${place}-`), randomUUID().slice(0, 8)]
  const { release } = await listen(join(own, name))
  try {
    renameSync(own, place)
  } catch (error) {
    await release()
    rmSync(own, { recursive: true, force: true })
    if (['ENOTEMPTY', 'EEXIST'].includes(error.code)) return null
    throw error
  }
  return {
    async release() {
      rmSync(join(place, name), { force: true })
      await release()
      unless(['ENOTEMPTY', 'EEXIST', 'ENOENT'], () => rmdirSync(place))
    },
  }
}

/** What listens there, or null where another does. */
function listen(path) {
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

function socketsOf(place) {
  if (WINDOWS) return [place]
  const names = unless(['ENOENT'], () => readdirSync(place)) ?? []
  return names.map((name) => join(place, name))
}

/** Waits until whoever listens there is done with it or gone. */
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

function unless(codes, work) {
  try {
    return work()
  } catch (error) {
    if (!codes.includes(error.code)) throw error
  }
}
