import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { Redis } from 'ioredis';
import type { FaultEvent } from '../../src/index.ts';
import { Fault } from '../../src/store/fault.ts';
import { GuardedStore } from '../../src/store/guarded-store.ts';
import { adapterOf } from '../../src/store/redis/clients/index.ts';
import { redisStore } from '../../src/store/redis/redis-store.ts';
import { type SlowNetwork, startProxy } from '../support/chaos.ts';
import { uniquePrefix } from '../support/prefix.ts';
import { quietly } from '../support/quietly.ts';
import { type RedisProcess, startRedis } from '../support/redis.ts';
import { UNSEALED } from '../support/unsealed.ts';
import { until } from '../support/until.ts';
import { TIMEOUT } from './support/app.ts';

/* The one door to the store, in front of a real Redis: when it waits, when it stops asking, when it asks again. */

const NOTHING = undefined;
const lease = (token: string) => ({ id: 'id', key: 'id', variant: '', token, purgeState: '' });

let redis: RedisProcess;
let proxy: SlowNetwork;
const clients: Redis[] = [];
const faults: FaultEvent[] = [];
beforeEach(async () => {
  faults.length = 0;
  redis = await startRedis();
  proxy = await startProxy(redis);
});
afterEach(async () => {
  for (const client of clients.splice(0)) client.disconnect();
  proxy.stop();
  await redis.stop();
});
quietly();

/** A guarded store whose connection is up. */
async function guarded(url = proxy.url): Promise<GuardedStore> {
  const client = new Redis(url, { disconnectTimeout: 100 });
  client.on('error', () => {});
  clients.push(client);
  const guard = new GuardedStore(
    redisStore(adapterOf(client), uniquePrefix(), undefined, async () => {}),
    TIMEOUT,
    (fault) => faults.push(fault),
    UNSEALED,
  );
  await until(() => client.status === 'ready');
  return guard;
}

test('an answer that came in time counts, though the process was too busy to read it', async () => {
  const guard = await guarded(redis.url);
  await guard.responses.get({ spentMs: 0 }, 'id', ['']);
  const answers = Array.from({ length: 10 }, () => guard.responses.get({ spentMs: 0 }, 'id', ['']));
  for (const startedAt = performance.now(); performance.now() - startedAt < 4 * TIMEOUT; );
  expect(await Promise.all(answers)).toEqual(Array(10).fill([undefined]));
  expect(faults).toEqual([]);
});

test('an answer that is refused is reported each time, and opens no breaker', async () => {
  const guard = await guarded();
  await redis.cli('ACL', 'SETUSER', 'default', '-hget');
  for (let i = 0; i < 20; i++)
    expect(await guard.responses.get({ spentMs: 0 }, 'id', [''])).toMatchObject({ code: 'NOPERM' });
  expect(faults).toHaveLength(20);
  await redis.cli('ACL', 'SETUSER', 'default', '+hget');
  expect(await guard.responses.get({ spentMs: 0 }, 'id', [''])).toEqual([undefined]);
});

test('a client that may not ping finds out all the same that Redis is back', async () => {
  const guard = await guarded();
  await redis.cli('ACL', 'SETUSER', 'default', '-ping');
  redis.pause();
  await until(async () => failedWith(await guard.responses.get({ spentMs: 0 }, 'id', ['']), 'unavailable'));
  redis.resume();
  await until(async () => !((await guard.responses.get({ spentMs: 0 }, 'id', [''])) instanceof Fault));
});

test('a lease that is granted too late is given back', async () => {
  const guard = await guarded();
  // From now on the server knows the script.
  expect(await guard.leases.acquire({ spentMs: 0 }, lease('early'), NOTHING, 60_000)).toMatchObject({
    kind: 'leader',
  });
  await guard.leases.release(lease('early'), 0);
  // Later than a stop of this process, in which an answer counts as one in time.
  proxy.delay = 40 * TIMEOUT;
  expect(await guard.leases.acquire({ spentMs: 0 }, lease('late'), NOTHING, 60_000)).toMatchObject({
    code: 'timeout',
  });
  proxy.delay = 0;
  await until(async () => {
    const acquired = await guard.leases.acquire({ spentMs: 0 }, lease('next'), NOTHING, 60_000);
    return !(acquired instanceof Fault) && acquired.kind === 'leader';
  });
});

test('what is off the path of requests may take longer', async () => {
  const guard = await guarded();
  expect(await guard.leases.acquire({ spentMs: 0 }, lease('a'), NOTHING, 60_000)).toMatchObject({
    kind: 'leader',
  });
  proxy.delay = 4 * TIMEOUT;
  const bytes = Buffer.from('\x01 something');
  const commit = {
    lease: lease('a'),
    declaredVariant: '',
    variant: '',
    names: [],
    tags: [],
    bytes,
    ttlMs: 60_000,
  };
  expect(await guard.responses.commit(commit)).toBe(true);
  expect(await guard.responses.purge('id')).toBe(1);
  expect(await guard.responses.purgeMatching(() => true)).toBe(0);
});

test('a purge of everything ends when one step of it hangs', async () => {
  const guard = await guarded();
  redis.pause();
  expect(await guard.responses.purgeMatching(() => true)).toMatchObject({ code: 'timeout' });
});

test('while Redis is away one ping at a time asks after it, and ever more rarely', async () => {
  const guard = await guarded();
  redis.pause();
  await until(async () => failedWith(await guard.responses.get({ spentMs: 0 }, 'id', ['']), 'unavailable'));
  await until(async () => !(await settledWithin(guard, 1200)));
  redis.resume();
  const stats = String(await redis.cli('INFO', 'commandstats'));
  const pings = Number(/cmdstat_ping:calls=(\d+)/.exec(stats)?.[1] ?? 0);
  // One at 250 ms and one 500 ms later, and none or one that startRedis needed.
  expect(pings).toBeGreaterThan(0);
  expect(pings).toBeLessThanOrEqual(4);
});

test('once Redis replies again the first call is sent, though none has asked meanwhile', async () => {
  const guard = await guarded();
  redis.pause();
  await until(async () => failedWith(await guard.responses.get({ spentMs: 0 }, 'id', ['']), 'unavailable'));
  redis.resume();
  // Probes are sent after 250, 500, 1000, ... milliseconds.
  await new Promise((resolve) => setTimeout(resolve, 4500));
  expect(await guard.responses.get({ spentMs: 0 }, 'id', [''])).toEqual([undefined]);
});

test('once the connection is ready again the first call is sent, whenever the next probe is due', async () => {
  const guard = await guarded();
  proxy.dark = true;
  await until(async () => failedWith(await guard.responses.get({ spentMs: 0 }, 'id', ['']), 'unavailable'));
  // The next probe is seconds away.
  await new Promise((resolve) => setTimeout(resolve, 2500));
  proxy.dark = false;
  const client = clients.at(-1) as Redis;
  const ready = new Promise((resolve) => client.once('ready', resolve));
  proxy.reset();
  await ready;
  expect(await guard.responses.get({ spentMs: 0 }, 'id', [''])).toEqual([undefined]);
});

function failedWith(answer: unknown, code: string): boolean {
  return answer instanceof Fault && answer.code === code;
}

/** Asks again and again for so long; whether any call was answered. */
async function settledWithin(guard: GuardedStore, ms: number): Promise<boolean> {
  for (const startedAt = performance.now(); performance.now() - startedAt < ms; ) {
    if (!failedWith(await guard.responses.get({ spentMs: 0 }, 'id', ['']), 'unavailable')) return true;
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  return false;
}
