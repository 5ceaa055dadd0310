// What the page says of a connection: www/facts.mjs, without a browser.
import assert from 'node:assert/strict';
import test from 'node:test';
import * as facts from '../../www/facts.mjs';
import { certificate, CHECKS, connection, failed, finding, INTERMEDIATE, nobody, NOW, peer, ROOT, tls, unchecked, unpassed } from './samples.mjs';

const signs = (checks) => Object.fromEntries(checks.map(({ name, sign }) => [name, sign]));

test('ciphers and names in short', () => {
  for (const [name, short] of [
    ['TLS_AES_128_GCM_SHA256', 'AES-128-GCM'],
    ['TLS_CHACHA20_POLY1305_SHA256', 'ChaCha20-Poly1305'],
    ['TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384', 'AES-256-GCM'],
    ['TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256', 'ChaCha20-Poly1305'],
  ]) assert.equal(facts.shortCipher(name), short);

  for (const [name, short] of [
    ['CN=alice,O=Example', 'CN=alice'],
    ['OU=x,CN=alice,O=Example', 'CN=alice'],
    ['O=no common name,C=XX', 'O=no common name'],
    ['CN=a\\,b\\\\,O=x', 'CN=a\\,b\\\\'],
    ['O=x\\,CN=mallory,CN=alice', 'CN=alice'],
    ['', '?'],
    [null, '?'],
  ]) assert.equal(facts.shortName(name), short);
});

test('an empty subject: the first other name stands for it', () => {
  const san = { dns_names: [], emails: ['a@example.org', 'b@example.org'], ips: [], uris: [] };
  assert.equal(facts.called(peer()), 'CN=alice');
  assert.equal(facts.called(peer({ subject: '', san })), 'a@example.org');
  assert.equal(facts.called(peer({ subject: '', san: { dns_names: [] } })), '?');
  assert.equal(facts.called(nobody()), '?');
});

test('four states, each with its sentence', () => {
  const off = nobody({ client_auth: 'off', requested: false, errors: [], accepted_issuers: [] });
  for (const [who, state] of [[peer(), 'good'], [failed(finding('expired')), 'bad'], [nobody(), 'none'], [off, 'off']]) {
    assert.equal(facts.stateOf(who), state);
    const { who: phrase, tls: words } = facts.sentence(connection({ peer: who }));
    assert.equal(phrase.key, `who.${state}`);
    assert.equal(words, 'TLS 1.3 · AES-128-GCM · x25519');
    assert.equal(facts.verdict(who).title.key, `verdict.${state}`);
  }
  const resumed = (who) => facts.sentence(connection({ peer: who, tls: tls({ resumed: true }) })).who.key;
  assert.deepEqual([nobody(), off, peer()].map(resumed), ['who.none_resumed', 'who.off_resumed', 'who.good'], 'what was in the handshake that is resumed');
  assert.deepEqual([nobody(), nobody({ resumed: true })].map((who) => facts.verdict(who).text.key), ['verdict.none_text', 'verdict.none_resumed']);
  assert.equal(facts.sentence(connection()).who.values.subject, 'CN=alice');
  assert.equal(facts.verdict(failed(finding('expired'), finding('revoked'))).text.values.n, 2);
  assert.equal(facts.verdict(failed(finding('expired'))).after.key, 'verdict.request');
  assert.ok(!facts.verdict(peer()).after);
});

test('facts: what is not there is said, what does not apply is left out', () => {
  const resumed = connection({ tls: tls({ resumed: true, server_signature: null, client_signature: null, client_hello: null }) });
  const found = Object.fromEntries(facts.connectionFacts(resumed));
  assert.equal(found.server_signature.key, 'nothing_resumed');
  assert.equal(Object.fromEntries(facts.connectionFacts(connection({ tls: tls({ client_signature: null }) }))).client_signature.key, 'nothing');
  assert.equal(found.session.key, 'resumed');
  assert.ok(!('ja4' in found));
  assert.deepEqual(found.id, { key: 'id', values: { id: 7, n: 2 } });
});

test('findings: errors before warnings; none for somebody without a certificate', () => {
  const who = { ...failed(finding('expired'), finding('weak_signature', 1)), warnings: [finding('no_eku')] };
  assert.deepEqual(facts.findings(who).map((f) => [f.code, f.sign, f.about?.key]),
    [['expired', 'bad', 'role.leaf'], ['weak_signature', 'bad', 'above'], ['no_eku', 'warn', 'role.leaf']]);
  assert.deepEqual(facts.findings(nobody()), []);
  const alone = peer({ verify: 'FAILED', chain: [certificate('CN=a', 'CN=a')], errors: [finding('self_signed'), finding('weak_key', null)] });
  assert.ok(facts.findings(alone).every((f) => !f.about));
  const below = peer({ verify: 'FAILED', chain: [certificate('CN=a', 'CN=root')], errors: [finding('expired', 1)] });
  assert.deepEqual(facts.findings(below).map((f) => [f.depth, f.about?.key]), [[1, 'above']]);
});

test('validity: today is within, before or after, and always on the axis', () => {
  for (const [begin, end, state, days] of [
    ['2030-05-22T12:00:00Z', '2030-06-11T12:00:00Z', 'within', 10],
    ['2030-05-01T12:00:00Z', '2030-05-29T12:00:00Z', 'after', 3],
    ['2030-06-03T12:00:00Z', '2030-07-01T12:00:00Z', 'before', 2],
  ]) {
    const v = facts.validity({ not_before: begin, not_after: end }, NOW);
    assert.equal(v.state, state);
    assert.equal(v.seconds, days * 86400);
    for (const at of [v.from, v.to, v.now]) assert.ok(at >= 4 && at <= 96, `${state}: ${at}`);
    assert.ok(v.from < v.to);
  }
  assert.equal(facts.validity({ not_before: '2030-05-22T12:00:00Z', not_after: '2030-06-11T12:00:00Z' }, NOW).now, 50);
  assert.equal(facts.validity({ not_before: null, not_after: null }, NOW), null);
});

test('the name of the host among those of the certificate', () => {
  for (const [name, host, want] of [['localhost', 'localhost', true], ['*.example.org', 'WWW.example.org', true], ['*.example.org', 'example.org', false],
    ['*.example.org', 'a.b.example.org', false], ['*', 'localhost', false], ['2001:db8::1', '[2001:db8::1]', true], ['a.example', 'b.example', false]]) {
    assert.equal(facts.bears(name, host), want, `${name} ${host}`);
  }
});

test('the ladder ends at an issuer that the server has or has not', () => {
  const roles = (who) => facts.ladder(who).map((rung) => `${rung.role}${rung.bad ? '!' : ''}`);
  assert.deepEqual(roles(peer()), ['leaf', 'intermediate', 'anchor']);
  assert.equal(facts.ladder(peer()).at(-1).name, ROOT);
  assert.deepEqual(roles(failed(finding('weak_signature', 1))), ['leaf', 'intermediate!', 'anchor']);

  const alone = [certificate('CN=alice', INTERMEDIATE)];
  assert.deepEqual(roles({ ...failed(finding('intermediate_missing')), chain: alone }), ['leaf!', 'missing!']);
  assert.deepEqual(roles({ ...failed(finding('expired')), chain: alone }), ['leaf!', 'issuer']);
  assert.deepEqual(roles({ ...failed(finding('self_signed')), chain: [certificate('CN=a', 'CN=a')] }), ['self!']);
  const whole = [certificate('CN=alice', ROOT), certificate(ROOT, ROOT)];
  assert.deepEqual(roles(peer({ chain: whole })), ['leaf', 'root']);
  assert.deepEqual(roles(nobody()), []);
});

test('the checks of the server: passed, failed, or why nobody asked', () => {
  const of = (checks) => facts.serverChecks(connection({ peer: peer({ checks: { ...CHECKS, ...checks } }) }));
  assert.deepEqual(signs(of({})), { possession: 'good', trusted: 'good', expired: 'good', revoked: 'good', fit: 'good' });
  const [, , , revoked, fit] = of({ revoked: unchecked('no_crl'), fit: unpassed('weak_key') });
  assert.deepEqual([revoked.sign, revoked.text.key], ['unseen', 'reason.no_crl']);
  assert.deepEqual([fit.sign, fit.text.key, fit.codes], ['bad', 'server.fit_fail_key', ['weak_key']]);
  const failing = (...codes) => of({ fit: unpassed(...codes) })[4].text.key;
  assert.deepEqual([['wrong_purpose', 'key_usage'], ['weak_signature'], ['weak_key', 'weak_signature'], ['ca_as_leaf'], ['ca_as_leaf', 'weak_key']].map((codes) => failing(...codes)),
    ['server.fit_fail_purpose', 'server.fit_fail_signature', 'server.fit_fail', 'server.fit_fail', 'server.fit_fail'], 'only what failed, where it is one thing');
  assert.equal(of({})[0].text.values.value, 'v');
  assert.equal(of({})[2].text.values.date, peer().applied_at, 'the time at which the dates were compared, not that of a verdict of before');
  assert.deepEqual(Object.values(signs(facts.serverChecks(connection({ peer: nobody() })))), Array(5).fill('none'));
});

test('outside of its dates: before, after, or a CA above it', () => {
  const of = (code, depth) => facts.serverChecks(connection({ peer: { ...failed(finding(code, depth)), checks: { ...CHECKS, expired: unpassed(code) } } }))[2];
  assert.deepEqual([of('expired', 0).name, of('expired', 0).text.key], ['expired', 'server.expired_fail']);
  assert.deepEqual([of('not_yet_valid', 0).name, of('not_yet_valid', 0).text.key], ['early', 'server.expired_fail']);
  assert.equal(of('expired', 1).text.key, 'server.expired_fail_above');
});

test('a hint around its command', () => {
  for (const [hint, command, want] of [['get one: do it', 'do it', ['get one:', '']], ['have it signed: do it, and send it', 'do it', ['have it signed:', 'and send it']],
    ['请签名：do it，再发送', 'do it', ['请签名：', '再发送']], ['renew it', null, ['renew it', '']], ['renew it', 'do it', ['renew it', '']]]) {
    assert.deepEqual(facts.parted(hint, command), want);
  }
});

test('what was pasted is called accepted, not verified, and FILE in commands', () => {
  assert.deepEqual([true, false].map((pasted) => facts.verdict(peer(), pasted).title.key), ['paste.accepted', 'verdict.good']);
  const command = 'openssl x509 -in client.crt -out client.crt';
  const [found] = facts.pastedFile(failed({ ...finding('expired'), command, hint: `do it: ${command}` })).errors;
  assert.deepEqual([found.command, found.hint], ['openssl x509 -in FILE -out client.crt', 'do it: openssl x509 -in FILE -out client.crt']);
  assert.equal(facts.pastedFile(failed(finding('expired'))).errors[0].command, undefined);
});

test('the checks of the client: only what the server knows is claimed', () => {
  const of = (...chain) => facts.clientChecks(connection({ server_chain: chain }), 'localhost', NOW);
  const ending = (seconds, ...names) => ({ not_after: new Date(NOW + seconds * 1000).toISOString(), san: { dns_names: names, ips: [] } });
  for (const chain of [[], [ending(86400)], [ending(-86400)]]) {
    assert.deepEqual(signs(of(...chain)), { expired: 'unseen', revoked: 'unseen', trusted: 'unseen', name: 'unseen' });
  }
  const texts = (...chain) => of(...chain).map(({ text }) => text.key.replace('client.', '')).join(' ');
  assert.equal(texts(), 'expired revoked trusted name');
  assert.equal(texts(ending(86400, 'localhost'), ending(-1)), 'expired_good revoked trusted name_good');
  assert.equal(texts(ending(-86400, 'elsewhere')), 'expired_bad revoked trusted name_bad');
  assert.equal(of(ending(-86400))[0].text.values.left, 86400);
  assert.equal(of()[3].text.values.hostname, 'localhost');
});

test('why no picker appeared', () => {
  const keys = (who) => Object.values(facts.picker(who)).flat().map((phrase) => phrase.key.replace('picker.', ''));
  const reasons = (...names) => names.map((name) => `silent.${name}`);
  assert.deepEqual(keys(nobody()),
    ['asked', 'answer', 'withheld', ...reasons('expired', 'early', 'purpose', 'issuer', 'chain', 'kind'), 'cancelled']);
  assert.deepEqual(keys(nobody({ accepted_issuers: [] })),
    ['any', 'answer', 'withheld', ...reasons('expired', 'early', 'purpose', 'kind'), 'cancelled']);
  assert.deepEqual(keys(nobody({ requested: false, client_auth: 'off' })), ['off']);
});

test('of several connections the oldest with a whole handshake is shown', () => {
  const of = (...pairs) => facts.choose(pairs.map(([id, resumed]) => ({ id, resumed })))?.id;
  assert.equal(of([9, true], [7, false], [8, false]), 7);
  assert.equal(of([3, true], [9, false]), 9);
  assert.equal(of([5, true], [4, true]), undefined);
});

test('the listeners beside this one, where they are and what they ask', () => {
  const at = { protocol: 'https:', hostname: '[::1]' };
  assert.deepEqual(facts.beside(connection(), at), []);
  const [one, two] = facts.beside(connection({ listeners: [{ name: 'a', port: 8443, client_auth: 'off', here: false },
    { name: 'b', port: 8444, client_auth: 'optional', here: true }] }), at);
  assert.deepEqual(one, { name: 'a', here: false, mode: 'mode.off', kind: 'beside.off', refused: false, href: 'https://[::1]:8443' });
  assert.deepEqual([two.here, two.mode, two.kind], [true, 'mode.optional', 'beside.request']);
  const refused = (mode, who) => facts.beside(connection({ peer: who, listeners: [{ name: 'a', port: 1, client_auth: mode, here: false }] }), at)[0].refused;
  for (const [mode, who, want] of [['require', peer(), false], ['require', nobody(), true], ['optional', nobody(), false],
    ['optional', failed(finding('expired')), true], ['request', failed(finding('expired')), false]]) assert.equal(refused(mode, who), want, mode);
});
