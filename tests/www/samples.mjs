// Answers of /api/connection, as small as the server would ever send them.

export const NOW = Date.parse('2030-06-01T12:00:00Z');
export const ROOT = 'CN=root,O=Example';
export const INTERMEDIATE = 'CN=intermediate,O=Example';

export function certificate(subject, issuer, more = {}) {
  return {
    subject,
    issuer,
    serial: '0a1b',
    not_before: '2030-01-01T00:00:00Z',
    not_after: '2031-01-01T00:00:00Z',
    days_remaining: 213,
    san: { dns_names: [], emails: ['alice@example.org'], ips: [], uris: [] },
    public_key: { algorithm: 'ECDSA', bits: 256, curve: 'secp256r1' },
    signature_algorithm: 'ECDSA-SHA256',
    key_usage: ['digitalSignature'],
    extended_key_usage: ['clientAuth'],
    fingerprint_sha256: '00'.repeat(32),
    spki_sha256: '11'.repeat(32),
    ...more,
  };
}

const LEAF = certificate('CN=alice,O=Example', INTERMEDIATE);

const check = (status, more = {}) => ({ status, reasons: [], why: null, note: null, value: 'v', expected: 'e', ...more });

export const CHECKS = Object.fromEntries(['possession', 'trusted', 'expired', 'revoked', 'fit'].map((name) => [name, check('pass')]));
export const unchecked = (why) => check('unknown', { why, value: null, expected: null });
export const unpassed = (...reasons) => check('fail', { reasons });

export function peer(more = {}) {
  return {
    client_auth: 'request',
    requested: true,
    presented: true,
    verify: 'SUCCESS',
    errors: [],
    warnings: [],
    checks: CHECKS,
    verified_at: '2030-06-01T11:59:00Z',
    applied_at: '2030-06-01T11:59:30Z',
    remembered: true,
    resumed: false,
    ...LEAF,
    chain: [LEAF, certificate(INTERMEDIATE, ROOT)],
    accepted_issuers: [ROOT],
    ...more,
  };
}

export function finding(code, depth = 0) {
  return { code, title: `title of ${code}`, depth, reason: `reason of ${code}`, hint: `hint of ${code}`, value: null, expected: null };
}

export const failed = (...errors) => peer({ verify: 'FAILED', errors });

export function nobody(more = {}) {
  const none = Object.fromEntries(Object.keys(LEAF).map((key) => [key, null]));
  return peer({ ...none, presented: false, verify: 'NONE', errors: [finding('no_certificate', null)], verified_at: null, applied_at: null, remembered: false,
    chain: [],
    checks: Object.fromEntries(Object.keys(CHECKS).map((name) => [name, unchecked('no_certificate')])), ...more });
}

export function tls(more = {}) {
  return {
    version: 'TLSv1.3',
    cipher_suite: 'TLS_AES_128_GCM_SHA256',
    group: 'x25519',
    server_signature: 'ecdsa_secp256r1_sha256',
    client_signature: 'ecdsa_secp256r1_sha256',
    alpn: 'http/1.1',
    server_name: 'localhost',
    resumed: false,
    extended_master_secret: true,
    client_hello: { ja4: 't13d1516h1_8daaf6152771_d8a2da3f94cd' },
    ...more,
  };
}

export function connection(more = {}) {
  return { listener: 'request', remote: '[::1]:50000', id: 7, requests: 2, tls: tls(), peer: peer(), server_chain: [], listeners: [], ...more };
}

const message = (from, name, bytes, at_us, encrypted, detail = null) => ({ from, message: name, bytes, at_us, encrypted, detail });

export const MUTUAL = {
  mode: 'mutual',
  asked: true,
  presented: true,
  version: 'TLSv1.3',
  resumed: false,
  messages: [
    message('client', 'ClientHello', 512, 400, false, { versions: ['TLSv1.3', 'TLSv1.2'], psk_offered: false, server_name: null }),
    message('server', 'ServerHello', 90, 600, false, { version: 'TLSv1.3' }),
    message('server', 'EncryptedExtensions', 20, 610, true, { alpn: 'http/1.1' }),
    message('server', 'CertificateRequest', 100, 620, true, { ca_names: [ROOT] }),
    message('server', 'Certificate', 1000, 630, true,
      { certificates: [{ subject: 'CN=localhost', issuer: ROOT, bytes: 500 }], empty: false }),
    message('server', 'CertificateVerify', 80, 640, true, { algorithm: 'ecdsa_secp256r1_sha256' }),
    message('server', 'Finished', 36, 650, true, {}),
    message('client', 'Certificate', 900, 6000, true, { certificates: [{ subject: 'CN=alice', issuer: INTERMEDIATE, bytes: 450 }], empty: false }),
    message('client', 'CertificateVerify', 80, 6010, true),
    message('client', 'Finished', 36, 6020, true),
    message('server', 'NewSessionTicket', 200, 40000, true, { lifetime: 21600 }),
  ],
  other_mode: [
    { from: 'server', message: 'CertificateRequest', after: 2, detail: { ca_names: [ROOT] } },
    { from: 'client', message: 'Certificate', after: 6, detail: { certificates: [], empty: true } },
  ],
  duration_us: 40010,
  truncated: false,
  reverified_at: null,
};

const onlyMutual = (m) => m.message !== 'CertificateRequest' && !(m.from === 'client' && m.message.startsWith('Certificate'));

export const ONE_WAY = {
  ...MUTUAL,
  mode: 'one-way',
  asked: false,
  presented: false,
  messages: MUTUAL.messages.filter(onlyMutual),
  other_mode: [
    { from: 'server', message: 'CertificateRequest', after: 2, detail: { ca_names: [ROOT] } },
    { from: 'client', message: 'Certificate', after: 5, detail: null },
    { from: 'client', message: 'CertificateVerify', after: 5, detail: null },
  ],
};

// Asked, and the answer was an empty list.
export const NONE_CAME = {
  ...MUTUAL,
  mode: 'one-way',
  presented: false,
  messages: MUTUAL.messages.filter((m) => m.from === 'server' || m.message !== 'CertificateVerify').map((m) => (
    m.from === 'client' && m.message === 'Certificate' ? { ...m, bytes: 8, detail: { certificates: [], empty: true } } : m)),
  other_mode: [{ from: 'client', message: 'Certificate', after: 7, detail: null }, { from: 'client', message: 'CertificateVerify', after: 7, detail: null }],
};
