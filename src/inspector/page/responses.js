import { announce, byId, h, literal, table } from './dom.js';
import { showEntry } from './entry.js';
import { bytes, count, duration } from './format.js';
import { act } from './server.js';
import { freshness, keyOf, variantOf } from './summary.js';

/* The list of stored responses. One page of the list may need several requests, because a request looks at a limited
   number of keys. */

const PAGE_SIZE = 50;

let query = {};
let cursor;
let listed = new Set();
let scanned = 0;
/** Aborts the requests for the current page. */
let loading;
let initialized = false;

export function showResponses() {
  if (initialized) return;
  initialized = true;
  byId('search').addEventListener('submit', (event) => {
    event.preventDefault();
    void search();
  });
  byId('more').addEventListener('click', () => void loadPage());
  byId('stop').addEventListener('click', () => loading?.abort());
  byId('measure').addEventListener('click', () => void measure());
  void search();
}

/** Starts a new list with the values of the form. */
function search() {
  const { search: text, status, tag } = Object.fromEntries(new FormData(byId('search')));
  query = {
    ...(text && { search: text }),
    ...(status && { status: Number(status) }),
    ...(tag && { tag }),
  };
  cursor = undefined;
  listed = new Set();
  scanned = 0;
  byId('list').tBodies[0].replaceChildren();
  return loadPage();
}

async function loadPage() {
  loading?.abort();
  const controller = new AbortController();
  loading = controller;
  const { signal } = controller;
  const hadFocus = document.activeElement === byId('more');
  byId('more').hidden = true;
  byId('list-empty').hidden = true;
  byId('list').setAttribute('aria-busy', 'true');
  announce(byId('list-status'), 'Searching…');
  let left = PAGE_SIZE;
  let problem;
  let firstRow;
  try {
    do {
      const page = await act('list', { ...query, limit: left, ...(cursor && { cursor }) }, { signal });
      for (const entry of page.entries) {
        const ref = `${entry.id}\n${entry.variant}`;
        if (listed.has(ref)) continue;
        listed.add(ref);
        const row = rowOf(entry);
        firstRow ??= row;
        byId('list').tBodies[0].append(row);
        left--;
      }
      scanned += page.scanned;
      cursor = page.cursor;
      const goesOn = cursor !== undefined && left > 0;
      byId('stop').hidden = !goesOn;
      if (goesOn) announce(byId('list-status'), `${countText()} so far…`);
    } while (cursor !== undefined && left > 0);
  } catch (error) {
    if (error.name !== 'AbortError') problem = error.message;
    // A newer search has replaced this one.
    else if (loading !== controller) return;
  }
  byId('stop').hidden = true;
  byId('list').removeAttribute('aria-busy');
  byId('list-empty').hidden = listed.size > 0 || cursor !== undefined || problem !== undefined;
  byId('more').hidden = cursor === undefined && !signal.aborted;
  announce(
    byId('list-status'),
    problem ?? `${countText()}.${cursor === undefined ? '' : ' There are more.'}`,
    problem && 'problem',
  );
  // The button may be hidden now, and a keyboard user continues in the new rows.
  if (hadFocus) (firstRow?.querySelector('button') ?? byId('more')).focus();
}

function countText() {
  const responses = listed.size === 1 ? '1 response' : `${count(listed.size)} responses`;
  return `${responses}, ${count(scanned)} keys scanned`;
}

function rowOf(entry) {
  const { readable, status, contentType, contentEncoding, ageMs, size, storedBytes, kind } = entry;
  const open = h('button', { type: 'button', class: 'link' }, keyOf(entry));
  const variant = variantOf(entry);
  const type = kind === 'value' ? 'value' : (contentType ?? '').split(';')[0];
  const row = h(
    'tr',
    {},
    h('th', { scope: 'row' }, open, variant && h('span', { class: 'variant' }, literal(variant))),
    cell('Status', '', readable ? h('span', { class: `code s${String(status)[0]}` }, String(status)) : '–'),
    cell(
      'Type',
      '',
      literal(type || '–'),
      contentEncoding ? h('span', { class: 'soft' }, ` ${contentEncoding}`) : null,
    ),
    cell('Age', 'number', readable ? duration(ageMs) : '–'),
    cell('Freshness', '', freshness(entry)),
    cell('Size', 'number', bytes(readable ? size : storedBytes)),
    cell('Tags', 'tags', ...tagsOf(entry)),
  );
  open.addEventListener('click', () => void showEntry(entry, { onGone: () => row.remove() }));
  return row;
}

/** @param label is shown on small screens, where the table has no header. */
function cell(label, className, ...children) {
  return h('td', { 'data-label': label, class: className }, ...children);
}

const MAX_TAGS = 4;

function tagsOf({ tags = [] }) {
  const first = tags.slice(0, MAX_TAGS).map((tag) => h('span', { class: 'tag' }, literal(tag)));
  const others = tags.length - first.length;
  return others > 0 ? [...first, h('span', { class: 'soft' }, `and ${others} more`)] : first;
}

async function measure() {
  const button = byId('measure');
  const progress = byId('measure-progress');
  const status = byId('measure-status');
  button.disabled = true;
  progress.hidden = false;
  progress.value = 0;
  const onProgress = ({ scanned, total }) => {
    progress.max = Math.max(1, total);
    progress.value = scanned;
    announce(status, `${count(scanned)} of about ${count(total)} keys…`);
  };
  try {
    const figures = await act('measure', {}, { onProgress });
    const { responses, values, damaged, unknownKey, unencrypted } = figures;
    const all = [responses, values, damaged, unknownKey, unencrypted];
    const entries = all.reduce((sum, figure) => sum + figure.count, 0);
    const size = all.reduce((sum, figure) => sum + figure.bytes, 0);
    announce(status, `${count(entries)} ${entries === 1 ? 'entry' : 'entries'}, ${bytes(size)}.`);
    byId('measured').replaceChildren(...figureTables(figures));
  } catch (error) {
    announce(status, error.message, 'problem');
  }
  progress.hidden = true;
  button.disabled = false;
}

const KINDS = {
  responses: 'responses',
  values: 'values',
  fresh: 'fresh',
  stale: 'stale',
  damaged: 'damaged',
  unknownKey: 'unknown encryption key',
  unencrypted: 'not encrypted',
};
const AGES = {
  minute: 'under a minute',
  hour: 'under an hour',
  day: 'under a day',
  week: 'under a week',
  older: 'older',
};

function figureTables(figures) {
  const { byStatus, byType, byAge } = figures;
  const kinds = Object.entries(KINDS).map(([name, text]) => [text, figures[name]]);
  const types = Object.entries(byType).map(([type, figure]) => [literal(type || 'none'), figure]);
  const ages = Object.entries(AGES).map(([name, text]) => [text, byAge[name]]);
  return [
    figureTable('By kind', kinds),
    figureTable('By status', Object.entries(byStatus)),
    figureTable('By type', types),
    figureTable('By age', ages),
  ];
}

function figureTable(title, figures) {
  const rows = figures
    .filter(([, figure]) => figure.count > 0)
    .map(([name, figure]) => [name, count(figure.count), bytes(figure.bytes)]);
  return table(title, ['', '#Count', '#Size'], rows);
}
