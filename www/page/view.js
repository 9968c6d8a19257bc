// All that touches the document. Text is always set as text.

import { words } from './words.js'

const $ = (selector) => document.querySelector(selector)

export function showSignedOut({ ready }) {
  $('#sign-in').hidden = !ready
  $('#call-api').hidden = !ready
  showOnly('welcome')
  document.title = 'grantkit demo'
}

export function showPerson(claims) {
  const name = claims?.name ?? claims?.sub ?? 'Somebody'
  $('#person-name').textContent = name
  $('#person-email').textContent = claims?.email ?? 'not told'
  $('#person-sub').textContent = claims?.sub ?? 'not told'
  $('.avatar').textContent = initials(name)
  document.title = `${name} · grantkit demo`
  showOnly('signed-in')
}

export function showToken({ token, expiresAt, scope }) {
  $('#token-preview').replaceChildren(
    element('code', `${token.slice(0, 6)}…`),
    ` ${token.length} characters`,
  )
  $('#token-expires').textContent = expiresAt ? `at ${clockTime(expiresAt)}` : 'unknown'
  $('#token-scope').textContent = scope ?? 'as asked'
}

/** `life`: how long a whole token lives, in milliseconds. */
export function showClock(expiresAt, life) {
  const rest = Math.max(0, (expiresAt ?? 0) - Date.now())
  const seconds = Math.ceil(rest / 1000)
  const text = `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, '0')}`
  const countdown = $('#countdown')
  if (countdown.textContent !== text) countdown.textContent = text
  $('#countdown-words').textContent = rest > 0 ? 'left' : 'expired'
  const share = Math.min(1, rest / life)
  $('.clock .rest').setAttribute('stroke-dasharray', `${share * 100} 100`)
  $('.clock').dataset.state = rest === 0 ? 'over' : share < 0.25 ? 'soon' : 'fine'
}

export function showOrders(orders, took) {
  const list = element('ul', undefined, 'orders')
  for (const { id, item, price, state } of orders) {
    const row = element('li')
    const what = element('span', undefined, 'what')
    what.append(element('b', item), element('small', `No. ${id}, ${state}`))
    row.append(what, element('span', price, 'price'))
    list.append(row)
  }
  $('#api .result').replaceChildren(element('p', `200 OK in ${took}`, 'soft'), list)
}

export function showWorker(answers, took) {
  const { from, requests } = answers.at(-1).token
  const cached = answers.filter(({ token }) => token.from === 'cache').length
  const facts = element('dl')
  facts.append(
    fact('Token from', from, `from-${from}`),
    fact('Token requests so far', String(requests)),
    fact(answers.length === 1 ? 'Answered in' : `${answers.length} answers in`, took),
  )
  const result = [facts]
  if (answers.length > 1) {
    const sentence =
      cached === answers.length
        ? 'All of them had the token from the cache.'
        : `${answers.length - cached} waited for the same token request, ${cached} had it from the cache.`
    result.push(element('p', sentence, 'soft'))
  }
  const orders = answers.at(-1).orders?.length
  if (orders) result.push(element('p', `The API gave it ${orders} orders.`, 'soft'))
  $('#worker .result').replaceChildren(...result)
}

export function showProblem(card, error) {
  const box = $(`#${card} .problem`)
  box.replaceChildren(element('p', words(error)))
  if (error.code) box.firstChild.append(' ', element('code', error.code))
}

export function clearProblem(card) {
  $(`#${card} .problem`).replaceChildren()
}

/** Works once at a time; keeps the focus, which a disabled button would lose. */
export function onClick(id, work) {
  const button = $(`#${id}`)
  button.addEventListener('click', async () => {
    if (button.getAttribute('aria-disabled') === 'true') return
    button.setAttribute('aria-disabled', 'true')
    try {
      await work()
    } finally {
      button.removeAttribute('aria-disabled')
    }
  })
}

export function clockTime(milliseconds) {
  return new Date(milliseconds).toLocaleTimeString()
}

// The focus must not stay on what is gone.
function showOnly(name) {
  const focused = document.activeElement
  $('#starting').hidden = true
  for (const id of ['welcome', 'signed-in']) $(`#${id}`).hidden = id !== name
  if (focused?.closest('[hidden]')) $(`#${name} h2`).focus()
}

function initials(name) {
  const parts = name.split(/\s+/).filter(Boolean)
  return [parts[0], parts.length > 1 ? parts.at(-1) : '']
    .map((part) => part?.[0] ?? '')
    .join('')
    .toUpperCase()
}

function fact(name, value, mark) {
  const pair = element('div', undefined, mark)
  pair.append(element('dt', name), element('dd', value))
  return pair
}

function element(name, text, className) {
  const made = document.createElement(name)
  if (text !== undefined) made.textContent = text
  if (className) made.className = className
  return made
}
