// The section "Your handshake": its steps, in each an arrow for every message, in SVG that stretches, and around it HTML
// for all that is read: it wraps, is spoken, is printed, opens by keyboard. A check stands on the line of whoever made it.
import { h, list, sign, svg } from './dom.mjs';
import { clientChecks, serverChecks, shortCipher, shortVersion } from './facts.mjs';
import { explanation, fields, none, totals } from './handshake.mjs';
import { chips, choices, find, link, offer, own, parseLink, steps } from './steps.mjs';

function arrow({ from, width }) {
  const [x, end] = from === 'client' ? ['100%', 11] : [0, -11];
  const half = width / 2 + 3.5;
  return svg('svg', { class: 'arrow', height: 20, 'aria-hidden': 'true' },
    svg('line', { x2: '100%', y1: 10, y2: 10, 'stroke-width': width }),
    svg('svg', { x, y: 10, overflow: 'visible' }, svg('path', { d: `M0 ${-half}L${end} 0L0 ${half}z` })));
}

function value(v, L) {
  if (v.seconds) return L.span(v.seconds);
  if (!v.certificate) return h('bdi', v.yes === undefined ? v : L.t(v.yes ? 'yes' : 'no'));
  return h('p', L.nodes({ key: 'h.issued', values: { ...v.certificate, bytes: L.size(v.certificate.bytes) } }));
}

function label(field, L) {
  const key = [`d.${field}`, `fact.${field}`].find(L.has);
  return key ? L.t(key) : field;
}

const chipList = (all, L) => h('ul.chips', all.map(({ name, chosen }) => (
  chosen ? h('li.chosen', h('strong', name), h('span.spoken', ' ', L.t('chosen'))) : h('li', name))));

// What was chosen in the end, by the field that offered it.
function chosenOf(field, tls) {
  return { versions: tls.version, cipher_suites: tls.cipher_suite, groups: tls.group, key_shares: tls.group }[field];
}

const LISTS = ['versions', 'cipher_suites', 'groups', 'signature_algorithms', 'key_shares', 'extensions', 'alpn'];

function detail(row, tls, L) {
  return list(fields(row.detail).map(([key, values]) => [label(key, L), LISTS.includes(key) && values.length > 1
    ? chipList(chips(values, row.message === 'ClientHello' && chosenOf(key, tls)), L)
    : h('ul', values.map((v) => h('li', value(v, L))))]));
}

function message(row, tls, L) {
  const text = explanation(row);
  const sent = row.kind !== 'ghost';
  return h(`li.row.${row.from}.${row.kind}.gap${row.gap}${row.encrypted ? '.encrypted' : ''}`,
    row.cover && h('p.covered', L.t('h.covered')),
    h('details',
      h('summary', h('span.at', sent && L.time(row.at_us)), h('span.way',
        h('span.spoken', L.t(row.from === 'client' ? 'h.you' : 'h.server'), ': '),
        h('span.name', row.message), ' ', sent && h('span.bytes', L.size(row.bytes)),
        row.kind !== 'sent' && h('span.note', ' ', L.t('h.only')),
        arrow(row))),
      h('div.inside.card', h('p', L.t(L.has(text) ? text : 'm.other')), detail(row, tls, L))));
}

const DATES = ['date', 'from', 'to'];

export function checkList(side, found, L) {
  return h(`ul.checks.${side}`, found.map(({ name, sign: state, text, codes }) => {
    const { left, ...rest } = text?.values ?? {};
    const values = Object.fromEntries(Object.entries(rest).map(([key, v]) => [key, DATES.includes(key) && v ? L.when(v) : v]));
    return h(`li.${state}`, sign(state), h('div', h('b', L.t(`check.${name}`)), h('span.state', ' ', L.t(`state.${state}`)),
      text && h('p.quiet', L.nodes({ key: text.key, values: { ...values, span: left && L.span(left) } })),
      codes && codes.map((code) => h('p', h('code', code)))));
  }));
}

const when = ({ between }, L) => between && h('p.quiet', L.t('step.between', { from: L.time(between[0]), to: L.time(between[1]) }));

// What a step says beside its messages.
function inner(step, connection, page, L) {
  const { tls, handshake: record, peer } = connection;
  if (step.name === 'answer' || step.name === 'answer5') {
    return h('div.choices', choices(connection).map(([field, all]) => h('div', h('p.quiet', label(field, L)), chipList(all, L))));
  }
  if (step.name === 'check_server') {
    return [when(step, L), h('p.quiet', L.t('checks.client_note')), checkList('client', clientChecks(connection, page.hostname, page.now), L)];
  }
  if (step.name === 'check_client' && peer.presented) return [when(step, L), checkList('server', serverChecks(connection), L)];
  if (step.name === 'data') {
    return h('p.data', h('strong', L.t('step.application', { cipher: shortCipher(tls.cipher_suite) })), ' ',
      L.t('step.bytes', { bytes: L.size(page.bytes), n: page.answers }));
  }
  return record.resumed && ['yours', 'proof', 'certificate'].includes(step.name) && h('p.quiet', L.t('h.resumed'));
}

function lead(step, { tls, handshake: record, peer }, L) {
  const tls13 = record.version === 'TLSv1.3', ca = peer.anchor?.subject ?? peer.accepted_issuers[0];
  const key = [`step.${step.name}_${record.resumed ? 'resumed' : ''}`, `step.${step.name}_${tls13 ? 'tls13' : 'tls12'}`, `step.${step.name}_text`].find(L.has);
  return h('p', L.nodes({ key, values: { group: tls.group ?? '?', cipher: shortCipher(tls.cipher_suite), version: shortVersion(tls.version),
    ca: ca ? L.t('colon') + ca : '', n: peer.accepted_issuers.length, suite: tls.cipher_suite } }));
}

function stepItem(step, of, connection, page, L) {
  return h(`li.step.${step.who}${step.ghost ? '.absent' : ''}`, { id: `step-${step.n}` },
    h('div.caption', h('h4', h('a.number', { href: link(step.n, of), 'aria-label': L.t('step.link', { n: step.n, of }) }, String(step.n)), ' ', L.t(`step.${step.name}`),
      step.ghost && h('span.note', ' ', L.t('h.only'))), lead(step, connection, L), inner(step, connection, page, L)),
    step.rows.length > 0 && h('ol.rows', step.rows.map((row) => message(row, connection.tls, L))));
}

const setOpen = (root, open) => root.querySelectorAll('details').forEach((e) => { e.open = open; });

// The steps, and what moves among them: buttons, arrow keys, links. `state` outlives a change of language.
function player(connection, page, L) {
  const record = connection.handshake, { state } = page;
  const mine = own(record);
  Object.assign(state, { of: state.of ?? mine }, parseLink(page.hash(), mine));
  const sequence = h('ol.sequence');
  const readings = [5, 10].map((of) => h('button', { type: 'button', onclick: () => { state.n = 0; read(of); } },
    L.t(`h.read${of}`), of === mine && h('span.quiet', ' · ', L.t('h.mine'))));

  function mark(focus) {
    for (const item of sequence.children) {
      const here = item.id === `step-${state.n}`;
      item.toggleAttribute('data-here', here);
      const number = item.querySelector('.number');
      if (here) number.setAttribute('aria-current', 'step'); else number.removeAttribute('aria-current');
      if (!here) continue;
      setOpen(item, true);
      if (focus) number.focus({ preventScroll: true });
      item.scrollIntoView({ block: 'nearest' });
    }
  }

  function read(of) {
    state.of = of;
    readings.forEach((button, i) => button.setAttribute('aria-pressed', String([5, 10][i] === of)));
    sequence.classList.toggle('five', of === 5);
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
  sequence.addEventListener('keydown', (event) => {
    const way = { ArrowDown: 1, ArrowRight: 1, ArrowUp: -1, ArrowLeft: -1 }[event.key];
    if (!way || event.altKey || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    go(Math.min(Math.max((state.n || (way > 0 ? 0 : 1)) + way, 1), state.of));
  });
  page.shown = () => state.n && mark(false);
  read(state.of);
  const all = h('button', { type: 'button', 'aria-pressed': 'false', onclick: () => {
    const open = all.getAttribute('aria-pressed') !== 'true';
    all.setAttribute('aria-pressed', String(open));
    setOpen(sequence, open);
  } }, L.t('h.open'));
  return [h('div.tools', h('div', { role: 'group', 'aria-label': L.t('h.reading') }, readings),
    h('div', { role: 'group', 'aria-label': L.t('h.stepping') }, h('button', { type: 'button', onclick: () => go((state.n || 2) - 1) }, L.t('h.back')),
      h('button', { type: 'button', onclick: () => go((state.n || 0) + 1) }, L.t('h.next')), all)),
  h('div.actors', { 'aria-hidden': 'true' }, h('span.card', L.t('h.you')), h('span.card', L.t('h.server'))), sequence];
}

export function diagram(connection, page, L) {
  const record = connection.handshake;
  if (!record) return h('p', L.t('h.none'));
  const { n, client, server, extra, extraBytes, duration } = totals(record);
  const empty = none(record);
  return [
    h('h3', L.t(empty ? 'h.none_came' : `h.${record.mode}`), ' · ', shortVersion(record.version)),
    h('p', L.t('h.totals', { n, time: L.time(duration), client: L.size(client), server: L.size(server) }), ' ',
      extra > 0 && L.t(empty ? 'h.asking' : 'h.extra', { n: extra, bytes: L.size(extraBytes) })),
    record.resumed && h('p', L.t('h.resumed'), ' ', record.reverified_at && L.nodes({ key: 'h.again', values: { date: L.when(record.reverified_at) } })),
    record.truncated && h('p', L.t('h.truncated')),
    player(connection, page, L), h('p.quiet', L.t('h.legend')),
  ];
}

// Your client's offer, a line each.
export function offered(connection, L) {
  const found = offer(connection), record = connection.handshake;
  if (!found.length) return null;
  const all = record && steps(record, own(record));
  return [h('h3', L.t('offer.title')), h('ul.checks', found.map(({ name, sign: state, text, steps: names }) => h(`li.${state}`, sign(state),
    h('div', h('b', L.t(`offer.${name}`)), h('p.quiet', L.nodes(text)), all && h('p', h('a', { href: link(find(all, ...names), own(record)) },
      L.t('offer.more', { n: find(all, ...names) })))))))];
}
