// Compares with a pinned JSON file line by line, so that a failure reads like a review.
import { readFileSync } from 'node:fs'

/** What differs, each line with its path: `- was`, `+ is`. Empty where nothing does. */
export function changes(url, value) {
  const was = lines(JSON.parse(readFileSync(url, 'utf8')))
  const is = lines(value)
  return [
    ...without(was, is).map((line) => `- ${line}`),
    ...without(is, was).map((line) => `+ ${line}`),
  ]
}

function lines(value, path = []) {
  if (Array.isArray(value)) return value.map((each) => [...path, each].join(' '))
  if (typeof value !== 'object') return [[...path, value].join(' ')]
  return Object.entries(value).flatMap(([key, each]) => lines(each, [...path, key]))
}

/** The first list without the second, each line as often as it is there more. */
function without(some, others) {
  const rest = [...others]
  return some.filter((line) => {
    const at = rest.indexOf(line)
    if (at >= 0) rest.splice(at, 1)
    return at < 0
  })
}
