import { byId, h, literal, say, table } from './dom.js';
import { showEntry } from './entry.js';
import { bytes, count, duration } from './format.js';
import { act } from './server.js';
import { freshness, keyOf, variantOf } from './summary.js';

/* What is stored, page by page: a page is looked for until it is full, all is looked at, or somebody stops it. */

const PAGE = 50;

let query = {};
let cursor;
let listed = new Set();
let scanned = 0;
let searching;
let begun = false;

export function showResponses() {
  if (begun) return;
  begun = true;
  byId('search').addEventListener('submit', (event) => {
    event.preventDefault();
    void search();
  });
  byId('more').addEventListener('click', () => void page());
  byId('stop').addEventListener('click', () => searching?.abort());
  byId('measure').addEventListener('click', () => void measure());
  void search();
}

/** From the beginning, with what the form says. */
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
  return page();
}

async function page() {
  searching?.abort();
  const controller = new AbortController();
  searching = controller;
  const { signal } = controller;
  const focused = document.activeElement === byId('more');
  byId('more').hidden = true;
  byId('list-empty').hidden = true;
  byId('list').setAttribute('aria-busy', 'true');
  say(byId('list-status'), 'Looking…');
  let room = PAGE;
  let problem;
  let first;
  try {
    do {
      const given = { ...query, limit: room, ...(cursor && { cursor }) };
      const found = await act('list', given, { signal });
      for (const entry of found.entries) {
        const place = `${entry.id}\n${entry.variant}`;
        if (listed.has(place)) continue;
        listed.add(place);
        const row = rowOf(entry);
        first ??= row;
        byId('list').tBodies[0].append(row);
        room--;
      }
      scanned += found.scanned;
      cursor = found.cursor;
      const going = cursor !== undefined && room > 0;
      byId('stop').hidden = !going;
      if (going) say(byId('list-status'), `${told()} so far…`);
    } while (cursor !== undefined && room > 0);
  } catch (error) {
    if (error.name !== 'AbortError') problem = error.message;
    // Another search has taken its place.
    else if (searching !== controller) return;
  }
  byId('stop').hidden = true;
  byId('list').removeAttribute('aria-busy');
  byId('list-empty').hidden = listed.size > 0 || cursor !== undefined || problem !== undefined;
  byId('more').hidden = cursor === undefined && !signal.aborted;
  say(
    byId('list-status'),
    problem ?? `${told()}${cursor === undefined ? '' : '; there are more'}.`,
    problem && 'problem',
  );
  // Who pressed the button goes on in what it brought.
  if (focused) (first?.querySelector('button') ?? byId('more')).focus();
}

function told() {
  const responses = listed.size === 1 ? '1 response' : `${count(listed.size)} responses`;
  return `${responses}, ${count(scanned)} keys looked at`;
}

function rowOf(entry) {
  const row = h('tr');
  const cell = (label, className, ...children) =>
    row.append(h('td', { 'data-label': label, class: className }, ...children));
  const open = h('button', { type: 'button', class: 'link' }, keyOf(entry));
  open.addEventListener('click', () => void showEntry(entry, { onGone: () => row.remove() }));
  const variant = variantOf(entry);
  row.append(h('th', { scope: 'row' }, open, variant && h('span', { class: 'variant' }, literal(variant))));
  const { damaged, status, contentType, age, size, storedBytes, tags = [], kind, contentEncoding } = entry;
  cell('Status', '', damaged ? '–' : h('span', { class: `code s${String(status)[0]}` }, String(status)));
  const type = kind === 'value' ? 'value' : (contentType ?? '').split(';')[0];
  cell(
    'Type',
    '',
    literal(type || '–'),
    contentEncoding ? h('span', { class: 'soft' }, ` ${contentEncoding}`) : null,
  );
  cell('Age', 'number', damaged ? '–' : duration(age));
  cell('Freshness', '', freshness(entry));
  cell('Size', 'number', bytes(damaged ? storedBytes : size));
  const some = tags.slice(0, 4).map((tag) => h('span', { class: 'tag' }, literal(tag)));
  cell(
    'Tags',
    'tags',
    some,
    tags.length > 4 ? h('span', { class: 'soft' }, `and ${tags.length - 4} more`) : null,
  );
  return row;
}

async function measure() {
  const button = byId('measure');
  const progress = byId('measure-progress');
  const status = byId('measure-status');
  button.disabled = true;
  progress.hidden = false;
  progress.value = 0;
  const onProgress = ({ scanned: looked, total }) => {
    progress.max = Math.max(1, total);
    progress.value = looked;
    say(status, `${count(looked)} of about ${count(total)} keys…`);
  };
  try {
    const figures = await act('measure', {}, { onProgress });
    const { responses, values, damaged } = figures;
    const all = responses.count + values.count + damaged.count;
    const weight = responses.bytes + values.bytes + damaged.bytes;
    say(status, `${count(all)} stored, ${bytes(weight)}.`);
    byId('measured').replaceChildren(...measured(figures));
  } catch (error) {
    say(status, error.message, 'problem');
  }
  progress.hidden = true;
  button.disabled = false;
}

const AGES = {
  minute: 'under a minute',
  hour: 'under an hour',
  day: 'under a day',
  week: 'under a week',
  older: 'older',
};

function measured({ responses, values, damaged, fresh, stale, byStatus, byType, byAge }) {
  const columns = ['', '#Count', '#Bytes'];
  const rows = (figures) =>
    Object.entries(figures)
      .filter(([, figure]) => figure.count > 0)
      .map(([name, figure]) => [literal(name || 'none'), count(figure.count), bytes(figure.bytes)]);
  return [
    table('What there is', columns, rows({ responses, values, damaged, fresh, stale })),
    table('By status', columns, rows(byStatus)),
    table('By type', columns, rows(byType)),
    table(
      'By age',
      columns,
      rows(Object.fromEntries(Object.entries(byAge).map(([age, figure]) => [AGES[age], figure]))),
    ),
  ];
}
