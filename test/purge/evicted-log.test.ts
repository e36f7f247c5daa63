import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { type Cluster, Redis } from 'ioredis';
import type { CacheOptions } from '../../src/index.ts';
import type { Store } from '../../src/store/store.ts';
import { at, commitOf, fill, lease, MINUTE, NOTHING, purgeTag } from '../stores/support/values.ts';
import { sharedCluster } from '../support/cluster.ts';
import { uniquePrefix } from '../support/prefix.ts';
import { type RedisProcess, startRedis } from '../support/redis.ts';
import { clientOf, clusterOf, storeOf } from '../support/store.ts';
import { fleet, redis } from '../support/stores.ts';
import { until } from '../support/until.ts';

/*
 * A purge by tag revokes the fills under way, whatever Redis has evicted meanwhile. What cannot be known any more counts
 * as purged.
 */

describe.each([
  // After so many evictions, most of the keys that nobody uses are gone; at random, some of all keys.
  ['allkeys-lru', 1000],
  ['volatile-lru', 2000],
  ['allkeys-random', 500],
])('under memory pressure with %s', (policy, evictions) => {
  const FILLS = 40;
  let server: RedisProcess;
  let client: Redis;
  let isOver = false;
  beforeAll(async () => {
    server = await startRedis({ args: ['--maxmemory', '3mb', '--maxmemory-policy', policy] });
    client = new Redis(server.url);
  });
  afterAll(async () => {
    client.disconnect();
    await server.stop();
  });

  /** Writes new keys all the while, so that Redis evicts whatever is not used. */
  async function press(): Promise<void> {
    for (let i = 0; !isOver; i++) {
      const pipeline = client.pipeline();
      for (let j = 0; j < 20; j++) pipeline.set(`other ${i} ${j}`, 'x'.repeat(500), 'EX', 1000);
      await pipeline.exec();
      await sleep(4);
    }
  }

  const evicted = async (): Promise<number> =>
    Number(/evicted_keys:(\d+)/.exec(await client.info('stats'))?.[1]);

  test('no response of a fill that was purged in the middle is stored, and others are once it is over', async () => {
    const options = { redis: server.url, key: (req: { url?: string }) => req.url, timeout: '5s' };
    const { ask, caches, running } = await fleet(1, {
      ...options,
      collapse: { lease: '100ms' },
    } as CacheOptions);
    const cache = caches[0] as (typeof caches)[0];
    const responseOf = async (path: string) => {
      await until(() => running.some(({ req }) => req.url === path));
      return running.find(({ req }) => req.url === path)?.res;
    };
    const isStored = async (path: string): Promise<boolean> =>
      (await ask(0, { path, headers: { 'Cache-Control': 'only-if-cached' } })).status === 200;

    const pressing = press();
    await until(async () => (await evicted()) > 0);
    /** Requests that store nothing under a tag, as there are all the while. */
    const visiting = (async () => {
      for (let i = 0; !isOver; i++) {
        const asked = ask(0, `/visited/${i}`);
        (await responseOf(`/visited/${i}`))?.setHeader('Cache-Control', 'no-store').end();
        await asked;
        await sleep(10);
      }
    })();

    const outcomes = Array.from({ length: FILLS }, async (_, i) => {
      await sleep(40 * i);
      const paths = [`/purged/${i}`, `/kept/${i}`];
      const asked = paths.map((path) => ask(0, path));
      const responses = await Promise.all(paths.map(responseOf));
      await cache.purge({ tag: `purged/${i}` });
      const before = await evicted();
      await until(async () => (await evicted()) > before + evictions);
      responses.forEach((res, n) => {
        res?.setHeader('Cache-Tag', (paths[n] as string).slice(1)).end('old');
      });
      await Promise.all(asked);
      await sleep(20);
      return [...(await Promise.all(paths.map(isStored)))] as const;
    });
    const found = await Promise.all(outcomes);
    isOver = true;
    await Promise.all([pressing, visiting]);
    const stale = found.filter(([purged]) => purged).length;
    const kept = found.filter(([, kept]) => kept).length;
    if (process.env.VERBOSE)
      process.stderr.write(`${policy}: ${stale} of ${FILLS} purged, ${kept} of ${FILLS} others are stored\n`);
    expect(stale).toBe(0);
    // How many others are stored under pressure is Redis's choice. Without it, every one is.
    const after = ask(0, '/after');
    (await responseOf('/after'))?.setHeader('Cache-Tag', 'after').end('new');
    await after;
    await until(() => isStored('/after'));
  }, 120_000);
});

const nodeOf = async (): Promise<RedisProcess> => ({ url: (await sharedCluster())[0] }) as RedisProcess;

describe.each<[string, () => Promise<Redis | Cluster>]>([
  ['in Redis', async () => clientOf({ url: redis } as RedisProcess)],
  ['in a Cluster', async () => clusterOf(await nodeOf())],
  ['in a Cluster that the client takes for one server', async () => clientOf(await nodeOf())],
])('%s, a fill of a response with tags', (_name, connect) => {
  let client: Redis;
  let store: Store;
  let log: string;
  let index: string;
  beforeEach(async () => {
    client = (await connect()) as Redis;
    const prefix = uniquePrefix();
    store = storeOf(client, prefix);
    log = `${prefix}{@}|purged`;
    index = `${prefix}{@t}`;
  });
  afterEach(() => store.connection.close());

  /** A fill in the middle of which something happens; whether its response is stored. */
  async function fillAcross(happens: () => Promise<unknown>, tags = ['s', 't']): Promise<boolean> {
    const claim = lease('id');
    const { kind, purgeState } = await store.leases.acquire(claim, NOTHING, MINUTE);
    expect(kind).toBe('leader');
    await happens();
    const stored = await store.responses.commit({
      ...commitOf('id', { tags }),
      lease: { ...claim, purgeState },
    });
    expect((await at(store, 'id')) !== undefined).toBe(stored);
    return stored;
  }

  test('is stored where the log is as it was, and where other tags were purged', async () => {
    expect(await fillAcross(async () => {})).toBe(true);
    await store.responses.purge('id');
    expect(await fillAcross(() => purgeTag(store, 'u'))).toBe(true);
  });

  test.each<[string, () => Promise<unknown>]>([
    ['lost', () => client.unlink(log)],
    ['lost, and begun anew by another fill', () => client.unlink(log).then(() => fill(store, 'other'))],
    ['lost, and begun anew by another purge', () => client.unlink(log).then(() => purgeTag(store, 'u'))],
    ['lost after a purge', () => purgeTag(store, 't').then(() => client.unlink(log))],
    ['without its state', () => client.hdel(log, '@')],
    ['with a state that is none', () => client.hset(log, '@', 'epoch 1e20 1e20')],
    ['of another type', () => client.set(log, 'text')],
    ['with a stamp that is none', () => client.hset(log, ':t', 'text')],
    ['with a purge of the tag', () => purgeTag(store, 't')],
    ['with a soft purge of the tag', () => purgeTag(store, 't', { staleSince: 1e12 })],
  ])('is refused where the log is %s', async (_what, happens) => {
    expect(await fillAcross(happens)).toBe(false);
    // The next one is not.
    await store.responses.purge('id');
    await store.leases.release(lease('id'), 0);
    await client.hdel(log, ':t').catch(() => {});
    expect(await fillAcross(async () => {})).toBe(true);
  });

  test('is refused where the log is that of a server whose clock is behind', async () => {
    const lose = async (): Promise<void> => {
      await client.unlink(log);
      // What an acquire would leave, years ago.
      await client.hset(log, '@', 'another 1000000 1000000');
    };
    expect(await fillAcross(lose)).toBe(false);
  });

  test('is refused where the clock went back before the purge', async () => {
    await fill(store, 'other');
    const state = (await client.hget(log, '@')) as string;
    const ahead = state.replace(/ \d+ \d+$/, ' 8000000000000000 8000000000000000');
    await client.hset(log, '@', ahead);
    expect(await fillAcross(() => purgeTag(store, 't'))).toBe(false);
  });

  test('is refused after a purge of the tag whose index is lost', async () => {
    await fill(store, 'other', { tags: ['t'] });
    expect(await fillAcross(() => client.unlink(index).then(() => purgeTag(store, 't')))).toBe(false);
    // The fill has added its id before it was refused. The next purge finds that.
    expect(await fillAcross(() => purgeTag(store, 't').then(() => client.unlink(index)))).toBe(false);
  });

  test('is refused if it began before purges that the log has forgotten, which is of bounded size', async () => {
    const purgeMany = async (): Promise<void> => {
      await purgeTag(store, 't');
      const state = (await client.hget(log, '@')) as string;
      const stamps = Array.from({ length: 10_000 }, (_, i) => [`:u${i}`, state.split(' ')[2]] as const);
      await client.hset(log, Object.fromEntries(stamps));
      await purgeTag(store, 'u');
      expect(await client.hlen(log)).toBe(2);
    };
    expect(await fillAcross(purgeMany, ['t'])).toBe(false);
    await store.leases.release(lease('id'), 0);
    expect(await fillAcross(() => purgeTag(store, 'v'), ['t'])).toBe(true);
  });

  test('without tags is stored whatever becomes of the log', async () => {
    expect(await fillAcross(() => client.unlink(log), [])).toBe(true);
  });
});
