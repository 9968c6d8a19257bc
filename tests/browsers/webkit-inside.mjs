// What runs inside the pages that webkit.mjs drives. Each function stands for itself: its text is sent.

// JSON, and undefined.
const UNDEFINED = '(undefined)'

export const encoded = (value) =>
  JSON.stringify(value, (key, value) => (value === undefined ? UNDEFINED : value))

export const decoded = (text) => defined(JSON.parse(text))

function defined(value) {
  if (value === UNDEFINED) return undefined
  if (Array.isArray(value)) return value.map(defined)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([key, value]) => [key, defined(value)]))
}

const CODE = `const UNDEFINED = '${UNDEFINED}', encoded = ${encoded}, decoded = (text) => defined(JSON.parse(text));
${defined}`

/** The script before those of the page number `id`: bindings, and an ear at the console. */
export const opening = (path, id, bindings) => `{
${CODE}
;(${prepare})(${JSON.stringify(path)}, ${id}, ${JSON.stringify(bindings)}, encoded)
}`

function prepare(path, id, bindings, encoded) {
  const { open, send } = XMLHttpRequest.prototype
  // Synchronous: the page may be left at once, and what it tells keeps its order.
  const post = (message) => {
    const request = new XMLHttpRequest()
    open.call(request, 'POST', location.origin + path, false)
    send.call(request, encoded({ from: top.driver.id, url: location.href, ...message }))
  }
  Object.defineProperty(globalThis, 'driver', { value: { id, post } })
  for (const name of bindings) {
    globalThis[name] = (value) => post({ kind: 'call', name, value })
  }
  for (const name of ['debug', 'log', 'info', 'warn', 'error']) {
    const write = console[name]
    console[name] = (...values) => {
      post({ kind: 'console', text: values.map(String).join(' ') })
      write.apply(console, values)
    }
  }
}

/**
 * The body of a function that runs `work`. It answers what `work` does, or null if that is a promise:
 * the page posts the answer, under that id, so that other windows are not kept waiting.
 */
export const running = (work) => `
${CODE}
return (${begin})(${work}, arguments[0], decoded(arguments[1]), encoded)`

function begin(work, id, argument, encoded) {
  const thrown = (error) => ({ thrown: `${error?.stack ? `${error}\n${error.stack}` : error}` })
  try {
    const value = work(argument)
    if (typeof value?.then !== 'function') return encoded({ value })
    const post = (outcome) => driver.post({ kind: 'answer', id, ...outcome })
    value.then(
      (value) => post({ value }),
      (error) => post(thrown(error)),
    )
    return null
  } catch (error) {
    return encoded(thrown(error))
  }
}
