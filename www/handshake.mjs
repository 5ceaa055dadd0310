// A recorded handshake as rows of a sequence diagram. Pure.

// Only mutual TLS has these; the server's Certificate and CertificateVerify belong to both modes.
const mutualOnly = ({ from, message }) => message === 'CertificateRequest' || (from === 'client' && /^Certificate/.test(message));

// 32 bytes and less are a hairline, each doubling adds one point.
export const width = (bytes) => Math.min(1.25 + Math.log2(Math.max(bytes, 32) / 32), 9);

// Steps of room before a message, by the microseconds that it was waited for.
export const gap = (us) => [200, 1000, 5000, 25000].filter((limit) => us >= limit).length;

export function rows({ messages, other_mode: others = [], mode, asked, resumed }) {
  const out = [];
  let covered = false;
  // Instead of a certificate an empty list was sent.
  const empty = messages.some((m) => m.message === 'Certificate' && m.from === 'client');
  // A handshake that resumes has none of them in mutual TLS either.
  const ghosts = (test) => mode === 'one-way' && !resumed && out.push(...others.filter((o) => test(o) && !(empty && o.message === 'Certificate')).map((o) => (
    { ...o, kind: 'ghost', width: 1.5, gap: 0, encrypted: covered })));

  ghosts((o) => o.after < 0);
  messages.forEach((m, i) => {
    out.push({
      ...m,
      kind: (mode === 'mutual' || asked) && mutualOnly(m) ? 'mutual' : 'sent',
      width: width(m.bytes),
      gap: i ? gap(m.at_us - messages[i - 1].at_us) : 0,
      cover: m.encrypted && !covered,
    });
    covered ||= m.encrypted;
    ghosts((o) => o.after === i);
  });
  ghosts((o) => o.after >= messages.length);
  return out;
}

// Asked, and none came: one-way in effect.
export const none = ({ asked, presented, resumed }) => asked && !presented && !resumed;

// A resumed session for which the server had asked before, in vain.
export const noneBefore = ({ asked, presented, resumed }) => asked && !presented && resumed;

// Whether the tickets hold the client's certificates, as a session's state does: their size says so.
export function carries({ messages = [] }) {
  const sent = messages.find((m) => m.message === 'Certificate' && m.from === 'client')?.detail?.certificates ?? [];
  const tickets = messages.filter((m) => m.message === 'NewSessionTicket');
  return sent.length > 0 && tickets.length > 0 && tickets.every((m) => m.bytes > sent.reduce((sum, { bytes }) => sum + bytes, 0));
}

// What anybody on the way can read.
export const clear = ({ messages }) => [...new Set(messages.filter((m) => !m.encrypted).map((m) => m.message))];

export function totals({ messages, mode, asked, duration_us: duration }) {
  const bytes = (test) => messages.filter(test).reduce((sum, m) => sum + m.bytes, 0);
  const extra = (m) => (mode === 'mutual' || asked) && mutualOnly(m);
  return {
    n: messages.length,
    client: bytes((m) => m.from === 'client'),
    server: bytes((m) => m.from === 'server'),
    extra: messages.filter(extra).length,
    extraBytes: bytes(extra),
    duration,
  };
}

export const versionOf = ({ version }) => (version === 'TLSv1.3' ? 'tls13' : 'tls12');

export function explanation({ message, from, detail }, record) {
  const kind = { Certificate: detail?.empty ? 'empty' : from, ChangeCipherSpec: versionOf(record), NewSessionTicket: carries(record) && 'carries' }[message];
  return `m.${message}${kind ? `_${kind}` : ''}`;
}

// A detail as [field, values]; a value is a string, or {yes}, {seconds}, {certificate} for a language to say.
export function fields(detail) {
  return Object.entries(detail ?? {}).map(([key, value]) => [key, [value].flat().map((v) => {
    if (typeof v === 'boolean') return { yes: v };
    if (key === 'lifetime') return { seconds: v };
    return v && typeof v === 'object' ? { certificate: v } : v === null ? '' : String(v);
  }).filter((v) => v !== '')]).filter(([key, values]) => values.length && key !== 'empty');
}
