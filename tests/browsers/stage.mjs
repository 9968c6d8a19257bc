// What a case is given: a provider, a page of an origin of its own with the packed package, an API, and
// a browser profile. The browser is shared; everything else is closed when the case is over.
import assert from 'node:assert/strict'
import { startProvider } from '../support/provider.mjs'
import { openProfile } from './profile.mjs'
import { startApi, startSite } from './site.mjs'

export const SCOPE = 'openid profile api offline_access'

/** A defect of the provider by which a page that leaves for it stays where it is: there is no content. */
export const NOWHERE = { path: '/connect/authorize', kind: 'status', status: 204 }

export function createStage(browser, files) {
  const cleanups = []

  async function api() {
    const api = await startApi()
    cleanups.push(api.close)
    return api
  }

  async function provider(options) {
    const provider = await startProvider(options)
    cleanups.push(async () => {
      await provider.close()
      assert.deepEqual(provider.server_errors, [])
    })
    return provider
  }

  /**
   * Sets it all up. Options:
   * - `provider`: of startProvider. `session`: of createSession, over defaults that work.
   * - `host`: of the page, under .example, where it is no secure one.
   * - `headers`: of the page's documents. `wasm`: other bytes for the wasm.
   * - `byHand`: a path, such as '/callback', at which the page waits; `arriveAt` goes on.
   * - `prepare`: runs in every document of the page before its scripts, with `given`.
   * - `trouble`: errors that the page may report as unhandled.
   */
  async function open(options = {}) {
    const site = await startSite(files, options)
    cleanups.push(site.close)
    const redirectUri = `${site.origin}/callback`
    const postLogoutRedirectUri = `${site.origin}/bye`
    const [server, resource] = await Promise.all([
      provider({
        redirectUris: [redirectUri],
        postLogoutRedirectUris: [postLogoutRedirectUri],
        ...options.provider,
      }),
      api(),
    ])
    const session = {
      issuer: server.issuer,
      clientId: 'spa',
      redirectUri,
      postLogoutRedirectUri,
      scope: SCOPE,
      allowedUrls: [`${resource.origin}/orders`],
      ...options.session,
    }
    /** The first tab of a browser profile of its own. */
    const profile = async () => {
      const { tab, close } = await openProfile(browser, site.origin, { ...options, session })
      cleanups.push(close)
      return tab
    }
    return { site, provider: server, api: resource, session, app: await profile(), profile }
  }

  /** Closes everything, the last first, and fails by the first thing that was not in order. */
  async function close() {
    const failures = []
    for (const cleanup of cleanups.reverse()) await cleanup().catch((error) => failures.push(error))
    if (failures.length > 0) throw failures[0]
  }

  return { open, api, provider, close }
}
