// node bench/simulate.mjs            a fleet of processes with near caches in front of Redis, by docs/scale.md's model
//   --rate <n>        requests a second, of all processes together: 100000
//   --processes <n>   50
//   --masters <n>     3
//   --keys <n>        distinct keys: 100000
//   --zipf <s>        popularity of the k-th key ~ k^-s: 0.9
//   --near <n>        entries of each process's near cache: 10000
//   --ttl <s>         how long one stays there: 10
//   --writes <n>      keys written (or purged) a second: 100
//   --seconds <n>     simulated, behind as many to warm up: 20
//   --seed <n>        1
//   --measure         checks a small case with a real redis-server, client tracking and LRU near caches
//
// Each request goes to a process at random and asks for a key by Zipf's law. What the near cache lacks is one command
// to the key's master, which then tracks that the process has it; a write is a message to each process tracked.

import { parseArgs } from 'node:util';
import { LRUCache } from 'lru-cache';
import { whole } from './figures.mjs';
import { say, table } from './screen.mjs';

const { values } = parseArgs({
  options: {
    rate: { type: 'string', default: '100000' },
    processes: { type: 'string', default: '50' },
    masters: { type: 'string', default: '3' },
    keys: { type: 'string', default: '100000' },
    zipf: { type: 'string', default: '0.9' },
    near: { type: 'string', default: '10000' },
    ttl: { type: 'string', default: '10' },
    writes: { type: 'string', default: '100' },
    seconds: { type: 'string', default: '20' },
    seed: { type: 'string', default: '1' },
    measure: { type: 'boolean', default: false },
  },
});
const given = Object.fromEntries(Object.entries(values).map(([name, value]) => [name, Number(value)]));

/** Requests in one order, so that a run can be repeated (mulberry32). */
function random(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

function zipf({ keys, zipf: s }) {
  const weights = Float64Array.from({ length: keys }, (_, k) => (k + 1) ** -s);
  const sum = weights.reduce((total, weight) => total + weight, 0);
  const shares = weights.map((weight) => weight / sum);
  const upTo = new Float64Array(keys);
  shares.reduce((total, share, k) => {
    upTo[k] = total + share;
    return upTo[k];
  }, 0);
  const draw = (at) => {
    let low = 0;
    let high = keys - 1;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (upTo[middle] < at) low = middle + 1;
      else high = middle;
    }
    return low;
  };
  return { shares, draw };
}

/** Asks and writes, one event after the other, by the law of popularity, and counts. */
export function simulate(model) {
  const { rate, processes, masters, near, ttl, writes, seconds, seed } = model;
  const { draw } = zipf(model);
  const next = random(seed);
  const fleet = Array.from({ length: processes }, () => new LRUCache({ max: near }));
  const readers = new Map();
  const count = { requests: 0, near: 0, writes: 0, messages: 0, byMaster: new Float64Array(masters) };
  const events = 2 * seconds * (rate + writes);
  for (let i = 0; i < events; i++) {
    if (i === events >> 1) {
      Object.assign(count, { requests: 0, near: 0, writes: 0, messages: 0 });
      count.byMaster.fill(0);
    }
    const now = i / (rate + writes);
    if (next() < writes / (rate + writes)) {
      // Any key is as likely to change as another.
      const key = Math.floor(next() * model.keys);
      const informed = readers.get(key);
      readers.delete(key);
      count.writes++;
      count.messages += informed?.size ?? 0;
      for (const process of informed ?? []) fleet[process].delete(key);
      continue;
    }
    const process = Math.floor(next() * processes);
    const key = draw(next());
    const cache = fleet[process];
    count.requests++;
    if (cache.get(key) > now) {
      count.near++;
      continue;
    }
    cache.set(key, now + ttl);
    // Slots are given to keys by their hash, popular or not.
    count.byMaster[Math.imul(key + 1, 0x9e3779b1) >>> (0 % masters)]++;
    const tracked = readers.get(key) ?? new Set();
    readers.set(key, tracked.add(process));
  }
  const commands = count.byMaster.reduce((total, n) => total + n, 0);
  const tracked = [...readers.values()].reduce((total, { size }) => total + size, 0);
  return {
    near: count.near / count.requests,
    commands: commands / seconds,
    busiest: Math.max(...count.byMaster) / seconds,
    fanOut: count.writes > 0 ? count.messages / count.writes : 0,
    messages: count.messages / seconds,
    tracked: readers.size,
    readers: tracked / Math.max(1, readers.size),
  };
}

/**
 * The same in closed form. A near cache is asked for key k as a Poisson process of rate a = rate * share / processes.
 * Che's approximation: LRU keeps what was asked for within a time C, the same for all keys. What was fetched is also
 * gone after `ttl`, or when the key is written (rate w). A fetch, which comes about after each such end, is followed
 * by a * T hits, where T is how long the entry lasts on average.
 */
export function predict(model) {
  const { rate, processes, near, ttl, writes, keys, masters } = model;
  const { shares } = zipf(model);
  const w = writes / keys;
  /** Share of requests for a key that are hits, and of time that it is there, when LRU keeps it for a time C. */
  const of = (a, c) => {
    // It ends at `ttl`, at a write, or once it has not been asked for within C.
    const lasts = lifetime(a, w, Math.min(c, 1e9), ttl);
    return { hit: (a * lasts.live) / (1 + a * lasts.live), there: (a * lasts.held) / (1 + a * lasts.live) };
  };
  const occupied = (c) =>
    shares.reduce((sum, p) => sum + Math.min(1, of((rate * p) / processes, c).there), 0);
  let low = 0;
  let high = 1;
  while (occupied(high) < near && high < 1e6) high *= 2;
  for (let i = 0; i < 40; i++) {
    const middle = (low + high) / 2;
    if (occupied(middle) < near) low = middle;
    else high = middle;
  }
  const hits = shares.map((p) => of((rate * p) / processes, high).hit);
  const ratio = hits.reduce((sum, hit, k) => sum + hit * shares[k], 0);
  const commands = rate * (1 - ratio);
  // A process is tracked for a key from its first fetch after a write to the next write.
  const fetchRate = (k) => ((rate * shares[k]) / processes) * (1 - hits[k]);
  const tracked = (k) => (w > 0 ? fetchRate(k) / (fetchRate(k) + w) : 1);
  const fanOut = shares.reduce((sum, _, k) => sum + processes * tracked(k), 0) / keys;
  return { near: ratio, commands, busiest: commands / masters, fanOut, messages: fanOut * writes };
}

/** How long a fetched entry answers (`live`) and takes room (`held`) on average. */
function lifetime(a, w, c, ttl) {
  // Idle for C ends it at the rate h; an entry past its ttl takes room until it is asked for or C has passed.
  const h = a > 0 && a * c < 50 ? a / Math.expm1(a * c) : 0;
  const ends = w + h;
  const live = ends > 0 ? -Math.expm1(-ends * ttl) / ends : ttl;
  const past = Math.exp(-ends * ttl) * (a > 0 ? -Math.expm1(-a * Math.max(0, c)) / a : c);
  return { live, held: live + past };
}

const figures = [
  ['near hit ratio', 'near', (value) => value.toFixed(4)],
  ['Redis commands/s', 'commands', whole],
  ['busiest master, commands/s', 'busiest', whole],
  ['messages per write', 'fanOut', (value) => value.toFixed(2)],
  ['messages/s', 'messages', whole],
];

function compare(columns) {
  table([
    ['', ...Object.keys(columns)],
    ...figures.map(([name, field, format]) => [
      name,
      ...Object.values(columns).map((column) => (column[field] === undefined ? '-' : format(column[field]))),
    ]),
  ]);
}

if (process.argv[1] === new URL(import.meta.url).pathname) {
  say(
    `  ${Object.entries(given)
      .filter(([name]) => name !== 'measure')
      .map(([name, value]) => `${name} ${value}`)
      .join(', ')}`,
  );
  const simulated = simulate(given);
  compare({ simulated, 'closed form': predict(given) });
  say(`  ${whole(simulated.tracked)} keys tracked, for ${simulated.readers.toFixed(1)} processes each`);
  if (values.measure) {
    const { measured, small } = await (await import('./simulate-measured.mjs')).measure();
    say();
    say('  measured with a redis-server:');
    compare({ measured, simulated: simulate(small), 'closed form': predict(small) });
  }
  process.exit();
}
