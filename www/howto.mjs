// Lines to type and steps to take, for this very host. Pure.

// [name of the line, line, name of what to expect]
export function lines(origin, mode, recorded) {
  const curl = 'curl --cacert root.crt';
  const as = (name) => ` --cert ${name}.crt --key ${name}.key`;
  const client = mode === 'off' ? '' : as('client');
  return [
    ['tls', `${curl}${mode === 'require' ? client : ''} ${origin}/api/tls`],
    client && ['peer', `${curl}${client} ${origin}/api/peer`],
    client && ['p12', `${curl} --cert-type P12 --cert client.p12:mtlsd ${origin}/api/peer`],
    client && ['bad', `${curl}${as('client-expired')} ${origin}/api/peer`, mode === 'request' ? 'reasons' : 'refused'],
    client && ['none', `${curl} ${origin}/api/peer`, mode === 'require' && 'refused'],
    recorded && ['handshake', `${curl}${client} ${origin}/api/handshake`],
  ].filter(Boolean);
}

export const probe = (origin, mode) => (
  `mtlsd probe --ca root.crt --crl root.crl --crl intermediate.crl${mode === 'require' ? ' --cert client.crt --key client.key' : ''} ${origin}/`);

const SYSTEMS = { firefox: /Firefox/, android: /Android/, windows: /Windows/, macos: /Mac OS/ };

// The visitor's own comes first.
export function systems(agent) {
  const all = [...Object.keys(SYSTEMS), 'chrome'];
  const mine = all.find((name) => !SYSTEMS[name] || SYSTEMS[name].test(agent));
  return [mine, ...all.filter((name) => name !== mine)];
}
