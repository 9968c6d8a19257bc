// A person at a browser, for tests that have none: keeps cookies, follows redirects, fills in the
// provider's forms. Stops at the first address that is not the provider's.

export function createPerson() {
  const cookies = new Map()

  async function send(url, init = {}) {
    const headers = { accept: 'text/html', ...init.headers }
    const path = new URL(url).pathname
    const sent = [...cookies.values()].filter((cookie) => path.startsWith(cookie.path))
    if (sent.length > 0)
      headers.cookie = sent.map(({ name, value }) => `${name}=${value}`).join('; ')
    const response = await fetch(url, { redirect: 'manual', ...init, headers })
    for (const line of response.headers.getSetCookie()) {
      const [pair, ...attributes] = line.split(/; */)
      const name = pair.slice(0, pair.indexOf('='))
      const value = pair.slice(pair.indexOf('=') + 1)
      const of = (wanted) =>
        attributes
          .find((text) => text.toLowerCase().startsWith(`${wanted}=`))
          ?.slice(wanted.length + 1)
      const cookiePath = of('path') ?? '/'
      const expires = of('expires')
      const key = `${name} ${cookiePath}`
      if (expires && new Date(expires) < new Date()) cookies.delete(key)
      else cookies.set(key, { name, value, path: cookiePath })
    }
    return response
  }

  /** Follows redirects within the origin; answers { response, url } or { url } of another origin. */
  async function follow(url, init) {
    const { origin } = new URL(url)
    let response = await send(url, init)
    while (response.headers.has('location')) {
      url = new URL(response.headers.get('location'), url).href
      if (new URL(url).origin !== origin) return { url }
      response = await send(url)
    }
    return { response, url }
  }

  /** Sends the form of a page with these fields besides its hidden ones. */
  async function submit({ response, url }, fields) {
    const html = await response.text()
    const form = new URLSearchParams()
    for (const [input] of html.matchAll(/<input[^>]*type="hidden"[^>]*>/g)) {
      form.set(attribute(input, 'name'), attribute(input, 'value'))
    }
    for (const [name, value] of Object.entries(fields)) form.set(name, value)
    const action = new URL(attribute(/<form[^>]*>/.exec(html)[0], 'action'), url).href
    return follow(action, {
      method: 'POST',
      body: form.toString(),
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
    })
  }

  return {
    follow,
    submit,
    /** From the authorization URL through the login form, if there is one, to the callback's URL. */
    async signIn(url, { login = 'alice', password = login } = {}) {
      const page = await follow(url)
      return page.response ? (await submit(page, { login, password })).url : page.url
    },
    /** Presses Cancel. */
    async refuse(url) {
      const page = await follow(url)
      return (await submit(page, { cancel: 'yes' })).url
    },
  }
}

function attribute(tag, name) {
  const text = new RegExp(`${name}="([^"]*)"`).exec(tag)?.[1] ?? ''
  return text.replaceAll('&amp;', '&').replaceAll('&quot;', '"').replaceAll('&#39;', "'")
}
