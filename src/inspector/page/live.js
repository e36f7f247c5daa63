import { bars, lines } from './charts.js';
import { byId, h, literal, MEANING, sentence, table } from './dom.js';
import { brief, bytes, clock, count, duration, instant, percent } from './format.js';

/* The live figures of one process. They are updated every two seconds while the page is visible (head.js). */

const BIN_MS = 10_000;
const BINS = 30;

/** The explanation of each outcome, in the order of charts and tables. */
let results = {};
/** Outcomes that the table lists even if their count is 0. */
const ALWAYS_LISTED = new Set(['hit', 'miss']);

/** The upper bounds of the latency buckets, in milliseconds. */
let bounds = [];

/** A process that has not answered for so long is taken for ended, unless the user has chosen it. */
const ENDED_MS = 10_000;

/** A process that has not answered for so long is no longer listed. */
const FORGOTTEN_MS = 300_000;

/** The latest snapshot of each process and when it came. Behind a load balancer, several processes answer in turn. */
const snapshots = new Map();
/** The name of the process that is shown. */
let selected;
let isChosen = false;
let isPaused = false;

export function initLive() {
  byId('process').onchange = (event) => {
    selected = event.target.value;
    isChosen = true;
    draw();
  };
  byId('pause').onclick = () => {
    isPaused = !isPaused;
    byId('pause').textContent = isPaused ? 'Continue' : 'Pause';
    drawUnlessPaused();
  };
  drawUnlessPaused();
}

/** Shows the latest snapshot of a process. */
export function drawLive(snapshot) {
  const { host, pid } = snapshot.process;
  const name = `${host}, ${pid}`;
  const now = Date.now();
  snapshots.set(name, { snapshot, at: now });
  if (selected === undefined || (!isChosen && now - snapshots.get(selected).at > ENDED_MS)) selected = name;
  for (const [other, { at }] of snapshots)
    if (other !== selected && now - at > FORGOTTEN_MS) snapshots.delete(other);
  drawUnlessPaused();
}

function drawUnlessPaused() {
  if (snapshots.size > 0 && !isPaused && !byId('view-live').hidden) draw();
}

function draw() {
  const { snapshot, at } = snapshots.get(selected);
  const { stats, samples, now } = snapshot;
  const { host, pid } = snapshot.process;
  byId('scope').replaceChildren(
    'Figures of one process (',
    literal(host),
    `, pid ${pid}) since ${instant(stats.startedAt)}.`,
    Date.now() - at > ENDED_MS ? ` It has not answered since ${clock(at)}.` : '',
  );
  drawProcesses();
  ({ results } = snapshot);
  bounds = stats.latencyMs.lookup.buckets.map(({ le }) => le);
  const to = Math.floor(now / BIN_MS) * BIN_MS + BIN_MS;
  const from = to - BINS * BIN_MS;
  const bins = binsOf(samples, from);
  drawNewcomer(stats);
  drawFigures(stats, bins);
  drawCharts(bins, from, to);
  const place = byId('tables');
  // The tables stay as long as the user has a link focused or text selected in them.
  const isFocused = place.contains(document.activeElement);
  if (!isFocused && !isSelecting(place)) place.replaceChildren(...tables(snapshot));
}

/** What to do next, until the first response has come from the cache. */
function drawNewcomer({ requests, shadow }) {
  const isNew = shadow === undefined && requests.hit + requests.stale + requests.collapsed === 0;
  const kind = !isNew ? '' : total(requests) === 0 ? 'none' : 'no-hit';
  const region = byId('newcomer');
  if (region.dataset.about === kind) return;
  region.dataset.about = kind;
  region.hidden = kind === '';
  if (kind === 'none') {
    region.replaceChildren(
      h('strong', {}, 'No request has reached this cache yet.'),
      ' Request a route of your app twice, for example:',
      h('pre', {}, `curl -i ${location.origin}/your/route`),
      ...sentence(
        'The second answer says `hit` in its `Cache-Status` field. If an answer has no such field, mount the cache in front of the routes: `app.use(cache)`.',
      ),
    );
  } else if (kind === 'no-hit') {
    region.replaceChildren(
      h('strong', {}, 'No response has come from the cache yet.'),
      ' Request the same URL again. If it stays a miss, “Forwarded to the app” and “Not stored” below say why.',
    );
  }
}

function isSelecting(place) {
  const selection = getSelection();
  return !selection.isCollapsed && place.contains(selection.anchorNode);
}

function drawProcesses() {
  const select = byId('process');
  byId('process-choice').hidden = snapshots.size < 2;
  const names = [...snapshots.keys()];
  if (names.join() === [...select.options].map(({ value }) => value).join()) return;
  select.replaceChildren(...names.map((name) => h('option', { value: name }, name)));
  select.value = selected;
}

/** The differences between the samples, added up in bins of ten seconds. */
function binsOf(samples, from) {
  const bins = Array.from({ length: BINS }, () => ({
    ...Object.fromEntries(Object.keys(results).map((outcome) => [outcome, 0])),
    lookups: bounds.map(() => 0).concat(0),
  }));
  for (let i = 1; i < samples.length; i++) {
    const bin = bins[Math.floor((samples[i].time - from) / BIN_MS)];
    if (!bin) continue;
    for (const outcome of Object.keys(results))
      bin[outcome] += samples[i].requests[outcome] - samples[i - 1].requests[outcome];
    bin.lookups = bin.lookups.map((sum, b) => sum + samples[i].lookups[b] - samples[i - 1].lookups[b]);
  }
  return bins;
}

/** Requests that the cache looked up. */
const lookedUp = (bin) => bin.hit + bin.stale + bin.collapsed + bin.revalidated + bin.miss;
/** Requests that the app did not have to answer. */
const served = (bin) => bin.hit + bin.stale + bin.collapsed;
const total = (bin) => Object.keys(results).reduce((sum, outcome) => sum + bin[outcome], 0);
const sumOf = (bins, countOf) => bins.reduce((sum, bin) => sum + countOf(bin), 0);

/** With fewer lookups, the slowest percentiles are those of single lookups. */
const MANY = 20;

function drawFigures({ hitRatio, requests, bytes: sent, savedMs, latencyMs: { lookup } }, bins) {
  const recent = sumOf(bins, lookedUp);
  const figures = [
    ratioFigure(hitRatio, requests, recent, sumOf(bins, served)),
    ['Requests', brief(total(requests)), `${count(sumOf(bins, total))} in the last 5 min`],
    ['Origin time saved', duration(savedMs), 'since start'],
    ['Bodies served', bytes(sent), 'from the cache, since start'],
    lookupFigure(lookup),
  ];
  byId('figures').replaceChildren(
    ...figures.map(([name, value, hint]) =>
      h('div', { class: 'card' }, h('dt', {}, name), h('dd', {}, value), h('dd', { class: 'hint' }, hint)),
    ),
  );
}

function ratioFigure(hitRatio, requests, recent, recentlyServed) {
  const sinceStart = lookedUp(requests);
  if (sinceStart === 0) return ['Hit ratio', '–', 'no lookup yet'];
  const of = (number) => `of ${count(number)} ${number === 1 ? 'lookup' : 'lookups'}`;
  if (recent === 0) return ['Hit ratio', percent(hitRatio), `${of(sinceStart)} since start`];
  const past = recent === sinceStart ? of(recent) : `${of(recent)}; ${percent(hitRatio)} since start`;
  return ['Hit ratio, last 5 min', percent(recentlyServed / recent), past];
}

function lookupFigure({ count: n, p50, p90, p99 }) {
  if (n === 0) return ['Lookup, p50', '–', 'no lookup yet'];
  const hint =
    n < MANY
      ? `of ${count(n)} ${n === 1 ? 'lookup' : 'lookups'}`
      : `p90 ${duration(p90)}, p99 ${duration(p99)}`;
  return ['Lookup, p50', duration(p50), hint];
}

function drawCharts(bins, from, to) {
  drawRequests(bins, from, to);
  drawHitRatio(bins, from, to);
  drawLookups(bins, from, to);
}

function drawRequests(bins, from, to) {
  const kinds = Object.keys(results).map((outcome) => [outcome, outcome]);
  const counts = kinds
    .map(([kind]) => [kind, sumOf(bins, (bin) => bin[kind])])
    .filter(([, n]) => n > 0)
    .map(([kind, n]) => `${count(n)} ${kind}`);
  const empty = 'No request in the last 5 minutes';
  bars(byId('chart-requests'), {
    title: 'Requests by outcome',
    unit: 'in 10 s each',
    ...{ bins, kinds, from, to, empty },
    said: counts.length > 0 ? counts.join(', ') : empty,
  });
}

function drawHitRatio(bins, from, to) {
  const ratios = bins.map((bin) => {
    const requests = lookedUp(bin);
    return { hit: requests > 0 ? served(bin) / requests : undefined };
  });
  const recent = sumOf(bins, lookedUp);
  const empty = 'No lookup in the last 5 minutes';
  lines(byId('chart-ratio'), {
    title: 'Hit ratio',
    unit: 'in 10 s each',
    bins: ratios,
    kinds: [['hit', 'hit ratio']],
    least: 1,
    format: percent,
    ...{ from, to, empty },
    said: recent > 0 ? `${percent(sumOf(bins, served) / recent)} in the last 5 minutes` : empty,
  });
}

function drawLookups(bins, from, to) {
  const latencies = bins.map(({ lookups }) => ({
    p50: percentile(lookups, 0.5),
    p99: percentile(lookups, 0.99),
  }));
  const slowest = Math.max(...latencies.map(({ p99 }) => p99 ?? 0));
  const empty = 'No lookup in the last 5 minutes';
  lines(byId('chart-lookups'), {
    title: 'Lookup time',
    unit: 'in the store',
    bins: latencies,
    kinds: [
      ['p50', 'p50'],
      ['p99', 'p99'],
    ],
    least: 0.4,
    format: duration,
    ...{ from, to, empty },
    said: slowest > 0 ? `p99 at most ${duration(slowest)}` : empty,
  });
}

/** @param counts cumulative counts of the buckets. Values are assumed to be spread evenly within a bucket. */
function percentile(counts, share) {
  const all = counts.at(-1);
  if (all === 0) return undefined;
  const rank = share * all;
  const bucket = bounds.findIndex((_, i) => counts[i] >= rank);
  if (bucket < 0) return bounds.at(-1);
  const [countBelow, lower] = bucket === 0 ? [0, 0] : [counts[bucket - 1], bounds[bucket - 1]];
  const inBucket = Math.max(1, counts[bucket] - countBelow);
  return lower + ((bounds[bucket] - lower) * (rank - countBelow)) / inBucket;
}

function tables({ stats, forwarded, details, faults, purges }) {
  return [
    requestTable(stats),
    latencyTable(stats),
    reasonTable('Forwarded to the app', stats.forwarded, forwarded),
    reasonTable('Not stored', stats.refused, details),
    reasonTable('Other details', stats.details, details),
    faultTable(stats),
    latestFaults(faults),
    latestPurges(purges),
  ].filter((part) => part !== undefined);
}

function tableUnlessEmpty(title, columns, rows) {
  return rows.length > 0 ? table(title, columns, rows) : undefined;
}

function requestTable({ requests }) {
  const all = total(requests);
  const rows = Object.entries(results)
    .filter(([outcome]) => requests[outcome] > 0 || ALWAYS_LISTED.has(outcome))
    .map(([outcome, meaning]) => [
      h('span', { class: 'key' }, h('i', { class: `swatch ${outcome}`, 'aria-hidden': 'true' }), outcome),
      count(requests[outcome]),
      all > 0 ? percent(requests[outcome] / all) : '–',
      `${meaning.charAt(0).toUpperCase()}${meaning.slice(1)}.`,
    ]);
  return table('Requests', ['Outcome', '#Count', '#Share', MEANING], rows);
}

const STEPS = {
  lookup: 'Lookup in the store',
  store: 'Writing to the store',
  origin: 'Origin',
  hit: 'Hit',
};

function latencyTable({ latencyMs }) {
  const rows = Object.entries(STEPS).map(([step, name]) => {
    const { count: n, p50, p90, p99 } = latencyMs[step];
    return [name, count(n), ...[p50, p90, p99].map((ms) => (n > 0 ? duration(ms) : '–'))];
  });
  return table('Latency', ['Step', '#Count', '#p50', '#p90', '#p99'], rows);
}

function reasonTable(title, counts, reasons) {
  const rows = Object.entries(counts)
    .filter(([, n]) => n > 0)
    .sort(([, a], [, b]) => b - a)
    .map(([word, n]) => [h('code', {}, word), count(n), explain(reasons[word])]);
  return tableUnlessEmpty(title, ['Reason', '#Count', MEANING], rows);
}

function explain(reason) {
  if (!reason) return '';
  const { says, see } = reason;
  return [...sentence(says), see ? h('span', { class: 'see' }, ` ${see}`) : ''];
}

function faultTable({ faults }) {
  const rows = Object.entries(faults).flatMap(([step, codes]) =>
    Object.entries(codes).map(([code, n]) => [h('code', {}, step), h('code', {}, code), count(n)]),
  );
  return tableUnlessEmpty('Faults', ['Step', 'Code', '#Count'], rows);
}

const unbroken = (text) => h('span', { class: 'unbroken' }, text);

function latestFaults(faults) {
  const rows = faults.map(({ time, step, code, message }) => [
    unbroken(clock(time)),
    [h('code', { class: 'unbroken' }, step), ' ', h('code', { class: 'unbroken' }, code)],
    literal(message),
  ]);
  return tableUnlessEmpty('Latest faults', ['Time', 'Step', 'Message'], rows);
}

function latestPurges(purges) {
  const rows = purges.map(({ time, target, by, soft, purged }) => [
    unbroken(clock(time)),
    soft ? `${target} (soft)` : target,
    by,
    purged === undefined ? 'not confirmed' : count(purged),
  ]);
  return tableUnlessEmpty('Latest purges', ['Time', 'Target', 'By', '#Responses'], rows);
}
