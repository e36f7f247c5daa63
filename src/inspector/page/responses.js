import { addressOf, addressOfEntry, go } from './address.js';
import { announce, block, byId, clearOnChange, h, literal, table } from './dom.js';
import { hideEntry, showEntry } from './entry.js';
import { bytes, count, duration } from './format.js';
import { act } from './server.js';
import { freshness, keyOf, tagsOfApp, variantOf } from './summary.js';

/* The list of stored responses. One page of the list may need several requests, because a request looks at a limited
   number of keys. The store lists in no order, so the page sorts what it has. */

const PAGE_SIZE = 50;
/** A sorted list of a few responses would say little. */
const SORTED_PAGE_SIZE = 1000;
/** How many keys are worth a word. */
const MANY_KEYS = 1000;

/** What a column is sorted by. The first order is ascending, unless `largestFirst`. */
const COLUMNS = {
  key: { of: ({ key }) => key },
  status: { of: ({ status }) => status },
  type: { of: ({ contentType }) => contentType ?? '' },
  age: { of: ({ ageMs }) => ageMs },
  freshness: { of: ({ purged, ttlMs }) => (purged ? Math.min(ttlMs, 0) : ttlMs) },
  size: { of: ({ size, storedBytes }) => size ?? storedBytes, largestFirst: true },
};

/** The parameters of the list in the address: search, status, tag, sort. */
let list = {};
/** The query of the entries below; `undefined` before the first search. */
let query;
let cursor;
/** The listed entries and their rows, by reference, in the order in which they came. */
let listed = new Map();
let scanned = 0;
/** Aborts the requests for the current page. */
let loading;
let initialized = false;

/** @param params of the address: those of the list, and `id` and `variant` of a response. */
export function showResponses({ id, variant = '', ...given }) {
  if (!initialized) init();
  const { search = '', status = '', tag = '', sort = '' } = given;
  list = { search, status, tag, sort };
  fillForm();
  showOrder();
  const wanted = JSON.stringify([search, status, tag]);
  if (query !== wanted) {
    query = wanted;
    void startSearch();
  } else if (cursor !== undefined && listed.size < pageSize()) {
    void loadPage(pageSize() - listed.size);
  } else {
    arrange();
    announceList();
  }
  if (id === undefined) hideEntry();
  else void showEntry({ id, variant }, { list, onGone: removeRows, onRead: updateRow });
}

function init() {
  initialized = true;
  const form = byId('search');
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    const { sort: _, ...values } = Object.fromEntries(new FormData(form));
    move({ ...list, ...trimmed(values) });
  });
  clearOnChange(form, byId('list-status'));
  form.elements.sort.addEventListener('change', () => move({ ...list, sort: form.elements.sort.value }));
  byId('clear').addEventListener('click', () => {
    move({ sort: list.sort });
    form.elements.search.focus();
  });
  byId('list').tHead.addEventListener('click', (event) => {
    const column = event.target.closest('button')?.dataset.sort;
    if (column) move({ ...list, sort: nextOrder(column) });
  });
  byId('list').addEventListener('click', (event) => {
    const link = event.target.closest('a.link');
    // With a key held down, the browser opens a tab.
    if (!link || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
    event.preventDefault();
    go(link.hash, { fromList: true });
  });
  byId('more').addEventListener('click', () => void loadPage(pageSize()));
  byId('stop').addEventListener('click', () => loading?.abort());
  byId('measure').addEventListener('click', () => void measure());
}

/** Shows another list. The same list is read again. */
function move(params) {
  const address = addressOf('responses', params);
  if (address === addressOf('responses', list)) void startSearch();
  else go(address);
}

const trimmed = (values) =>
  Object.fromEntries(Object.entries(values).map(([name, text]) => [name, text.trim()]));

function fillForm() {
  const { elements } = byId('search');
  for (const [name, value] of Object.entries(list)) elements[name].value = value;
  byId('clear').hidden = !isFiltered();
}

const isFiltered = () => [list.search, list.status, list.tag].some((value) => value !== '');

/** Starts a new list with the parameters of the address. */
function startSearch() {
  cursor = undefined;
  listed = new Map();
  scanned = 0;
  byId('list').tBodies[0].replaceChildren();
  return loadPage(pageSize());
}

const pageSize = () => (list.sort === '' ? PAGE_SIZE : SORTED_PAGE_SIZE);

/** Loads more rows. @param most how many. */
async function loadPage(most) {
  loading?.abort();
  const controller = new AbortController();
  loading = controller;
  const { signal } = controller;
  const { search, status, tag } = list;
  const filters = {
    ...(search && { search }),
    ...(status && { status: Number(status) }),
    ...(tag && { tag }),
  };
  const hadFocus = document.activeElement === byId('more');
  byId('more').hidden = true;
  byId('list-empty').hidden = true;
  byId('list').setAttribute('aria-busy', 'true');
  announce(byId('list-status'), 'Searching…');
  let left = most;
  let problem;
  let firstRow;
  try {
    do {
      const page = await act('list', { ...filters, limit: left, ...(cursor && { cursor }) }, { signal });
      for (const entry of page.entries) {
        const ref = refOf(entry);
        if (listed.has(ref)) continue;
        const row = rowOf(entry);
        listed.set(ref, { entry, row });
        firstRow ??= row;
        left--;
      }
      arrange();
      scanned += page.scanned;
      cursor = page.cursor;
      const goesOn = cursor !== undefined && left > 0;
      byId('stop').hidden = !goesOn;
      if (goesOn) announce(byId('list-status'), `${responsesText()}, ${count(scanned)} keys scanned so far…`);
    } while (cursor !== undefined && left > 0);
  } catch (error) {
    if (error.name !== 'AbortError') problem = error.message;
    // A newer search has replaced this one.
    else if (loading !== controller) return;
  }
  byId('stop').hidden = true;
  byId('list').removeAttribute('aria-busy');
  byId('more').hidden = cursor === undefined && !signal.aborted;
  if (problem !== undefined) announce(byId('list-status'), problem, 'problem');
  else announceList();
  // The button may be hidden now, and a keyboard user continues in the new rows.
  if (hadFocus) (firstRow?.querySelector('a') ?? byId('more')).focus();
}

const refOf = ({ id, variant }) => `${id}\n${variant}`;

/** Brings the rows into the order of the address. */
function arrange() {
  const body = byId('list').tBodies[0];
  let next = body.firstElementChild;
  for (const { row } of sorted([...listed.values()])) {
    // A row that is moved loses the focus, so only those out of place are.
    if (row === next) next = next.nextElementSibling;
    else body.insertBefore(row, next);
  }
}

function sorted(items) {
  const { column, sign } = order();
  if (column === undefined) return items;
  const { of } = COLUMNS[column];
  const compare = (a, b) => (a < b ? -1 : a > b ? 1 : 0);
  return items.sort(({ entry: a }, { entry: b }) => {
    const [x, y] = [of(a), of(b)];
    // What is unknown, such as the age of an unreadable entry, goes last.
    if (x === undefined || Number.isNaN(x)) return y === undefined ? 0 : 1;
    if (y === undefined || Number.isNaN(y)) return -1;
    return sign * compare(x, y);
  });
}

/** The column and the direction of `sort` in the address: `age`, or `-age` for descending. */
function order() {
  const [, minus, column] = /^(-?)(\w+)$/.exec(list.sort) ?? [];
  return Object.hasOwn(COLUMNS, column ?? '') ? { column, sign: minus ? -1 : 1 } : {};
}

/** The order after a click on a column: its first one, then the other, then none. */
function nextOrder(column) {
  const orders = [column, `-${column}`];
  if (COLUMNS[column].largestFirst) orders.reverse();
  return [...orders, ''][orders.indexOf(list.sort) + 1];
}

function showOrder() {
  const { column, sign } = order();
  for (const button of byId('list').tHead.querySelectorAll('button')) {
    const direction = sign === 1 ? 'ascending' : 'descending';
    const isSorted = button.dataset.sort === column;
    button.closest('th').setAttribute('aria-sort', isSorted ? direction : 'none');
  }
}

function announceList() {
  const hasMore = cursor !== undefined;
  const keys = scanned > MANY_KEYS ? `, ${count(scanned)} keys scanned` : '';
  const sorting = list.sort === '' ? ' There are more.' : ' There are more; only these are sorted.';
  announce(byId('list-status'), `${responsesText()}${keys}.${hasMore ? sorting : ''}`);
  const empty = byId('list-empty');
  empty.hidden = listed.size > 0 || hasMore;
  if (!empty.hidden) empty.replaceChildren(...emptyText());
}

/** What to do where nothing is listed. */
function emptyText() {
  if (isFiltered()) {
    const clear = h('button', { type: 'button' }, 'Show all');
    clear.addEventListener('click', () => byId('clear').click());
    return [h('p', {}, 'No stored response matches.'), h('p', {}, clear)];
  }
  return [
    h('p', {}, 'Nothing is stored yet.'),
    h(
      'p',
      {},
      'Request a route of your app that the cache is in front of. If this list stays empty, ',
      h('a', { href: '#live' }, 'Live'),
      ' says why responses were not stored, and ',
      h('a', { href: '#operate' }, 'Explain'),
      ' what the cache does with one request.',
    ),
  ];
}

function responsesText() {
  return listed.size === 1 ? '1 response' : `${count(listed.size)} responses`;
}

function rowOf(entry) {
  const link = h('a', { class: 'link', href: addressOfEntry(entry, list) }, keyOf(entry));
  const variant = variantOf(entry);
  const head = h('th', { scope: 'row' }, link, variant && h('span', { class: 'variant' }, literal(variant)));
  return h('tr', {}, head, ...cellsOf(entry));
}

function cellsOf(entry) {
  const { readable, status, contentType, contentEncoding, ageMs, size, storedBytes, kind } = entry;
  const type = kind === 'value' ? 'value' : (contentType ?? '').split(';')[0];
  return [
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
  ];
}

/** The response was read again, and may have changed. */
function updateRow(entry) {
  const item = listed.get(refOf(entry));
  if (!item) return;
  item.entry = entry;
  item.row.replaceChildren(item.row.cells[0], ...cellsOf(entry));
}

/** A response is gone, or, without `variant`, all variants of its key. */
function removeRows({ id, variant }) {
  for (const [ref, { entry, row }] of listed) {
    if (entry.id !== id || (variant !== undefined && entry.variant !== variant)) continue;
    listed.delete(ref);
    row.remove();
  }
  announceList();
}

/** @param label is shown on small screens, where the table has no header. */
function cell(label, className, ...children) {
  return h('td', { 'data-label': label, class: className }, ...children);
}
const MAX_TAGS = 4;

function tagsOf(entry) {
  const tags = tagsOfApp(entry);
  const first = tags.slice(0, MAX_TAGS).map((tag) => h('span', { class: 'tag' }, literal(tag)));
  const others = tags.length - first.length;
  return others > 0 ? [...first, h('span', { class: 'soft' }, `and ${others} more`)] : first;
}

async function measure() {
  const unblock = block(byId('measure'));
  const progress = byId('measure-progress');
  const status = byId('measure-status');
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
  unblock();
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
  return table(title, [title.replace('By ', ''), '#Count', '#Size'], rows);
}
