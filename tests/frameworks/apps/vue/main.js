import { createApp, createSSRApp } from 'vue'
import { App } from './App.js'

const root = document.getElementById('root')
const create = root.firstElementChild ? createSSRApp : createApp
create(App).mount(root)
