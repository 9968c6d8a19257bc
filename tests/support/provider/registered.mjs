// oidc-provider takes printable ASCII alone in client identifiers and secrets; other servers take
// any text. So that clients can be tested with any text, a name beyond ASCII is registered
// percent-encoded, and requests are rewritten on their way in. RFC 6749, section 2.3.1.

const PRINTABLE = /^[\x20-\x7e]*$/

/** The name under which the provider knows an identifier or a secret. */
export function registered(text) {
  return PRINTABLE.test(text) ? text : encodeURIComponent(text)
}

export function registeredForm(request) {
  const headers = { ...request.headers }
  const basic = /^Basic +(\S+)$/i.exec(headers.authorization ?? '')
  if (basic) {
    const halves = Buffer.from(basic[1], 'base64').toString('utf8').split(':')
    const texts = halves.map(formDecoded)
    // Anything that is not two form-encoded halves is the provider's to refuse.
    if (texts.length === 2 && texts.some((text) => text && !PRINTABLE.test(text))) {
      const credentials = texts.map((text) => encodeURIComponent(registered(text))).join(':')
      headers.authorization = `Basic ${Buffer.from(credentials).toString('base64')}`
    }
  }
  let { body } = request
  const form = new URLSearchParams(body.toString('latin1'))
  const names = ['client_id', 'client_secret'].filter((name) => !isRegistered(form.get(name)))
  if (names.length > 0) {
    for (const name of names) form.set(name, registered(form.get(name)))
    body = Buffer.from(form.toString())
  }
  delete headers['transfer-encoding']
  if (body.length > 0) headers['content-length'] = String(body.length)
  return { ...request, headers, body }
}

function isRegistered(text) {
  return text === null || PRINTABLE.test(text)
}

function formDecoded(text) {
  try {
    return decodeURIComponent(text.replaceAll('+', ' '))
  } catch {
    return undefined
  }
}
