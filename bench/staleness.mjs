// How long a near cache answers with what another process has purged.

import { start } from './child.mjs';
import { ms } from './figures.mjs';
import { progress } from './screen.mjs';

const ROUNDS = 300;
const CLIENTS = [1, 8];

export async function staleness({ redis, catalogue }, { title }) {
  const settings = { build: catalogue[0].build, redisPort: redis.port, prefix: 'staleness:' };
  const [asked, purging] = await Promise.all([0, 1].map(() => start('./staleness-process.mjs', settings)));
  const rows = [];
  try {
    let version = 0;
    for (const clients of CLIENTS) {
      progress(title, `${clients} clients`);
      const late = [];
      for (let round = 0; round < ROUNDS; round++) {
        await asked.ask('load', { version, clients });
        const purgedAt = await purging.ask('purge');
        const { lastOld } = await asked.ask('until', ++version);
        // The instants are of one clock: both processes run on this machine.
        late.push(Math.max(0, lastOld - purgedAt));
      }
      rows.push(rowOf(clients, late));
    }
  } finally {
    await Promise.all([asked.stop(), purging.stop()]);
  }
  return {
    head: ['clients that ask all the while', 'purges', 'no old answer', 'p50', 'p99', 'max'],
    rows,
    text:
      'One process has a response near and is asked for it all the while; another purges it. How long after the purge ' +
      'has returned does a request arrive that is yet answered with the old one?',
  };
}

function rowOf(clients, late) {
  late.sort((a, b) => a - b);
  const at = (share) => ms(late[Math.min(late.length - 1, Math.floor(late.length * share))]);
  const none = late.filter((latency) => latency === 0).length;
  return [`${clients}`, `${late.length}`, `${none}`, at(0.5), at(0.99), at(1)];
}
