// The folder www/ as it is shipped: its size, its languages, and what the Content-Security-Policy will say to it.
import assert from 'node:assert/strict';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import path from 'node:path';
import test from 'node:test';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { flatten, LANGUAGES } from '../../www/text.mjs';

const TOP = fileURLToPath(new URL('../../', import.meta.url));
const WWW = path.join(TOP, 'www');
const FILES = readdirSync(WWW, { recursive: true }).filter((name) => statSync(path.join(WWW, name)).isFile());
const read = (name) => readFileSync(path.join(WWW, name), 'utf8');
const MODULES = FILES.filter((name) => name.endsWith('.mjs'));
const CODE = MODULES.filter((name) => !name.startsWith('lang/'));
const HTML = read('index.html');

const languages = Object.fromEntries(await Promise.all(Object.keys(LANGUAGES)
  .map(async (code) => [code, flatten((await import(`../../www/lang/${code}.mjs`)).default)])));
const EN = languages.en;
const others = Object.entries(languages).filter(([code]) => code !== 'en');

// A visitor's browser loads one language, or, when somebody changes it, one more. What a visit transfers in all, with heads and
// answers, is measured in Chromium (transfer() of tests/browser/run.mjs).
test('under 37 KiB compressed, 96 KiB not, with any one language', () => {
  const size = (names, packed) => names.reduce((sum, name) => sum + (packed ? gzipSync(read(name), { level: 9 }).length : Buffer.byteLength(read(name))), 0);
  const page = FILES.filter((name) => !name.startsWith('lang/'));
  for (const name of FILES.filter((file) => file.startsWith('lang/'))) {
    const [plain, packed] = [false, true].map((gzip) => size([...page, name], gzip));
    assert.ok(plain < 96 * 1024 && packed < 37 * 1024, `${name}: ${plain} bytes, compressed ${packed}`);
  }
});

test('one file a language, no more', () => {
  assert.deepEqual(FILES.filter((name) => name.startsWith('lang/')).sort(), Object.keys(LANGUAGES).map((c) => `lang/${c}.mjs`).sort());
});

test('all languages have the same keys, and the same values in each', () => {
  const own = (key) => key.endsWith('_one');
  const values = (text) => [...new Set(text.match(/\{\w+\}/g) ?? [])].sort();
  for (const [code, texts] of others) {
    assert.deepEqual(Object.keys(texts).filter((key) => !own(key)), Object.keys(EN).filter((key) => !own(key)), code);
    for (const [key, text] of Object.entries(texts)) {
      assert.deepEqual(values(text), values(EN[key]), `${code}: ${key}`);
    }
  }
});

test('nothing is left untranslated', () => {
  for (const [key, text] of Object.entries(languages['zh-Hans'])) {
    if (text !== 'Firefox' && key !== 'colon') assert.match(text, /\p{Script=Han}/u, key);
    if (text.length > 12) assert.notEqual(text, EN[key], key);
  }
  for (const [key, text] of Object.entries(EN)) assert.doesNotMatch(text, /\p{Script=Han}/u, key);
});

// A check that nobody made says why, in a word of the server's.
test('every why of a check has its text', () => {
  const table = readFileSync(path.join(TOP, 'src/http/view_checks.c'), 'utf8');
  const whys = [...table.matchAll(/\[WHY_\w+\] = \{"(\w+)"/g)].map(([, word]) => `reason.${word}`);
  assert.ok(whys.length > 10);
  assert.deepEqual(Object.keys(EN).filter((key) => key.startsWith('reason.')).sort(), whys.sort());
});

test('the order of ciphers is the server’s', () => {
  const ours = /order: '([^']*)'/.exec(read('steps.mjs'))[1].toUpperCase().split(', ').map((name) => `+${name}`).join(':');
  assert.ok(readFileSync(path.join(TOP, 'src/tls/priorities.c'), 'utf8').includes(`"${ours}:`), ours);
});

test('every text that is asked for exists, and each is asked for', () => {
  const source = CODE.map(read).join('\n') + HTML;
  const used = new Set();
  const take = (key) => { assert.ok(key in EN, key); used.add(key); };
  for (const [, key] of source.matchAll(/(?:L\.t\(|say\(|key: |data-t=)['"]([\w.-]+)['"]/g)) take(key);
  // Chosen among literals: say(x ? 'a' : 'b'), L.t(x ? 'a' : 'b'), say(cond ? `client…`).
  for (const [, literal] of source.matchAll(/'([a-z]+(?:\.[\w-]+)?)'/g)) if (literal in EN) used.add(literal);
  // Put together: `who.${state}`.
  const groups = [...source.matchAll(/`([a-z]+\.)(?:\w+_)?\$\{/g)].map(([, prefix]) => prefix);
  const idle = Object.keys(EN).filter((key) => !used.has(key) && !used.has(key.replace(/_one$/, '')) && !groups.some((g) => key.startsWith(g)));
  assert.deepEqual(idle, []);
});

test('the page’s own words are those of the English file', () => {
  for (const [, key, text] of HTML.matchAll(/data-t="(\w+)">([^<]*)</g)) assert.equal(text, EN[key], key);
  assert.equal(/<title>(.*)<\/title>/.exec(HTML)[1], EN.title);
  const rest = HTML.replace(/<head>[^]*<\/head>|<noscript>[^]*<\/noscript>|<(\w+)[^>]* data-t=[^>]*>[^<]*<\/\1>|<[^>]*>/g, '').trim();
  assert.equal(rest, 'mtlsd');
});

test('every module is loaded ahead, and everything that is named exists', () => {
  const loaded = [...HTML.matchAll(/modulepreload" href="([\w.]+)"/g)].map(([, name]) => name);
  assert.deepEqual([...loaded, 'page.mjs'].sort(), CODE.sort());
  for (const [, name] of HTML.matchAll(/(?:href|src)="([^"#]+)"/g)) {
    assert.ok(name.startsWith('/api') || FILES.includes(name), name);
  }
  for (const [, id] of CODE.map(read).join('\n').matchAll(/fill\('(\w+)'/g)) assert.ok(HTML.includes(`id="${id}"`), id);
});

test('nothing inline, nothing from elsewhere, no markup from text', () => {
  assert.doesNotMatch(HTML, /<style|\sstyle=|\son\w+=|javascript:/i);
  assert.doesNotMatch(HTML.replace(/<script type="module" src="page\.mjs"><\/script>/, ''), /<script/i);
  for (const name of FILES) {
    const text = read(name).replaceAll('http://www.w3.org/2000/svg', '');
    assert.doesNotMatch(text, /\w+:\/\/|@import|url\(/, `${name} names another host`);
  }
  for (const name of CODE) {
    assert.doesNotMatch(read(name), /innerHTML|outerHTML|insertAdjacent|document\.write|DOMParser|eval\(|new Function|['"`]style['"`]/, name);
  }
});
