import { useEffect, useState } from 'react'
import { watchSession } from './session.js'

export function useSession(options) {
  const [state, setState] = useState({})
  useEffect(() => watchSession(options, setState), [options])
  return state
}
