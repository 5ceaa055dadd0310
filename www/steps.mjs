// A handshake as the drawing of the schoolbook: 5 steps, or 10 where both show a certificate. Pure.
import { groupOf, shortVersion } from './facts.mjs';
import { none, rows } from './handshake.mjs';

// What a step holds: [its name, who acts]. In TLS 1.2 the server asks after it has shown its own certificate.
const FIVE = [['hello', 'client'], ['answer5', 'server'], ['check_server', 'client'], ['keys', 'both'], ['data', 'both']];
const TEN = [['hello', 'client'], ['answer', 'server'], ['ask', 'server'], ['certificate', 'server'], ['check_server', 'client'],
  ['yours', 'client'], ['proof', 'client'], ['check_client', 'server'], ['keys', 'both'], ['data', 'both']];
const TEN_12 = [0, 1, 3, 2, 4, 5, 6, 7, 8, 9].map((i) => TEN[i]);
const MUTUAL = ['ask', 'yours', 'proof', 'check_client'];
// What a resumed handshake leaves out; of the server's own step TLS 1.3 has its Finished.
const SKIPPED = ['ask', 'certificate', 'check_server', 'yours', 'proof'];

const isTls13 = (version) => version === 'TLSv1.3';

// The step of a message, by its name, its sender and the version; null: that of its neighbour before.
function role({ message, from }, tls13) {
  const client = from === 'client';
  switch (message) {
    case 'ClientHello': case 'HelloRetryRequest': return 'hello';
    case 'ServerHello': case 'EncryptedExtensions': return 'answer';
    case 'CertificateRequest': return 'ask';
    case 'Certificate': return client ? 'yours' : 'certificate';
    case 'CertificateVerify': return client ? 'proof' : 'certificate';
    case 'CertificateStatus': case 'ServerKeyExchange': return 'certificate';
    case 'ClientKeyExchange': return 'yours';
    case 'Finished': return client || !tls13 ? 'keys' : 'certificate';
    case 'NewSessionTicket': return tls13 ? 'data' : 'keys';
    case 'ChangeCipherSpec': return tls13 ? null : 'keys'; // but see arranged()
    default: return null;
  }
}

const spoken = ({ from, kind }) => from === 'client' && kind !== 'ghost';

// The client's ChangeCipherSpec of TLS 1.3 stands right before what it says next, not behind what the server said before.
function arranged(all) {
  const at = all.findIndex((row, i) => spoken(row) && row.message === 'ChangeCipherSpec' && all.slice(i + 1).some(spoken));
  if (at < 0) return all;
  const rest = [...all.slice(0, at), ...all.slice(at + 1)];
  const next = rest.findIndex((row, i) => i >= at && spoken(row));
  return [...rest.slice(0, next), { ...all[at], with: rest[next] }, ...rest.slice(next)];
}

const IN_FIVE = { answer: 'answer5', ask: 'answer5', certificate: 'answer5', yours: 'keys', proof: 'keys' };

export const own = (record) => (record.mode === 'mutual' ? 10 : 5);

export function steps(record, count) {
  const tls13 = isTls13(record.version);
  const layout = count === 5 ? FIVE : tls13 ? TEN : TEN_12;
  const note = (name) => {
    if (MUTUAL.includes(name) && record.mode !== 'mutual') {
      if (!record.asked || !['ask', 'yours'].includes(name)) return 'absent';
      return record.resumed ? 'skipped' : name === 'ask' ? 'question' : 'empty';
    }
    if (record.resumed && tls13 && name === 'certificate') return 'shortened';
    return record.resumed && SKIPPED.includes(name) ? 'skipped' : MUTUAL.includes(name) ? 'only' : null;
  };
  const out = layout.map(([name, who], i) => ({ n: i + 1, name, title: record.resumed && name === 'answer5' ? 'answer' : name, who, rows: [], note: note(name), ghost: note(name) === 'absent' }));
  let at = 0;
  for (const row of tls13 ? arranged(rows(record)) : rows(record)) {
    if (count === 5 && row.kind === 'ghost') continue;
    const name = role(row.with ?? row, tls13);
    const place = out.findIndex((step) => step.name === (count === 5 ? IN_FIVE[name] ?? name : name));
    at = Math.max(at, place);
    out[at].rows.push(row);
  }
  // Whether all that is under a step's name is encrypted: something before it was.
  const covered = (i) => out.slice(0, i).some((step) => step.rows.some((row) => row.encrypted));
  return out.map((step, i) => ({ ...step, encrypted: covered(i), between: !record.resumed && !step.ghost ? between(out, i, tls13) : null }));
}

// After the last word of the other side, before its maker went on. In TLS 1.2 the server's has no place of its own.
function between(all, i, tls13) {
  const { name, who } = all[i];
  if (name !== 'check_server' && !(name === 'check_client' && tls13)) return null;
  const sent = (steps, from) => steps.flatMap(({ rows: some }) => some).filter((row) => row.kind !== 'ghost' && row.from === from && row.message !== 'ChangeCipherSpec');
  const before = sent(all.slice(0, i), who === 'client' ? 'server' : 'client').at(-1);
  const [after] = sent(all.slice(i + 1), 'client');
  return before && after ? [before.at_us, after.at_us] : null;
}

// '#step=3' or '#step=7&of=10' → {n, of}; of plain numbers those above 5 are of ten.
export function parseLink(hash, mine) {
  const [, n, of] = /^#step=(\d{1,2})(?:&of=(5|10))?$/.exec(hash) ?? [];
  if (!n) return null;
  const count = Number(of ?? (n > 5 ? 10 : mine));
  return n >= 1 && n <= count ? { n: Number(n), of: count } : null;
}

export const link = (n, of) => `#step=${n}&of=${of}`;

export const find = (all, ...names) => all.find((step) => names.includes(step.name)) ?? all[0];

const GREASE = (name) => /^GREASE$/.test(name);

// As chips: the chosen one marked, those to be ignored (RFC 8701) as one.
export function chips(offered, chosen) {
  const greased = offered.filter(GREASE).length;
  const plain = offered.filter((name) => !GREASE(name)).map((name) => ({ name, chosen: name === chosen }));
  return greased ? [...plain, { name: greased > 1 ? `GREASE × ${greased}` : 'GREASE', chosen: false }] : plain;
}

export function choices({ tls, handshake }, wanted) {
  const hello = handshake?.messages.findLast((m) => m.message === 'ClientHello')?.detail ?? tls.client_hello;
  if (!hello) return [];
  return [['versions', tls.version], ['cipher_suites', tls.cipher_suite], ['groups', groupOf(tls)], ['alpn', tls.alpn],
    ['signature_algorithms', tls.server_signature]]
    .filter(([field, chosen]) => wanted.includes(field) && hello[field]?.length && (chosen || !['groups', 'signature_algorithms'].includes(field)))
    .map(([field, chosen]) => [field, chips(hello[field], chosen)]);
}

// The order of ciphers in src/tls/priorities.c, and whether the client's first is the one chosen; none where a session is resumed.
export function order({ tls, handshake }) {
  const mine = (name) => /_WITH_/.test(name) === (tls.version === 'TLSv1.2') && !GREASE(name);
  const offered = handshake?.messages.findLast((m) => m.message === 'ClientHello')?.detail?.cipher_suites ?? [];
  return tls.resumed ? null : { order: 'AES-128-GCM, ChaCha20-Poly1305, AES-256-GCM', first: offered.find(mine) === tls.cipher_suite };
}

const HYBRID = /MLKEM|Kyber/i;
const STATIC = /^TLS_(RSA|DH_RSA|DH_DSS|ECDH_RSA|ECDH_ECDSA|PSK|RSA_PSK)_WITH_/;
const OLD = /^(SSL|TLSv1(\.[01])?$)/;
const NO_SUITE = /SCSV$/;

// The client's offer, judged.
export function offer({ tls, handshake }) {
  const hello = tls.client_hello;
  if (!hello) return [];
  const hybrid = (hello.groups ?? []).find((name) => HYBRID.test(name));
  const shares = handshake?.messages.find((m) => m.message === 'ClientHello')?.detail?.key_shares ?? [];
  const suites = (hello.cipher_suites ?? []).filter((name) => STATIC.test(name) && !NO_SUITE.test(name));
  const old = (hello.versions ?? []).filter((name) => OLD.test(name));
  const pq = tls.post_quantum ? 'used' : shares.some((name) => HYBRID.test(name)) ? 'offered' : hybrid ? 'named' : 'none';
  return [
    { name: 'pq', sign: pq === 'used' ? 'good' : 'none', text: { key: `offer.pq_${pq}`, values: { group: hybrid } },
      steps: pq === 'used' ? ['keys'] : ['answer', 'answer5'] },
    { name: 'forward', sign: 'good', text: { key: `offer.forward_${suites.length ? 'some' : 'none'}`, values: { n: suites.length, suite: suites[0] } },
      steps: ['answer', 'answer5'] },
    { name: 'old', sign: old.length ? 'warn' : 'good', text: { key: `offer.old_${old.length ? 'some' : 'none'}`, values: { versions: old.map(shortVersion).join(', ') } },
      steps: ['answer', 'answer5'] },
    { name: 'ja4', sign: 'none', text: { key: 'offer.ja4_text', values: { ja4: hello.ja4 ?? '' } } },
  ];
}
