import { afterAll, beforeAll, expect, jest, test } from '@jest/globals';
import { type Sentinels, startSentinels } from '../support/sentinel.ts';
import { brought, Origin, type Process, purged, startProcess, untilCurrent } from './stage.ts';

/* What is near where sentinels say which server is the master. */

let redis: Sentinels;
const closing: Process[] = [];
beforeAll(async () => {
  redis = await startSentinels();
}, 90_000);
afterAll(async () => {
  await Promise.all(closing.map((process) => process.close()));
  await redis.stop();
});

// Sentinels that get no CPU vote for another master meanwhile.
jest.retryTimes(2);

test('the master says what changes, and so does the next one', async () => {
  const origin = new Origin();
  const processes = await Promise.all([0, 1].map(() => startProcess(origin, { redis: redis.options })));
  closing.push(...processes);
  const [a, b] = processes;
  for (const fail of [false, true]) {
    if (fail) await redis.failover();
    await purged(b!, '/1');
    await untilCurrent(a!, origin, '/1');
    await brought(a!, '/1');
    origin.change('/1');
    await purged(b!, '/1');
    expect((await untilCurrent(a!, origin, '/1')).version).toBe(origin.version('/1'));
  }
}, 90_000);
