// node bench/staleness.mjs     how long a near cache answers with what another process has purged
//   --rounds <n>         300
//   --clients <n>        8: what the process that is asked has to do beside

import { parseArgs } from 'node:util';
import { build } from './build.mjs';
import { killAll, start } from './child.mjs';
import { startRedis } from './redis.mjs';
import { say, table } from './screen.mjs';

const { values } = parseArgs({
  options: { rounds: { type: 'string', default: '300' }, clients: { type: 'string', default: '8' } },
});
const rounds = Number(values.rounds);
const clients = Number(values.clients);

process.on('exit', killAll);
const redis = await startRedis();
const settings = { build: await build(), redisPort: redis.port, prefix: 'staleness:' };
const [asked, purging] = await Promise.all([0, 1].map(() => start('./staleness-process.mjs', settings)));

const late = [];
for (let round = 0; round < rounds; round++) {
  await asked.ask('load', { version: round, clients });
  const purgedAt = await purging.ask('purge');
  const { lastOld } = await asked.ask('until', round + 1);
  // The instants are of one clock: both processes run on this machine.
  late.push(Math.max(0, lastOld - purgedAt));
}
await Promise.all([asked.stop(), purging.stop()]);
redis.stop();

late.sort((a, b) => a - b);
const at = (share) => `${late[Math.min(late.length - 1, Math.floor(late.length * share))].toFixed(2)} ms`;
const none = late.filter((ms) => ms === 0).length;
say();
table([
  ['old answers after a purge elsewhere', 'rounds', 'none at all', 'p50', 'p99', 'max'],
  ['', `${rounds}`, `${none}`, at(0.5), at(0.99), at(1)],
]);
process.exit();
