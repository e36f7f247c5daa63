import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import slotOf from 'cluster-key-slot';
import { Redis } from 'ioredis';
import type { CacheOptions } from '../../src/index.ts';
import type { Handler } from '../support/app.ts';
import { startShardedCluster } from '../support/cluster.ts';
import { type RedisProcess, startRedis } from '../support/redis.ts';
import { type Site, site } from '../support/stores.ts';

/* What a purge by tag finds once Redis has evicted the tag's index, and not what it lists. */

const PATHS = ['/a/1', '/a/2', '/b/1'];
const key = (id: string, byte: number): { id: string; key: Buffer } => ({ id, key: Buffer.alloc(32, byte) });
const prefixes = (function* () {
  for (let i = 0; ; i++) yield `p${i}:`;
})();

let redis: RedisProcess;
let client: Redis;
beforeAll(async () => {
  redis = await startRedis({ args: ['--maxmemory', '4mb'] });
  client = new Redis(redis.url);
});
afterAll(async () => {
  client.disconnect();
  await redis.stop();
});

const app: Handler = (req, res) => {
  res.setHeader('Cache-Tag', `${req.url[1]}, both`);
  res.end(req.url);
};

async function figure(section: string, name: string): Promise<number> {
  return Number(new RegExp(`^${name}:(?:calls=)?(\\d+)`, 'm').exec(await client.info(section))?.[1] ?? 0);
}

/** Has Redis evict something by this policy. */
async function evicting(policy: string): Promise<void> {
  await client.config('SET', 'maxmemory', '4mb');
  await client.config('RESETSTAT');
  await client.config('SET', 'maxmemory-policy', policy);
  for (let i = 0; (await figure('stats', 'evicted_keys')) === 0; i++)
    await client.set(`other ${i}`, 'x'.repeat(100_000), 'EX', 100);
  await client.flushall();
}

/** Has Redis forget the indexes of tags under a prefix, as it does with what was not used for longest. */
async function forgetIndexes(prefix: string): Promise<void> {
  const keys = await client.keys(`${prefix}{@*`);
  expect(keys.length).toBeGreaterThan(1);
  await client.unlink(keys);
}

async function filled(options: CacheOptions = {}): Promise<Site & { prefix: string }> {
  const prefix = prefixes.next().value as string;
  const one = await site({ redis: redis.url, prefix, timeout: '2s', ...options } as CacheOptions, app);
  for (const path of PATHS) await one.get(path);
  expect(await one.stored(PATHS)).toEqual(PATHS);
  return { ...one, prefix };
}

describe.each(['allkeys-lru', 'volatile-lru', 'allkeys-lfu', 'volatile-random'])(
  'where Redis has evicted keys by %s',
  (policy) => {
    beforeAll(() => evicting(policy));

    test.each<[string, CacheOptions]>([
      ['as it is', {}],
      ['under hashed keys', { hashKeys: true }],
      ['sealed', { encrypt: { keys: [key('k', 7)] } }],
      ['near', { near: true }],
    ])('what is stored %s is found without its index', async (_name, options) => {
      const { cache, stored, prefix } = await filled(options);
      await forgetIndexes(prefix);
      const told: number[] = [];
      expect(await cache.purge({ tag: 'a' }, { onProgress: (purged) => told.push(purged) })).toBe(2);
      expect(told.at(-1)).toBe(2);
      expect(await stored(PATHS)).toEqual(['/b/1']);
      expect(await cache.purge({ tags: ['a', 'both', 'c'] })).toBe(1);
      expect(await stored(PATHS)).toEqual([]);
    });
  },
);

describe('where Redis has evicted keys by their use', () => {
  beforeAll(() => evicting('allkeys-lru'));

  test('what an index lists in part is found whole, and counted once', async () => {
    const { cache, get, stored, prefix } = await filled();
    await forgetIndexes(prefix);
    await get('/a/3');
    expect(await cache.purge({ tag: 'a' }, { soft: true })).toBe(3);
    expect(await cache.purge({ tag: 'both' })).toBe(4);
    expect(await stored([...PATHS, '/a/3'])).toEqual([]);
  });

  test('what this process cannot read goes too, since it may be under the tag', async () => {
    const { prefix, stored } = await filled({ encrypt: { keys: [key('k', 7)] } });
    const other = await site(
      { redis: redis.url, prefix, timeout: '2s', encrypt: { keys: [key('other', 8)] } } as CacheOptions,
      app,
    );
    await forgetIndexes(prefix);
    expect(await other.cache.purge({ tag: 'a' })).toBe(3);
    expect(await stored(PATHS)).toEqual([]);
  });

  test.each<[string, CacheOptions, Record<string, string>]>([
    ['the URL of a key of the app', { key: (req) => ['key', req.url ?? ''] }, {}],
    ['a group', {}, { 'Cache-Group-Invalidation': '"a"' }],
  ])('an unsafe request finds %s', async (_name, options, headers) => {
    const grouped: Handler = (req, res) => {
      if (req.method === 'POST')
        for (const [name, value] of Object.entries(headers)) res.setHeader(name, value as string);
      else res.setHeader('Cache-Groups', `"${req.url[1]}"`);
      res.end(req.url);
    };
    const prefix = prefixes.next().value as string;
    const one = await site({ redis: redis.url, prefix, timeout: '2s', ...options } as CacheOptions, grouped);
    for (const path of PATHS) await one.get(path);
    await forgetIndexes(prefix);
    const isGroup = 'Cache-Group-Invalidation' in headers;
    await Promise.all(
      ['/a/1', '/a/2'].map((path) => one.get({ method: 'POST', path: isGroup ? '/c' : path })),
    );
    expect(await one.stored(PATHS)).toEqual(['/b/1']);
  });

  test('a purge that cannot look at all of it rejects', async () => {
    const { cache, prefix } = await filled();
    await forgetIndexes(prefix);
    await client.call('ACL', 'SETUSER', 'default', '-scan');
    await expect(cache.purge({ tag: 'a' })).rejects.toMatchObject({ code: 'ERR_RRC_STORE' });
    await client.call('ACL', 'SETUSER', 'default', '+@all');
    expect(await cache.purge({ tag: 'a' })).toBe(2);
  });
});

test('a Cluster is asked and walked at each master', async () => {
  const cluster = await startShardedCluster({ replicas: 0 });
  const clients = cluster.nodes.map((url) => new Redis(url));
  try {
    const prefix = prefixes.next().value as string;
    const { cache, get, stored } = await site(
      { redis: { cluster: cluster.nodes }, prefix, timeout: '2s' } as CacheOptions,
      app,
    );
    const paths = Array.from({ length: 20 }, (_, i) => `/a/${i}`);
    for (const path of paths) await get(path);
    for (const one of clients) {
      const indexes = await one.keys(`${prefix}{@*`);
      await Promise.all(indexes.map((index) => one.unlink(index)));
    }
    expect(await cache.purge({ tag: 'a' })).toBe(0);
    // One of them, and not the first, has evicted something.
    const [, , last] = clients as [Redis, Redis, Redis];
    await last.config('SET', 'maxmemory-policy', 'allkeys-lru');
    await last.config('SET', 'maxmemory', '4mb');
    const slots = await last.cluster('SLOTS');
    const own = slots.find(([, , node]) => node?.[1] === last.options.port);
    const tagged = tagInSlot(own?.[0] as number);
    for (let i = 0; /^evicted_keys:0\r?$/m.test(await last.info('stats')); i++)
      await last.set(`{${tagged}}${i}`, 'x'.repeat(100_000), 'EX', 1000);
    await last.config('SET', 'maxmemory', '100mb');
    const left = await stored(paths);
    expect(left.length).toBeGreaterThan(0);
    expect(await cache.purge({ tag: 'a' })).toBe(left.length);
    expect(await stored(paths)).toEqual([]);
  } finally {
    for (const one of clients) one.disconnect();
    await cluster.stop();
  }
}, 60_000);

function tagInSlot(slot: number): string {
  for (let i = 0; ; i++) if (slotOf(`${i}`) === slot) return `${i}`;
}

describe('what cannot have lost an index is not walked', () => {
  const scans = (): Promise<number> => figure('commandstats', 'cmdstat_scan');

  test('where nothing was evicted', async () => {
    await client.config('SET', 'maxmemory-policy', 'allkeys-lru');
    await client.config('RESETSTAT');
    const { cache } = await filled();
    expect(await cache.purge({ tag: 'a' })).toBe(2);
    expect(await scans()).toBe(0);
  });

  test.each(['volatile-ttl'])('where %s takes indexes last', async (policy) => {
    await evicting(policy);
    const { cache } = await filled();
    const before = await scans();
    expect(await cache.purge({ tag: 'a' })).toBe(2);
    expect(await scans()).toBe(before);
  });
});

test('what a server does not tell counts as evicted', async () => {
  await client.config('SET', 'maxmemory-policy', 'noeviction');
  await client.config('RESETSTAT');
  const { cache, prefix, stored } = await filled();
  await forgetIndexes(prefix);
  expect(await cache.purge({ tag: 'a' })).toBe(0);
  await client.call('ACL', 'SETUSER', 'default', '-info');
  try {
    expect(await cache.purge({ tag: 'a' })).toBe(2);
  } finally {
    await client.call('ACL', 'SETUSER', 'default', '+@all');
  }
  expect(await stored(PATHS)).toEqual(['/b/1']);
});
