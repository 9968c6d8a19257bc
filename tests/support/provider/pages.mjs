// The provider's own pages: plain HTML without scripts, except that signing out sends its form by
// itself.

const STYLE = `
:root {
  color-scheme: light dark;
  --paper: #f4f2ee; --card: #fffefb; --ink: #1f2328; --soft: #5b616a; --line: #dcd7cd;
  --accent: #0b6e63; --accent-ink: #fff; --alarm: #a3261b; --field: #fff;
}
@media (prefers-color-scheme: dark) {
  :root {
    --paper: #14171a; --card: #1d2226; --ink: #eceae4; --soft: #a7adb4; --line: #363d43;
    --accent: #5fd0bf; --accent-ink: #07211d; --alarm: #ff9d8f; --field: #15191c;
  }
}
* { box-sizing: border-box; }
body {
  margin: 0; min-height: 100vh; display: grid; place-items: center; padding: 1.25rem;
  background: var(--paper); color: var(--ink);
  font: 1rem/1.5 system-ui, -apple-system, 'Segoe UI', Roboto, sans-serif;
}
main {
  width: min(24rem, 100%); background: var(--card); border: 1px solid var(--line);
  border-radius: 1rem; padding: 1.75rem;
}
h1 { font-size: 1.4rem; line-height: 1.25; margin: 0 0 .25rem; letter-spacing: -.01em; }
p { margin: 0 0 1.25rem; color: var(--soft); }
code { font: .95em ui-monospace, 'SF Mono', Menlo, Consolas, monospace; color: var(--ink); }
label { display: block; font-weight: 600; font-size: .9rem; margin: 0 0 .3rem; }
input[type='text'], input[type='password'] {
  width: 100%; font: inherit; padding: .65rem .75rem; margin: 0 0 1rem; border-radius: .6rem;
  border: 1px solid var(--soft); background: var(--field); color: var(--ink);
}
.buttons { display: flex; gap: .6rem; margin-top: .5rem; }
button {
  flex: 1; font: inherit; font-weight: 600; padding: .65rem 1rem; border-radius: .6rem;
  border: 1px solid var(--accent); background: var(--accent); color: var(--accent-ink);
  cursor: pointer;
}
button.quiet { background: transparent; color: var(--ink); border-color: var(--soft); }
:focus-visible { outline: 3px solid var(--accent); outline-offset: 2px; }
.alarm { color: var(--alarm); font-weight: 600; }
.hint { margin: 1.25rem 0 0; padding-top: 1rem; border-top: 1px solid var(--line); font-size: .9rem; }
`

export function escape(text) {
  return String(text).replace(
    /[&<>"']/g,
    (sign) => ({ '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' })[sign],
  )
}

export function page(title, body) {
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escape(title)}</title>
<link rel="icon" href="data:,">
<style>${STYLE}</style>
</head>
<body><main><h1>${escape(title)}</h1>${body}</main></body>
</html>`
}

export function loginPage({ action, client, name = '', failed, hint }) {
  const title = 'Sign in'
  return page(
    title,
    `<p>to continue to ${escape(client)}</p>
${failed ? '<p class="alarm" role="alert">That name and password do not belong together.</p>' : ''}
<form method="post" action="${escape(action)}">
<label for="login">Name</label>
<input id="login" name="login" type="text" value="${escape(name)}" autocomplete="username" autocapitalize="none" spellcheck="false" required autofocus>
<label for="password">Password</label>
<input id="password" name="password" type="password" autocomplete="current-password" required>
<div class="buttons">
<button type="submit">Sign in</button>
<button type="submit" name="cancel" value="yes" class="quiet" formnovalidate>Cancel</button>
</div>
</form>
${hint ? `<p class="hint">${hint}</p>` : ''}`,
  )
}

export function consentPage({ action, client, scopes }) {
  return page(
    'Allow access?',
    `<p>${escape(client)} asks for: ${scopes.map((scope) => `<code>${escape(scope)}</code>`).join(' ')}</p>
<form method="post" action="${escape(action)}">
<div class="buttons">
<button type="submit" name="allow" value="yes">Allow</button>
<button type="submit" name="cancel" value="yes" class="quiet">Cancel</button>
</div>
</form>`,
  )
}

export function logoutPage(form, { ask }) {
  // The form comes from the provider; its button is ours.
  const asked = `${form}
<div class="buttons">
<button type="submit" form="op.logoutForm" name="logout" value="yes" autofocus>Sign out</button>
<button type="submit" form="op.logoutForm" class="quiet">Stay signed in</button>
</div>`
  const unasked = form.replace(
    '</form>',
    '<input type="hidden" name="logout" value="yes"><noscript><button>Continue</button></noscript></form><script>document.forms[0].submit()</script>',
  )
  return ask
    ? page('Sign out?', `<p>This ends your session here.</p>${asked}`)
    : page('Signing out', unasked)
}

export function devicePage({ form, message }) {
  return page(
    'Connect a device',
    `<p>${escape(message)}</p>${form}
<div class="buttons"><button type="submit" form="op.deviceInputForm">Continue</button></div>`,
  )
}

export function deviceConfirmPage({ form, client, userCode }) {
  return page(
    'Connect a device',
    `<p>${escape(client)} shows this code: <code>${escape(userCode)}</code></p>${form}
<div class="buttons">
<button type="submit" form="op.deviceConfirmForm" autofocus>Continue</button>
<button type="submit" form="op.deviceConfirmForm" name="abort" value="yes" class="quiet">Cancel</button>
</div>`,
  )
}

export function messagePage(title, lines) {
  return page(title, lines.map((line) => `<p>${escape(line)}</p>`).join(''))
}
