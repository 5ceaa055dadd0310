// "Your handshake": arrows are stretching SVG; what is read is HTML, which wraps, is spoken and printed.
import { button, h, list, sign, soft, svg } from './dom.mjs';
import { clientChecks, groupOf, serverChecks, shortCipher, shortVersion } from './facts.mjs';
import { carries, clear, explanation, fields, none, noneBefore, totals, versionOf } from './handshake.mjs';
import { chips, choices, find, link, offer, order, own, parseLink, steps } from './steps.mjs';

function arrow({ from, width }) {
  const [x, end] = from === 'client' ? ['100%', 11] : [0, -11];
  const half = width / 2 + 3.5;
  return svg('svg', { class: 'arrow', height: 20, 'aria-hidden': 'true' },
    svg('line', { x2: '100%', y1: 10, y2: 10, 'stroke-width': width }),
    svg('svg', { x, y: 10, overflow: 'visible' }, svg('path', { d: `M0 ${-half}L${end} 0L0 ${half}z` })));
}

const said = (name) => soft(shortVersion(name));

function value(v, L) {
  if (v.seconds) return L.exact(v.seconds);
  if (!v.certificate) return h('bdi', v.yes === undefined ? said(v) : L.t(v.yes ? 'yes' : 'no'));
  return h('p', L.nodes({ key: 'h.issued', values: { ...v.certificate, bytes: L.size(v.certificate.bytes) } }));
}

function label(field, L) {
  const key = [`d.${field}`, `fact.${field}`].find(L.has);
  return key ? L.t(key) : field;
}

const chipsOf = (all, L) => h('ul.chips', all.map(({ name, chosen }) => (
  chosen ? h('li.chosen', h('strong', said(name)), h('span.spoken', ' ', L.t('chosen'))) : h('li', said(name)))));

// On a telephone what was not chosen is folded, when it is much.
function chipList(all, L) {
  const rest = all.filter(({ chosen }) => !chosen);
  if (rest.length < 5 || rest.length === all.length || !matchMedia('(max-width: 40em)').matches) return chipsOf(all, L);
  return [chipsOf(all.filter(({ chosen }) => chosen), L), h('details', h('summary.quiet', L.t('d.rest', { n: rest.length })), chipsOf(rest, L))];
}

function chosenOf(field, tls) {
  return { versions: tls.version, cipher_suites: tls.cipher_suite, groups: groupOf(tls), key_shares: groupOf(tls),
    signature_algorithms: tls.server_signature, alpn: tls.alpn }[field];
}

const LISTS = ['versions', 'cipher_suites', 'groups', 'signature_algorithms', 'key_shares', 'extensions', 'alpn'];

function detail(row, tls, L) {
  // What TLS 1.2 resumes by is no pre-shared key.
  const all = fields(row.detail).filter(([key]) => tls.version === 'TLSv1.3' || !/^psk_/.test(key));
  return list(all.map(([key, values]) => [label(key, L), LISTS.includes(key) && values.length > 1
    ? chipList(chips(values, row.message === 'ClientHello' && chosenOf(key, tls)), L)
    : h('ul', values.map((v) => h('li', value(v, L))))]));
}

function message(row, { tls, handshake: record }, L) {
  const text = explanation(row, record);
  const note = row.kind === 'ghost' ? 'absent' : record.mode === 'mutual' ? 'only' : row.from === 'client' ? 'empty' : 'question';
  const sent = row.kind !== 'ghost';
  return h(`li.row.${row.from}.${row.kind}.gap${row.gap}${row.encrypted ? '.encrypted' : ''}`,
    row.cover && h('p.covered', L.t('h.covered'), record.version === 'TLSv1.3' && L.t('h.since')),
    h('details',
      h('summary', h('span.at', sent && L.time(row.at_us)), h('span.way',
        h('span.spoken', L.t(row.from === 'client' ? 'h.you' : 'h.server'), L.t('colon')),
        h('span.name', row.message), ' ', sent && h('span.bytes', L.size(row.bytes)), ' ',
        row.kind !== 'sent' && h(`span.note.${note}`, L.t(`h.${note}`)),
        arrow(row))),
      h('div.inside.card', h('p', !sent && L.t('h.would'), L.t(L.has(text) ? text : 'm.other')), detail(row, tls, L))));
}

export function checkList(side, found, L) {
  return h(`ul.checks.${side}`, found.map(({ name, sign: state, text, codes }) => {
    const { left } = text?.values ?? {};
    return h(`li.${state}`, sign(state), h('div', h('b', L.t(`check.${name}`)), h('span.state', ' ', L.t(`state.${state === 'unseen' && side === 'client' ? 'browser' : state}`)),
      text && h('p.quiet', L.nodes({ key: text.key, values: { ...text.values, span: left && L.span(left) } })),
      codes && codes.map((code) => h('p', h('code', code)))));
  }));
}

const when = ({ name, between }, L) => between && h('p.quiet', L.t('step.between', { from: L.time(between[0]), to: L.time(between[1]) }), name === 'check_server' && L.t('step.travel'));

const to = ({ n, title }, of, L) => h('a', { href: link(n, of) }, L.t('offer.more', { n, title: L.t(`step.${title}`) }));

// What the server chose at which step.
const CHOSEN = ['versions', 'cipher_suites', 'groups', 'alpn'], SIGNED = ['signature_algorithms'];
const CHOICES = { answer: CHOSEN, certificate: SIGNED, answer5: [...CHOSEN, ...SIGNED] };

function preferred(connection, L) {
  const ours = order(connection);
  return ours && h('p.quiet', L.t('step.order', { order: ours.order, first: ours.first ? L.t('step.order_first') : '' }));
}

function inner(step, connection, page, L) {
  const { tls, peer, handshake: record } = connection, wanted = CHOICES[step.name];
  if (wanted) {
    return h('div.choices', choices(connection, wanted).map(([field, all]) => h('div', h('p.quiet', label(field, L)), chipList(all, L),
      field === 'cipher_suites' && preferred(connection, L))));
  }
  if (step.note === 'skipped') return null;
  if (step.name === 'check_server') {
    return [when(step, L), h('p.quiet', L.t('checks.client_note')), checkList('client', clientChecks(connection, page.hostname, page.now), L)];
  }
  // A resumed handshake of TLS 1.2 has its master secret already.
  if (step.name === 'keys') return (!record.resumed || record.version === 'TLSv1.3') && h('p.quiet', L.t(`step.derive_${versionOf(record)}`));
  if (step.name === 'check_client' && peer.presented) return [when(step, L), peer.remembered && h('p.quiet', L.nodes({ key: 'step.remembered', values: { since: peer.verified_at } })),
    checkList('server', serverChecks(connection), L)];
  return step.name === 'data' && h('p.data', h('strong', L.t('step.application', { cipher: shortCipher(tls.cipher_suite) })), L.t('colon'),
    L.t('step.bytes', { bytes: L.size(page.bytes), n: page.answers }));
}

function lead({ name, note }, { tls, handshake: record, peer }, L) {
  const version = versionOf(record), ca = peer.anchor?.subject ?? peer.accepted_issuers[0];
  const again = record.resumed && (version === 'tls12' || !tls.group);
  const special = record.resumed ? [noneBefore(record) && `${name}_none`, `${name}_resumed`, note === 'skipped' ? 'left_out' : again && `${name}_again`] : [note === 'question' && `${name}_empty`];
  const asks = name === 'answer5' && record.asked && !record.resumed ? L.t('step.asks') : '';
  const key = [...special, `${name}_${version}`, `${name.replace('5', '')}_text`].map((one) => `step.${one}`).find(L.has);
  return h('p', L.nodes({ key, values: { group: tls.group ?? '?', cipher: shortCipher(tls.cipher_suite), version: shortVersion(tls.version),
    ca: ca ? L.t('colon') + ca : '', suite: tls.cipher_suite, more: name === 'answer5' ? L.t('step.certified') + asks : '', since: L.t(`step.since_${version}`), kdf: L.t(`step.kdf_${version}`),
    psk: record.resumed ? L.t('step.psk') : '' } }));
}

// Of five steps one has what the client says of its certificate.
function first({ name }, of, { handshake: record }, L) {
  if (of === 10 || name !== 'keys' || !record.asked || record.resumed) return null;
  return h('p', L.t(record.mode === 'mutual' ? 'step.first_mutual' : 'step.first_none'), ' ', to(find(steps(record, 10), 'yours'), 10, L));
}

function stepItem(step, of, connection, page, L) {
  return h(`li.step.${step.who}${step.ghost || (step.note === 'skipped' && !step.rows.length) ? '.absent' : ''}${step.encrypted ? '.encrypted' : ''}`, { id: `step-${step.n}` },
    h('div.caption', h('h4', h('a.number', { href: link(step.n, of), 'aria-label': L.t('step.link', { n: step.n, of }) }, String(step.n)), h('span', L.t(`step.${step.title}`),
      step.note && [' ', h(`span.note.${step.note}`, L.t(`h.${step.note}`))])), first(step, of, connection, L), lead(step, connection, L), inner(step, connection, page, L)),
    step.rows.length > 0 && h('ol.rows', step.rows.map((row) => message(row, connection, L))));
}

const setOpen = (root, open) => root.querySelectorAll('details').forEach((e) => { e.open = open; });

// What moves among the steps: buttons, arrow keys, links. `state` outlives a change of language.
function player(connection, page, L) {
  const record = connection.handshake, { state } = page;
  const mine = own(record);
  Object.assign(state, { of: state.of ?? mine }, parseLink(page.hash(), mine));
  const sequence = h('ol.sequence');
  const marked = h('p', L.t('h.marked'), L.t('colon'), to(find(steps(record, 10), 'check_client'), 10, L));
  const all = button(() => {
    const open = all.getAttribute('aria-pressed') !== 'true';
    all.setAttribute('aria-pressed', String(open));
    setOpen(sequence, open);
  }, L.t('h.open'), { 'aria-pressed': 'false' });
  const stepping = h('div.tools.stepping', h('div', { role: 'group', 'aria-label': L.t('h.stepping') }, button(() => go((state.n || 2) - 1), L.t('h.back')),
    button(() => go((state.n || 0) + 1), L.t('h.next')), all), h('span.quiet', L.t('h.keys')));
  let opened; // by a step, and closed by the next one
  const readings = [5, 10].map((of) => button(() => { state.n = 0; page.show('#'); read(of); },
    [L.t(`h.read${of}`), of === mine && h('span.quiet', ' · ', L.t('h.mine'))]));

  function mark(focus) {
    for (const item of sequence.children) {
      const here = item.id === `step-${state.n}`;
      item.toggleAttribute('data-here', here);
      const number = item.querySelector('.number');
      if (here) number.setAttribute('aria-current', 'step'); else number.removeAttribute('aria-current');
      if (!here) continue;
      if (opened && opened !== item && all.getAttribute('aria-pressed') !== 'true') setOpen(opened, false);
      opened = item;
      setOpen(item, true);
      if (focus) number.focus({ preventScroll: true });
      item.scrollIntoView({ block: 'nearest' });
    }
  }

  function read(of) {
    state.of = of;
    readings.forEach((one, i) => one.setAttribute('aria-pressed', String([5, 10][i] === of)));
    marked.hidden = of === 10 || !record.asked || record.resumed;
    sequence.replaceChildren(...steps(record, of).map((step) => stepItem(step, of, connection, page, L)));
    if (state.n) mark(false);
  }

  function go(n) {
    if (n < 1 || n > state.of) return;
    state.n = n;
    page.show(link(n, state.of));
    mark(true);
  }

  page.onlink(() => {
    const there = parseLink(page.hash(), mine);
    if (!there) return;
    state.n = there.n;
    if (there.of !== state.of) read(there.of);
    mark(true);
  });
  const byKey = (event) => {
    const way = { ArrowDown: 1, ArrowRight: 1, ArrowUp: -1, ArrowLeft: -1 }[event.key];
    if (!way || event.altKey || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    go(Math.min(Math.max((state.n || (way > 0 ? 0 : 1)) + way, 1), state.of));
  };
  for (const part of [stepping, sequence]) part.addEventListener('keydown', byKey);
  page.shown = () => state.n && mark(false);
  read(state.of);
  return [h('div.tools', h('div', { role: 'group', 'aria-label': L.t('h.reading') }, readings)), marked, stepping, h('div.actors', { 'aria-hidden': 'true' }, h('span.card', L.t('h.you')), h('span.card', L.t('h.server'))), sequence];
}

export function diagram(connection, page, L) {
  const record = connection.handshake;
  if (!record) return h('p', L.t('h.none'));
  const { n, client, server, extra, extraBytes, duration } = totals(record);
  const empty = none(record);
  return [
    h('h3', L.t(empty ? 'h.none_came' : noneBefore(record) ? 'h.none_before' : `h.${record.mode}`), ' · ', shortVersion(record.version)),
    h('p', L.t('h.totals', { n, time: L.time(duration), client: L.size(client), server: L.size(server) }),
      extra > 0 && L.t(empty ? 'h.asking' : 'h.extra', { n: extra, bytes: L.size(extraBytes) }), record.mode === 'mutual' && carries(record) && L.t('h.tickets')),
    h('p', L.t('h.seen', { messages: L.all(clear(record)), name: connection.tls.server_name ? L.t('h.named') : '' }), L.t(`h.seen_${versionOf(record)}`, { ticket: record.resumed ? L.t('h.ticket') : '' })),
    record.resumed && h('p', L.t('h.resumed'), record.reverified_at && L.nodes({ key: connection.peer.remembered ? 'h.again_dates' : 'h.again', values: { date: record.reverified_at } })),
    record.truncated && h('p', L.t('h.truncated')),
    player(connection, page, L), h('p.quiet', L.t('h.legend')), h('p.quiet', L.nodes({ key: 'h.reload' })),
  ];
}

export function offered(connection, L) {
  const found = offer(connection), record = connection.handshake;
  if (!found.length) return null;
  const all = record && steps(record, own(record));
  return [h('h3', L.t('offer.title')), h('ul.checks', found.map(({ name, sign: state, text, steps: names }) => h(`li.${state}`, sign(state),
    h('div', h('b', L.t(`offer.${name}`)), h('p.quiet', L.nodes(text)), all && names && h('p', to(find(all, ...names), own(record), L))))))];
}
