// The demo that `npm start` serves, as a person uses it.
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:http'
import { join } from 'node:path'
import test from 'node:test'
import { ROOT } from '../../scripts/setup.mjs'
import { listen, stop } from '../support/provider/front.mjs'
import { start } from '../../www/serve.mjs'
import { browserOf } from './browser.mjs'

const ANY = { page: 0, provider: 0, api: 0, worker: 0 }

/** A browser's tab, and what went wrong in it. */
async function tabs(t) {
  const context = await (await browserOf(t)).newContext()
  const troubles = []
  context.on('weberror', (error) => troubles.push(String(error.error())))
  // A violation of the policy is one, too.
  context.on('console', (message) => {
    if (['error', 'warning'].includes(message.type())) troubles.push(message.text())
  })
  return { context, troubles }
}

test('the demo: in, the API, the Worker, a renewal, a second tab, out', async (t) => {
  const demo = await start({ ports: ANY })
  t.after(demo.close)
  const { context, troubles } = await tabs(t)
  const page = await context.newPage()
  await page.goto(demo.addresses.page)
  await page.click('#sign-in')
  await page.fill('#login', 'alice')
  await page.fill('#password', 'alice')
  await page.click('button[type=submit]')
  await page.locator('#person-name', { hasText: 'Alice Smith' }).waitFor()
  assert.equal(page.url(), demo.addresses.page)
  assert.match(await page.locator('#countdown').textContent(), /^[01]:\d\d$|^2:00$/)

  await page.click('#call-api')
  await page.locator('#api .orders li').nth(2).waitFor()
  for (const [button, from] of [
    ['#ask-worker', 'network'],
    ['#ask-worker', 'cache'],
    ['#ask-worker-often', 'cache'],
    ['#ask-worker-fresh', 'network'],
  ]) {
    await page.locator('#worker .result').evaluate((result) => result.replaceChildren())
    await page.click(button)
    await page.locator(`#worker .from-${from}`).waitFor()
  }
  assert.equal(demo.provider.count('client_credentials'), 2)
  await page.click('#renew')
  await page.locator('#log li', { hasText: 'A new token' }).waitFor()
  assert.equal(demo.provider.count('refresh_token'), 1)

  const opened = context.waitForEvent('page')
  await page.getByRole('link', { name: 'Open a second tab' }).click()
  const second = await opened
  await second.click('#sign-in')
  await second.locator('#person-name', { hasText: 'Alice Smith' }).waitFor()
  const shown = await page.evaluate(() => document.documentElement.outerHTML)
  for (const granted of demo.provider.granted()) {
    for (const name of ['access_token', 'refresh_token', 'id_token']) {
      if (granted[name]) assert.ok(!shown.includes(granted[name]), `${name} is shown whole`)
    }
  }
  await page.click('#sign-out')
  await page.locator('#welcome').waitFor()
  assert.equal(page.url(), demo.addresses.page)
  assert.deepEqual(troubles, [])
})

test('the demo takes other ports where its own are taken', async (t) => {
  const ports = {}
  for (const name of Object.keys(ANY)) {
    const other = createServer((req, res) => res.end('another program'))
    await listen(other, 0)
    t.after(() => stop(other))
    ports[name] = other.address().port
  }
  const demo = await start({ ports })
  t.after(demo.close)
  for (const [name, address] of Object.entries(demo.addresses)) {
    assert.notEqual(Number(new URL(address).port), ports[name], name)
    assert.notEqual(await (await fetch(address)).text(), 'another program', name)
  }
})

test('Ctrl-C stops all of it', async () => {
  const program = join(ROOT, 'scripts', 'start.mjs')
  const stdio = ['ignore', 'pipe', 'inherit']
  const child = spawn(process.execPath, [program], { cwd: ROOT, stdio })
  let printed = ''
  for await (const text of child.stdout.setEncoding('utf8')) {
    printed += text
    if (printed.includes('Ctrl-C stops it.')) break
  }
  const addresses = printed.match(/http:\/\/127\.0\.0\.1:\d+/g)
  assert.equal(addresses.length, 4)
  for (const address of addresses) await fetch(address)
  const ended = once(child, 'exit')
  child.kill('SIGINT')
  assert.deepEqual(await ended, [0, null])
  for (const address of addresses) await assert.rejects(fetch(address), address)
})
