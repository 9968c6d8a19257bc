// OpenID Connect RP-Initiated Logout 1.0, Back-Channel Logout 1.0 and Front-Channel Logout 1.0.

import crypto from 'node:crypto'

import { redirect } from './authorization.mjs'
import { Fault } from './checks.mjs'
import { changed, signed } from './tokens.mjs'

const EVENT = 'http://schemas.openid.net/event/backchannel-logout'
/** Seconds. */
const LIFE = 120

/** Ends the session, tells the RP so if it wants to hear it, and sends the person back. */
export async function endSession(op, { query }) {
  const place = query.get('post_logout_redirect_uri')
  if (!op.idTokens.has(query.get('id_token_hint'))) throw new Fault('id_token_hint')
  if (!op.client.postLogoutRedirectUris.includes(place)) throw new Fault('post_logout_redirect_uri')
  if (!query.get('state')) op.fault('end of session: no state')
  if (op.client.backchannelLogoutUri) op.logouts.push(await tell(op))
  const back = redirect(place, changed(op.flow.leave, { state: query.get('state') }))
  if (!op.client.frontchannelLogoutUri) return back
  const { location } = back.headers
  return { html: frame(op, `onload="location.replace('${location.replaceAll('&', '&amp;')}')"`) }
}

/** Front-Channel Logout, section 2: the person signed out here, and each RP hears of it in a frame. */
export const tellInFrames = (op) => ({ html: frame(op, '') })

function frame(op, more) {
  const query = new URLSearchParams({ iss: op.issuer, sid: op.sid, ...op.flow.frame })
  const src = `${op.client.frontchannelLogoutUri}?${query}`.replaceAll('&', '&amp;')
  return `<html><head><link rel="icon" href="data:," /></head><body><iframe src="${src}" ${more}></iframe></body></html>`
}

/** Back-Channel Logout, sections 2.4 and 2.5: what is not understood is to be ignored. */
async function tell(op) {
  const now = Math.floor(Date.now() / 1000)
  const claims = changed(op.flow.logoutToken, {
    iss: op.issuer,
    sub: op.user.sub,
    aud: op.client.id,
    iat: now,
    exp: now + LIFE,
    jti: crypto.randomUUID(),
    events: { [EVENT]: {} },
    sid: op.sid,
    ignored_claim: 'Logout Tokens MAY contain other Claims.',
  })
  const body = new URLSearchParams({
    logout_token: signed(op, claims, op.flow.logoutTokenBy),
    ignored_parameter: 'The POST body MAY contain other values.',
  })
  const { status, headers } = await fetch(op.client.backchannelLogoutUri, { method: 'POST', body })
  if (!headers.get('cache-control')?.includes('no-store')) op.fault('logout: may be cached')
  return status
}
