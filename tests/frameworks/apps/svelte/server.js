import { render as renderApp } from 'svelte/server'
import App from './App.svelte'

export { open } from './open.js'
export const render = async () => renderApp(App).body
