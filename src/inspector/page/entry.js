import { confirmed } from './confirm.js';
import { byId, h, literal, may, open, say, table, visible } from './dom.js';
import { explained } from './explained.js';
import { bytes, count, dump, duration, instant, pretty } from './format.js';
import { act } from './server.js';
import { freshness, keyOf, variantOf } from './summary.js';

/* One stored response, whole. What is changed is stored only if it is still what was shown. */

let shown;
let gone = () => {};

export async function showEntry({ id, variant }, { onGone }) {
  shown = { id, variant };
  gone = onGone;
  const dialog = byId('entry');
  dialog.querySelector('.content').replaceChildren();
  const opener = document.activeElement;
  dialog.onclose = () => {
    // The row that it was opened from may be gone.
    if (!opener.isConnected) byId('responses-title').focus();
  };
  open(dialog);
  byId('entry-title').focus();
  await read();
}

async function read(told = '', kind = '') {
  const place = shown;
  const status = statusLine();
  say(status, told || 'Reading…', kind);
  try {
    const entry = await act('entry', place);
    if (place !== shown) return;
    say(status, told, kind);
    byId('entry')
      .querySelector('.content')
      .replaceChildren(...(entry.damaged ? damaged(entry) : whole(entry)));
  } catch (error) {
    if (place !== shown) return;
    say(status, told && error.status === 404 ? told : error.message, error.status === 404 ? kind : 'problem');
    if (error.status === 404) {
      byId('entry').querySelector('.content').replaceChildren();
      gone();
    }
  }
}

const statusLine = () => byId('entry').querySelector('.status');

/** Does something, and tells what came of it. Buttons are dead meanwhile. */
async function attempt(doing, work) {
  const status = statusLine();
  const buttons = [...byId('entry').querySelectorAll('.content button')].filter((button) => !button.disabled);
  for (const button of buttons) button.disabled = true;
  say(status, doing);
  try {
    await work();
  } catch (error) {
    say(
      status,
      error.status === 409 ? `${error.message} Read it again to see what is there now.` : error.message,
      'problem',
    );
  }
  for (const button of buttons) button.disabled = false;
}

function damaged(entry) {
  return [
    h('p', { class: 'key-line' }, keyOf(entry)),
    h(
      'p',
      {},
      `It cannot be read (${bytes(entry.storedBytes)}): a request takes it for a miss and stores anew.`,
    ),
    ...(may('change') ? [h('p', { class: 'row' }, purgeButton(entry))] : []),
  ];
}

function whole(entry) {
  return [
    h('p', { class: 'key-line' }, keyOf(entry)),
    buttons(entry),
    h('div', { class: 'explanation' }),
    facts(entry),
    ...(may('change') ? [ttlForm(entry)] : []),
    table(
      'Header fields',
      ['Name', 'Value'],
      entry.headers.map(([name, value]) => [literal(name), literal(value)]),
    ),
    body(entry),
  ];
}

function facts(entry) {
  const {
    status,
    message,
    contentType,
    contentEncoding,
    size,
    storedBytes,
    bornAt,
    age,
    lifetime,
    expiresIn,
  } = entry;
  const rows = [
    ['Status', `${status}${message ? ` ${message}` : ''}`],
    ['Freshness', freshness(entry)],
    ['Age', `${duration(age)} (made ${instant(bornAt)})`],
    ['Lifetime', duration(lifetime)],
    ['Forgotten in', duration(expiresIn)],
    ['Type', literal([contentType ?? 'none', contentEncoding].filter(Boolean).join(', '))],
    ['Size', `${bytes(size)} of body, ${bytes(storedBytes)} stored`],
    ['The app took', duration(entry.took)],
    [
      'Tags',
      entry.tags.length > 0 ? entry.tags.map((tag) => h('span', { class: 'tag' }, literal(tag))) : 'none',
    ],
    ['Variant', variantOf(entry) ? literal(variantOf(entry)) : 'selected by nothing but the key'],
    ['In the store', literal(entry.id)],
  ];
  return h(
    'dl',
    { class: 'facts' },
    rows.map(([name, value]) => h('div', {}, h('dt', {}, name), h('dd', {}, value))),
  );
}

function buttons(entry) {
  const again = h('button', { type: 'button' }, 'Make anew');
  again.addEventListener('click', () =>
    attempt('Purging it, and asking for its URL…', async () => {
      const { failed, failures } = await act('again', shown);
      if (failed > 0) await read(`It was purged, but not made anew: ${failures[0]?.reason}.`, 'problem');
      else await read('It was made anew.', 'good');
    }),
  );
  const explain = h('button', { type: 'button' }, 'Explain');
  explain.addEventListener('click', () =>
    attempt('Asking…', async () => {
      const headers = Object.fromEntries(
        Object.entries(entry.variesOn).filter(([, value]) => value !== null),
      );
      const explanation = await act('explain', { url: entry.url, method: entry.method, headers });
      say(statusLine(), '');
      byId('entry')
        .querySelector('.explanation')
        .replaceChildren(...explained(explanation));
    }),
  );
  const reread = h('button', { type: 'button' }, 'Read again');
  reread.addEventListener('click', () => void read());
  return h(
    'p',
    { class: 'row' },
    reread,
    entry.url && entry.kind === 'response' ? explain : null,
    entry.again ? again : null,
    may('change') ? purgeButton(entry) : null,
  );
}

function purgeButton(entry) {
  const button = h('button', { type: 'button', class: 'danger' }, 'Purge…');
  button.addEventListener('click', async () => {
    const sure = await confirmed({
      title: 'Purge this key?',
      text: [keyOf(entry), h('br'), 'All its variants are deleted, for all processes.'],
      yes: 'Purge',
    });
    if (!sure) return;
    await attempt('Purging…', async () => {
      const { purged } = await act('purge-entry', shown);
      byId('entry').querySelector('.content').replaceChildren();
      say(
        statusLine(),
        `Purged: ${count(purged)} stored ${purged === 1 ? 'response' : 'responses'}.`,
        'good',
      );
      byId('entry').querySelector('[data-close]').focus();
      gone();
    });
  });
  return button;
}

function ttlForm({ seen }) {
  const form = h(
    'form',
    { class: 'card row', autocomplete: 'off' },
    h(
      'label',
      {},
      'Fresh for, from now on',
      h('input', { name: 'ttl', required: true, size: 8, placeholder: '10m', spellcheck: 'false' }),
    ),
    h('button', {}, 'Set'),
    h('span', { class: 'hint' }, 'Such as 30s, 10m, 1h or 2d.'),
  );
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    void attempt('Storing…', async () => {
      await act('update', { ...shown, seen, ttl: form.elements.ttl.value.trim() });
      await read('Its lifetime is set.', 'good');
    });
  });
  return form;
}

const FORMS = { empty: 'Body', text: 'Body', bytes: 'Body, in hex' };

function body(entry) {
  const { preview, seen } = entry;
  const { form, text = '', bytes: data = '', cut, problem } = preview;
  const laidOut = form === 'text' && !cut ? pretty(text) : undefined;
  const notes = [
    problem,
    laidOut !== undefined && laidOut !== text ? 'JSON, laid out.' : undefined,
    cut ? 'Only its beginning.' : undefined,
    entry.contentEncoding && !problem ? `Decoded from ${entry.contentEncoding}.` : undefined,
  ].filter(Boolean);
  const pre = h(
    'pre',
    { tabindex: '0', 'aria-label': 'Body', dir: 'ltr' },
    form === 'text' ? visible(laidOut ?? text) : form === 'bytes' ? dump(data) : '',
  );
  const card = h(
    'div',
    { class: 'card flush body' },
    h('h3', {}, FORMS[form]),
    notes.length > 0 ? h('p', { class: 'hint' }, notes.join(' ')) : null,
  );
  card.append(form === 'empty' ? h('p', { class: 'hint' }, 'It has none.') : pre);
  const editable =
    may('change') && !cut && !problem && form !== 'bytes' && ![204, 206].includes(entry.status);
  if (editable) {
    const edit = h('button', { type: 'button' }, 'Edit the body');
    edit.addEventListener('click', () => {
      const editing = editor(text, seen, card);
      card.replaceWith(editing);
      editing.querySelector('textarea').focus();
    });
    card.append(h('p', { class: 'row' }, edit));
  }
  return card;
}

function editor(text, seen, card) {
  const area = h('textarea', { rows: 16, spellcheck: 'false', dir: 'ltr' });
  area.value = text;
  const begun = area.value;
  const cancel = h('button', { type: 'button' }, 'Cancel');
  const form = h(
    'form',
    { class: 'card' },
    h('label', {}, h('span', {}, 'Body'), area),
    h(
      'p',
      { class: 'hint' },
      'It is stored as UTF-8 in no content coding, with an ETag of its own, if nothing has changed meanwhile.',
    ),
    h('p', { class: 'row' }, h('button', { class: 'main' }, 'Store'), cancel),
  );
  cancel.addEventListener('click', () => {
    form.replaceWith(card);
    card.querySelector('button').focus();
  });
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    if (area.value === begun) return void cancel.click();
    // A text area has line feeds alone, whatever was put into it.
    const dos = /\r\n/.test(text) && !/(?:^|[^\r])\n/.test(text);
    const value = dos ? area.value.replaceAll('\n', '\r\n') : area.value;
    void attempt('Storing…', async () => {
      await act('update', { ...shown, seen, body: value });
      await read('Its body is stored.', 'good');
    });
  });
  return form;
}
