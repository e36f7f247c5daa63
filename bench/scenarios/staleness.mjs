// How long a near cache serves a response after another process has purged it.

import { start } from '../child.mjs';
import { ms } from '../figures.mjs';
import { progress } from '../terminal.mjs';

const ROUNDS = 300;
const CLIENTS = [1, 8];

export async function staleness({ redis, catalogue }, { title }) {
  const settings = { build: catalogue[0].build, redisPort: redis.port, prefix: 'staleness:' };
  const open = () => start('./scenarios/staleness-process.mjs', settings);
  const [reader, purger] = await Promise.all([open(), open()]);
  const rows = [];
  try {
    let version = 0;
    for (const clients of CLIENTS) {
      progress(title, `${clients} clients`);
      const delays = [];
      for (let round = 0; round < ROUNDS; round++) {
        await reader.call('load', { version, clients });
        const purgedAt = await purger.call('purge');
        const { lastOldAt } = await reader.call('waitFor', ++version);
        // Both processes read the clock of this machine.
        delays.push(Math.max(0, lastOldAt - purgedAt));
      }
      rows.push(rowOf(clients, delays));
    }
  } finally {
    await Promise.all([reader.stop(), purger.stop()]);
  }
  return {
    head: ['concurrent clients', 'purges', 'no old answer', 'p50', 'p99', 'max'],
    rows,
    text:
      'One process has a response in its near cache, and clients request it without a pause; another process purges it. ' +
      'How long after the purge has resolved do requests arrive that still get the old response?',
  };
}

function rowOf(clients, delays) {
  delays.sort((a, b) => a - b);
  const at = (share) => ms(delays[Math.min(delays.length - 1, Math.floor(delays.length * share))]);
  const none = delays.filter((delay) => delay === 0).length;
  return [`${clients}`, `${delays.length}`, `${none}`, at(0.5), at(0.99), at(1)];
}
