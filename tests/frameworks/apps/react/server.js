import { StrictMode, createElement as h } from 'react'
import { renderToString } from 'react-dom/server'
import { App } from './App.js'

export { open } from './open.js'
export const render = async () => renderToString(h(StrictMode, null, h(App)))
