// The worked table of docs/scale.md: what each rate takes, from the figures measured and the closed forms.

import { whole } from './figures.mjs';
import { predict } from './model.mjs';

/** Measured, on one machine: `npm run bench` gives those of another. */
const MEASURED = {
  /** CPU of a process per request, in microseconds: through the front door, near or not. */
  hit: 32,
  /** CPU of Redis per hit that it is asked for, in microseconds, with few commands in one write. */
  redis: 10,
  /** And per message to a process that has what was written. */
  message: 0.4,
  /** Redis memory of a stored response of 1 KB, and of a tracked key and each process that it is tracked for. */
  stored: 1925,
  tracked: 70,
  tracker: 48,
};
/** How busy a core is to be at most: the rest is for peaks, and for what is lost when a part fails. */
const BUSY = 0.6;
const BODY = 1024;
const HEAD = 400;
const SITE = { keys: 1_000_000, zipf: 0.9, near: 30_000, ttl: 10 };
/** One request in so many is a write of a key; each also expires once an hour. */
const REQUESTS_PER_WRITE = 1000;
const EXPIRES_AFTER = 3600;
const RATES = [10_000, 100_000, 1_000_000, 5_000_000];

export function plan() {
  const columns = RATES.map((rate) => {
    const processes = Math.max(2, Math.ceil((rate * MEASURED.hit) / (BUSY * 1e6)));
    const writes = rate / REQUESTS_PER_WRITE + SITE.keys / EXPIRES_AFTER;
    const fleet = predict({ ...SITE, rate, processes, writes, masters: 1 });
    const plain = Math.ceil((rate * MEASURED.redis) / (BUSY * 1e6));
    const work = fleet.commands * MEASURED.redis + fleet.messages * MEASURED.message;
    const masters = Math.ceil(work / (BUSY * 1e6));
    const bits = (perSecond) => `${((perSecond * (BODY + HEAD) * 8) / 1e9).toPrecision(2)} Gbit/s`;
    const tracked = SITE.keys * (MEASURED.tracked + MEASURED.tracker * fleet.fanOut);
    return [
      whole(rate),
      whole(processes),
      `${(100 * fleet.near).toFixed(0)} %`,
      whole(fleet.commands),
      `${plain} / ${masters}`,
      `${whole(rate * fleet.share)} / ${whole(fleet.hottest)}`,
      fleet.fanOut.toFixed(1),
      whole(fleet.messages),
      `${(tracked / 2 ** 30).toFixed(2)} GB`,
      bits(fleet.commands),
      bits(rate),
    ];
  });
  const head = [
    'requests/s',
    'app processes, one core each',
    'near hit ratio',
    'Redis commands/s',
    'masters without / with near',
    'commands/s for the hottest key without / with near',
    'processes told of a write',
    'messages/s',
    'tracking tables',
    'Redis to app',
    'app to clients',
  ];
  return head.map((name, i) => [name, ...columns.map((column) => column[i])]);
}
