import { bars, lines } from './charts.js';
import { byId, h, literal, sentence, table } from './dom.js';
import { brief, bytes, clock, count, duration, instant, percent } from './format.js';
import { live } from './server.js';

/* What one process does, drawn anew every two seconds while somebody looks. */

const INTERVAL = 2000;
const BIN = 10_000;
const BINS = 30;

const OUTCOMES = [
  ['hit', 'hit', 'A fresh stored response was sent.'],
  ['stale', 'stale', 'A stale stored response was sent.'],
  ['collapsed', 'collapsed', 'The response to another request for the same key was sent.'],
  ['revalidated', 'revalidated', 'A stored response was sent after the app confirmed it.'],
  ['miss', 'miss', 'The app answered, because no stored response could be used.'],
  ['bypass', 'bypass', 'The app answered; the cache did not look, or could not.'],
  ['unsatisfied', 'unsatisfied', 'The cache answered with 504: only-if-cached.'],
  ['invalidated', 'invalidated', 'The request was a purge.'],
];
/** What is told of even where there was none. */
const ALWAYS = new Set(['hit', 'miss']);
/** Upper ends of the latencies that the server counts, as its statistics tell them. */
let bounds = [];

/** The latest snapshot of each process that has answered: behind a load balancer there are several. */
const processes = new Map();
let chosen;
let running = false;

export function showLive() {
  if (running) return;
  running = true;
  byId('process').onchange = (event) => {
    chosen = event.target.value;
    draw();
  };
  void poll();
}

async function poll() {
  if (byId('view-live').hidden) {
    running = false;
    return;
  }
  if (!document.hidden) await look();
  setTimeout(poll, INTERVAL);
}

async function look() {
  const problem = byId('live-problem');
  try {
    const snapshot = await live();
    const { host, pid } = snapshot.process;
    const name = `${host}, ${pid}`;
    processes.set(name, snapshot);
    chosen ??= name;
    problem.hidden = true;
    draw();
  } catch (error) {
    if (problem.hidden || problem.textContent !== error.message) problem.textContent = error.message;
    problem.hidden = false;
  }
}

function draw() {
  const { stats, samples, now, ...rest } = processes.get(chosen);
  const { host, pid } = rest.process;
  byId('scope').replaceChildren(
    'These figures are of this process alone (',
    literal(host),
    `, pid ${pid}), since ${instant(stats.startedAt)}.`,
  );
  choices();
  bounds = stats.latencyMs.lookup.buckets.map(({ le }) => le);
  const to = Math.floor(now / BIN) * BIN + BIN;
  const from = to - BINS * BIN;
  const bins = binned(samples, from);
  figures(stats, bins);
  charts(bins, from, to);
  const kept = byId('tables');
  const focused = kept.contains(document.activeElement);
  if (!focused && !selecting(kept)) kept.replaceChildren(...tables(stats, rest));
}

/** What somebody is about to copy is left alone. */
function selecting(place) {
  const selection = getSelection();
  return !selection.isCollapsed && place.contains(selection.anchorNode);
}

function choices() {
  const select = byId('process');
  byId('process-choice').hidden = processes.size < 2;
  if (select.options.length === processes.size) return;
  select.replaceChildren(...[...processes.keys()].map((name) => h('option', { value: name }, name)));
  select.value = chosen;
}

/** What came between samples, by ten seconds. */
function binned(samples, from) {
  const bins = Array.from({ length: BINS }, () => ({
    ...Object.fromEntries(OUTCOMES.map(([outcome]) => [outcome, 0])),
    lookups: bounds.map(() => 0).concat(0),
  }));
  for (let i = 1; i < samples.length; i++) {
    const bin = bins[Math.floor((samples[i].at - from) / BIN)];
    if (!bin) continue;
    for (const [outcome] of OUTCOMES)
      bin[outcome] += samples[i].requests[outcome] - samples[i - 1].requests[outcome];
    bin.lookups = bin.lookups.map((sum, b) => sum + samples[i].lookups[b] - samples[i - 1].lookups[b]);
  }
  return bins;
}

const asked = (bin) => bin.hit + bin.stale + bin.collapsed + bin.revalidated + bin.miss;
const answered = (bin) => bin.hit + bin.stale + bin.collapsed;
const sum = (bins, of) => bins.reduce((all, bin) => all + of(bin), 0);
const total = (bin) => OUTCOMES.reduce((all, [outcome]) => all + bin[outcome], 0);

function figures({ hitRatio, requests, bytes: sent, savedMs, latencyMs: { lookup } }, bins) {
  const lately = sum(bins, asked);
  const ratio = lately > 0 ? sum(bins, answered) / lately : hitRatio;
  const cards = [
    ['Hit ratio', percent(ratio), lately > 0 ? `5 min; ${percent(hitRatio)} since start` : 'since start'],
    ['Requests', brief(total(requests)), `${count(sum(bins, total))} in 5 min`],
    ['Time saved', duration(savedMs), 'of the app, since start'],
    ['Served from the cache', bytes(sent), 'of bodies, since start'],
    [
      'Look-up in Redis, p50',
      duration(lookup.p50),
      `p90 ${duration(lookup.p90)}, p99 ${duration(lookup.p99)}`,
    ],
  ];
  byId('figures').replaceChildren(
    ...cards.map(([name, value, hint]) =>
      h('div', { class: 'card' }, h('dt', {}, name), h('dd', {}, value), h('dd', { class: 'hint' }, hint)),
    ),
  );
}

function charts(bins, from, to) {
  const all = sum(bins, total);
  const kinds = OUTCOMES.map(([outcome, name]) => [outcome, name]);
  const parts = kinds.map(([kind]) => [kind, sum(bins, (bin) => bin[kind])]).filter(([, n]) => n > 0);
  bars(byId('chart-requests'), {
    ...{ title: 'Requests by outcome', bins, kinds, width: BIN / 1000, from, to },
    said:
      all === 0 ? 'none in the last 5 minutes' : parts.map(([kind, n]) => `${count(n)} ${kind}`).join(', '),
  });
  const ratios = bins.map((bin) => ({ hit: asked(bin) > 0 ? answered(bin) / asked(bin) : undefined }));
  const lately = sum(bins, asked);
  lines(byId('chart-ratio'), {
    ...{ title: 'Hit ratio', bins: ratios, kinds: [['hit', 'hit ratio']], top: 1, scale: '100 %', from, to },
    said:
      lately > 0 ? `${percent(sum(bins, answered) / lately)} in the last 5 minutes` : 'nothing was looked up',
  });
  const latencies = bins.map(({ lookups }) => ({
    p50: percentile(lookups, 0.5),
    p99: percentile(lookups, 0.99),
  }));
  const slowest = Math.max(...latencies.map(({ p99 }) => p99 ?? 0));
  const top = bounds.find((bound) => bound >= slowest) ?? Math.max(slowest, 1);
  lines(byId('chart-lookups'), {
    ...{
      title: 'Look-ups in Redis',
      bins: latencies,
      kinds: [
        ['p50', 'p50'],
        ['p99', 'p99'],
      ],
      from,
      to,
    },
    ...{ top, scale: duration(top) },
    said: slowest > 0 ? `99 % took at most ${duration(slowest)}` : 'none in the last 5 minutes',
  });
}

/** Of counts of what took at most so long, as if those between two bounds were spread evenly. */
function percentile(counts, share) {
  const all = counts.at(-1);
  if (all === 0) return undefined;
  const rank = share * all;
  const at = bounds.findIndex((_, i) => counts[i] >= rank);
  if (at < 0) return bounds.at(-1);
  const [below, low] = at === 0 ? [0, 0] : [counts[at - 1], bounds[at - 1]];
  return low + ((bounds[at] - low) * (rank - below)) / Math.max(1, counts[at] - below);
}

function tables(stats, { forwarded, details, faults, purges }) {
  const all = total(stats.requests);
  const words = (counts, reasons) =>
    Object.entries(counts)
      .filter(([, n]) => n > 0)
      .sort(([, a], [, b]) => b - a)
      .map(([word, n]) => [h('code', {}, word), count(n), meaning(reasons[word])]);
  const faulty = Object.entries(stats.faults).flatMap(([step, codes]) =>
    Object.entries(codes).map(([code, n]) => [h('code', {}, step), h('code', {}, code), count(n)]),
  );
  const latency = Object.entries({
    lookup: 'Look-up in Redis',
    store: 'Storing in Redis',
    origin: "The app's answers",
    hit: 'Answers from the cache',
  });
  const some = (title, columns, rows) => (rows.length > 0 ? [table(title, columns, rows)] : []);
  return [
    table(
      'Requests',
      ['Outcome', '#Count', '#Share', ''],
      OUTCOMES.filter(([outcome]) => stats.requests[outcome] > 0 || ALWAYS.has(outcome)).map(
        ([outcome, , text]) => [
          h('span', { class: 'key' }, h('i', { class: `swatch ${outcome}`, 'aria-hidden': 'true' }), outcome),
          count(stats.requests[outcome]),
          all > 0 ? percent(stats.requests[outcome] / all) : '–',
          text,
        ],
      ),
    ),
    table(
      'Latency',
      ['Step', '#Count', '#p50', '#p90', '#p99'],
      latency.map(([step, name]) => {
        const { count: n, p50, p90, p99 } = stats.latencyMs[step];
        return [name, count(n), ...[p50, p90, p99].map((ms) => (n > 0 ? duration(ms) : '–'))];
      }),
    ),
    ...some('Forwarded to the app, and why', ['Reason', '#Count', ''], words(stats.forwarded, forwarded)),
    ...some('Not stored, and why', ['Reason', '#Count', ''], words(stats.refused, details)),
    ...some('Other details', ['Detail', '#Count', ''], words(stats.details, details)),
    ...some('Faults', ['Step', 'Code', '#Count'], faulty),
    ...some(
      'Latest faults',
      ['When', 'Step', 'Message'],
      faults.map(({ at, step, code, message }) => [
        clock(at),
        h('code', {}, `${step} ${code}`),
        literal(message),
      ]),
    ),
    ...some(
      'Latest purges',
      ['When', 'Of', 'By', '#Responses'],
      purges.map(({ at, target, by, soft, purged }) => [
        ...[clock(at), soft ? `${target}, softly` : target, by],
        purged === undefined ? 'not confirmed' : count(purged),
      ]),
    ),
  ];
}

function meaning(reason) {
  if (!reason) return '';
  const { says, see } = reason;
  return [...sentence(says), see ? h('span', { class: 'see' }, ` ${see}`) : ''];
}
