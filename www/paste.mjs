// The box for a certificate that the browser holds back.
import { details, reasons, verdictBox } from './certificate.mjs';
import { checkList } from './diagram.mjs';
import { button, fill, h, sign } from './dom.mjs';
import { hasKey, pastedFile, serverChecks } from './facts.mjs';

// Outlives a change of language.
const kept = { text: '', answer: null };

async function send(route, body, language) {
  if (typeof body === 'string' && !body.trim()) return { key: 'paste.empty' };
  if (typeof body === 'string' ? hasKey(body) : hasKey(new TextDecoder('latin1').decode(body))) return { key: 'paste.key' };
  try {
    const response = await fetch(route, { method: 'POST', body, cache: 'no-store',
      headers: { Accept: 'application/json', 'Accept-Language': language, 'Content-Type': 'application/octet-stream' } });
    const answer = await response.json();
    return response.ok ? { peer: answer } : { detail: answer.detail };
  } catch {
    return { key: 'failed' };
  }
}

function showAnswer({ key, detail, peer }, L, server) {
  if (!peer) {
    fill('paste-verdict', h('div.verdict.bad', sign('bad'), h('div', h('b', L.t('paste.refused')), h('p', key ? L.t(key) : detail))));
    fill('paste-rest');
    return;
  }
  const own = server && peer.fingerprint_sha256 === server.fingerprint_sha256;
  fill('paste-verdict', verdictBox(peer, L, true));
  fill('paste-rest', own && h('p', h('strong', L.nodes({ key: 'paste.own' }))), reasons(pastedFile(peer), L), h('h4', L.t('paste.checks')), checkList('server', serverChecks({ peer }), L),
    h('div.pasted', details(peer, Date.parse(peer.verified_at), L)));
}

export function paste({ verify_route: route, server_chain: [server] }, L) {
  if (!route) return null;
  const text = h('textarea', { id: 'paste-text', rows: 5, spellcheck: 'false', autocapitalize: 'off', autocomplete: 'off', 'aria-describedby': 'paste-note',
    placeholder: '-----BEGIN CERTIFICATE-----' });
  text.value = kept.text;
  const judge = async (body) => {
    Object.assign(kept, { body, language: L.code });
    kept.answer = await send(route, body, L.code);
    if (kept.answer.key === 'paste.key') kept.text = text.value = '';
    showAnswer(kept.answer, L, server);
  };
  text.addEventListener('input', () => { kept.text = text.value; });
  const file = h('input', { id: 'paste-file', type: 'file', 'aria-describedby': 'paste-note',
    onchange: async () => file.files[0] && judge(await file.files[0].arrayBuffer()) });
  return [h('h3', L.t('paste.title')), h('p', { id: 'paste-note' }, L.t('paste.note')),
    h('p', h('label', { for: 'paste-text' }, L.t('paste.text'))), text,
    h('p.tools', button(() => judge(text.value), L.t('paste.judge'), { id: 'paste-judge' }),
      h('span', h('label', { for: 'paste-file' }, L.t('paste.file')), ' ', file)),
    h('div', { id: 'paste-verdict', role: 'status' }), h('div', { id: 'paste-rest' })];
}

export async function pasted({ verify_route: route, server_chain: [server] }, L) {
  if (!route || !kept.answer) return;
  if (kept.language && kept.language !== L.code && !kept.answer.key) kept.answer = await send(route, kept.body, L.code);
  kept.language = L.code;
  showAnswer(kept.answer, L, server);
}
