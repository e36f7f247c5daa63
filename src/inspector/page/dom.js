/* Elements are made here, and nowhere is any markup: whatever is stored, it is a text. */

/** Makes an element. Properties that begin with `on` are listeners, all others attributes; `false` leaves one out. */
export function h(name, properties = {}, ...children) {
  return filled(document.createElement(name), properties, children);
}

export function svg(name, properties = {}, ...children) {
  return filled(document.createElementNS('http://www.w3.org/2000/svg', name), properties, children);
}

function filled(element, properties, children) {
  for (const [key, value] of Object.entries(properties)) {
    if (value === undefined || value === false) continue;
    if (key.startsWith('on')) element.addEventListener(key.slice(2), value);
    else element.setAttribute(key, value === true ? '' : value);
  }
  element.append(...children.flat(Number.POSITIVE_INFINITY).filter((child) => child != null));
  return element;
}

export const byId = (id) => document.getElementById(id);

/** Whether the server lets this page do so: `change`, `warm`. */
export function may(what) {
  return document.documentElement.dataset.may.split(' ').includes(what);
}

/** What cannot be seen, or turns the direction of what follows: a text could look like another one. */
const UNSEEN = /(?![\n\t]|\r\n)[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu;
/** With more of them it is no text to be read. */
const MARKED = 1000;

/** A text, with the code point of what could not be seen. */
export function visible(text) {
  const parts = [];
  let from = 0;
  let marked = 0;
  for (const { 0: character, index } of text.matchAll(UNSEEN)) {
    if (++marked > MARKED) break;
    const code = `U+${character.codePointAt(0).toString(16).toUpperCase().padStart(4, '0')}`;
    parts.push(text.slice(from, index), h('span', { class: 'unseen' }, code));
    from = index + character.length;
  }
  const rest = text.slice(from);
  return [...parts, marked > MARKED ? rest.replace(UNSEEN, '\ufffd') : rest];
}

/** A key or a value, kept apart from the direction of what is around it. */
export function literal(text, name = 'bdi') {
  return h(name, { class: 'literal', dir: 'ltr' }, visible(String(text)));
}

/** A sentence in which words stand between backticks. */
export function sentence(text) {
  return text.split('`').map((part, i) => (i % 2 === 0 ? part : h('code', {}, part)));
}

/**
 * A table of rows, each a list of cells. Cells of columns whose title begins with `#` are figures; a last column without a
 * title explains the first.
 */
export function table(title, columns, rows) {
  const number = columns.map((column) => column.startsWith('#'));
  const titles = columns.map((column) => column.replace(/^#/, ''));
  const classOf = (i) => (number[i] ? 'number' : undefined);
  return h(
    'div',
    { class: 'card flush' },
    h('h3', {}, title),
    h(
      'table',
      { 'aria-label': title, class: columns.at(-1) === '' && 'explains' },
      h(
        'thead',
        {},
        h(
          'tr',
          {},
          titles.map((text, i) => h('th', { scope: 'col', class: classOf(i) }, text)),
        ),
      ),
      h(
        'tbody',
        {},
        rows.map(([first, ...rest]) =>
          h('tr', {}, [
            h('th', { scope: 'row' }, first),
            ...rest.map((cell, i) => h('td', { class: classOf(i + 1) }, cell)),
          ]),
        ),
      ),
    ),
  );
}

/** Says something in a place that screen readers attend to. */
export function say(place, text, kind = '') {
  place.textContent = text;
  place.dataset.kind = kind;
}

/** Shows a dialog; it closes by its buttons marked `data-close`, by Escape, and by a click beside it. */
export function open(dialog) {
  if (!dialog.dataset.ready) {
    dialog.dataset.ready = 'true';
    dialog.addEventListener('click', (event) => {
      if (event.target === dialog || event.target.closest('[data-close]')) dialog.close();
    });
  }
  if (!dialog.open) dialog.showModal();
}
