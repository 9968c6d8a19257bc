import { createElement as h, useEffect, useState } from 'react'
import { options, show } from './options.js'
import { useSession } from './useSession.js'
import { arrive, countOrders, name, signIn } from './view.js'

export function App() {
  const [shown, setShown] = useState(true)
  return h(
    'main',
    null,
    h('button', { id: 'toggle', onClick: () => setShown(!shown) }, 'Toggle'),
    shown && show.map((part, key) => h(PARTS[part], { key, part })),
  )
}

const PARTS = { person: Person, careless: Careless, hasty: Careless }

function Person() {
  const { session, claims, error } = useSession(options)
  const [orders, setOrders] = useState('')
  const ask = async () => setOrders(await countOrders(session, options))
  return h(
    'section',
    null,
    h('h1', null, name(claims)),
    h('p', null, error?.code),
    session && h('button', { className: 'sign-in', onClick: () => signIn(session) }, 'Sign in'),
    session && h('button', { className: 'ask', onClick: ask }, 'Orders'),
    h('output', null, orders),
  )
}

/** StrictMode runs the effect, its end and the effect again. */
function Careless({ part }) {
  const [ends, setEnds] = useState([])
  useEffect(() => {
    const close = arrive(options, (end) => setEnds((ends) => [...ends, end]))
    if (part === 'hasty') return close
  }, [part])
  const last = ends.at(-1)
  return h(
    'section',
    null,
    h('h1', null, name(last?.claims)),
    h('pre', null, JSON.stringify(ends.map(({ answer }) => answer))),
    last && h('button', { className: 'sign-in', onClick: () => signIn(last.session) }, 'Sign in'),
  )
}
