// The browser of a person who signs in at an RP that is a server: it takes what the provider answers to
// the RP's redirect URI, and shows no page.

import assert from 'node:assert/strict'

/** What arrives at the redirect URI: its URL, or the form that is posted there. */
export async function browse(url, redirectUri) {
  const response = await fetch(url, { redirect: 'manual' })
  const location = response.headers.get('location')
  const page = await response.text()
  if (location) {
    assert.ok(location.startsWith(`${redirectUri}?`), location)
    return location
  }
  assert.equal(response.status, 200, page)
  assert.equal(attribute(/<form[^>]*>/.exec(page)[0], 'action'), redirectUri)
  const inputs = [...page.matchAll(/<input[^>]*>/g)].map(([tag]) => [
    attribute(tag, 'name'),
    attribute(tag, 'value'),
  ])
  return new URLSearchParams(inputs)
}

function attribute(tag, name) {
  const [, text] = new RegExp(` ${name}="([^"]*)"`).exec(tag)
  return text.replace(/&#(\d+);/g, (_, code) => String.fromCodePoint(code))
}
