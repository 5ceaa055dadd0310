// Languages: which one to use, and what it makes of templates, numbers and dates.

export const LANGUAGES = { en: 'English', 'zh-Hans': '简体中文' };

// Chinese of any script gets 简体中文.
export function prefer(wishes) {
  const codes = wishes.map((wish) => /^(en|zh)\b/i.exec(wish ?? '')?.[1].toLowerCase());
  return codes.find(Boolean) === 'zh' ? 'zh-Hans' : 'en';
}

// 'a {name} and `code`' → [{text}, {value}, {text}, {code}]. A value is never searched for templates.
export function split(template, values = {}) {
  return template.split(/(\{\w+\}|`[^`]+`)/).filter(Boolean).map((part) => {
    if (part.startsWith('`')) return { code: part.slice(1, -1) };
    return part.startsWith('{') ? { value: values[part.slice(1, -1)] ?? '' } : { text: part };
  });
}

// {a: {b: 'x', c: ['y']}} → {'a.b': 'x', 'a.c.0': 'y'}
export function flatten(texts, prefix = '') {
  return Object.fromEntries(Object.entries(texts).flatMap(([key, value]) => (
    typeof value === 'string' ? [[prefix + key, value]] : Object.entries(flatten(value, `${prefix}${key}.`)))));
}

// Not what only looks like one.
export const isDate = (text) => /^\d{4}-\d\d-\d\dT[\d:]+Z$/.test(text) && Date.parse(text) < Infinity;

const SPANS = [['day', 86400], ['hour', 3600], ['minute', 60], ['second', 1]];

export function language(code, texts) {
  const short = new Intl.NumberFormat(code, { maximumSignificantDigits: 3 });
  // UTC, with seconds and zone; the visitor's own beside it.
  const [dates, local] = ['UTC', undefined].map((timeZone) => new Intl.DateTimeFormat(code, { dateStyle: 'medium', timeStyle: 'long', hourCycle: 'h23', timeZone }));
  const list = new Intl.ListFormat(code);
  const plural = new Intl.PluralRules(code);
  const L = {
    code,
    has: (key) => Object.hasOwn(texts, key),
    parts: (key, values) => split((plural.select(values?.n ?? 2) === 'one' && texts[`${key}_one`]) || texts[key], values),
    t: (key, values) => L.parts(key, values).map((p) => p.code ?? p.value ?? p.text).join(''),
    // Chinese puts no space beside words of Latin letters by itself.
    all: (names) => list.format(names).replace(/([!-~])(\p{Script=Han})(?=[!-~])/gu, '$1 $2 '),
    date: (text) => dates.format(new Date(text)),
    local: (text) => local.format(new Date(text)),
    size: (bytes) => (bytes < 10000 ? `${bytes}\xa0B` : `${short.format(bytes / 1024)}\xa0KiB`),
    time: (us) => (us < 1000 ? `${us}\xa0µs` : us < 1e6 ? `${short.format(us / 1000)}\xa0ms` : `${short.format(us / 1e6)}\xa0s`),
    span: (seconds) => {
      const [unit, size] = SPANS.find(([, s]) => seconds >= 2 * s) ?? SPANS[3];
      return L.t(`span.${unit}`, { n: Math.floor(seconds / size) });
    },
    // The minutes beside the hours.
    exact: (seconds) => {
      const rest = seconds >= 7200 && seconds < 172800 ? Math.floor(seconds % 3600 / 60) : 0;
      return L.span(seconds) + (rest ? ` ${L.t('span.minute', { n: rest })}` : '');
    },
  };
  return L;
}

export const load = async (code) => language(code, flatten((await import(`./lang/${code}.mjs`)).default));
