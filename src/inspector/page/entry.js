import { addressOf, leave, place } from './address.js';
import { confirm } from './confirm.js';
import {
  announce,
  block,
  byId,
  clearOnChange,
  copyButton,
  facts,
  h,
  literal,
  may,
  open,
  refuse,
  sentence,
  table,
  visible,
} from './dom.js';
import { explanation } from './explanation.js';
import { bytes, count, duration, hexDump, indentJson, instant, parseDuration } from './format.js';
import { act } from './server.js';
import { audienceText, freshness, keyOf, pathOf, selectingFields, tagsOfApp, variantOf } from './summary.js';

/* One stored response with header fields and body. A change is stored only if the response is still the one shown. */

/** The id and the variant of the response in the dialog; `undefined` while it is closed. */
let shown;
/** Called with the id, and with the variant if only that one is not stored any more. */
let onGone = () => {};
/** Called with the response when it was read. */
let onRead = () => {};
/** The parameters of the list below the response. */
let list = {};

/** Shows a response, which has a place of its own in the address. */
export async function showEntry({ id, variant }, options) {
  ({ list, onGone, onRead } = options);
  if (shown?.id === id && shown.variant === variant) return;
  shown = { id, variant };
  const dialog = byId('entry');
  content().replaceChildren();
  const opener = document.activeElement;
  dialog.onclose = () => {
    shown = undefined;
    // The user has closed it; otherwise the place has changed already.
    if (place().params.id !== undefined) leave(addressOf('responses', list));
    // The focused row may have been removed; behind a link to a response there is none.
    if (!opener.isConnected || opener === document.body) byId('responses-title').focus();
  };
  open(dialog);
  byId('entry-title').focus();
  await load();
}

/** Closes the dialog, because the place has changed. */
export function hideEntry() {
  if (!shown) return;
  if (byId('confirm').open) byId('confirm').close();
  byId('entry').close();
}

const content = () => byId('entry').querySelector('.content');
const statusLine = () => byId('entry').querySelector('.status');

/** Reads and shows the response. @param message the result of the last action, which stays visible. */
async function load(message = '', kind = '', ifGone = message) {
  const ref = shown;
  announce(statusLine(), message || 'Loading…', kind);
  try {
    const entry = await act('entry', ref);
    if (ref !== shown) return;
    announce(statusLine(), message, kind);
    content().replaceChildren(...(entry.readable ? readableContent(entry) : unreadableContent(entry)));
    onRead(entry);
  } catch (error) {
    if (ref !== shown) return;
    if (error.status !== 404) {
      announce(statusLine(), error.message, 'problem');
      return;
    }
    announce(statusLine(), ifGone || error.message, ifGone === message ? kind : 'problem');
    content().replaceChildren(goneContent(ref));
    onGone(ref);
  }
}

/** The key of what was stored is still useful: for a link that somebody has followed. */
function goneContent({ id }) {
  return h('p', { class: 'key-line' }, literal(id));
}

/** Runs an action and shows its error. The buttons are blocked meanwhile. */
async function attempt(progress, action) {
  const unblock = block(...content().querySelectorAll('button'));
  announce(statusLine(), progress);
  try {
    await action();
  } catch (error) {
    const advice = error.status === 409 ? ' Choose Reload to see the current one.' : '';
    announce(statusLine(), error.message + advice, 'problem');
  }
  unblock();
  // The button may have been replaced with the content.
  if (document.activeElement === document.body) byId('entry-title').focus();
}

function unreadableContent(entry) {
  return [
    h('p', { class: 'key-line' }, keyOf(entry)),
    h('p', {}, ...unreadableText(entry)),
    ...(may('change') ? [h('p', { class: 'row' }, ...purgeButtons(entry))] : []),
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
    ...buttons(entry),
    h('div', { class: 'explanation' }),
    entryFacts(entry),
    ...(may('change') ? [ttlForm(entry)] : []),
    table('Header fields', ['Name', 'Value'], headers),
    bodyCard(entry),
  ];
}

function entryFacts(entry) {
  const { status, message, contentType, contentEncoding, size, storedBytes, url } = entry;
  const tags = tagsOfApp(entry);
  const path = url === undefined ? pathOf(entry) : undefined;
  const type = [contentType ?? 'none', contentEncoding].filter(Boolean).join(', ');
  const variant = variantOf(entry);
  return facts([
    ['Status', `${status}${message ? ` ${message}` : ''}`],
    ['Freshness', freshness(entry)],
    ['Age', `${duration(entry.ageMs)} (made ${instant(entry.bornAt)})`],
    ['Lifetime', duration(entry.lifetimeMs)],
    ['Deleted in', `${duration(entry.expiresInMs)} (a stale response is kept for a while)`],
    ['Type', literal(type)],
    ['Size', `${bytes(size)} body, ${bytes(storedBytes)} stored`],
    ['Encryption', entry.encryptedWith === undefined ? 'none' : literal(`key ${entry.encryptedWith}`)],
    ['Origin time', duration(entry.originMs)],
    ['Tags', tags.length > 0 ? tags.map((tag) => h('span', { class: 'tag' }, literal(tag))) : 'none'],
    ['Selected by', variant ? literal(variant) : 'the key alone'],
    ...(entry.kind === 'response' ? [['For', audienceText(entry.audience)]] : []),
    ...(path === undefined ? [] : [['Path', literal(path)]]),
    ['Store id', literal(entry.id)],
  ]);
}

function buttons(entry) {
  const reload = h('button', { type: 'button' }, 'Reload');
  reload.addEventListener('click', () => void load());
  const { url, kind, refetchRefusal } = entry;
  const canExplain = url !== undefined && kind === 'response';
  return [
    h(
      'p',
      { class: 'row' },
      reload,
      copyKeyButton(entry),
      canExplain ? explainButton(entry) : null,
      refetchRefusal === undefined ? refetchButton() : null,
      ...(may('change') ? purgeButtons(entry) : []),
    ),
    h('p', { class: 'hint', id: 'entry-limits' }, limitsOf(entry, canExplain)),
  ];
}

/** Why a response cannot be explained or made anew. */
function limitsOf({ kind, refetchRefusal }, canExplain) {
  if (kind === 'value')
    return 'No request makes a value of cache.wrap or cache.store, so there is none to explain or to send again.';
  if (!canExplain) {
    return [
      ...sentence(
        'The `key` option of the app made this key, and a key does not tell its URL. So this response cannot be explained or refetched from here: ',
      ),
      h('a', { href: '#operate' }, 'explain or warm its URL'),
      ' instead.',
    ];
  }
  if (refetchRefusal !== undefined && may('change'))
    return `It cannot be refetched from here. ${refetchRefusal}`;
  return '';
}

/** Copies what the form of purges takes: the URL, or the result of the `key` option as JSON. */
function copyKeyButton({ key, method, url }) {
  if (url !== undefined) return copyButton('URL', url, statusLine());
  return copyButton('key', key.slice(method.length + 1), statusLine());
}

function explainButton(entry) {
  const button = h('button', { type: 'button' }, 'Explain');
  button.addEventListener('click', () =>
    attempt('Explaining…', async () => {
      const { url, method } = entry;
      const result = await act('explain', { url, method, headers: selectingFields(entry) });
      announce(statusLine(), 'Explained below.');
      byId('entry').querySelector('.explanation').replaceChildren(explanation(result, { url, method }));
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
      else await load('Purged and refetched.', 'good', NOT_REFETCHED);
    }),
  );
  return button;
}

const NOT_REFETCHED =
  'Purged and requested again, but this variant is not stored: the app made another one, or one that may not be stored. Live says why.';

function purgeButtons(entry) {
  const { readable, purged } = entry;
  const isMarked = !readable || purged;
  return [isMarked ? null : purgeButton(entry, true), purgeButton(entry, false)];
}

/** @param soft marks the responses stale instead of deleting them. */
function purgeButton(entry, soft) {
  const button = h(
    'button',
    { type: 'button', class: soft ? undefined : 'danger' },
    soft ? 'Mark stale…' : 'Purge…',
  );
  button.addEventListener('click', async () => {
    const yes = await confirm({
      title: soft ? 'Mark as stale?' : 'Purge this key?',
      text: [
        keyOf(entry),
        h('br'),
        soft
          ? 'This marks all its variants stale, for all processes: the app is asked before they are used again.'
          : 'This deletes all its variants, for all processes.',
      ],
      yes: soft ? 'Mark stale' : 'Purge',
    });
    if (!yes) return;
    await attempt('Purging…', async () => {
      const { purged } = await act('purge-entry', { ...shown, ...(soft && { soft }) });
      const responses = `${count(purged)} stored ${purged === 1 ? 'response' : 'responses'}`;
      if (soft) {
        await load(`Marked ${responses} stale.`, 'good');
        return;
      }
      content().replaceChildren();
      announce(statusLine(), `Purged ${responses}.`, 'good');
      byId('entry').querySelector('[data-close]').focus();
      onGone({ id: shown.id });
    });
  });
  return button;
}

function ttlForm({ version }) {
  const field = h('input', {
    ...{ name: 'ttl', required: true, size: 10, placeholder: '10m', spellcheck: 'false' },
    'aria-describedby': 'ttl-hint ttl-status',
  });
  const status = h('span', { class: 'status', role: 'status', id: 'ttl-status' });
  const form = h(
    'form',
    { class: 'card row', autocomplete: 'off', novalidate: true },
    h('label', {}, 'Fresh for, from now', field),
    h('button', {}, 'Set'),
    h('span', { class: 'hint', id: 'ttl-hint' }, DURATIONS),
    status,
  );
  clearOnChange(form, status);
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    const text = field.value.trim();
    const ttl = parseDuration(text);
    if (ttl === undefined) {
      const what = text === '' ? 'A duration is missing' : `“${text}” is no duration`;
      refuse(field, status, `${what}: write a number and its unit. ${DURATIONS}`);
      return;
    }
    void attempt('Saving…', async () => {
      await act('update', { ...shown, version, ttl });
      await load(`It is fresh for ${duration(ttl)} from now.`, 'good');
    });
  });
  return form;
}

const DURATIONS = 'For example 90s, 10m, 1h 30m or 2 days.';

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
