// The Form Post plan: the modules of the Basic plan, with the answer in a form; and its error.

import assert from 'node:assert/strict'

import { basic } from './basic.mjs'

export const formPost = {
  ...basic,

  async 'oidcc-client-test-form-post-error'({ stopsBehind }) {
    const flow = {
      silent: true,
      asked(parameters, must) {
        must(parameters.get('prompt') === 'none' && parameters.get('max_age') === '0', 'max_age')
      },
      answer: ({ state }) => ({ error: 'login_required', state }),
    }
    const ask = { prompt: 'none', maxAge: 0 }
    const { error } = await stopsBehind('authorize', flow, ['authorization_error'], { ask })
    assert.equal(error.error, 'login_required')
  },
}
