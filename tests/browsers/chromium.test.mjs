// The cases in Chromium.
import { chromium } from 'playwright-core'
import { findChromium } from '../../scripts/setup.mjs'
import { suites } from './cases/index.mjs'
import { run } from './suite.mjs'

// Of two such lists Chromium takes the last, so this one stands for Playwright's as well.
const WITHOUT = [
  // An http: page stays one.
  'HttpsUpgrades',
  // Nothing leaves this machine.
  'AimEnabled',
  'MediaRouter',
  'OptimizationHints',
  'Translate',
  // Two documents of the browser's own for each window: a third of all the time.
  'WebUIOmniboxAimPopup',
  'WebUIOmniboxPopup',
  // A process for the next navigation, whatever it may be.
  'SpareRendererForSitePerProcess',
]

const FLAGS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  `--disable-features=${WITHOUT}`,
  // Hosts of an attacker are this machine.
  '--host-resolver-rules=MAP *.example 127.0.0.1',
]

const launch = async () =>
  chromium.launch({
    executablePath: await findChromium(),
    args: FLAGS,
    // Playwright switches the back/forward cache off, which people have.
    ignoreDefaultArgs: ['--disable-back-forward-cache'],
  })

run('Chromium', launch, suites)
