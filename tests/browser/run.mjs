// The page in a real Chromium. Called by tests/server/browser.test, which has made a home folder with an NSS store for
// each client, and a policy by which Chromium chooses the certificate; writes a line "ok" or "not ok" for each statement.
//
// MODULES: the folder node_modules. CHROMIUM: the program. HOMES: one folder a client. URL_<listener>: where it listens.
// ACCESS_LOG: of the server whose listeners are in CASES. SHOTS: a folder for screenshots, or nothing.
import { readFileSync } from 'node:fs';
import { get } from 'node:https';
import { createRequire } from 'node:module';
import path from 'node:path';
import { text } from 'node:stream/consumers';
import { carried, logged } from './log.mjs';

const { MODULES, CHROMIUM, HOMES, SHOTS, LAB } = process.env;
const require = createRequire(path.join(MODULES, 'from-here.js'));
const { chromium } = require('playwright-core');
const AXE = readFileSync(require.resolve('axe-core/axe.min.js'), 'utf8');

const FLAGS = ['--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
  '--disable-component-update', '--disable-sync', '--no-sandbox'];

// listener, client, what the page says of it: a verdict and its codes, or that there is no page at all. Chromium itself
// holds back a certificate that has expired (but see expiring()), and one from a CA that was not named: only `unnamed`,
// which names none, gets to see that.
const CASES = [
  ['off', 'good', 'off'],
  ['request', 'none', 'none'],
  ['request', 'good', 'good'],
  ['request', 'expired', 'none'],
  ['request', 'revoked', 'bad', 'revoked'],
  ['request', 'unknown-ca', 'none'],
  ['unnamed', 'unknown-ca', 'bad', 'issuer_unknown'],
  ['require', 'none', 'refused'],
  ['require', 'good', 'good'],
  ['require', 'expired', 'refused'],
  ['require', 'revoked', 'refused'],
  ['require', 'unknown-ca', 'refused'],
];

const detail = (got) => (typeof got === 'string' ? got : JSON.stringify(got));

function is(got, want, what) {
  const good = detail(got) === detail(want);
  console.log(`${good ? 'ok' : 'not ok'} - ${what}${good ? '' : `: got ${detail(got)}, want ${detail(want)}`}`.replaceAll('\n', ' '));
}

const like = (got, pattern, what) => is(pattern.test(got) ? String(pattern) : got, String(pattern), what);

// A browser of its own for each visit: certificates, choices and sessions are remembered as long as it lives.
async function open(listener, client, { host = 'localhost', flags = [], ...options }) {
  const origin = process.env[`URL_${listener}`].replace('localhost', host);
  const home = path.join(HOMES, client);
  const context = await chromium.launchPersistentContext('', {
    executablePath: CHROMIUM,
    args: [...FLAGS, ...flags],
    env: { ...process.env, HOME: home },
    locale: 'en-GB',
    viewport: { width: 1280, height: 800 },
    ...options,
  });
  const page = context.pages()[0];
  const trouble = [];
  page.on('console', (message) => ['error', 'warning'].includes(message.type()) && trouble.push(message.text()));
  page.on('pageerror', (error) => trouble.push(String(error)));
  page.on('requestfailed', (request) => trouble.push(`${request.url()}: ${request.failure().errorText}`));
  page.on('request', (request) => request.url().startsWith(`${origin}/`) || trouble.push(`asked ${request.url()}`));
  await page.addInitScript(() => addEventListener('securitypolicyviolation',
    (event) => console.error(`policy: ${event.violatedDirective} ${event.blockedURI}`)));
  return { context, page, origin, trouble };
}

async function visit(listener, client, options, visitor) {
  const opened = await open(listener, client, options);
  try {
    await visitor(opened);
  } finally {
    await opened.context.close();
  }
}

async function accessible(page, what) {
  await page.evaluate(AXE);
  const { violations } = await page.evaluate(() => globalThis.axe.run(document, { resultTypes: ['violations'] }));
  is(violations.map((v) => `${v.id}: ${v.nodes[0].target.join(' ')}`), [], `${what}: axe finds no violation`);
}

// What reaches beyond the right edge, but for what scrolls within something that does not.
const fits = async (page, what) => is(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth ? [] :
  [...document.querySelectorAll('body *')].filter((e) => e.getBoundingClientRect().right > innerWidth).map((e) => e.outerHTML.slice(0, 80)).slice(0, 5)), [],
  `${what}: nothing is wider than the window`);

const shot = async (page, name) => SHOTS && page.screenshot({ path: path.join(SHOTS, `${name}.png`), fullPage: true });

async function drawn(page, what) {
  const record = await page.evaluate(async () => (await (await fetch('/api/connection')).json()).handshake ?? null);
  const names = await page.locator('.row:not(.ghost) .name').allTextContents();
  if (!record) is(await page.locator('#diagram').textContent(), 'This server keeps no record of handshakes to draw.', `${what}: no record`);
  else like(names.join(' '), /^ClientHello .*ServerHello .*Finished/, `${what}: the handshake is drawn`);
}

async function walk([listener, client, state, ...codes]) {
  const what = `${listener}, ${client}`;
  await visit(listener, client, {}, async ({ page, origin, trouble }) => {
    const answer = await page.goto(`${origin}/`).then((r) => r.status(), (error) => error.message);
    if (state === 'refused') {
      like(String(answer), /ERR_BAD_SSL_CLIENT_AUTH_CERT/, `${what}: refused in the handshake`);
      return;
    }
    is(answer, 200, `${what}: served`);
    await page.waitForSelector('html[data-ready]');
    like(await page.locator('#verdict .verdict').getAttribute('class'), new RegExp(`\\b${state}$`), `${what}: the verdict is "${state}"`);
    is(await page.locator('.reason.bad h3 code').allTextContents(), codes, `${what}: the reasons`);
    is(await page.locator('.why').count(), state === 'none' || state === 'off' ? 1 : 0, `${what}: why no picker appeared`);
    is(await page.locator('#shown .chips .chosen bdi').allTextContents(), ['localhost'], `${what}: the server's name is marked`);
    like(await page.locator('#shown .copyable code').last().textContent(), /^mtlsd probe .*https:\/\/localhost:\d+\/$/, `${what}: the line that asks the four`);
    await drawn(page, what);
    await fits(page, what);
    await accessible(page, what);
    await shot(page, `${listener}-${client}`);
    is(trouble, [], `${what}: no error, no violation, nobody else asked`);
  });
}

// A page and all that belongs to it over one connection of HTTP/2, whoever its client is.
async function carriage() {
  for (const [listener, client] of [['off', 'none'], ['request', 'none'], ['request', 'good'], ['require', 'good']]) {
    await visit(listener, client, {}, async ({ page, origin, trouble }) => {
      const what = `HTTP/2, ${listener}, ${client}`, since = logged();
      let asked = 0;
      page.on('requestfinished', () => { asked += 1; });
      await page.goto(`${origin}/`, { waitUntil: 'networkidle' });
      await page.waitForSelector('html[data-ready]');
      is(asked >= 14 ? 'many' : `${asked} requests`, 'many', `${what}: all files of the page`);
      is(await carried(since, listener, asked), { enough: true, protocols: ['HTTP/2.0'], connections: 1 }, `${what}: all requests on one connection`);
      is(await page.evaluate(() => performance.getEntries().flatMap((e) => (e.nextHopProtocol ? [e.nextHopProtocol] : []))
        .filter((name, i, all) => all.indexOf(name) === i)), ['h2'], `${what}: so says the browser`);
      is((await page.textContent('main')).includes('h2'), true, `${what}: so says the page`);
      is(trouble, [], `${what}: no trouble`);
    });
  }
}

async function languages() {
  await visit('request', 'good', { locale: 'zh-CN', colorScheme: 'dark' }, async ({ page, origin, trouble }) => {
    await page.goto(`${origin}/`);
    await page.waitForSelector('html[data-ready]');
    is(await page.textContent('h1'), '您的连接', 'a Chinese browser gets Chinese');
    is(await page.title(), '您的连接 · mtlsd', 'in the title too');
    await accessible(page, 'Chinese, dark');
    await shot(page, 'chinese-dark');
    await page.click('text=English');
    await page.waitForSelector('html[lang=en]');
    is(await page.textContent('h1'), 'Your connection', 'the switch changes the language');
    is(await page.evaluate(() => document.activeElement.textContent), 'English', 'and keeps the focus');
    await page.reload();
    await page.waitForSelector('html[data-ready]');
    is(await page.getAttribute('html', 'lang'), 'en', 'which is remembered');
    is(trouble, [], 'languages: no trouble');
  });
}

// Everything that a mouse can do, by Tab, Enter and Space.
async function keyboard() {
  await visit('request', 'good', { permissions: ['clipboard-read', 'clipboard-write'] }, async ({ page, origin, trouble }) => {
    await page.goto(`${origin}/`);
    await page.waitForSelector('html[data-ready]');
    const all = await page.locator('button:visible, summary:visible, a:visible, textarea:visible, input:visible').count();
    const seen = new Set();
    let copied = false;
    for (let i = 0; i < all; i += 1) {
      await page.keyboard.press('Tab');
      const [kind, name, ring] = await page.evaluate(() => {
        const { activeElement: e } = document;
        e.dataset.seen ??= document.querySelectorAll('[data-seen]').length;
        return [e.tagName, `${e.dataset.seen} ${e.className}`, getComputedStyle(e).outlineStyle];
      });
      seen.add(name);
      if (ring === 'none') is(ring, 'a ring', `keyboard: ${kind} ${name} shows the focus`);
      if (kind === 'SUMMARY') {
        await page.keyboard.press('Enter');
        await page.keyboard.press('Enter');
      } else if (kind === 'BUTTON' && !copied && await page.evaluate(() => document.activeElement.parentElement.matches('.copyable'))) {
        copied = true;
        await page.keyboard.press('Enter');
        await page.waitForFunction(() => document.getElementById('announce').textContent === 'Copied');
        is(await page.evaluate(() => navigator.clipboard.readText()), await page.evaluate(() => document.activeElement.parentElement
          .querySelector('code').textContent), 'keyboard: the copy is what it says');
      }
    }
    is(seen.size, all, 'keyboard: Tab reaches every control');
    is(copied, true, 'keyboard: a copy was made');
    is(trouble, [], 'keyboard: no trouble');
  });
}

// The handshake as the steps of the schoolbook: the visitor's own, read the other way, by keyboard, by link, on paper.
async function stepping() {
  for (const [listener, client, own, title] of [['off', 'none', 5, 'One-way TLS · TLS 1.3'], ['request', 'none', 5, 'One-way TLS (asked, none came) · TLS 1.3'],
    ['request', 'good', 10, 'Mutual TLS · TLS 1.3']]) {
    await visit(listener, client, {}, async ({ page, origin, trouble }) => {
      const what = `steps, ${listener}, ${client}`, here = () => page.locator('[data-here] .number').allTextContents();
      await page.goto(`${origin}/#step=3`);
      await page.waitForSelector('html[data-ready]');
      is(await page.textContent('#diagram h3'), title, `${what}: its mode`);
      is(await page.locator('.step').count(), own, `${what}: ${own} of its own`);
      is(await here(), ['3'], `${what}: a link leads to one`);
      await page.focus('[data-here] .number');
      await page.keyboard.press('ArrowDown');
      is([await here(), await page.evaluate(() => location.hash)], [['4'], `#step=4&of=${own}`], `${what}: the next by keyboard, with its link`);
      is(await page.locator('[data-here] details:not([open])').count(), 0, `${what}: its messages are open`);
      is(await page.locator('#step-3 .row details[open]').count(), 0, `${what}: those of the step before are closed again`);
      is(await page.evaluate(() => document.querySelector('.stepping button').getBoundingClientRect().top >= 0), true, `${what}: the buttons stay in sight`);
      await page.evaluate(() => { location.hash = '#step=8&of=10'; });
      await page.waitForSelector('#step-8[data-here]');
      is(await page.locator('.step').count(), 10, `${what}: a link to one of ten`);
      is(await page.locator('.step.absent').count(), { off: 4, request: 2 }[client === 'good' ? '' : listener] ?? 0, `${what}: what only mutual TLS has`);
      is(await page.locator('.checks.server li.good').count(), client === 'good' ? 5 : 0, `${what}: the server's checks are where it made them`);
      is((await page.textContent('#step-8 .caption')).includes('root.crt: CN=mtlsd lab root CA'), listener !== 'off', `${what}: the judge by name, where it is known`);
      is((await page.textContent('#step-8')).includes('The verdict is that of'), await page.evaluate(async () => (await (await fetch('/api/peer')).json()).remembered),
        `${what}: a verdict of before is said to be one`);
      is(await page.locator('.ghost').count(), { off: 3, request: client === 'good' ? 0 : 1 }[listener], `${what}: what was not sent`);
      is(await page.locator('.row:not(.ghost) .note').allTextContents().then((all) => [...new Set(all.map((text) => text.trim()))]),
        { off: [], request: client === 'good' ? ['only in mutual TLS'] : ['asked, none came', 'sent, but empty'] }[listener], `${what}: what was sent is not said to be missing`);
      is(/[:：] ?\?/.test(await page.textContent('#diagram')), false, `${what}: no name is missing`);
      is(await page.locator('#step-2 .chips .chosen').count() >= 3, true, `${what}: chosen among what was offered`);
      like(await page.textContent('#step-9'), /HKDF, a function .* makes separate keys .*HKDF-Extract .*HKDF-Expand-Label/, `${what}: how one secret becomes keys`);
      await page.click('#diagram .tools button');
      is(await page.locator('#diagram a[href="#step=8&of=10"]').last().isVisible(), listener !== 'off', `${what}: in five steps, where the rest is`);
      await page.evaluate(() => { location.hash = '#step=8&of=10'; });
      await page.waitForSelector('#step-8[data-here]');
      is(await page.evaluate(() => { dispatchEvent(new Event('beforeprint')); return document.querySelectorAll('details:not([open])').length; }), 0,
        `${what}: on paper all is open`);
      await accessible(page, what);
      await fits(page, what);
      await shot(page, `steps-${listener}-${client}`);
      await page.emulateMedia({ media: 'print' });
      await fits(page, `${what}, on paper`);
      await shot(page, `paper-${listener}-${client}`);
      is(trouble, [], `${what}: no trouble`);
    });
  }
}

async function sizes() {
  for (const [width, height, client] of [[320, 640, 'revoked'], [360, 800, 'good'], [3840, 2160, 'good']]) {
    await visit('request', client, { viewport: { width, height } }, async ({ page, origin }) => {
      await page.goto(`${origin}/`);
      await page.waitForSelector('html[data-ready]');
      is(await page.locator('#step-2 details:not(.row details):not([open])').count() > 0, width < 640, `${width} pixels: what was not chosen is folded where there is little room`);
      for (const summary of await page.locator('summary:visible').all()) {
        if (!await summary.evaluate((e) => e.parentElement.open)) await summary.click();
      }
      await fits(page, `${width} pixels, all open`);
      await accessible(page, `${width} pixels`);
      await shot(page, `width-${width}`);
    });
  }
}

// Fifty names, one of a thousand characters, and none but alternative ones: all are shown, and nothing grows out of the page.
async function names() {
  for (const [client, title] of [['fifty', 'CN=fifty'], ['long', 'CN=long'], ['nameless', 'first.example.org']]) {
    for (const width of [320, 1280]) {
      await visit('request', client, { viewport: { width, height: 800 } }, async ({ page, origin, trouble }) => {
        const what = `names, ${client}, ${width} pixels`;
        await page.goto(`${origin}/`);
        await page.waitForSelector('html[data-ready]');
        is(await page.textContent('.lede strong'), `Mutual: you are ${title}, verified.`, `${what}: who it is`);
        is((await page.locator('#details .rung bdi').first().textContent()).startsWith(title), true, `${what}: the chain says so`);
        is(await page.locator('#details dd ul li').count(), { fifty: 51, long: 1, nameless: 2 }[client], `${what}: all alternative names`);
        await fits(page, what);
        await accessible(page, what);
        await shot(page, `names-${client}-${width}`);
        is((await page.goto(`${origin}/bob/`)).status(), 403, `${what}: a rule refuses it`);
        is((await page.textContent('main')).includes(title), true, `${what}: the problem page says whom`);
        await fits(page, `${what}, problem`);
        await accessible(page, `${what}, problem`);
        await shot(page, `names-${client}-${width}-problem`);
        is(trouble.filter((text) => !/status of 403/.test(text)), [], `${what}: no trouble`);
      });
    }
  }
}

async function problems() {
  for (const [client, where, status] of [['none', '/secure/', 403], ['revoked', '/secure/', 403], ['good', '/nothing', 404], ['none', '/closed/style.css', 403]]) {
    await visit('request', client, {}, async ({ page, origin, trouble }) => {
      const what = `${where}, ${client}`;
      is((await page.goto(origin + where)).status(), status, `${what}: ${status}`);
      like(await page.textContent('h1'), new RegExp(`^${status} `), `${what}: a page says so`);
      is(await page.evaluate(() => [document.styleSheets.length, getComputedStyle(document.querySelector('main')).maxWidth !== 'none']), [1, true],
        `${what}: in a style`);
      is(trouble, status === 404 ? trouble : trouble.filter((text) => /status of 403/.test(text)), `${what}: no violation, nothing else asked`);
      await accessible(page, what);
      await shot(page, `problem-${status}-${client}`);
    });
  }
}

// A certificate that the browser holds back, pasted by keyboard: the verdict of this server, drawn as one's own.
async function pasting() {
  const read = (name) => readFileSync(path.join(LAB, name), 'utf8');
  for (const [width, colorScheme, locale] of [[1280, 'light', 'en-GB'], [1280, 'dark', 'zh-CN'], [360, 'light', 'en-GB'], [360, 'dark', 'zh-CN']]) {
    await visit('request', 'none', { viewport: { width, height: 800 }, colorScheme, locale }, async ({ page, origin, trouble }) => {
      await page.goto(`${origin}/`);
      await page.waitForSelector('html[data-ready]');
      for (const [name, state, ...codes] of [['client-wrong-eku.crt', 'bad', 'wrong_purpose'], ['client-revoked.crt', 'bad', 'revoked'],
        ['client-unknown-ca.crt', 'bad', 'issuer_unknown'], ['client-self-signed.crt', 'bad', 'self_signed'],
        ['client.crt', 'good'], ['client.key', 'bad']]) {
        const what = `pasted, ${width} pixels, ${locale}, ${name}`, asked = [];
        const count = (request) => request.method() === 'POST' && asked.push(request.url());
        page.on('request', count);
        await page.fill('#paste-text', read(name));
        await page.focus('#paste-text');
        await page.keyboard.press('Tab');
        is(await page.evaluate(() => document.activeElement.id), 'paste-judge', `${what}: Tab leads to the button`);
        await page.evaluate(() => document.getElementById('paste-verdict').replaceChildren());
        await page.keyboard.press('Enter');
        await page.waitForSelector('#paste-verdict .verdict');
        page.off('request', count);
        like(await page.locator('#paste-verdict .verdict').getAttribute('class'), new RegExp(`\\b${state}$`), `${what}: the verdict is "${state}"`);
        is(await page.locator('#paste-rest .reason.bad h3 code').allTextContents(), codes, `${what}: the reasons`);
        is([asked.length, await page.inputValue('#paste-text') === ''], name.endsWith('.key') ? [0, true] : [1, false], `${what}: a key, and only that, is not sent`);
        is(await page.locator('#paste-rest .reason strong').allTextContents().then((all) => all.filter((text) => /[:：]\s*[,;，；]|^[,;，；]/.test(text))), [], `${what}: no hint has a hole`);
        await fits(page, what);
        await accessible(page, what);
        if (SHOTS) await page.locator('#certificate').screenshot({ path: path.join(SHOTS, `pasted-${name}-${width}-${colorScheme}.png`) });
      }
      await page.fill('#paste-text', ' ');
      await page.click('#paste-judge');
      await page.waitForFunction((text) => document.getElementById('paste-verdict').textContent.includes(text), locale === 'en-GB' ? 'The box is empty' : '输入框是空的');
      await page.setInputFiles('#paste-file', path.join(process.env.T, 'expired.der'));
      await page.waitForSelector('#paste-rest .reason');
      is(await page.locator('#paste-rest .reason.bad h3 code').allTextContents(), ['expired', 'intermediate_missing'], `${width}, ${locale}: DER, as a file`);
      await page.click(locale === 'en-GB' ? 'text=简体中文' : 'text=English');
      await page.waitForSelector(`html[lang=${locale === 'en-GB' ? 'zh-Hans' : 'en'}]`);
      await page.waitForSelector('#paste-rest .reason');
      is(trouble, [], `pasted, ${width}, ${locale}: no trouble`);
    });
  }
  await visit('off', 'none', {}, async ({ page, origin }) => {
    await page.goto(`${origin}/`);
    await page.waitForSelector('html[data-ready]');
    is(await page.locator('#paste-text').count(), 0, 'off: no box where nobody is judged');
  });
}

// From a listener to those beside it, by a click: what each asks for, and what came of it.
async function comparing() {
  await visit('request', 'none', {}, async ({ page, origin }) => {
    await page.goto(`${origin}/`);
    await page.waitForSelector('html[data-ready]');
    is(await page.locator('.listeners li:has-text("own error page")').allTextContents().then((all) => all.map((text) => text.split(' ')[0])), ['require'],
      'beside: who would be refused is told before');
  });
  await visit('request', 'good', {}, async ({ page, origin }) => {
    const kind = () => page.textContent('#diagram h3');
    await page.goto(`${origin}/`);
    await page.waitForSelector('html[data-ready]');
    is(await page.locator('.listeners li').allTextContents().then((all) => all.map((one) => one.split(':')[0])),
      ['off One-way.Asks for certificates', 'request you are hereMutual if you like.Asks for certificates', 'require Mutual only.Asks for certificates',
        'unnamed Mutual if you like.Asks for certificates'],
      'beside: each listener, and what it asks for');
    for (const [name, want] of [['off', 'One-way TLS · TLS 1.3'], ['require', 'Mutual TLS · TLS 1.3']]) {
      await page.click(`.listeners a:has-text("${name}")`);
      await page.waitForURL(`${process.env[`URL_${name}`]}/`);
      await page.waitForSelector('html[data-ready]');
      is(await kind(), want, `beside: a click leads to ${name}`);
    }
  });
}

// A name that is not the server's, behind the browser's warning: said beside the names, and at the check.
async function foreign() {
  await visit('request', 'none', { host: 'foreign.localhost', ignoreHTTPSErrors: true }, async ({ page, origin, trouble }) => {
    await page.goto(`${origin}/`);
    await page.waitForSelector('html[data-ready]');
    is((await page.locator('#shown .bad:not(.sign)').allTextContents()).map((text) => text.trim()), ['None of them is in your address bar: foreign.localhost.'],
      'foreign: beside the names of the certificate');
    is(await page.locator('#shown .chips .chosen').count(), 0, 'foreign: no name is marked');
    like(await page.textContent('#step-3'), /Right name\?.*It should fail: it does not bear the name in your address bar, foreign\.localhost\./, 'foreign: at the check');
    await fits(page, 'foreign');
    await accessible(page, 'foreign');
    await shot(page, 'foreign');
    is(trouble, [], 'foreign: no trouble');
  });
}

// TLS 1.2, and what it says of a session that is resumed: that no key was exchanged, and of no pre-shared key.
async function older() {
  await visit('request', 'good', { flags: ['--ssl-version-max=tls1.2'] }, async ({ page, origin, trouble }) => {
    const look = async (what) => {
      await page.goto(`${origin}/`);
      await page.waitForSelector('html[data-ready]');
      is(await page.textContent('#diagram h3'), 'Mutual TLS · TLS 1.2', `${what}: mutual`);
      await fits(page, what);
      await accessible(page, what);
      await shot(page, what.replace(/\W+/g, '-'));
    };
    await look('TLS 1.2');
    like(await page.textContent('#step-9'), /The PRF of TLS 1\.2 makes the master secret .*What this side sends from here on is encrypted/, 'TLS 1.2: the keys');
    like(await page.textContent('#step-6'), /for everybody on the way to read/, 'TLS 1.2: the certificate is not encrypted');
    like(await page.textContent('#diagram'), /An eavesdropper reads ClientHello, ServerHello, Certificate, .*, and ChangeCipherSpec, so also/, 'TLS 1.2: what an eavesdropper reads');
    const answer = await page.evaluate(async () => (await (await fetch('/api/connection')).json()));
    const { handshake, peer, tls } = answer;
    Object.assign(handshake, { resumed: true, messages: handshake.messages.filter(({ message }) => !/^Certificate|^Server(Key|HelloDone)|^ClientKey/.test(message)) });
    Object.assign(peer, { resumed: true, checks: { ...peer.checks, possession: { ...peer.checks.possession, why: 'resumed' } } });
    Object.assign(tls, { resumed: true, server_signature: null, client_signature: null });
    await page.route('**/api/connection*', (route) => route.fulfill({ json: { ...answer, server_chain: [] } }));
    await look('TLS 1.2, resumed');
    is(await page.textContent('.lede span'), 'TLS 1.2 · AES-128-GCM', 'TLS 1.2, resumed: no key exchange on top');
    is(await page.locator('.caption').filter({ hasText: 'left out: resumed' }).locator('.number').allTextContents(), ['3', '4', '5', '6', '7'], 'TLS 1.2, resumed: what was left out');
    is(/Groups/.test(await page.textContent('#step-2 .caption')), false, 'TLS 1.2, resumed: no group was chosen');
    is(/Resumes|Offers to resume/.test(await page.textContent('#diagram')), false, 'TLS 1.2, resumed: nothing of a pre-shared key');
    like(await page.textContent('#step-9'), /Nothing was exchanged: the PRF of TLS 1\.2, with both random numbers, makes new keys/, 'TLS 1.2, resumed: the keys');
    is(trouble, [], 'TLS 1.2: no trouble');
  });
}

// A handshake that resumes: what was left out is said first, and no check is claimed that nobody made. Which connections a browser
// resumes is its own affair: the answer is put together out of one to a whole handshake.
async function resuming() {
  await visit('request', 'good', {}, async ({ page, origin, trouble }) => {
    await page.goto(`${origin}/`);
    await page.waitForSelector('html[data-ready]');
    const answer = await page.evaluate(async () => (await (await fetch('/api/connection')).json()));
    const { handshake, peer, tls } = answer;
    Object.assign(handshake, { resumed: true, reverified_at: peer.applied_at, messages: handshake.messages.filter(({ message }) => !message.startsWith('Certificate')) });
    Object.assign(peer, { resumed: true, checks: { ...peer.checks, possession: { ...peer.checks.possession, why: 'resumed' } } });
    Object.assign(tls, { resumed: true, server_signature: null, client_signature: null });
    await page.route('**/api/connection*', (route) => route.fulfill({ json: { ...answer, server_chain: [] } }));
    await page.reload();
    await page.waitForSelector('html[data-ready]');
    is(await page.textContent('#diagram h3'), 'Mutual TLS · TLS 1.3', 'resumed: mutual');
    is(await page.locator('.caption').filter({ hasText: 'Not this time' }).locator('.number').allTextContents(), ['3', '5', '6', '7'], 'resumed: what was left out is said first');
    like(await page.textContent('#step-4'), /No certificate this time: it proves itself by the secret/, 'resumed: the server');
    is(await page.locator('#step-5 .checks').count(), 0, 'resumed: no check of the browser is claimed');
    is(await page.locator('#step-8 .checks li').count(), 5, 'resumed: the server asked again');
    like(await page.textContent('#step-9'), /The secret of the earlier handshake goes into them/, 'resumed: where the keys come from');
    await accessible(page, 'resumed');
    await shot(page, 'resumed');
    is(trouble, [], 'resumed: no trouble');
  });
}

// All that comes over the wire within TLS, heads and bodies: on a new session; again with an empty cache, when all
// connections have ended and each new one resumes; and with what is cached.
async function transfer() {
  const ca = readFileSync(path.join(LAB, 'root.crt'));
  const metrics = () => new Promise((done, failed) => {
    get(`${process.env.URL_brief}/metrics`, { ca, agent: false, host: 'localhost' }, async (answer) => done(await text(answer))).on('error', failed);
  });
  await visit('brief', 'good', {}, async ({ context, page, origin, trouble }) => {
    const load = async (what, most, fewest) => {
      const requests = [];
      const note = (request) => requests.push(request);
      page.on('requestfinished', note);
      await page.goto(`${origin}/`, { waitUntil: 'networkidle' });
      await page.waitForSelector('html[data-ready]');
      page.off('requestfinished', note);
      const sizes = await Promise.all(requests.map((request) => request.sizes()));
      const bytes = sizes.reduce((sum, { responseHeadersSize, responseBodySize }) => sum + responseHeadersSize + responseBodySize, 0);
      is(bytes < most * 1024 && requests.length >= fewest ? `under ${most} KiB` : `${bytes} bytes in ${requests.length} answers`, `under ${most} KiB`, `transfer, ${what}`);
      await page.goto('about:blank');
      const patience = Date.now() + 60000;
      while (!/^mtlsd_connections_open 1$/m.test(await metrics()) && Date.now() < patience) await page.waitForTimeout(200);
    };
    await load('a new session', 60, 14);
    const devtools = await context.newCDPSession(page);
    await devtools.send('Network.clearBrowserCache');
    await load('sessions that are resumed', 60, 14);
    await load('cached', 36, 2);
    is(trouble, [], 'transfer: no trouble');
  });
}

// No answer: said in the language, and nothing else is left of the page. Colours that the system forces: what is pressed can be seen.
async function failing() {
  await visit('request', 'good', { locale: 'zh-CN' }, async ({ page, origin, trouble }) => {
    await page.route('**/api/connection*', (route) => route.abort());
    await page.goto(`${origin}/`);
    await page.waitForSelector('html[data-ready]');
    is(await page.textContent('.lede'), '服务器没有应答', 'failing: said so');
    is(await page.locator('section:visible').count(), 1, 'failing: and no empty section');
    await accessible(page, 'failing');
    await shot(page, 'failing');
    is(trouble.filter((text) => !/ERR_FAILED/.test(text)), [], 'failing: no other trouble');
    await page.unroute('**/api/connection*');
    await page.click('text=重试');
    await page.waitForSelector('#verdict .verdict');
  });
  await visit('request', 'good', { forcedColors: 'active' }, async ({ page, origin }) => {
    await page.goto(`${origin}/`);
    await page.waitForSelector('html[data-ready]');
    is(await page.evaluate(() => new Set(['true', 'false'].map((on) => getComputedStyle(document.querySelector(`#languages [aria-pressed=${on}]`)).backgroundColor)).size), 2,
      'forced colours: what is pressed differs');
    await fits(page, 'forced colours');
    await accessible(page, 'forced colours');
    await shot(page, 'forced-colours');
  });
}

async function withoutScript() {
  await visit('request', 'none', { javaScriptEnabled: false }, async ({ page, origin }) => {
    await page.goto(`${origin}/`);
    is(await page.locator('noscript a[href="/api/connection"]').first().isVisible(), true, 'without script: links to the JSON');
  });
}

// A certificate that expires while the page is open: the server judges again, and the next request is told so.
async function expiring(others) {
  const { context, page, origin, trouble } = await open('request', 'expiring', {});
  const state = async () => {
    await page.goto(`${origin}/`);
    await page.waitForSelector('html[data-ready]');
    return (await page.locator('#verdict .verdict').getAttribute('class')).split(' ').pop();
  };
  is(await state(), 'good', 'expiring: the verdict is "good"');
  await others();
  const patience = Date.now() + 90000;
  while (await state() === 'good' && Date.now() < patience) await page.waitForTimeout(500);
  is(await state(), 'bad', 'expired: the verdict is "bad"');
  is(await page.locator('.reason.bad h3 code').allTextContents(), ['expired'], 'expired: the reason');
  is([await page.locator('.reason.bad strong time').count(), await page.locator('.reason.bad .copyable code').textContent()],
    [1, 'openssl x509 -in client.crt -noout -enddate'], 'expired: the clock is told as other dates are, and the command can be copied');
  await accessible(page, 'expired');
  await shot(page, 'expired');
  is(trouble, [], 'expired: no trouble');
  await context.close();
}

const PARTS = { walks: () => expiring(async () => {
  for (const one of CASES) await walk(one);
}), carriage, languages, keyboard, stepping, sizes, names, problems, pasting, comparing, foreign, older, transfer, resuming, failing, withoutScript };
// ONLY=part,part: these alone.
for (const name of process.env.ONLY?.split(',') ?? Object.keys(PARTS)) await PARTS[name]();
console.log('done');
