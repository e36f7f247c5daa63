// node bench/simulate.mjs            a fleet of processes with near caches in front of Redis, by docs/scale.md's model
//   --rate <n>        requests a second, of all processes together: 50000
//   --processes <n>   20
//   --masters <n>     3
//   --keys <n>        distinct keys: 20000
//   --zipf <s>        popularity of the k-th key ~ k^-s: 0.9
//   --near <n>        entries of each process's near cache: 2000
//   --ttl <s>         how long one stays there: 10
//   --writes <n>      keys written (or purged) a second: 2000
//   --seconds <n>     simulated, behind as many to warm up: 20
//   --seed <n>        1
//   --measure         checks a small case with a real redis-server, client tracking and LRU near caches
//
// Each request goes to a process at random and asks for a key by Zipf's law. What the near cache lacks is one command
// to the key's master, which then tracks that the process has it; a write is a message to each process tracked.

import { parseArgs } from 'node:util';
import { LRUCache } from 'lru-cache';
import { whole } from './figures.mjs';
import { measureFleet } from './fleet.mjs';
import { say, table } from './screen.mjs';

const { values } = parseArgs({
  options: {
    rate: { type: 'string', default: '50000' },
    processes: { type: 'string', default: '20' },
    masters: { type: 'string', default: '3' },
    keys: { type: 'string', default: '20000' },
    zipf: { type: 'string', default: '0.9' },
    near: { type: 'string', default: '2000' },
    ttl: { type: 'string', default: '10' },
    writes: { type: 'string', default: '2000' },
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
function simulate(model) {
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
    count.byMaster[(Math.imul(key + 1, 0x9e3779b1) >>> 8) % masters]++;
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
 * The same in closed form. A near cache is asked for key k as a Poisson process of rate a = rate * share / processes,
 * and the key is written at the rate w. Che's approximation: LRU keeps what was asked for within a time C, one for all
 * keys. An entry answers for `ttl` at most, and until its key is written or it has not been asked for within C.
 */
function predict(model) {
  const { rate, processes, near, ttl, writes, keys, masters } = model;
  const { shares } = zipf(model);
  const w = writes / keys;
  const asked = shares.map((share) => (rate * share) / processes);
  const sum = (values) => values.reduce((total, value) => total + value, 0);
  // A key takes room if it was asked for within C, and not written since.
  const occupied = (c) => sum(asked.map((a) => (a / (a + w)) * -Math.expm1(-(a + w) * c)));
  let low = 0;
  let high = 1e5;
  for (let i = 0; i < 60; i++) {
    const middle = (low + high) / 2;
    if (occupied(middle) < near) low = middle;
    else high = middle;
  }
  // A fetch is followed by a hit for each request in the time that the entry lasts on average.
  const ratio = sum(
    asked.map((a, k) => (shares[k] * a * lasting(a, w, high, ttl)) / (1 + a * lasting(a, w, high, ttl))),
  );
  // A process is tracked for a key from its first request behind a write to the next write; any key may be written.
  const fanOut = (processes * sum(asked.map((a) => a / (a + w)))) / keys;
  const commands = rate * (1 - ratio);
  return { near: ratio, commands, busiest: commands / masters, fanOut, messages: fanOut * writes };
}

/** How long a fetched entry answers on average. */
function lasting(a, w, c, ttl) {
  const until = (rate, time) => (rate > 0 ? -Math.expm1(-rate * time) / rate : time);
  if (c >= ttl) return until(w, ttl);
  // It is there for C at least, and then if it was asked for in that time. How long from there on when LRU alone ends
  // it is known, as the time to the first gap of C between requests; that it ends at a constant rate is assumed.
  const again = -Math.expm1(-a * c);
  const further = a * c < 1e-4 ? (a * c * c) / 2 : (Math.expm1(a * c) - a * c) / a;
  return until(w, c) + again * Math.exp(-w * c) * until(w + again / further, ttl - c);
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

function shown(model) {
  return Object.entries(model)
    .filter(([name]) => name !== 'measure')
    .map(([name, value]) => `${name} ${value}`)
    .join(', ');
}

say(`  ${shown(given)}`);
const simulated = simulate(given);
compare({ simulated, 'closed form': predict(given) });
say(`  ${whole(simulated.tracked)} keys tracked, for ${simulated.readers.toFixed(1)} processes each`);
if (values.measure) {
  const small = {
    rate: 3000,
    processes: 4,
    masters: 1,
    keys: 2000,
    zipf: 0.9,
    near: 300,
    ttl: 2,
    writes: 400,
  };
  Object.assign(small, { seconds: 10, seed: given.seed });
  say();
  say(`  ${shown(small)}`);
  const measured = await measureFleet(small, { ...zipf(small), next: random(small.seed + 1) });
  compare({ measured, simulated: simulate(small), 'closed form': predict(small) });
}
process.exit();
