// A tab: what the page in it tells, and what a person and a case do with it.

// A guard against hanging: nothing is asserted by it.
const PATIENCE = 30_000

const forgetArrivals = () => {
  for (const key of Object.keys(sessionStorage))
    if (key.startsWith('grantkit.1.loop.')) sessionStorage.removeItem(key)
}

export function createTab(page, { person, troubles }) {
  let waiting = []
  const told = []
  const requests = []
  const console = []
  page.on('request', (request) => requests.push(request.url()))
  page.on('console', (message) => console.push(message.text()))

  // What is waited for when the page closes is nobody's affair any more.
  const guards = new Set()
  page.once('close', () => guards.forEach(clearTimeout))

  /** Ends a wait that has no end, and says what it waited for. */
  function guarded(work, say) {
    const error = new Error()
    let guard
    const late = new Promise((resolve, reject) => {
      guard = setTimeout(() => {
        error.message = `${say()}; the page is at ${page.url()}, troubles: ${troubles}`
        reject(error)
      }, PATIENCE)
    })
    guards.add(guard)
    const off = () => {
      clearTimeout(guard)
      guards.delete(guard)
    }
    return Promise.race([work, late]).finally(off)
  }

  /** The next message of that kind that the page tells, those that nobody asked for included. */
  function next(kind, fits = () => true) {
    const takes = (message) => message[kind] !== undefined && fits(message[kind])
    const at = told.findIndex(takes)
    if (at >= 0) return Promise.resolve(told.splice(at, 1)[0][kind])
    const message = new Promise((resolve) => waiting.push({ takes, resolve }))
    return guarded(
      message.then((message) => message[kind]),
      () => `the page told no ${kind}, only ${JSON.stringify(told)}`,
    )
  }

  const run = (work, argument) =>
    guarded(page.evaluate(work, argument), () => `the page did not answer: ${work}`)

  const self = {
    /** The addresses of all that the page asked for. */
    requests,
    console,
    next,
    hear(message) {
      const wish = waiting.find(({ takes }) => takes(message))
      if (!wish) return told.push(message)
      waiting = waiting.filter((other) => other !== wish)
      wish.resolve(message)
    },
    /** The next event of that type. */
    event: (type) => next('event', (event) => event.type === type),
    /** How the next load of the page ends: { value } or { error }, and its address. */
    arrival: () => next('arrival'),

    /** Loads the page at that path, or whatever leads to it. */
    async visit(path = '/') {
      const arrival = self.arrival()
      await page.goto(path)
      return arrival
    },
    async reload() {
      const arrival = self.arrival()
      await page.reload()
      return arrival
    },
    /** Goes through the history to a page of ours: { persisted, url }. */
    async travel(steps) {
      const shown = next('shown')
      await run((steps) => history.go(steps), steps)
      const { persisted, url } = await shown
      // Loaded anew, it arrives as every page does.
      if (!persisted) await self.arrival()
      return { persisted, url }
    },
    /** Goes on where the page waits, as if the provider had sent the person to that address. */
    async arriveAt(url) {
      const arrival = self.arrival()
      await run((url) => {
        if (url) history.replaceState(history.state, '', url)
        arrive()
      }, url)
      return arrival
    },

    /** Runs a function in the page. */
    run,
    /** Settles when a function of the page answers something true. */
    until: (met, argument) => page.waitForFunction(met, argument),
    /** A call of the session, by its name: { value } or { error }. */
    call: (name, ...values) =>
      run(([name, values]) => settle(() => session[name](...values)), [name, values]),
    /** Starts to sign in and does not wait; the page is about to be left. */
    leave: (ask = {}) => run((ask) => void settle(session.signIn(ask)), ask),
    /** Everything under our names, by store. */
    stored: () =>
      run(() => {
        const ours = (storage) =>
          Object.fromEntries(Object.entries(storage).filter(([key]) => key.startsWith('grantkit')))
        return { session: ours(sessionStorage), local: ours(localStorage) }
      }),

    /** The person clicks. */
    click: (selector) => page.click(selector),
    url: () => page.url(),
    /** The person closes the tab. */
    close: () => page.close({ runBeforeUnload: false }),
    isClosed: () => page.isClosed(),
    /** Settles when it is closed, by whomever. */
    closed: async () => {
      if (!page.isClosed()) await page.waitForEvent('close')
    },
    /** The process of the page dies. Answers whether this browser can be told to do that. */
    async crash() {
      if (page.context().browser()?.browserType().name() !== 'chromium') return false
      const crashed = page.waitForEvent('crash')
      page.goto('chrome://crash').catch(() => {})
      await crashed
      return true
    },

    /** Settles when the provider shows its form, */
    form: () => page.waitForSelector('#login'),
    /** or asks whether the person agrees. */
    consent: () => page.waitForSelector('button[name=allow]'),
    /** The person fills it in, */
    async fillIn({ name = 'alice', password = name } = {}) {
      await page.fill('#login', name)
      await page.fill('#password', password)
      await page.click('button[type=submit]')
      person.known = true
    },
    /** or says no. */
    refuse: () => page.click('button[name=cancel]'),
    /** The whole way to the provider and back. Answers how the callback ended. */
    async signIn(ask, { form = !person.known, loops = false, ...who } = {}) {
      // Cases sign in more often than people do: only what is about loops counts.
      if (!loops) await run(forgetArrivals)
      const arrival = self.arrival()
      await self.leave(ask)
      if (form) await self.fillIn(who)
      return arrival
    },
  }
  return self
}
