import { h, onMounted, onUnmounted, ref, shallowRef } from 'vue'
import { options, show } from './options.js'
import { useSession } from './useSession.js'
import { arrive, countOrders, name, signIn } from './view.js'

const Person = {
  props: ['part'],
  setup() {
    const seen = useSession(options)
    const orders = ref('')
    const ask = async () => (orders.value = await countOrders(seen.value.session, options))
    return () => {
      const { session, claims, error } = seen.value
      return h('section', [
        h('h1', name(claims)),
        h('p', error?.code),
        session && h('button', { class: 'sign-in', onClick: () => signIn(session) }, 'Sign in'),
        session && h('button', { class: 'ask', onClick: ask }, 'Orders'),
        h('output', orders.value),
      ])
    }
  },
}

const Careless = {
  props: ['part'],
  setup({ part }) {
    const ends = shallowRef([])
    const closes = []
    const mounted = () => {
      closes.push(arrive(options, (end) => (ends.value = [...ends.value, end])))
    }
    onMounted(mounted)
    onMounted(() => mounted())
    onUnmounted(() => part === 'hasty' && closes.forEach((close) => close()))
    return () => {
      const last = ends.value.at(-1)
      const answers = ends.value.map(({ answer }) => answer)
      return h('section', [
        h('h1', name(last?.claims)),
        h('pre', JSON.stringify(answers)),
        last && h('button', { class: 'sign-in', onClick: () => signIn(last.session) }, 'Sign in'),
      ])
    }
  },
}

const PARTS = { person: Person, careless: Careless, hasty: Careless }

export const App = {
  setup() {
    const shown = ref(true)
    return () =>
      h('main', [
        h('button', { id: 'toggle', onClick: () => (shown.value = !shown.value) }, 'Toggle'),
        shown.value && show.map((part, key) => h(PARTS[part], { key, part })),
      ])
  },
}
