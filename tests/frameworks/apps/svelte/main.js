import { hydrate, mount } from 'svelte'
import App from './App.svelte'

const target = document.getElementById('root')
const start = target.firstElementChild ? hydrate : mount
start(App, { target })
