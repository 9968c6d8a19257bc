// What the error codes mean to the person at the page. The code is shown beside the words.

const WORDS = {
  authorization_error: 'The sign-in was cancelled, or the provider refused it.',
  login_required: 'Please sign in first.',
  login_loop: 'The provider sent us back and forth without a result, so we stopped.',
  state_unknown: 'This sign-in was not begun in this tab, or it took too long. Please try again.',
  state_missing: 'The provider’s answer does not say which sign-in it belongs to.',
  issuer_mismatch: 'The answer came from another provider than the one we asked.',
  id_token_invalid: 'The provider’s word about who you are did not pass our checks.',
  token_error: 'The provider gave no token.',
  network_error: 'The network or the other side did not answer.',
  timeout: 'The other side took too long to answer.',
  response_content_type: 'The other side answered with something that is not for programs.',
  response_not_json: 'The other side answered with something that is not for programs.',
  redirect_refused: 'The other side wanted to send us elsewhere, and we did not go.',
  response_status: 'The other side has trouble. Trying again may help.',
  insufficient_scope: 'The token does not allow this.',
  url_not_allowed: 'The token may not be sent to that address.',
  unsupported: 'This browser or this address lacks what signing in needs.',
  wasm_unavailable: 'The browser did not run the WebAssembly part. Does a policy forbid it?',
}

const OVER = 'The session is over; please sign in again.'

export function words({ code, message, loginRequired, error_description, retryAfter }) {
  const over = loginRequired && code === 'token_error' ? OVER : undefined
  const sentence = over ?? WORDS[code] ?? message ?? 'Something went wrong.'
  const more = []
  // The provider's own words: untrusted, hence shown as a quotation and never as markup.
  if (error_description) more.push(`It said: “${error_description}”`)
  if (retryAfter) more.push(`It asks for ${retryAfter} seconds of patience.`)
  return [sentence, ...more].join(' ')
}
