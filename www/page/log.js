// What happened, newest first. It outlives the way to the provider and back; no token is in it.

const KEY = 'demo.log'
const MOST = 14

export function createLog() {
  const list = document.querySelector('#log ol')
  const empty = document.querySelector('#log .soft')
  let entries = stored()
  for (const entry of entries) list.prepend(row(entry))
  empty.hidden = entries.length > 0

  document.querySelector('#clear-log').addEventListener('click', () => {
    entries = []
    list.replaceChildren()
    empty.hidden = false
    store(entries)
  })

  return {
    add(type, text, code) {
      const entry = { at: Date.now(), type, text, code }
      entries = [...entries, entry].slice(-MOST)
      list.prepend(row(entry))
      while (list.children.length > MOST) list.lastElementChild.remove()
      empty.hidden = true
      store(entries)
    },
  }
}

function row({ at, type, text, code }) {
  const item = document.createElement('li')
  item.dataset.type = type
  const time = document.createElement('time')
  const date = new Date(at)
  time.dateTime = date.toISOString()
  time.textContent = date.toLocaleTimeString()
  const name = document.createElement('b')
  name.textContent = type
  const words = document.createElement('span')
  words.textContent = text
  item.append(time, ' ', name, ' ', words)
  if (code) {
    const mark = document.createElement('code')
    mark.textContent = code
    item.append(' ', mark)
  }
  return item
}

function stored() {
  try {
    return JSON.parse(sessionStorage.getItem(KEY)) ?? []
  } catch {
    return []
  }
}

function store(entries) {
  try {
    sessionStorage.setItem(KEY, JSON.stringify(entries))
  } catch {
    // A log that is not kept is still a log.
  }
}
