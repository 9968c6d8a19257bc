import { onMount } from 'svelte'
import { watchSession } from './session.js'

export function useSession(options) {
  let state = $state.raw({})
  onMount(() => watchSession(options, (seen) => (state = seen)))
  return () => state
}
