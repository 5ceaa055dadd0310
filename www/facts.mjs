// What the page says of /api/connection: phrases ({key, values}) and plain strings (data). Pure.

const say = (key, values) => ({ key, values });

// TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256 → AES-128-GCM
export const shortCipher = (name) => name.replace(/^TLS_(.*_WITH_)?/, '').replace(/_(SHA\d*|MD5)$/, '')
  .replace('CHACHA20_POLY1305', 'ChaCha20-Poly1305').replaceAll('_', '-');

export const shortVersion = (name) => name.replace('TLSv', 'TLS ');

// A resumed session of TLS 1.2 has that of the handshake that it resumes: nothing is exchanged.
export const groupOf = ({ version, resumed, group }) => (resumed && version === 'TLSv1.2' ? null : group);

// The RDN that names somebody: "OU=x,CN=alice,O=Example" → "CN=alice". RFC 4514 escapes commas.
export function shortName(name) {
  const rdns = name?.match(/(?:\\.|[^,\\])+/gs) ?? ['?'];
  return rdns.find((rdn) => /^CN=/i.test(rdn)) ?? rdns[0];
}

export const called = ({ subject, san }) => (subject ? shortName(subject) : Object.values(san ?? {}).flat()[0]?.toString() ?? '?');

// good, bad, none (asked, and got none), off (not asked)
export function stateOf(peer) {
  return { SUCCESS: 'good', FAILED: 'bad' }[peer.verify] ?? (peer.requested ? 'none' : 'off');
}

export function sentence({ tls, peer }) {
  const state = stateOf(peer);
  return {
    state,
    tls: [shortVersion(tls.version), shortCipher(tls.cipher_suite), groupOf(tls)].filter(Boolean).join(' · '),
    who: say(`who.${state}${tls.resumed && ['off', 'none'].includes(state) ? '_resumed' : ''}`, { subject: called(peer) }),
  };
}

export function connectionFacts({ listener, remote, id, requests, tls, peer }) {
  const or = (value) => value ?? say('nothing');
  const signed = (value) => value ?? (tls.resumed ? say('nothing_resumed') : say('nothing'));
  return Object.entries({
    cipher_suite: tls.cipher_suite,
    group: or(groupOf(tls)),
    server_signature: signed(tls.server_signature),
    client_signature: signed(tls.client_signature),
    alpn: or(tls.alpn),
    server_name: or(tls.server_name),
    session: say(tls.resumed ? 'resumed' : 'full'),
    listener,
    client_auth: say(`mode.${peer.client_auth}`),
    remote,
    id: say('id', { id, n: requests }),
    ja4: tls.client_hello?.ja4,
  }).filter(([, value]) => value);
}

// Of one that was pasted nobody knows whose it is.
export function verdict(peer, pasted) {
  const state = stateOf(peer);
  const values = { subject: called(peer), n: peer.errors.length };
  return { state, title: pasted && state === 'good' ? say('paste.accepted') : say(`verdict.${state}`), text: say(pasted && state === 'good' ? 'paste.good' : `verdict.${state}_${peer.resumed && state === 'none' ? 'resumed' : 'text'}`, values),
    after: state === 'bad' && !pasted && say('verdict.request') };
}

// What is called client.crt in a command is whatever file was pasted.
export function pastedFile(peer) {
  const named = (text) => text && text.replaceAll(/(?<!-out )client\.crt/g, 'FILE');
  const as = (all) => all.map((f) => ({ ...f, hint: named(f.hint), command: named(f.command) }));
  return { ...peer, errors: as(peer.errors), warnings: as(peer.warnings) };
}

// A private key is not even sent.
export const hasKey = (text) => /PRIVATE KEY(?: BLOCK)?-----|PuTTY-User-Key-File|UFJJVkFURSBLRV/.test(text);

// A hint before and behind its command.
export function parted(hint, command) {
  const at = command ? hint.indexOf(command) : -1;
  return at < 0 ? [hint, ''] : [hint.slice(0, at).trim(), hint.slice(at + command.length).replace(/^[\s,;.，；。]+/, '')];
}

// That there is no certificate is the verdict already.
export function findings(peer) {
  const about = (depth) => depth !== null && (depth > 0 || peer.chain.length > 1) && (depth ? say('above', { n: depth }) : say('role.leaf'));
  const as = (sign) => (f) => ({ ...f, sign, about: about(f.depth) });
  return [...(peer.presented ? peer.errors.map(as('bad')) : []), ...peer.warnings.map(as('warn'))];
}

// In percent of an axis that shows both.
export function validity({ not_before: begin, not_after: end }, now) {
  const [from, to] = [Date.parse(begin), Date.parse(end)];
  if (!(from < to)) return null;
  const [low, high] = [Math.min(from, now), Math.max(to, now)];
  const at = (time) => 4 + ((time - low) / (high - low)) * 92;
  const state = now < from ? 'before' : now > to ? 'after' : 'within';
  const ms = { before: from - now, after: now - to, within: to - now }[state];
  return { state, seconds: ms / 1000, from: at(from), to: at(to), now: at(now) };
}

// RFC 9525 section 6.3: a star stands for one label.
export function bears(name, hostname) {
  const [one, other] = [name, hostname.replace(/^\[|\]$/g, '')].map((text) => text.toLowerCase());
  return one === other || (one.startsWith('*.') && other.includes('.') && one.slice(1) === other.slice(other.indexOf('.')));
}

// As sent, and on top the issuer that the server should hold itself.
export function ladder({ chain, errors, verify, accepted_issuers: accepted }) {
  const rungs = chain.map((one, depth) => {
    const { subject, issuer, not_after: end } = one;
    const role = subject === issuer ? ['self', 'root'] : ['leaf', 'intermediate'];
    return { role: role[Math.min(depth, 1)], name: subject || called(one), end, bad: errors.some((f) => f.depth === depth) };
  });
  const top = chain.at(-1);
  if (top && top.subject !== top.issuer) {
    const missing = errors.some((f) => ['issuer_unknown', 'intermediate_missing'].includes(f.code));
    const known = verify === 'SUCCESS' || accepted.includes(top.issuer);
    rungs.push({ role: known ? 'anchor' : missing ? 'missing' : 'issuer', name: top.issuer, bad: missing && !known });
  }
  return rungs;
}

// What of its fitness failed, where it is one thing.
const UNFIT = { _purpose: /^(wrong_purpose|key_usage)$/, _key: /^weak_key$/, _signature: /^weak_signature$/ };

function unfit(codes) {
  return Object.keys(UNFIT).find((kind) => codes.length && codes.every((code) => UNFIT[kind].test(code))) ?? '';
}

const SIGNS = { pass: 'good', fail: 'bad', unknown: 'unseen' };

export function serverChecks({ peer }) {
  return Object.entries(peer.checks).map(([name, { status, reasons, why, value, expected }]) => {
    const values = { value: value ?? '?', expected: expected ?? '?', date: peer.applied_at, from: peer.not_before, to: peer.not_after };
    const above = name === 'expired' && peer.errors.find(({ code }) => reasons.includes(code))?.depth > 0;
    const key = why ? `reason.${why}` : `server.${name}_${status}${above ? '_above' : ''}${name === 'fit' ? unfit(reasons) : ''}`;
    return { name: reasons.includes('not_yet_valid') ? 'early' : name, sign: peer.presented ? SIGNS[status] : 'none', text: peer.presented && say(key, values), codes: reasons };
  });
}

export const names = ({ san }) => [san.dns_names, san.ips].flat();

// They happen in the browser, which tells no page; what the server sees itself is said.
export function clientChecks({ server_chain: [leaf] }, hostname, now) {
  const left = leaf && (Date.parse(leaf.not_after) - now) / 1000;
  const seen = { expired: left > 0, name: leaf && names(leaf).some((name) => bears(name, hostname)) };
  return ['expired', 'revoked', 'trusted', 'name'].map((name) => {
    const how = leaf && name in seen ? `_${seen[name] ? 'good' : 'bad'}` : '';
    return { name, sign: 'unseen', text: say(`client.${name}${how}`, { hostname, left: Math.abs(left) }) };
  });
}

const SILENT = ['expired', 'early', 'purpose', 'issuer', 'chain', 'kind'];
const OF_ISSUERS = ['issuer', 'chain'];

export function picker(peer) {
  const n = peer.accepted_issuers.length;
  if (!peer.requested) return { asked: say('picker.off') };
  return {
    asked: n ? say('picker.asked', { n }) : say('picker.any'),
    answer: say('picker.answer'),
    withheld: say('picker.withheld'),
    silent: SILENT.filter((name) => n || !OF_ISSUERS.includes(name)).map((name) => say(`silent.${name}`)),
    cancelled: say('picker.cancelled'),
  };
}

// The oldest with a whole handshake.
export const choose = (all) => all.filter(({ resumed }) => !resumed).sort((a, b) => a.id - b.id)[0];

const KINDS = { off: 'beside.off', request: 'beside.request', optional: 'beside.request', require: 'beside.require' };

export function beside({ listeners, peer }, { protocol, hostname }) {
  const state = stateOf(peer);
  return (listeners ?? []).map(({ name, port, client_auth: mode, here }) => (
    { name, here, mode: `mode.${mode}`, kind: KINDS[mode],
      refused: !here && (mode === 'require' ? state !== 'good' : mode === 'optional' && state === 'bad'), href: `${protocol}//${hostname}:${port}` }));
}
