// Languages and lines to type: www/text.mjs and www/howto.mjs, without a browser.
import assert from 'node:assert/strict';
import test from 'node:test';
import { lines, systems } from '../../www/howto.mjs';
import { isDate, language, load, prefer, split } from '../../www/text.mjs';

test('the first wish that can be met', () => {
  for (const [wishes, code] of [
    [[null, 'en-GB', 'zh'], 'en'],
    [[null, 'zh-CN', 'en'], 'zh-Hans'],
    [[null, 'zh-TW'], 'zh-Hans'],
    [['zh-Hans', 'en'], 'zh-Hans'],
    [['en', 'zh'], 'en'],
    [[null, 'de', 'fr', 'zh'], 'zh-Hans'],
    [[null, 'de'], 'en'],
    [['english!', 'enx'], 'en'],
    [[], 'en'],
  ]) assert.equal(prefer(wishes), code, String(wishes));
});

test('values are never searched for templates', () => {
  assert.deepEqual(split('a {x} `c` {y}', { x: '`{y}`', y: 2 }),
    [{ text: 'a ' }, { value: '`{y}`' }, { text: ' ' }, { code: 'c' }, { text: ' ' }, { value: 2 }]);
});

test('plurals, sizes, times', async () => {
  const en = await load('en');
  assert.equal(en.t('span.day', { n: 1 }), '1 day');
  assert.equal(en.t('span.day', { n: 2 }), '2 days');
  assert.equal((await load('zh-Hans')).t('span.day', { n: 1 }), '1 天');
  assert.deepEqual([12, 9999, 10240, 1536000].map(en.size), ['12\xa0B', '9999\xa0B', '10\xa0KiB', '1,500\xa0KiB']);
  assert.deepEqual([12, 3440, 1.5e6].map(en.time), ['12\xa0µs', '3.44\xa0ms', '1.5\xa0s']);
});

test('a list of names, in Chinese with spaces beside Latin letters', async () => {
  assert.equal((await load('en')).all(['A', 'B', 'C']), 'A, B, and C');
  assert.equal((await load('zh-Hans')).all(['ServerHello', 'Finished']), 'ServerHello 和 Finished');
});

test('dates: UTC, with seconds and zone', async () => {
  assert.match((await load('en')).date('2030-01-02T03:04:05Z'), /^Jan 2, 2030, 03:04:05 UTC$/);
  assert.match((await load('zh-Hans')).date('2030-01-02T03:04:05Z'), /^2030年1月2日 UTC 03:04:05$/);
});

test('what only looks like a date is none, and drawn as it came', async () => {
  const L = await load('en');
  for (const text of ['2030-01-02T03:04:05Z', '1970-01-01T00:00:00Z', '0001-01-01T00:00:00Z']) assert.ok(isDate(text) && L.date(text), text);
  for (const text of ['2026-99-99T99:99Z', '2026-01-01T::Z', '2026-01-01T00:00:99Z', 'CN=2030-01-02T03:04:05Z', '2030-01-02T03:04:05Z\n', '']) {
    assert.ok(!isDate(text), text);
  }
});

test('a span in the largest unit of which there are two', () => {
  const L = language('en', { 'span.day': '{n}d', 'span.hour': '{n}h', 'span.minute': '{n}m', 'span.second': '{n}s' });
  assert.deepEqual([0, 1, 119, 120, 7199, 7200, 172799, 172800, 1e7].map(L.span),
    ['0s', '1s', '119s', '2m', '119m', '2h', '47h', '2d', '115d']);
});

test('how long a ticket is good for: hours and minutes', async () => {
  const en = await load('en');
  assert.deepEqual([60, 7199, 7200, 7261, 21359, 172800].map(en.exact), ['60 seconds', '119 minutes', '2 hours', '2 hours 1 minute', '5 hours 55 minutes', '2 days']);
});

test('lines for this host', () => {
  const all = (mode) => Object.fromEntries(lines('https://example.org:8443', mode, true).map(([name, line, want]) => [name, [line, want]]));
  assert.equal(all('request').peer[0],
    'curl --cacert root.crt --cert client.crt --key client.key https://example.org:8443/api/peer');
  assert.equal(Object.keys(all('request')).join(' '), 'tls peer p12 bad none handshake', '"the same from a PKCS#12 file" is that of the line above');
  assert.equal(all('request').bad[1], 'reasons');
  assert.equal(all('require').bad[1], 'refused');
  assert.equal(all('require').none[1], 'refused');
  assert.match(all('require').tls[0], /--cert client\.crt/);
  assert.deepEqual(Object.keys(all('off')), ['tls', 'handshake']);
  assert.equal(all('off').handshake[0], 'curl --cacert root.crt https://example.org:8443/api/handshake');
  assert.ok(!lines('https://localhost', 'off', false).some(([name]) => name === 'handshake'));
});

test('the visitor’s own system comes first, and none is lost', () => {
  for (const [agent, name] of [
    ['Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0', 'firefox'],
    ['Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/130.0.0.0 Safari/537.36 Edg/130.0.0.0', 'windows'],
    ['Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 Version/17.6 Safari/605.1.15', 'macos'],
    ['Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 Chrome/130.0.0.0 Mobile Safari/537.36', 'android'],
    ['Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/130.0.0.0 Safari/537.36', 'chrome'],
  ]) {
    assert.equal(systems(agent)[0], name);
    assert.equal(new Set(systems(agent)).size, 5);
  }
});
