import { onMounted, onUnmounted, shallowRef } from 'vue'
import { watchSession } from './session.js'

export function useSession(options) {
  const state = shallowRef({})
  let stop
  onMounted(() => {
    stop = watchSession(options, (seen) => (state.value = seen))
  })
  onUnmounted(() => stop())
  return state
}
