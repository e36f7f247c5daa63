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
//   --plan            the table of docs/scale.md, and nothing else
//   --measure         checks a small case with a real redis-server, client tracking and LRU near caches
//
// Each request goes to a process at random and asks for a key by Zipf's law. What the near cache lacks is one command
// to the key's master, which then tracks that the process has it; a write is a message to each process tracked.

import { parseArgs } from 'node:util';
import { LRUCache } from 'lru-cache';
import { whole } from './figures.mjs';
import { measureFleet } from './fleet.mjs';
import { predict, zipf } from './model.mjs';
import { plan } from './plan.mjs';
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
    plan: { type: 'boolean', default: false },
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
    .filter(([name]) => !['measure', 'plan'].includes(name))
    .map(([name, value]) => `${name} ${value}`)
    .join(', ');
}

if (values.plan) {
  table(plan());
  process.exit();
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
