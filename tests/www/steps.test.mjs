// The steps of a handshake: www/steps.mjs, without a browser.
import assert from 'node:assert/strict';
import test from 'node:test';
import { chips, choices, find, link, offer, order, own, parseLink, steps } from '../../www/steps.mjs';
import { connection, MUTUAL, NONE_CAME, ONE_WAY, tls } from './samples.mjs';

const drawn = (record, of) => steps(record, of).map(({ n, name, rows }) => (
  `${n} ${name}: ${rows.map((r) => `${r.from[0]}${r.message}${r.kind === 'ghost' ? '?' : ''}`).join(' ')}`.trim()));

test('mutual TLS 1.3 in its ten steps', () => {
  assert.deepEqual(drawn(MUTUAL, 10), ['1 hello: cClientHello', '2 answer: sServerHello sEncryptedExtensions', '3 ask: sCertificateRequest',
    '4 certificate: sCertificate sCertificateVerify sFinished', '5 check_server:', '6 yours: cCertificate', '7 proof: cCertificateVerify',
    '8 check_client:', '9 keys: cFinished', '10 data: sNewSessionTicket']);
  assert.ok(steps(MUTUAL, 10).every((step) => !step.ghost));
});

test('one-way TLS in five, and what mutual would add in ten', () => {
  assert.deepEqual(drawn(ONE_WAY, 5), ['1 hello: cClientHello', '2 answer5: sServerHello sEncryptedExtensions sCertificate sCertificateVerify sFinished',
    '3 check_server:', '4 keys: cFinished', '5 data: sNewSessionTicket']);
  assert.deepEqual(drawn(ONE_WAY, 10).slice(2, 8), ['3 ask: sCertificateRequest?', '4 certificate: sCertificate sCertificateVerify sFinished',
    '5 check_server:', '6 yours: cCertificate?', '7 proof: cCertificateVerify?', '8 check_client:']);
  assert.deepEqual(steps(ONE_WAY, 10).filter((step) => step.ghost).map((step) => step.name), ['ask', 'yours', 'proof', 'check_client']);
});

test('asked, and none came: five steps are its own, the question among them', () => {
  assert.deepEqual([MUTUAL, ONE_WAY, NONE_CAME].map(own), [10, 5, 5]);
  assert.match(drawn(NONE_CAME, 5)[1], /sCertificateRequest/);
  assert.match(drawn(NONE_CAME, 10)[5], /^6 yours: cCertificate$/);
  assert.deepEqual(steps(NONE_CAME, 10).filter((step) => step.ghost).map((step) => step.name), ['proof', 'check_client']);
  const notes = (record, of) => steps(record, of).map(({ note }) => note ?? '-').join(' ');
  assert.equal(notes(NONE_CAME, 10), '- - question - - empty absent absent - -');
  assert.equal(notes(ONE_WAY, 10), '- - absent - - absent absent absent - -');
  assert.equal(notes(MUTUAL, 10), '- - only - - only only only - -');
  assert.equal(notes({ ...MUTUAL, resumed: true }, 10), '- - skipped shortened skipped skipped skipped only - -');
  assert.equal(notes({ ...MUTUAL, version: 'TLSv1.2', resumed: true }, 10), '- - skipped skipped skipped skipped skipped only - -', 'in TLS 1.2 nothing of the step is left');
  assert.equal(notes({ ...NONE_CAME, resumed: true }, 10), '- - skipped shortened skipped skipped absent absent - -', 'asked, but not now');
  assert.equal(notes({ ...ONE_WAY, resumed: true }, 10), '- - absent shortened skipped absent absent absent - -');
  assert.equal(notes({ ...MUTUAL, resumed: true }, 5), '- - skipped - -');
  assert.deepEqual([MUTUAL, { ...MUTUAL, resumed: true }].map((record) => steps(record, 5)[1].title), ['answer5', 'answer'], 'no certificate is promised');
});

test('TLS 1.2: the server asks after it has shown its own; each message once, in order', () => {
  const names = 'cClientHello sServerHello sCertificate sServerKeyExchange sCertificateRequest sServerHelloDone cCertificate cClientKeyExchange cCertificateVerify cChangeCipherSpec cFinished sNewSessionTicket sChangeCipherSpec sFinished'.split(' ');
  const messages = names.map((name, i) => ({ from: name[0] === 'c' ? 'client' : 'server', message: name.slice(1), bytes: 100, at_us: i, encrypted: false, detail: null }));
  const record = { ...MUTUAL, version: 'TLSv1.2', messages, other_mode: [] };
  for (const of of [5, 10]) assert.deepEqual(steps(record, of).flatMap((s) => s.rows.map((r) => r.from[0] + r.message)), names);
  assert.deepEqual(drawn(record, 10).slice(2, 9), ['3 certificate: sCertificate sServerKeyExchange', '4 ask: sCertificateRequest sServerHelloDone',
    '5 check_server:', '6 yours: cCertificate cClientKeyExchange', '7 proof: cCertificateVerify', '8 check_client:',
    '9 keys: cChangeCipherSpec cFinished sNewSessionTicket sChangeCipherSpec sFinished']);
});

test('a retry, ChangeCipherSpecs and what nobody knows lose no message', () => {
  const hello = MUTUAL.messages[0];
  const more = (from, message) => ({ ...hello, from, message, detail: null });
  const messages = [hello, more('server', 'HelloRetryRequest'), more('server', 'ChangeCipherSpec'), more('client', 'ChangeCipherSpec'), hello,
    ...MUTUAL.messages.slice(1), more('client', 'Unheard'), more('server', 'Alert')];
  for (const of of [5, 10]) {
    const all = steps({ ...MUTUAL, messages }, of);
    assert.deepEqual(all.flatMap((s) => s.rows.map((r) => r.message)), messages.map((m) => m.message));
    assert.equal(all[0].rows.length, 5);
  }
});

test('the client’s ChangeCipherSpec stands with what it says next', () => {
  const ccs = { from: 'client', message: 'ChangeCipherSpec', bytes: 1, at_us: 5000, encrypted: false, detail: null };
  const before = (record, name) => ({ ...record, messages: record.messages.flatMap((m) => (m.from === 'client' && m.message === name ? [ccs, m] : [m])) });
  assert.equal(drawn(before(MUTUAL, 'Certificate'), 10)[5], '6 yours: cChangeCipherSpec cCertificate');
  const oneWay = before(ONE_WAY, 'Finished');
  assert.deepEqual(drawn(oneWay, 10).slice(5, 9), ['6 yours: cCertificate?', '7 proof: cCertificateVerify?', '8 check_client:', '9 keys: cChangeCipherSpec cFinished']);
  const later = { ...oneWay, other_mode: oneWay.other_mode.map((o) => (o.from === 'client' ? { ...o, after: 6 } : o)) };
  assert.deepEqual(drawn(later, 10), drawn(oneWay, 10), 'also where what was not sent stands behind it');
  assert.deepEqual(drawn(before(ONE_WAY, 'Finished'), 5).slice(2, 4), ['3 check_server:', '4 keys: cChangeCipherSpec cFinished']);
});

test('what stands below the first encrypted message has its ground', () => {
  const ground = (record, of) => steps(record, of).map(({ encrypted }) => (encrypted ? 'e' : '-')).join('');
  assert.deepEqual([ground(MUTUAL, 10), ground(ONE_WAY, 5)], ['--eeeeeeee', '--eee']);
});

test('links to a step', () => {
  for (const [hash, mine, want] of [['#step=3', 5, [3, 5]], ['#step=3', 10, [3, 10]], ['#step=7', 5, [7, 10]], ['#step=3&of=10', 5, [3, 10]],
    ['#step=0', 5, null], ['#step=6&of=5', 10, null], ['#step=11', 10, null], ['#step=x', 5, null], ['', 5, null], ['#install', 5, null]]) {
    const there = parseLink(hash, mine);
    assert.deepEqual(there && [there.n, there.of], want, hash);
  }
  assert.deepEqual(parseLink(link(4, 10), 5), { n: 4, of: 10 });
  assert.equal(find(steps(MUTUAL, 10), 'answer', 'answer5').n, 2);
  assert.equal(find(steps(ONE_WAY, 5), 'keys').n, 4);
});

test('chips: the chosen marked, GREASE folded', () => {
  assert.deepEqual(chips(['GREASE', 'a', 'b', 'GREASE'], 'b'), [{ name: 'a', chosen: false }, { name: 'b', chosen: true }, { name: 'GREASE × 2', chosen: false }]);
  assert.deepEqual(chips([], 'b'), []);
  const hello = { ...MUTUAL.messages[0].detail, signature_algorithms: ['a', 'ecdsa_secp256r1_sha256'], alpn: ['h2', 'http/1.1'] };
  const of = (wanted, more) => choices(connection({ handshake: { ...MUTUAL, messages: [{ ...MUTUAL.messages[0], detail: hello }] }, tls: tls(more) }), wanted);
  const marked = (found) => found.map(([field, all]) => `${field} ${all.find(({ chosen }) => chosen)?.name}`);
  assert.deepEqual(marked(of(['versions', 'alpn'])), ['versions TLSv1.3', 'alpn http/1.1']);
  assert.deepEqual(marked(of(['signature_algorithms'])), ['signature_algorithms ecdsa_secp256r1_sha256'], 'a signature where it is made');
  assert.deepEqual(of(['signature_algorithms'], { server_signature: null }), [], 'none where none was made');
  const resumed = connection({ handshake: { ...MUTUAL, messages: [{ ...MUTUAL.messages[0], detail: { groups: ['x25519'] } }] }, tls: tls({ version: 'TLSv1.2', resumed: true }) });
  assert.deepEqual(choices(resumed, ['groups']), [], 'no group where TLS 1.2 resumes, whose session had one');
  const found = choices(connection({ handshake: MUTUAL }), ['versions', 'groups']);
  assert.deepEqual(found, [['versions', [{ name: 'TLSv1.3', chosen: true }, { name: 'TLSv1.2', chosen: false }]]]);
});

test('the order of the server’s ciphers, and whether the client’s first was chosen', () => {
  const of = (suites, more) => order(connection({ handshake: { ...MUTUAL, messages: [{ ...MUTUAL.messages[0], detail: { cipher_suites: suites } }] }, tls: tls(more) }))?.first;
  assert.equal(of(['GREASE', 'TLS_AES_128_GCM_SHA256', 'TLS_AES_256_GCM_SHA384']), true);
  assert.equal(of(['TLS_AES_256_GCM_SHA384', 'TLS_AES_128_GCM_SHA256']), false);
  const old = { version: 'TLSv1.2', cipher_suite: 'TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256' };
  assert.equal(of(['TLS_AES_128_GCM_SHA256', old.cipher_suite], old), true, 'among those of its version');
  assert.equal(of(['TLS_AES_128_GCM_SHA256'], { resumed: true }), undefined);
});

test('the offer, judged', () => {
  const of = (hello, more = {}) => Object.fromEntries(offer(connection({ handshake: MUTUAL, tls: tls({ client_hello: { ja4: 'j', ...hello }, ...more }) }))
    .map(({ name, sign, text }) => [name, `${sign} ${text.key}`]));
  assert.deepEqual(of({ groups: ['x25519'], cipher_suites: ['TLS_AES_128_GCM_SHA256'], versions: ['TLSv1.3'] }),
    { pq: 'none offer.pq_none', forward: 'good offer.forward_none', old: 'good offer.old_none', ja4: 'none offer.ja4_text' });
  assert.deepEqual(of({ groups: ['X25519MLKEM768'], cipher_suites: ['TLS_RSA_WITH_AES_128_GCM_SHA256', 'TLS_EMPTY_RENEGOTIATION_INFO_SCSV'], versions: ['TLSv1.3', 'TLSv1.0'] }),
    { pq: 'none offer.pq_named', forward: 'good offer.forward_some', old: 'warn offer.old_some', ja4: 'none offer.ja4_text' });
  assert.equal(of({ groups: ['X25519MLKEM768'] }, { post_quantum: true }).pq, 'good offer.pq_used');
  assert.deepEqual(offer(connection({ tls: tls({ client_hello: null }) })), []);
});

test('when a check was made: between the last word of the other side and the next of its maker', () => {
  const of = (record, count) => Object.fromEntries(steps(record, count).filter(({ between }) => between).map(({ name, between }) => [name, between]));
  assert.deepEqual(of(MUTUAL, 10), { check_server: [650, 6000], check_client: [6010, 6020] });
  assert.deepEqual(of(ONE_WAY, 5), { check_server: [650, 6020] });
  const ccs = { from: 'client', message: 'ChangeCipherSpec', bytes: 6, at_us: 5000, encrypted: false };
  assert.deepEqual(of({ ...ONE_WAY, messages: ONE_WAY.messages.flatMap((m) => (m.at_us === 6020 ? [ccs, m] : [m])) }, 5), { check_server: [650, 6020] });
  assert.deepEqual(of({ ...MUTUAL, resumed: true }, 10), {});
  assert.deepEqual(Object.keys(of({ ...MUTUAL, version: 'TLSv1.2' }, 10)), ['check_server']);
});
