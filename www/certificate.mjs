import { copyable, h, list, sign, svg } from './dom.mjs';
import { bears, findings, ladder, names as namesOf, parted, picker, validity, verdict } from './facts.mjs';
import { probe } from './howto.mjs';

export function verdictBox(peer, L, pasted) {
  const { state, title, text, after } = verdict(peer, pasted);
  return h(`div.verdict.${state}`, sign(state), h('div', h('b', L.t(title.key)), h('p', L.nodes(text)), after && h('p', L.nodes(after))));
}

function advice(hint, command, L) {
  const [before, after] = parted(hint ?? '', command);
  return [before && h('p', h('strong', L.dated(before))), command && copyable(command, L.t('command'), L), after && h('p', h('strong', L.dated(after)))];
}

function reason({ code, title, sign: kind, about, reason: words, hint, command, value, expected }, L) {
  return h(`li.reason.card.${kind}`, sign(kind), h('div',
    h('h3', h('span', title), ' ', h('code', code)),
    about && h('p.quiet', L.nodes(about)),
    h('p', L.dated(words)),
    advice(hint, command, L),
    list([[L.t('found'), L.dated(value)], [L.t('expected'), L.dated(expected)]])));
}

export function reasons(peer, L) {
  const all = findings(peer);
  return all.length > 0 && h('ul.reasons', all.map((f) => reason(f, L)));
}

// The bar shows what the words beside it say.
function life(peer, now, L, whose) {
  const v = validity(peer, now);
  if (!v) return null;
  const state = v.state !== 'within' ? 'bad' : whose ? 'none' : 'good';
  const rect = (name, from, to) => svg('rect', { class: name, x: `${from}%`, width: `${to - from}%`, y: 12, height: 8, rx: 4 });
  return h(`div.${state}`, h('h3', L.t('validity')),
    h('p', sign(state), ' ', whose, L.t(`valid.${v.state}`, { span: L.span(v.seconds) })),
    svg('svg', { class: 'life', width: '100%', height: 30, 'aria-hidden': 'true' },
      rect('', 0, 100), rect('span', v.from, v.to), v.state === 'within' && rect('past', v.from, v.now),
      svg('line', { x1: `${v.now}%`, x2: `${v.now}%`, y1: 4, y2: 28 })),
    h('p.quiet', L.when(peer.not_before), ' – ', L.when(peer.not_after)));
}

function chain(rungs, say, L) {
  return h('div', h('h3', L.t('chain')), h('ol', rungs.map(({ role, name, end, bad }) => h(`li.rung.${role}${bad ? '.bad' : ''}`,
    h('p', h('bdi', name)), h('p.quiet', bad && sign('bad'), ' ', say(role), end && [' · ', L.when(end)])))));
}

const names = (all) => all.length > 0 && h('ul', all.map((name) => h('li', h('bdi', name))));

const keyText = ({ public_key: key }, L) => L.t('bits', { name: [key.algorithm, key.curve].filter(Boolean).join(' '), n: key.bits });

function facts(peer, L) {
  const { san } = peer;
  return list(Object.entries({
    subject: h('bdi', peer.subject || L.t('own.nameless')),
    issuer: h('bdi', peer.issuer),
    san: names([san.dns_names, san.emails, san.ips, san.uris].flat()),
    serial: h('code', peer.serial),
    key: keyText(peer, L),
    signature: peer.signature_algorithm,
    usage: [...peer.extended_key_usage, ...peer.key_usage].join(', '),
    judged: peer.remembered ? L.nodes({ key: 'cert.remembered', values: { at: peer.applied_at, since: peer.verified_at } }) : L.when(peer.verified_at),
    fingerprint: copyable(peer.fingerprint_sha256, L.t('cert.fingerprint'), L),
    spki: copyable(peer.spki_sha256, L.t('cert.spki'), L),
  }).map(([name, value]) => [L.t(`cert.${name}`), value]));
}

export function details(peer, now, L, canPaste) {
  if (peer.presented) return peer.chain.length > 0 && [life(peer, now, L), chain(ladder(peer), (role) => L.t(`role.${role}`), L), facts(peer, L)];
  const { asked, answer, withheld, silent, cancelled } = picker(peer);
  return h('div.why', h('h3', L.t(answer ? 'why' : 'unasked')), h('p', L.nodes(asked)), h('div.issuers', names(peer.accepted_issuers)),
    answer && [h('p', L.nodes(answer)), h('p', L.nodes(withheld)), h('ul.silent', silent.map((why) => h('li', L.nodes(why)))), h('p', L.nodes(cancelled)), h('p', h('a', { href: '#install' }, L.t('picker.install')), canPaste && [' · ', h('a', { href: '#paste' }, L.t('picker.paste'))])]);
}

export function shown({ server_chain: chainSent, peer }, { hostname, origin }, now, L) {
  const [leaf] = chainSent, top = chainSent.at(-1);
  const line = [h('h3', L.t('own.probe')), h('p.quiet', L.nodes({ key: 'own.probe_text' })), copyable(probe(origin, peer.client_auth), L.t('own.probe'), L)];
  if (!leaf) return [h('p', L.t('own.resumed')), h('div.wide', line)];
  const rungs = chainSent.map(({ subject, issuer, not_after: end }, depth) => ({ name: subject || L.t('own.nameless'), end,
    role: subject === issuer ? 'root' : depth ? 'intermediate' : 'leaf' }));
  if (top.subject !== top.issuer) rungs.push({ role: 'issuer', name: top.issuer });
  const mine = namesOf(leaf);
  return [h('p.wide', L.t('own.decides')), life(leaf, now, L, L.t('own.clock')), chain(rungs, (role) => L.t(`stands.${role}`), L), list([
    [L.t('own.names'), [h('ul.chips', mine.map((name) => (bears(name, hostname)
      ? h('li.chosen', h('strong', h('bdi', name)), h('span', ' ', L.t('own.match'))) : h('li', h('bdi', name))))),
    !mine.some((name) => bears(name, hostname)) && h('p.bad', sign('bad'), ' ', L.t('own.no_match', { hostname }))]],
    [L.t('cert.key'), keyText(leaf, L)],
    [L.t('cert.signature'), leaf.signature_algorithm],
    [L.t('own.compare'), copyable(leaf.fingerprint_sha256, L.t('own.compare'), L)],
  ]), h('div.wide', line)];
}
