/* Creates elements. The page never parses markup, so stored data always stays text. */

/** Creates an element. A property `onNAME` is a listener, any other an attribute; `false` and `undefined` are left out. */
export function h(name, properties = {}, ...children) {
  return fill(document.createElement(name), properties, children);
}

export function svg(name, properties = {}, ...children) {
  return fill(document.createElementNS('http://www.w3.org/2000/svg', name), properties, children);
}

function fill(element, properties, children) {
  for (const [key, value] of Object.entries(properties)) {
    if (value === undefined || value === false) continue;
    if (key.startsWith('on')) element.addEventListener(key.slice(2), value);
    else element.setAttribute(key, value === true ? '' : value);
  }
  element.append(...children.flat(Number.POSITIVE_INFINITY).filter((child) => child != null));
  return element;
}

export const byId = (id) => document.getElementById(id);

/** Whether the server allows this page to `change` what is stored, or to `warm`. */
export function may(permission) {
  return document.documentElement.dataset.may.split(' ').includes(permission);
}

/** Characters that are invisible or change the direction of the text: they make one text look like another. */
const INVISIBLE = /(?![\n\t]|\r\n)[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu;
/** How many invisible characters are shown by their code points. A text with more is not readable anyway. */
const MAX_SHOWN = 1000;

/** The text, with the code points of invisible characters. */
export function visible(text) {
  const parts = [];
  let from = 0;
  let shown = 0;
  for (const { 0: character, index } of text.matchAll(INVISIBLE)) {
    if (++shown > MAX_SHOWN) break;
    const code = `U+${character.codePointAt(0).toString(16).toUpperCase().padStart(4, '0')}`;
    parts.push(text.slice(from, index), h('span', { class: 'unseen' }, code));
    from = index + character.length;
  }
  const rest = text.slice(from);
  return [...parts, shown > MAX_SHOWN ? rest.replace(INVISIBLE, '\ufffd') : rest];
}

/** Stored data, such as a key. Its direction does not affect the text around it. */
export function literal(text, name = 'bdi') {
  return h(name, { class: 'literal', dir: 'ltr' }, visible(String(text)));
}

/** A sentence with code between backticks. */
export function sentence(text) {
  return text.split('`').map((part, i) => (i % 2 === 0 ? part : h('code', {}, part)));
}

/** A list of names and values. */
export function facts(rows) {
  return h(
    'dl',
    { class: 'facts' },
    rows.map(([name, value]) => h('div', {}, h('dt', {}, name), h('dd', {}, value))),
  );
}

/** The title of a last column that explains the first one. On small screens it goes below its row. */
export const MEANING = 'Meaning';

/** A table with a row for each list of cells. A column whose title begins with `#` has numbers. */
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
      { 'aria-label': title, class: columns.at(-1) === MEANING && 'explains' },
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

/** Shows a message in a live region, which screen readers announce. @param kind `good`, `problem`, or none. */
export function announce(region, text, kind = '') {
  region.textContent = text;
  region.dataset.kind = kind;
}

/** Says what is wrong with a field of a form, and goes there. The message stays until the form changes. */
export function refuse(field, region, text) {
  announce(region, text, 'problem');
  field.setAttribute('aria-invalid', 'true');
  field.focus();
}

/** Takes messages away when the form changes. @param clear takes away what else is about the former input. */
export function clearOnChange(form, region, clear = () => {}) {
  form.addEventListener('input', () => {
    for (const field of form.querySelectorAll('[aria-invalid]')) field.removeAttribute('aria-invalid');
    if (region.dataset.kind) announce(region, '');
    clear();
  });
}

/** Blocks buttons while an action runs: `disabled` would take the focus from them. Returns what ends that. */
export function block(...buttons) {
  const stop = (event) => {
    event.preventDefault();
    event.stopImmediatePropagation();
  };
  for (const button of buttons) {
    button.setAttribute('aria-disabled', 'true');
    button.addEventListener('click', stop, true);
  }
  return () => {
    for (const button of buttons) {
      button.removeAttribute('aria-disabled');
      button.removeEventListener('click', stop, true);
    }
  };
}

/** A button that copies a text. @param name of the text: `URL`. @param region says that it is copied. */
export function copyButton(name, text, region) {
  const button = h('button', { type: 'button' }, `Copy ${name}`);
  button.addEventListener('click', async () => {
    const isCopied = await copy(text, button);
    if (isCopied) announce(region, `The ${name} is copied.`, 'good');
    else announce(region, `The browser did not copy the ${name}: select it and copy it yourself.`, 'problem');
  });
  return button;
}

async function copy(text, button) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    // Over plain http, `navigator.clipboard` is missing. In a modal dialog, only what is inside can be selected.
    const area = h('textarea', { class: 'hidden', 'aria-hidden': 'true' });
    area.value = text;
    button.after(area);
    area.select();
    const isCopied = document.execCommand('copy');
    area.remove();
    button.focus();
    return isCopied;
  }
}

/** Shows a dialog. Buttons with `data-close`, the Escape key, and a click outside of it close it. */
export function open(dialog) {
  if (!dialog.dataset.ready) {
    dialog.dataset.ready = 'true';
    dialog.addEventListener('click', (event) => {
      if (event.target === dialog || event.target.closest('[data-close]')) dialog.close();
    });
  }
  if (!dialog.open) dialog.showModal();
}
