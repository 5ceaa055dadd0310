// The page in a real Firefox, over its own WebDriver BiDi: keyboard alone, no error in the console, axe. Called by
// tests/server/browser.test, which has made a profile with a certificate store for each client; writes a line "ok" or
// "not ok" for each statement.
//
// MODULES: the folder node_modules. FIREFOX: the program. PROFILES: one folder a client. URL_request: where it listens.
// ACCESS_LOG: of that server. SHOTS: a folder for screenshots, or nothing.
import { spawn } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { carried, logged } from './log.mjs';

const { MODULES, FIREFOX, PROFILES, SHOTS, URL_request: ORIGIN } = process.env;
const require = createRequire(path.join(MODULES, 'from-here.js'));
const WebSocket = require('ws');
const AXE = readFileSync(require.resolve('axe-core/axe.min.js'), 'utf8');

// Nobody is asked but the page's server: for all others there is a proxy that does not listen.
const PREFS = {
  'security.default_personal_cert': 'Select Automatically', 'network.proxy.type': 1, 'network.proxy.http': '127.0.0.1', 'network.proxy.http_port': 9,
  'network.proxy.ssl': '127.0.0.1', 'network.proxy.ssl_port': 9, 'network.captive-portal-service.enabled': false,
  'network.connectivity-service.enabled': false, 'app.update.enabled': false, 'app.normandy.enabled': false, 'browser.aboutwelcome.enabled': false,
  'datareporting.policy.dataSubmissionEnabled': false, 'toolkit.telemetry.enabled': false, 'browser.shell.checkDefaultBrowser': false, 'browser.startup.page': 0, 'browser.newtabpage.enabled': false,
  'services.settings.server': 'data:,#remote-settings-dummy/v1', 'accessibility.tabfocus': 7,
};

const detail = (got) => (typeof got === 'string' ? got : JSON.stringify(got));

function is(got, want, what) {
  const good = detail(got) === detail(want);
  console.log(`${good ? 'ok' : 'not ok'} - ${what}${good ? '' : `: got ${detail(got)}, want ${detail(want)}`}`.replaceAll('\n', ' '));
}

async function listening(program) {
  for await (const line of createInterface({ input: program.stderr })) {
    const [, url] = /listening on (ws:\S+)/.exec(line) ?? [];
    if (url) {
      program.stderr.resume();
      return url;
    }
  }
  throw new Error('Firefox ended before it listened');
}

async function connect(url) {
  const socket = new WebSocket(`${url}/session`), waiting = new Map();
  let last = 0;
  const bidi = { onevent: () => {}, close: () => socket.close(), send: (method, params = {}) => new Promise((done, failed) => {
    last += 1;
    waiting.set(last, { done, failed, method });
    socket.send(JSON.stringify({ id: last, method, params }));
  }) };
  socket.on('message', (text) => {
    const { id, type, result, method, params, error, message } = JSON.parse(text);
    if (type === 'event') return bidi.onevent(method, params);
    const { done, failed, method: asked } = waiting.get(id);
    waiting.delete(id);
    return type === 'success' ? done(result) : failed(new Error(`${asked}: ${error}: ${message}`));
  });
  await new Promise((done, failed) => { socket.on('open', done); socket.on('error', failed); });
  return bidi;
}

async function visit(client, languages, visitor) {
  const profile = path.join(PROFILES, client);
  writeFileSync(path.join(profile, 'user.js'), Object.entries({ ...PREFS, 'intl.accept_languages': languages })
    .map(([name, value]) => `user_pref(${JSON.stringify(name)}, ${JSON.stringify(value)});\n`).join(''));
  const program = spawn(FIREFOX, ['--headless', '--no-remote', '--profile', profile, '--remote-debugging-port', '0'],
    { stdio: ['ignore', 'ignore', 'pipe'], env: { ...process.env, HOME: profile, MOZ_HEADLESS_WIDTH: '1280', MOZ_HEADLESS_HEIGHT: '900' } });
  const ended = new Promise((done) => { program.on('exit', done); });
  try {
    const bidi = await connect(await listening(program));
    await bidi.send('session.new', { capabilities: {} });
    const { context } = await bidi.send('browsingContext.create', { type: 'window' }); // the first one never has the focus
    const trouble = []; // of the page: the browser's own windows have theirs
    bidi.onevent = (method, { level, text, source }) => source?.context === context && ['error', 'warn'].includes(level) && trouble.push(text);
    await bidi.send('session.subscribe', { events: ['log.entryAdded'] });
    await bidi.send('script.addPreloadScript', { functionDeclaration:
      '() => addEventListener("securitypolicyviolation", (event) => console.error(`policy: ${event.violatedDirective} ${event.blockedURI}`))' });
    await bidi.send('browsingContext.activate', { context });
    await bidi.send('browsingContext.setViewport', { context, viewport: { width: 1280, height: 900 } });
    // What a script in the page comes to, as JSON.
    const ask = async (expression) => {
      const { result, exceptionDetails } = await bidi.send('script.evaluate', { target: { context }, awaitPromise: true,
        expression: `Promise.resolve(${expression}).then((value) => JSON.stringify(value) ?? "null")` });
      if (exceptionDetails) throw new Error(exceptionDetails.text);
      return JSON.parse(result.value);
    };
    const press = (key) => bidi.send('input.performActions', { context, actions: [{ type: 'key', id: 'keyboard',
      actions: [{ type: 'keyDown', value: key }, { type: 'keyUp', value: key }] }] });
    const goto = async (where) => {
      await bidi.send('browsingContext.navigate', { context, url: ORIGIN + where, wait: 'complete' });
      await ask(`new Promise((done) => { const look = () => ("ready" in document.documentElement.dataset ? done() : setTimeout(look, 50)); look(); })`);
    };
    const shot = async (name) => SHOTS && writeFileSync(path.join(SHOTS, `${name}.png`),
      Buffer.from((await bidi.send('browsingContext.captureScreenshot', { context, origin: 'document' })).data, 'base64'));
    await visitor({ ask, press, goto, shot, trouble });
    await bidi.send('browser.close');
    bidi.close();
  } finally {
    const late = setTimeout(() => program.kill('SIGKILL'), 20000);
    await ended;
    clearTimeout(late);
  }
}

async function accessible({ ask }, what) {
  await ask(`(() => { ${AXE}; })()`);
  is(await ask('axe.run(document, { resultTypes: ["violations"] }).then(({ violations }) => violations.map((v) => `${v.id}: ${v.nodes[0].target.join(" ")}`))'),
    [], `${what}: axe finds no violation`);
  is(await ask('document.documentElement.scrollWidth <= innerWidth'), true, `${what}: nothing is wider than the window`);
}

const TAB = '\uE004', ENTER = '\uE007', DOWN = '\uE015';

for (const [client, languages, state, lang] of [['good', 'en-GB, en', 'good', 'en'], ['none', 'zh-CN, zh', 'none', 'zh-Hans']]) {
  await visit(client, languages, async (page) => {
    const what = `Firefox, ${client}`, { ask, press } = page;
    const since = logged();
    await page.goto('/#step=3');
    is(await carried(since, 'request', 14), { enough: true, protocols: ['HTTP/2.0'], connections: 1 }, `${what}: all requests on one connection of HTTP/2`);
    is(await ask('document.querySelector("#verdict .verdict").className.split(" ").pop()'), state, `${what}: the verdict is "${state}"`);
    is(await ask('document.documentElement.lang'), lang, `${what}: in its language`);
    is(await ask('document.querySelectorAll(".step").length'), client === 'good' ? 10 : 5, `${what}: its steps`);
    await accessible(page, what);
    await page.shot(`firefox-${client}`);

    // Everything that a mouse can do, by Tab and Enter.
    await ask('void document.querySelectorAll("details").forEach((e) => { e.open = false; })');
    await ask('document.body.focus()');
    const all = await ask('[...document.querySelectorAll("button, summary, a, textarea, input")].filter((e) => e.checkVisibility()).length');
    const seen = new Set();
    let rings = 0, opened = 0, summaries = 0;
    for (let i = 0; i < all; i += 1) {
      await press(TAB);
      const [kind, number, ring] = await ask(`(() => { const e = document.activeElement; e.dataset.seen ??= document.querySelectorAll("[data-seen]").length;
        return [e.tagName, e.dataset.seen, getComputedStyle(e).outlineStyle]; })()`);
      seen.add(number);
      rings += ring !== 'none';
      if (kind !== 'SUMMARY' || summaries > 2) continue;
      summaries += 1;
      await press(ENTER);
      opened += await ask('document.activeElement.parentElement.open');
      await press(ENTER);
    }
    is([seen.size, rings], [all, all], `${what}: Tab reaches every control, and each shows the focus`);
    is(opened, summaries, `${what}: Enter opens a message`);
    await ask('void document.querySelector("#step-1 .number").focus()');
    await press(DOWN);
    is(await ask('location.hash'), `#step=4&of=${client === 'good' ? 10 : 5}`, `${what}: an arrow key leads to the next step`);
    is(page.trouble, [], `${what}: no error in the console, no violation`);
  });
}
console.log('done');
