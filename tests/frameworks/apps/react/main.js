import { StrictMode, createElement as h } from 'react'
import { createRoot, hydrateRoot } from 'react-dom/client'
import { App } from './App.js'

const root = document.getElementById('root')
const app = h(StrictMode, null, h(App))
if (root.firstElementChild) hydrateRoot(root, app)
else createRoot(root).render(app)
