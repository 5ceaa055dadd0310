// The section "Your handshake": an arrow for each message, in SVG that stretches, and around it HTML for all that is read:
// it wraps, is spoken, is printed, opens by keyboard. Beside it, who checked whom.
import { h, list, sign, svg } from './dom.mjs';
import { clientChecks, serverChecks, shortVersion } from './facts.mjs';
import { comparison, explanation, fields, none, rows, totals } from './handshake.mjs';

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

function message(row, L) {
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
      h('div.inside.card', h('p', L.t(L.has(text) ? text : 'm.other')), list(fields(row.detail).map(([key, values]) => [
        label(key, L), h('ul', values.map((v) => h('li', value(v, L))))])))));
}

export function diagram({ handshake: record }, L) {
  if (!record) return h('p', L.t('h.none'));
  const { n, client, server, extra, extraBytes, duration } = totals(record);
  const other = comparison(record), empty = none(record);
  const sequence = h('ol.sequence', rows(record).map((row) => message(row, L)));
  const toggle = ({ currentTarget: button }) => button.setAttribute('aria-checked', sequence.classList.toggle('compared'));
  return [
    h('h3', L.t(empty ? 'h.none_came' : `h.${record.mode}`), ' · ', shortVersion(record.version)),
    h('p', L.t('h.totals', { n, time: L.time(duration), client: L.size(client), server: L.size(server) }), ' ',
      extra > 0 && L.t(empty ? 'h.asking' : 'h.extra', { n: extra, bytes: L.size(extraBytes) })),
    record.resumed && h('p', L.t('h.resumed'), ' ', record.reverified_at && L.t('h.again', { date: L.date(record.reverified_at) })),
    record.truncated && h('p', L.t('h.truncated')),
    other && h('button.switch', { type: 'button', role: 'switch', 'aria-checked': 'false', onclick: toggle }, L.t(`h.${other}`)),
    h('div.actors', { 'aria-hidden': 'true' }, h('span.card', L.t('h.you')), h('span.card', L.t('h.server'))),
    sequence, h('p.quiet', L.t('h.legend')),
  ];
}

function checkList(side, note, found, L) {
  return h('div', h('h3', L.t(`checks.${side}`)), h('p.quiet', L.t(note)), h('ul.checks', found.map(({ name, sign: state, text, codes }) => {
    const { left, ...values } = text?.values ?? {};
    return h(`li.${state}`, sign(state), h('div', h('b', L.t(`check.${name}`)), h('span.state', ' ', L.t(`state.${state}`)),
      text && h('p.quiet', L.nodes({ key: text.key, values: { ...values, span: left && L.span(left) } })),
      codes && codes.map((code) => h('p', h('code', code)))));
  })));
}

export function checks(connection, hostname, health, L) {
  const { peer } = connection;
  const none = peer.requested ? 'verdict.none_text' : 'verdict.off_text';
  return [
    checkList('client', 'checks.client_note', clientChecks(connection, hostname, health), L),
    checkList('server', peer.presented ? 'checks.server_note' : none, serverChecks(connection), L),
  ];
}
