// Text only ever becomes text: nothing here parses markup.

function make(element, rest) {
  const props = rest[0]?.constructor === Object ? rest.shift() : {};
  for (const [name, value] of Object.entries(props)) {
    if (name.startsWith('on')) element.addEventListener(name.slice(2), value);
    else if (value !== false) element.setAttribute(name, value);
  }
  element.append(...rest.flat(9).filter((child) => child || child === 0));
  return element;
}

// h('p.note', {id: 'x'}, 'text', node, [more]): `onclick` and its like listen; empty children are left out.
export function h(spec, ...rest) {
  const [tag, ...classes] = spec.split('.');
  const element = document.createElement(tag);
  if (classes.length) element.className = classes.join(' ');
  return make(element, rest);
}

export const svg = (tag, ...rest) => make(document.createElementNS('http://www.w3.org/2000/svg', tag), rest);

export const fill = (id, ...children) => document.getElementById(id).replaceChildren(...children.flat(9).filter(Boolean));

const SHAPES = {
  good: 'M5 12.5l4.5 4.5L19 7.5', bad: 'M6.5 6.5l11 11m0-11l-11 11', warn: 'M12 5v9m0 4.2v.3', none: 'M6 12h12',
  unseen: 'M8.6 9.2a3.5 3.5 0 1 1 5 3.2c-1.2.6-1.6 1.2-1.6 2.4m0 3.4v.3',
};

export const sign = (state) => svg('svg', { class: `sign ${state}`, viewBox: '0 0 24 24', 'aria-hidden': 'true' },
  svg('path', { d: SHAPES[state] ?? SHAPES.none }));

// [label, value] pairs; one without a value is left out.
export const list = (pairs) => h('dl.facts', pairs.filter(([, value]) => value)
  .map(([label, value]) => h('div', h('dt', label), h('dd', value))));

export const button = (onclick, text, props) => h('button', { type: 'button', onclick, ...props }, text);

// Breaks behind an underscore, not within a word.
export const soft = (text) => text.split(/(?<=_)/).flatMap((part, i) => (i ? [h('wbr'), part] : part));

// A text with a button that copies it, or where that is forbidden selects it.
export function copyable(text, name, L) {
  const code = h('code', text.split(' ').flatMap((word, i) => [i > 0 && ' ', h('span', word)]));
  const copy = button(async () => {
    try {
      await navigator.clipboard.writeText(text);
      copy.textContent = L.t('copied');
      fill('announce', L.t('copied'));
    } catch {
      getSelection().selectAllChildren(code);
    }
  }, L.t('copy'), { 'aria-label': L.t('copy') + L.t('colon') + name });
  return h('div.copyable.card', code, copy);
}
