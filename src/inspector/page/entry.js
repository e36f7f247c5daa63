import { confirm } from './confirm.js';
import { announce, byId, facts, h, literal, may, open, table, visible } from './dom.js';
import { explanation } from './explanation.js';
import { bytes, count, duration, hexDump, indentJson, instant } from './format.js';
import { act } from './server.js';
import { audienceText, freshness, keyOf, selectingFields, variantOf } from './summary.js';

/* One stored response with header fields and body. A change is stored only if the response is still the one shown. */

/** The id and the variant of the response in the dialog. */
let shown;
/** Called when the response is not stored any more. */
let onGone = () => {};

export async function showEntry({ id, variant }, options) {
  shown = { id, variant };
  onGone = options.onGone;
  const dialog = byId('entry');
  content().replaceChildren();
  const opener = document.activeElement;
  dialog.onclose = () => {
    // The row with the focused button may have been removed.
    if (!opener.isConnected) byId('responses-title').focus();
  };
  open(dialog);
  byId('entry-title').focus();
  await load();
}

const content = () => byId('entry').querySelector('.content');
const statusLine = () => byId('entry').querySelector('.status');

/** Reads and shows the response. @param message the result of the last action, which stays visible. */
async function load(message = '', kind = '') {
  const ref = shown;
  announce(statusLine(), message || 'Loading…', kind);
  try {
    const entry = await act('entry', ref);
    if (ref !== shown) return;
    announce(statusLine(), message, kind);
    content().replaceChildren(...(entry.readable ? readableContent(entry) : unreadableContent(entry)));
  } catch (error) {
    if (ref !== shown) return;
    if (error.status !== 404) {
      announce(statusLine(), error.message, 'problem');
      return;
    }
    announce(statusLine(), message || error.message, kind);
    content().replaceChildren();
    onGone();
  }
}

/** Runs an action and shows its error. The buttons are disabled meanwhile. */
async function attempt(progress, action) {
  const buttons = [...content().querySelectorAll('button')].filter((button) => !button.disabled);
  for (const button of buttons) button.disabled = true;
  announce(statusLine(), progress);
  try {
    await action();
  } catch (error) {
    const advice = error.status === 409 ? ' Choose Reload to see the current one.' : '';
    announce(statusLine(), error.message + advice, 'problem');
  }
  for (const button of buttons) button.disabled = false;
}

function unreadableContent(entry) {
  return [
    h('p', { class: 'key-line' }, keyOf(entry)),
    h('p', {}, ...unreadableText(entry)),
    ...(may('change') ? [h('p', { class: 'row' }, purgeButton(entry))] : []),
  ];
}

function unreadableText({ reason, encryptedWith, storedBytes }) {
  const size = bytes(storedBytes);
  switch (reason) {
    case 'unknown-key':
      return [
        `This response (${size}) is encrypted with the key `,
        literal(encryptedWith),
        ', which this process does not have.',
      ];
    case 'unencrypted':
      return [`This response (${size}) is not encrypted, so this process does not use it.`];
    case 'too-large':
      return [`The body of this response (${size} stored) is larger than 64 MB, so it is not shown.`];
    default:
      return [`This response (${size}) is damaged. The next request is a miss and replaces it.`];
  }
}

function readableContent(entry) {
  const headers = entry.headers.map(([name, value]) => [literal(name), literal(value)]);
  return [
    h('p', { class: 'key-line' }, keyOf(entry)),
    buttons(entry),
    h('div', { class: 'explanation' }),
    entryFacts(entry),
    ...(may('change') ? [ttlForm(entry)] : []),
    table('Header fields', ['Name', 'Value'], headers),
    bodyCard(entry),
  ];
}

function entryFacts(entry) {
  const { status, message, contentType, contentEncoding, size, storedBytes, tags } = entry;
  const type = [contentType ?? 'none', contentEncoding].filter(Boolean).join(', ');
  const variant = variantOf(entry);
  return facts([
    ['Status', `${status}${message ? ` ${message}` : ''}`],
    ['Freshness', freshness(entry)],
    ['Age', `${duration(entry.ageMs)} (made ${instant(entry.bornAt)})`],
    ['Lifetime', duration(entry.lifetimeMs)],
    ['Expires in', duration(entry.expiresInMs)],
    ['Type', literal(type)],
    ['Size', `${bytes(size)} body, ${bytes(storedBytes)} stored`],
    ['Encryption', entry.encryptedWith === undefined ? 'none' : literal(`key ${entry.encryptedWith}`)],
    ['Origin time', duration(entry.originMs)],
    ['Tags', tags.length > 0 ? tags.map((tag) => h('span', { class: 'tag' }, literal(tag))) : 'none'],
    ['Selected by', variant ? literal(variant) : 'the key alone'],
    ...(entry.kind === 'response' ? [['For', audienceText(entry.audience)]] : []),
    ['Store id', literal(entry.id)],
  ]);
}

function buttons(entry) {
  const reload = h('button', { type: 'button' }, 'Reload');
  reload.addEventListener('click', () => void load());
  return h(
    'p',
    { class: 'row' },
    reload,
    entry.url && entry.kind === 'response' ? explainButton(entry) : null,
    entry.refetchable ? refetchButton() : null,
    may('change') ? purgeButton(entry) : null,
  );
}

function explainButton(entry) {
  const button = h('button', { type: 'button' }, 'Explain');
  button.addEventListener('click', () =>
    attempt('Explaining…', async () => {
      const headers = selectingFields(entry);
      const result = await act('explain', { url: entry.url, method: entry.method, headers });
      announce(statusLine(), '');
      byId('entry').querySelector('.explanation').replaceChildren(explanation(result));
    }),
  );
  return button;
}

function refetchButton() {
  const button = h('button', { type: 'button' }, 'Purge and refetch');
  button.addEventListener('click', () =>
    attempt('Purging and refetching…', async () => {
      const { failed, failures } = await act('refetch', shown);
      if (failed > 0) await load(`Purged, but the request failed: ${failures[0]?.reason}.`, 'problem');
      else await load('Purged and refetched.', 'good');
    }),
  );
  return button;
}

function purgeButton(entry) {
  const button = h('button', { type: 'button', class: 'danger' }, 'Purge…');
  button.addEventListener('click', async () => {
    const yes = await confirm({
      title: 'Purge this key?',
      text: [keyOf(entry), h('br'), 'This deletes all its variants, for all processes.'],
      yes: 'Purge',
    });
    if (!yes) return;
    await attempt('Purging…', async () => {
      const { purged } = await act('purge-entry', shown);
      content().replaceChildren();
      const responses = purged === 1 ? 'response' : 'responses';
      announce(statusLine(), `Purged ${count(purged)} stored ${responses}.`, 'good');
      byId('entry').querySelector('[data-close]').focus();
      onGone();
    });
  });
  return button;
}

function ttlForm({ version }) {
  const form = h(
    'form',
    { class: 'card row', autocomplete: 'off' },
    h(
      'label',
      {},
      'Time to live, from now',
      h('input', { name: 'ttl', required: true, size: 8, placeholder: '10m', spellcheck: 'false' }),
    ),
    h('button', {}, 'Set TTL'),
    h('span', { class: 'hint' }, 'For example 30s, 10m, 1h or 2d.'),
  );
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    void attempt('Saving…', async () => {
      await act('update', { ...shown, version, ttl: form.elements.ttl.value.trim() });
      await load('The TTL is set.', 'good');
    });
  });
  return form;
}

function bodyCard(entry) {
  const { form, text = '', bytes: data = '', truncated, problem } = entry.preview;
  const indented = form === 'text' && !truncated ? indentJson(text) : undefined;
  const notes = [
    problem,
    entry.contentEncoding && !problem ? `Decoded from ${entry.contentEncoding}.` : undefined,
    indented !== undefined && indented !== text ? 'JSON, indented.' : undefined,
    truncated ? 'Only the beginning is shown.' : undefined,
  ].filter(Boolean);
  const card = h(
    'div',
    { class: 'card flush body' },
    h('h3', {}, form === 'bytes' ? 'Body (hex)' : 'Body'),
    notes.length > 0 ? h('p', { class: 'hint' }, notes.join(' ')) : null,
    form === 'empty'
      ? h('p', { class: 'hint' }, 'The body is empty.')
      : h(
          'pre',
          { tabindex: '0', 'aria-label': 'Body', dir: 'ltr' },
          form === 'text' ? visible(indented ?? text) : hexDump(data),
        ),
  );
  const isEditable =
    may('change') && !truncated && !problem && form !== 'bytes' && ![204, 206].includes(entry.status);
  if (isEditable) card.append(h('p', { class: 'row' }, editButton(text, entry.version, card)));
  return card;
}

/** Replaces the card with an editor. */
function editButton(text, version, card) {
  const button = h('button', { type: 'button' }, 'Edit body');
  button.addEventListener('click', () => {
    const form = editor(text, version, card);
    card.replaceWith(form);
    form.querySelector('textarea').focus();
  });
  return button;
}

function editor(text, version, card) {
  const area = h('textarea', { rows: 16, spellcheck: 'false', dir: 'ltr' });
  area.value = text;
  const original = area.value;
  const cancel = h('button', { type: 'button' }, 'Cancel');
  const form = h(
    'form',
    { class: 'card' },
    h('label', {}, h('span', {}, 'Body'), area),
    h(
      'p',
      { class: 'hint' },
      'The body is stored as UTF-8 without a content coding. A response with an ETag or Last-Modified gets a new ETag.',
    ),
    h('p', { class: 'row' }, h('button', { class: 'main' }, 'Save'), cancel),
  );
  cancel.addEventListener('click', () => {
    form.replaceWith(card);
    card.querySelector('button').focus();
  });
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    if (area.value === original) {
      cancel.click();
      return;
    }
    // A text area turns CRLF into LF. A body that had only CRLF gets them back.
    const hadOnlyCrlf = /\r\n/.test(text) && !/(?:^|[^\r])\n/.test(text);
    const body = hadOnlyCrlf ? area.value.replaceAll('\n', '\r\n') : area.value;
    void attempt('Saving…', async () => {
      await act('update', { ...shown, version, body });
      await load('The body is saved.', 'good');
    });
  });
  return form;
}
