// The page: asks the server, chooses the language, puts each section in its place.
import { details, reasons, shown, verdictBox } from './certificate.mjs';
import { diagram, offered } from './diagram.mjs';
import { button, copyable, fill, h, list, soft } from './dom.mjs';
import { beside, choose, connectionFacts, sentence } from './facts.mjs';
import { lines, systems } from './howto.mjs';
import { paste, pasted } from './paste.mjs';
import { isDate, LANGUAGES, load, prefer } from './text.mjs';

async function get(path, code) {
  const response = await fetch(path, { cache: 'no-store', headers: { Accept: 'application/json', 'Accept-Language': code } });
  const body = await response.json();
  if (!response.ok) throw new Error(body.detail ?? response.status);
  return { date: response.headers.get('Date'), body };
}

// Of up to six connections not all had a whole handshake. One that had none answers with its number alone; then five questions
// at once find another, and five more get it.
async function connection(code) {
  const path = '/api/connection?compact';
  const others = (query) => Promise.all(Array(5).fill().map(() => get(path + query, code)));
  const first = await get(`${path}&full`, code);
  if (first.body.tls) return first;
  const full = choose((await others('&id=0')).map(({ body }) => body));
  const found = full && (await others(`&id=${full.id}`)).find(({ body }) => body.tls);
  return found ?? get(path, code);
}

async function ask(code) {
  const { body, date } = await connection(code);
  return { connection: body, now: Date.parse(date) || Date.now() };
}

function transferred() {
  const all = [...performance.getEntriesByType('navigation'), ...performance.getEntriesByType('resource')];
  return { bytes: all.reduce((sum, entry) => sum + entry.transferSize, 0), answers: all.length };
}

// What the diagram needs; its state, which step, outlives a change of language.
const frame = { hostname: location.hostname, hash: () => location.hash, show: (hash) => history.replaceState(null, '', hash),
  onlink: (follow) => { frame.follow = follow; }, state: {} };
addEventListener('hashchange', () => frame.follow?.());

let closed = [];
addEventListener('beforeprint', () => {
  closed = [...document.querySelectorAll('details:not([open])')];
  for (const element of closed) element.open = true;
});
addEventListener('afterprint', () => closed.forEach((element) => { element.open = false; }));

function showConnection(connection, L) {
  const { tls, state, who } = sentence(connection);
  fill('sentence', h('p.lede', h('span', tls.split(' · ').flatMap((part, i) => [i > 0 && ' · ', h('bdi', part)])), ' ', h(`strong.${state}`, L.nodes(who))));
  fill('facts', list(connectionFacts(connection).map(([key, v]) => [L.t(`fact.${key}`), v.key ? L.nodes(v) : h('bdi', soft(v))])));
  fill('beside', beside(connection, location).length > 0 && [h('h2', L.t('beside.title')), h('p.quiet', L.t('beside.text')),
    h('ul.listeners', beside(connection, location).map(({ name, href, here, mode, kind, refused }) => h('li.card', { 'aria-current': here && 'true' },
      here ? h('b', h('bdi', name)) : h('a', { href }, h('bdi', name)), ' ', here && h('span.quiet', L.t('beside.here')),
      h('p', h('strong', L.t(kind))), refused && h('p', L.t('beside.refused')), h('p.quiet', L.t('fact.client_auth'), L.t('colon'), L.nodes({ key: mode })))))]);
}

function showTry({ peer, handshake }, L) {
  const all = lines(location.origin, peer.client_auth, handshake);
  fill('lines', h('p', L.nodes({ key: 'line.note' })), h('ul.lines', all.map(([name, line, want]) => h('li',
    h('h3', L.t(`line.${name}`)), copyable(line, L.t(`line.${name}`), L), want && h('p.quiet', L.nodes({ key: `want.${want}` }))))));
  fill('install', h('h3', L.t('install.title')), ['note', 'trust'].map((key) => h('p', L.nodes({ key: `install.${key}` }))),
    systems(navigator.userAgent).map((name, i) => h('details', { open: i === 0 && '' }, h('summary', L.t(`install.${name}.0`)),
      [1, 2].map((n) => h('p', L.nodes({ key: `install.${name}.${n}` }))))));
}

function show({ connection, now }, L) {
  showConnection(connection, L);
  fill('verdict', verdictBox(connection.peer, L));
  fill('reasons', reasons(connection.peer, L));
  fill('details', details(connection.peer, now, L, connection.verify_route));
  fill('paste', paste(connection, L));
  pasted(connection, L);
  fill('shown', shown(connection, location, now, L));
  fill('diagram', diagram(connection, Object.assign(frame, transferred(), { now }), L));
  fill('offer', offered(connection, L));
  showTry(connection, L);
  frame.shown?.(); // where the link leads
}

function showFailure(error, L) {
  fill('sentence', h('p.lede', h('strong.bad', L.t('failed'))), h('p', error.message),
    button(() => location.reload(), L.t('reload')));
  for (const section of document.querySelectorAll('section:not(.hero)')) section.hidden = true;
}

async function start(answer, code) {
  answer.catch(() => {}); // it is told once there are words for it
  const L = await load(code);
  // Values stand in <bdi>, so that right-to-left names stay in their place.
  L.nodes = ({ key, values }) => L.parts(key, values).map((part) => (
    part.text ?? (part.code ? h('code', part.code) : h('bdi', part.value instanceof Node ? part.value : L.value(String(part.value))))));
  L.when = (text) => h('time', { datetime: text, title: L.local(text) }, L.date(text));
  L.value = (text) => (isDate(text) ? L.when(text) : soft(text));
  L.dated = (text) => text && text.split(/(\d{4}-\d\d-\d\dT[\d:]+Z)/).map(L.value);
  document.documentElement.lang = code;
  document.title = L.t('title');
  for (const element of document.querySelectorAll('[data-t]')) element.textContent = L.t(element.dataset.t);
  fill('languages', Object.entries(LANGUAGES).map(([other, name]) => button(
    () => change(other), name, { lang: other, 'aria-pressed': String(other === code) })));
  await answer.then((facts) => show(facts, L)).catch((error) => showFailure(error, L));
  document.documentElement.dataset.ready = '';
}

async function change(code) {
  try { localStorage.setItem('language', code); } catch { /* it is not remembered, then */ }
  await start(ask(code), code);
  document.querySelector('#languages [aria-pressed=true]').focus();
}

function stored() {
  try { return localStorage.getItem('language'); } catch { return null; }
}

const wanted = prefer([stored(), ...navigator.languages]);
start(ask(wanted), wanted);
