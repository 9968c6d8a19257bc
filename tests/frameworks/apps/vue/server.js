import { createSSRApp } from 'vue'
import { renderToString } from 'vue/server-renderer'
import { App } from './App.js'

export { open } from './open.js'
export const render = () => renderToString(createSSRApp(App))
