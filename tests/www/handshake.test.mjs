// The rows of the sequence diagram: www/handshake.mjs, without a browser.
import assert from 'node:assert/strict';
import test from 'node:test';
import { carries, clear, explanation, fields, gap, none, noneBefore, rows, totals, width } from '../../www/handshake.mjs';
import { MUTUAL, NONE_CAME, ONE_WAY, ROOT } from './samples.mjs';

test('a mutual handshake marks what one-way TLS lacks', () => {
  const all = rows(MUTUAL);
  assert.equal(all.length, MUTUAL.messages.length);
  assert.deepEqual(all.filter((r) => r.kind === 'mutual').map((r) => `${r.from} ${r.message}`),
    ['server CertificateRequest', 'client Certificate', 'client CertificateVerify']);
});

test('a one-way handshake has the rest as ghosts in their places', () => {
  const all = rows(ONE_WAY);
  assert.deepEqual(all.map((r) => r.message), MUTUAL.messages.map((m) => m.message));
  assert.deepEqual(all.filter((r) => r.kind === 'ghost').map((r) => r.message), ['CertificateRequest', 'Certificate', 'CertificateVerify']);
  assert.ok(all.filter((r) => r.kind === 'ghost').every((r) => r.encrypted), 'under the cover of their neighbours');
});

test('a ghost with an odd place is not lost', () => {
  const odd = { ...ONE_WAY, other_mode: [{ from: 'server', message: 'First', after: -1 }, { from: 'server', message: 'Last', after: 99 }] };
  const all = rows(odd).map((r) => r.message);
  assert.equal(all[0], 'First');
  assert.equal(all.at(-1), 'Last');
});

test('the cover begins once', () => {
  const all = rows(MUTUAL);
  assert.deepEqual(all.filter((r) => r.cover).map((r) => r.message), ['EncryptedExtensions']);
});

test('width grows with bytes, within bounds', () => {
  const widths = [0, 1, 32, 64, 512, 4096, 1e6].map(width);
  assert.deepEqual(widths, [...widths].sort((a, b) => a - b));
  assert.equal(widths[0], 1.25);
  assert.equal(widths.at(-1), 9);
  assert.ok(width(64) > width(32));
});

test('a wait makes room', () => {
  assert.deepEqual([0, 199, 200, 1000, 5000, 25000, 1e9].map(gap), [0, 0, 1, 2, 3, 4, 4]);
  const [first] = rows(MUTUAL);
  assert.equal(first.gap, 0);
  assert.equal(rows(MUTUAL).at(-1).gap, 4);
});

test('asked, and none came: one-way in effect, with what a certificate would have added', () => {
  assert.deepEqual([ONE_WAY, MUTUAL, NONE_CAME, { ...NONE_CAME, resumed: true }].map(none), [false, false, true, false]);
  assert.deepEqual(rows(NONE_CAME).filter((r) => r.kind !== 'sent').map((r) => `${r.kind} ${r.message}`),
    ['mutual CertificateRequest', 'mutual Certificate', 'ghost CertificateVerify'], 'in place of a certificate stands the empty list');
  assert.equal(totals(NONE_CAME).extra, 2);
});

test('resumed: nothing is drawn that mutual TLS would not send either, and nobody is said to have been asked now', () => {
  const resumed = (record) => ({ ...record, resumed: true });
  assert.deepEqual([ONE_WAY, MUTUAL, NONE_CAME].map((record) => noneBefore(resumed(record))), [false, false, true]);
  assert.equal(noneBefore(NONE_CAME), false);
  assert.deepEqual([ONE_WAY, NONE_CAME].flatMap((record) => rows(resumed(record)).filter((r) => r.kind === 'ghost')), []);
});

test('tickets hold the certificate only where their size says so', () => {
  const sized = (record, bytes) => ({ ...record, messages: record.messages.map((m) => (m.message === 'NewSessionTicket' ? { ...m, bytes } : m)) });
  assert.deepEqual([451, 450].map((bytes) => carries(sized(MUTUAL, bytes))), [true, false]);
  assert.deepEqual([ONE_WAY, NONE_CAME].map((record) => carries(sized(record, 2000))), [false, false]);
  assert.equal(carries({ ...MUTUAL, messages: MUTUAL.messages.slice(0, -1) }), false, 'no ticket');
  assert.equal(explanation({ message: 'NewSessionTicket', from: 'server' }, sized(MUTUAL, 2000)), 'm.NewSessionTicket_carries');
});

test('totals', () => {
  assert.deepEqual(totals(MUTUAL),
    { n: 11, client: 1528, server: 1526, extra: 3, extraBytes: 1080, duration: 40010 });
  assert.equal(totals(ONE_WAY).extra, 0);
});

test('a Certificate is explained by its sender, and when empty', () => {
  assert.equal(explanation({ message: 'Certificate', from: 'server', detail: null }, MUTUAL), 'm.Certificate_server');
  assert.equal(explanation({ message: 'Certificate', from: 'client', detail: { empty: false } }, MUTUAL), 'm.Certificate_client');
  assert.equal(explanation({ message: 'Certificate', from: 'client', detail: { empty: true } }, MUTUAL), 'm.Certificate_empty');
  assert.equal(explanation({ message: 'Finished', from: 'client' }, MUTUAL), 'm.Finished');
  assert.equal(explanation({ message: 'ChangeCipherSpec', from: 'client' }, MUTUAL), 'm.ChangeCipherSpec_tls13');
  assert.equal(explanation({ message: 'ChangeCipherSpec', from: 'client' }, { version: 'TLSv1.2' }), 'm.ChangeCipherSpec_tls12');
});

test('details become fields; what is null or empty is left out', () => {
  const certificate = { subject: 'CN=localhost', issuer: ROOT, bytes: 500 };
  assert.deepEqual(fields({ versions: ['TLSv1.3'], psk_offered: false, server_name: null, alpn: [], lifetime: 60, empty: false,
    certificates: [certificate], group: 'X25519' }),
  [['versions', ['TLSv1.3']], ['psk_offered', [{ yes: false }]], ['lifetime', [{ seconds: 60 }]],
    ['certificates', [{ certificate }]], ['group', ['X25519']]]);
  assert.deepEqual(fields(null), []);
  assert.deepEqual(fields({}), []);
});

test('what an eavesdropper reads is what went in the clear, by TLS 1.2 all but the end', () => {
  assert.equal(clear(MUTUAL).join(' '), 'ClientHello ServerHello');
  const clearly = (names) => clear({ messages: names.split(' ').map((message) => ({ message, encrypted: message === 'Finished' })) }).join(' ');
  assert.equal(clearly('ClientHello ServerHello Certificate ServerKeyExchange CertificateRequest ServerHelloDone Certificate ClientKeyExchange CertificateVerify ChangeCipherSpec Finished NewSessionTicket ChangeCipherSpec Finished'),
    'ClientHello ServerHello Certificate ServerKeyExchange CertificateRequest ServerHelloDone ClientKeyExchange CertificateVerify ChangeCipherSpec NewSessionTicket');
  assert.equal(clearly('ClientHello ServerHello ChangeCipherSpec Finished'), 'ClientHello ServerHello ChangeCipherSpec', 'resumed: no certificates');
});
