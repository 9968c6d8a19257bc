import { cases as bound } from './bound.mjs'
import { cases as discovery } from './discovery.mjs'
import { cases as endpoints } from './endpoints.mjs'
import { cases as errors } from './errors.mjs'
import { cases as grants } from './grants.mjs'
import { cases as guard } from './guard.mjs'
import { cases as options } from './options.mjs'
import { cases as people } from './people.mjs'
import { cases as resources } from './resources.mjs'
import { cases as secrets } from './secrets.mjs'
import { cases as sessions } from './sessions.mjs'
import { cases as shared } from './shared.mjs'
import { cases as tokens } from './tokens.mjs'
import { cases as wire } from './wire.mjs'

export const suites = {
  grants,
  tokens,
  resources,
  people,
  endpoints,
  errors,
  discovery,
  options,
  wire,
  secrets,
  sessions,
  shared,
  bound,
  guard,
}
