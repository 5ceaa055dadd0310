// The page: asks the server, chooses the language, puts each section in its place.
import { details, reasons, shown, verdictBox } from './certificate.mjs';
import { diagram, offered } from './diagram.mjs';
import { copyable, fill, h, list } from './dom.mjs';
import { choose, connectionFacts, sentence } from './facts.mjs';
import { lines, systems } from './howto.mjs';
import { paste, pasted } from './paste.mjs';
import { LANGUAGES, load, prefer } from './text.mjs';

// In the language of the page: reasons and hints are the server's.
async function get(path, code) {
  const response = await fetch(path, { cache: 'no-store', headers: { Accept: 'application/json', 'Accept-Language': code } });
  return { status: response.status, date: response.headers.get('Date'), body: await response.json() };
}

// A browser opens up to six connections, and only its first had a whole handshake: where the first answer is of another
// one, as many questions at once find it.
async function ask(code) {
  const [health, first] = await Promise.all(['/health', '/api/connection'].map((path) => get(path, code)));
  const more = first.status === 200 && first.body.tls.resumed ? await Promise.all(Array(6).fill().map(() => get('/api/connection', code))) : [];
  const answers = [first, ...more];
  const wrong = answers.find(({ status }) => status !== 200);
  if (wrong) throw new Error(wrong.body.detail ?? wrong.status);
  const connection = choose(answers.map(({ body }) => body));
  return { connection, now: Date.parse(answers[0].date) || Date.now(), health: health.body };
}

// What came so far, with the heads of the answers: this very page.
function transferred() {
  const all = [...performance.getEntriesByType('navigation'), ...performance.getEntriesByType('resource')];
  return { bytes: all.reduce((sum, entry) => sum + entry.transferSize, 0), answers: all.length };
}

// What the diagram needs of its page. Its state, which step, outlives a change of language.
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
  fill('sentence', h('p.lede', h('span', tls), ' ', h(`strong.${state}`, L.nodes(who))));
  fill('facts', list(connectionFacts(connection).map(([key, v]) => [L.t(`fact.${key}`), v.key ? L.nodes(v) : h('bdi', v)])));
}

function showTry({ peer, handshake }, L) {
  const all = lines(location.origin, peer.client_auth, handshake);
  fill('lines', h('p', L.nodes({ key: 'line.note' })), h('ul.lines', all.map(([name, line, want]) => h('li',
    h('h3', L.t(`line.${name}`)), copyable(line, L.t(`line.${name}`), L), want && h('p.quiet', L.nodes({ key: `want.${want}` }))))));
  fill('install', h('h3', L.t('install.title')), h('p', L.nodes({ key: 'install.note' })),
    systems(navigator.userAgent).map((name, i) => h('details', { open: i === 0 && '' }, h('summary', L.t(`install.${name}.0`)),
      h('p', L.nodes({ key: `install.${name}.1` })))));
}

function show({ connection, now, health }, L) {
  showConnection(connection, L);
  fill('verdict', verdictBox(connection.peer, L));
  fill('reasons', reasons(connection.peer, L));
  fill('details', details(connection.peer, now, L, connection.verify_route));
  fill('paste', paste(connection, L));
  pasted(connection, L);
  fill('shown', shown(connection, location, now, L));
  fill('diagram', diagram(connection, Object.assign(frame, transferred(), { health }), L));
  fill('offer', offered(connection, L));
  showTry(connection, L);
  frame.shown?.(); // where the link leads
}

function showFailure(error, L) {
  fill('sentence', h('p.lede', h('strong.bad', L.t('failed'))), h('p', error.message),
    h('button', { type: 'button', onclick: () => location.reload() }, L.t('reload')));
  for (const section of document.querySelectorAll('section:not(.hero)')) section.hidden = true;
}

async function start(answer, code) {
  const L = await load(code);
  // Values stand in <bdi>, so that right-to-left names stay in their place.
  L.nodes = ({ key, values }) => L.parts(key, values).map((part) => (
    part.text ?? (part.code ? h('code', part.code) : h('bdi', part.value instanceof Node ? part.value : String(part.value)))));
  L.when = (text) => h('time', { datetime: text, title: L.local(text) }, L.date(text));
  document.documentElement.lang = code;
  document.title = L.t('title');
  for (const element of document.querySelectorAll('[data-t]')) element.textContent = L.t(element.dataset.t);
  fill('languages', Object.entries(LANGUAGES).map(([other, name]) => h('button',
    { type: 'button', lang: other, 'aria-pressed': String(other === code), onclick: () => change(other) }, name)));
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
