// An RP that is a page: a session in Chromium, for the modules whose checks are the session's own.

import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { chromium } from 'playwright-core'

import { findChromium } from '../../scripts/setup.mjs'
import { openProfile } from '../browsers/profile.mjs'
import { bundle, startSite } from '../browsers/site.mjs'
import { startProvider } from './provider.mjs'

// Far more than a case takes; one that hangs is told by its name.
const TIMEOUT = 60_000
const FLAGS = ['--no-sandbox', '--disable-gpu', '--no-first-run', '--disable-background-networking']

/** Runs the cases of a plan, each under the id of its module. */
export function runPlanInPage(plan, cases) {
  describe(`${plan} [a page]`, () => {
    let browser
    let files
    before(async () => {
      const executablePath = await findChromium()
      const launching = chromium.launch({ executablePath, args: FLAGS })
      ;[browser, files] = await Promise.all([launching, bundle()])
    })
    after(() => browser?.close())

    for (const [id, run] of Object.entries(cases)) {
      test(id, { timeout: TIMEOUT }, async (t) => {
        const page = await open({ t, browser, files, ...run })
        await run.run(page)
        assert.deepEqual(page.provider.faults, [])
      })
    }
  })
}

/** A provider with that flow, and a page at which a person signed in. */
async function open({ t, browser, files, flow, framed }) {
  const site = await startSite(files, {})
  t.after(site.close)
  const redirectUri = `${site.origin}/callback`
  const postLogoutRedirectUri = `${site.origin}/bye`
  const client = {
    id: 'page',
    auth: 'none',
    redirectUris: [redirectUri],
    postLogoutRedirectUris: [postLogoutRedirectUri],
    ...(framed && { frontchannelLogoutUri: `${site.origin}/frame` }),
  }
  const provider = await startProvider({ ...flow, client })
  t.after(provider.close)
  const session = {
    issuer: provider.issuer,
    clientId: client.id,
    redirectUri,
    postLogoutRedirectUri,
    scope: 'openid offline_access',
    backgroundRenewal: false,
    ...(framed && { frontChannelLogoutUri: client.frontchannelLogoutUri }),
  }
  const { tab: app, close } = await openProfile(browser, site.origin, { session })
  t.after(close)
  await app.visit()
  assert.equal((await app.signIn({}, { form: false })).value.kind, 'signed-in')
  return { app, provider, site }
}
