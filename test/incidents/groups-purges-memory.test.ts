import { get } from 'node:http';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import type { Redis, RedisOptions } from 'ioredis';
import type { PurgeOptions, PurgeTarget } from '../../src/index.ts';
import { commitOf, fill, MINUTE, NOTHING, purgeTag } from '../stores/support/values.ts';
import { bare, type Handler, newCache, serve } from '../support/app.ts';
import { startCluster } from '../support/cluster.ts';
import { sized } from '../support/long.ts';
import { uniquePrefix } from '../support/prefix.ts';
import { Child } from '../support/process.ts';
import { type RedisProcess, startRedis } from '../support/redis.ts';
import { clientOf, storeOf } from '../support/store.ts';
import { fleet, redis, type Site, siteOf } from '../support/stores.ts';
import { until } from '../support/until.ts';

/* What users of other caches complain of most about groups, purges and memory. */

const children: Child[] = [];
const clients: Redis[] = [];
afterEach(() => {
  for (const child of children.splice(0)) child.kill();
  for (const client of clients.splice(0)) client.disconnect();
});

/** A client until the test is over. */
function connected(server: RedisProcess, options: RedisOptions = {}): Redis {
  const client = clientOf(server, options);
  clients.push(client);
  return client;
}

/** A process of its own that serves tagged pages, and purges by a tag when asked to: `POST /purge/TAG`. */
async function another(prefix: string): Promise<Site['get']> {
  const script = `
    const cache = redisCache({ redis: REDIS, prefix: ${JSON.stringify(prefix)}, timeout: '10s', tags: ['all'] });
    const server = require('node:http').createServer(async (req, res) => {
      const tag = req.method === 'POST' && req.url.slice(7);
      if (tag) return res.end('purged ' + await cache.purge({ tag }));
      cache(req, res, () => {
        console.log('run');
        setTimeout(() => { res.setHeader('Cache-Tag', 'a'); res.end('made by ' + process.pid); }, 200);
      });
    });
    server.listen(0, '127.0.0.1', () => console.log('port ' + server.address().port));`;
  const child = new Child(script, redis);
  children.push(child);
  await until(() => /port \d+\n/.test(child.out), 30_000);
  const site = siteOf(newCache(), Number(/port (\d+)/.exec(child.out)?.[1]));
  return site.get;
}

const runs = (): number => children.map(({ out }) => out.split('run\n').length - 1).reduce((a, b) => a + b);

describe('17, groups that live in one process', () => {
  test('a purge at process A is seen by process B, and by one that came later', async () => {
    const prefix = uniquePrefix();
    const [a, b] = await Promise.all([another(prefix), another(prefix)]);
    const made = await a?.('/page');
    expect((await b?.('/page'))?.body).toBe(made?.body);
    expect((await b?.('/page'))?.cacheStatus).toMatch(/^hit/);
    expect((await a?.({ method: 'POST', path: '/purge/a' }))?.body).toBe('purged 1');
    const anew = await b?.('/page');
    expect(anew?.cacheStatus).toMatch(/^fwd=uri-miss/);
    expect(anew?.body).not.toBe(made?.body);
    expect((await b?.('/page'))?.cacheStatus).toMatch(/^hit/);
    // The process that stored it is gone, its tags are not.
    children[1]?.kill();
    await children[1]?.ended();
    const c = await another(prefix);
    expect((await c('/page')).cacheStatus).toMatch(/^hit/);
    expect((await c({ method: 'POST', path: '/purge/all' })).body).toBe('purged 1');
    expect((await a?.('/page'))?.cacheStatus).toMatch(/^fwd=uri-miss/);
  }, 60_000);
});

describe('18, a purge that blocks Redis, misses nodes, or deletes what is others', () => {
  let server: RedisProcess;
  let cluster: RedisProcess;
  beforeAll(async () => {
    [server, cluster] = await Promise.all([startRedis(), startCluster()]);
  });
  afterAll(() => Promise.all([server.stop(), cluster.stop()]));

  const FOREIGN = [
    'session:1',
    'rrc',
    'rrc:',
    'rrc:x',
    'rrc2:{GET http://test.example/1}',
    'rrc:2:{@t}',
    '{@t}',
  ];
  const page: Handler = (req, res) => res.setHeader('Cache-Tag', 't').end(req.url);

  test.each([
    ['one server', () => ({ redis: server.url })],
    ['a Cluster', () => ({ redis: { cluster: [cluster.url] } })],
  ] as const)('on %s it deletes in steps, and its own alone', async (_name, options) => {
    const instance = options().redis === server.url ? server : cluster;
    const client = connected(instance);
    for (const key of FOREIGN) await client.set(key, 'foreign');
    const cache = newCache(options());
    const { get, stored } = siteOf(cache, await serve(bare(cache, page)));
    const paths = Array.from({ length: 30 }, (_, i) => `/${i}`);
    const purges: [PurgeTarget, PurgeOptions?][] = [
      [{ tag: 't' }],
      [{ tag: 't' }, { soft: true }],
      [{ tags: ['t', 'u'] }],
      [{ prefix: '/' }],
      [{ prefix: '/' }, { soft: true }],
      [{ all: true }],
      [{ all: true }, { soft: true }],
    ];
    for (const [target, options] of purges) {
      await cache.purge({ all: true });
      for (const path of paths) await get(path);
      await client.config('RESETSTAT');
      expect([target, await cache.purge(target, options)]).toEqual([target, 30]);
      const stats = await client.info('commandstats');
      expect(stats).not.toMatch(/cmdstat_(keys|flushdb|flushall|del|smembers|sort):/);
      expect(stats).toMatch(options?.soft ? /cmdstat_hset:/ : /cmdstat_unlink:/);
      expect(await stored(paths)).toEqual(options?.soft ? paths : []);
      for (const key of FOREIGN) expect([key, await client.get(key)]).toEqual([key, 'foreign']);
    }
  });

  test('by a tag it asks for no more than what is stored under it', async () => {
    const client = connected(server);
    await client.flushall();
    const store = storeOf(connected(server));
    const ids = Array.from({ length: 2000 }, (_, i) => `id${i}`);
    await Promise.all(ids.map((id, i) => fill(store, id, { tags: i < 10 ? ['few', 'all'] : ['all'] })));
    await client.config('RESETSTAT');
    expect(await purgeTag(store, 'few')).toBe(10);
    const calls = /cmdstat_unlink:calls=(\d+)/.exec(await client.info('commandstats'))?.[1];
    // A response, its leases, and what was put aside.
    expect(Number(calls)).toBeLessThanOrEqual(21);
    expect(await client.info('commandstats')).not.toMatch(/cmdstat_scan:/);
    let steps = 0;
    for await (const count of store.responses.purgeTag('all')) {
      expect(count).toBeLessThanOrEqual(600);
      steps++;
    }
    expect(steps).toBeGreaterThan(2);
    expect(await client.keys('rrc:{id*')).toEqual([]);
  });
});

describe('19, an index of tags that grows for ever', () => {
  const ENTRIES = sized(10_000, 100_000);
  const BATCH = ENTRIES / 20;
  const TTL = 1000;
  /** How much longer than a response its tags remember it, in milliseconds. */
  const SLACK = 60_000;

  let server: RedisProcess;
  let client: Redis;
  beforeAll(async () => {
    server = await startRedis();
  });
  beforeEach(() => {
    client = connected(server);
  });
  afterAll(() => server.stop());

  /** What so many milliseconds do to everything that is stored, in one instant. */
  async function pass(ms: number): Promise<void> {
    await client.eval(
      `for _, key in ipairs(redis.call('KEYS', '*')) do
        local left = redis.call('PTTL', key) - ARGV[1]
        if left > 0 then redis.call('PEXPIRE', key, left) else redis.call('DEL', key) end
        if redis.call('TYPE', key).ok == 'zset' then
          local all = redis.call('ZRANGE', key, 0, -1)
          for _, member in ipairs(all) do redis.call('ZINCRBY', key, -tonumber(ARGV[1]), member) end
        end
      end`,
      0,
      String(ms),
    );
  }

  test(`${ENTRIES.toLocaleString('en')} short-lived responses leave nothing behind, and never more than a minute of them`, async () => {
    const store = storeOf(connected(server, { enableAutoPipelining: true }));
    // One that keeps the index of the tag in being all the while.
    await fill(store, 'long', { ttlMs: (TTL + SLACK) * 30, tags: ['all'] });
    let most = 0;
    let stored = 0;
    for (let from = 0; from < ENTRIES; from += BATCH) {
      const ids = Array.from({ length: BATCH }, (_, i) => `id${from + i}`);
      await Promise.all(
        ids.map(async (id, i) => {
          // One tag for all, and one now and then that is never seen again.
          const commit = commitOf(id, { ttlMs: TTL, tags: i % 10 === 0 ? ['all', id] : ['all'] });
          const { purgeState } = await store.leases.acquire(commit.lease, NOTHING, MINUTE);
          if (await store.responses.commit({ ...commit, lease: { ...commit.lease, purgeState } })) stored++;
        }),
      );
      most = Math.max(most, await client.zcard('rrc:{@all}'));
      await pass(TTL + SLACK);
    }
    expect(stored).toBe(ENTRIES);
    expect(most).toBeLessThanOrEqual(BATCH + 2);
    expect(await client.zcard('rrc:{@all}')).toBeLessThanOrEqual(BATCH + 2);
    await pass((TTL + SLACK) * 20);
    await until(async () => (await client.keys('*')).every((key) => key === 'rrc:{@}|purged'));
  }, 120_000);

  test('a tag that goes on being used forgets what has expired, and is not forgotten itself too early', async () => {
    const store = storeOf(connected(server));
    await fill(store, 'long', { ttlMs: 10 * SLACK, tags: ['t'] });
    for (let i = 0; i < 200; i++) await fill(store, `short${i}`, { ttlMs: TTL, tags: ['t'] });
    await pass(TTL + SLACK + 1000);
    await fill(store, 'last', { ttlMs: TTL, tags: ['t'] });
    expect((await client.zrange('rrc:{@t}', '0', '-1')).sort()).toEqual(['last', 'long']);
    expect(await client.pttl('rrc:{@t}')).toBeGreaterThan(8 * SLACK);
    await pass(8 * SLACK);
    expect(await purgeTag(store, 't')).toBe(1);
    await pass(24 * 3_600_000);
    expect(await client.keys('*')).toEqual([]);
  });

  test('no purge leaves an index behind, however often, or where it ended', async () => {
    const store = storeOf(connected(server));
    for (let i = 0; i < 50; i++) {
      await fill(store, `id${i}`, { ttlMs: TTL, tags: ['t', `t${i}`] });
      // One that is given up at once.
      for await (const _ of store.responses.purgeTag('t')) break;
      await purgeTag(store, `t${i}`, i % 2 === 0 ? 'delete' : { staleSince: 1e12 });
    }
    await purgeTag(store, 't');
    await pass(TTL + SLACK);
    // What is remembered are the purges, so that no fill under way misses one.
    expect(await client.keys('*')).toEqual(['rrc:{@}|purged']);
    await pass(24 * 3_600_000);
    expect(await client.keys('*')).toEqual([]);
  });
});

describe('20, a purge that loses to what is under way', () => {
  test.each<[string, PurgeTarget, PurgeOptions]>([
    ['tag', { tag: 't' }, {}],
    ['tag, softly', { tag: 't' }, { soft: true }],
    ['key', { key: 'one' }, {}],
    ['everything', { all: true }, {}],
  ])('between reading the origin and storing: by %s, at another process', async (_name, target, options) => {
    const { ask, caches, running, runs } = await fleet(2, {
      redis,
      prefix: uniquePrefix(),
      key: () => 'one',
    });
    let row = 'before';
    const leader = ask(0);
    await runs(1);
    const read = row;
    row = 'after';
    await caches[1]?.purge(target, options);
    running[0]?.res.setHeader('Cache-Tag', 't').end(read);
    expect((await leader).body).toBe('before');
    await caches[0]?.idle();
    for (const process of [0, 1]) {
      const asked = ask(process);
      if (process === 0) await runs(2);
      if (process === 0) running[1]?.res.setHeader('Cache-Tag', 't').end(row);
      expect((await asked).body).toBe('after');
      await caches[process]?.idle();
    }
    expect(running).toHaveLength(2);
  });

  test('a purge before anything is stored is not forgotten while a slow fill goes on', async () => {
    const options = { redis, prefix: uniquePrefix(), key: () => 'one', collapse: { lease: 1000 } };
    const { ask, caches, running, runs } = await fleet(1, options);
    const leader = ask(0);
    await runs(1);
    await caches[0]?.purge({ tag: 't' });
    // Its lease is renewed some times meanwhile.
    await new Promise((resolve) => setTimeout(resolve, 2500));
    running[0]?.res.setHeader('Cache-Tag', 't').end('before');
    await leader;
    await caches[0]?.idle();
    expect((await ask(0, { headers: { 'Cache-Control': 'only-if-cached' } })).status).toBe(504);
  });
});

test('21, a stampede: 40 requests at each of three processes are one run', async () => {
  const prefix = uniquePrefix();
  const fleet = await Promise.all([another(prefix), another(prefix), another(prefix)]);
  const answers = await Promise.all(fleet.flatMap((ask) => Array.from({ length: 40 }, () => ask('/page'))));
  expect(new Set(answers.map(({ body }) => body)).size).toBe(1);
  expect(runs()).toBe(1);
}, 60_000);

describe('22, growth without bound', () => {
  let server: RedisProcess;
  beforeAll(async () => {
    server = await startRedis();
  });
  afterAll(() => server.stop());

  test.each([
    [undefined, false],
    [20, true],
  ] as const)('everything has an end, whatever was done (maxEntries: %s)', async (maxEntries, hashKeys) => {
    const client = connected(server);
    await client.flushall();
    const bounded = maxEntries === undefined ? {} : { maxEntries };
    const cache = newCache({ redis: server.url, hashKeys, ...bounded, collapse: { lease: 1000 } });
    const fields: Record<string, string> = {
      Vary: 'Accept',
      ETag: '"1"',
      'Cache-Tag': 't, u',
      'Cache-Groups': '"g"',
    };
    const handler: Handler = (req, res) => {
      for (const [name, value] of Object.entries(fields)) res.setHeader(name, value);
      if (req.url === '/private') res.setHeader('Cache-Control', 'private');
      if (req.url === '/stale') res.setHeader('Cache-Control', 'max-age=0');
      if (req.url === '/error') res.statusCode = 500;
      if (req.method === 'POST') res.setHeader('Cache-Group-Invalidation', '"g"');
      if (req.headers['if-none-match']) res.statusCode = 304;
      if (req.url === '/hung') return;
      res.end('made');
    };
    const port = await serve(bare(cache, handler));
    const { get: ask } = siteOf(cache, port);
    // One whose app never answers: it ends with the server.
    get({ port, path: '/hung', agent: false }).on('error', () => {});
    const everything = async (): Promise<void> => {
      for (const path of ['/', '/private', '/stale', '/error', `/${'long'.repeat(60)}`]) {
        for (const method of ['GET', 'GET', 'HEAD'])
          await ask({ method, path, headers: { Accept: `${Math.random()}` } });
      }
      await cache.store.set('value', { a: 1 }, { ttl: '1m' });
      await cache.wrap('wrapped', () => 1, { ttl: '1m', tags: ['t'] });
    };
    const purges: [PurgeTarget, PurgeOptions?][] = [
      [{ tag: 't' }, { soft: true }],
      [{ tag: 't' }],
      [{ tags: ['u', 'none'] }],
      [{ prefix: '/' }, { soft: true }],
      [{ prefix: '/l' }],
      [{ url: 'http://test.example/' }],
      [{ key: 'value' }],
      [{ key: 'wrapped' }, { soft: true }],
      [{ all: true }, { soft: true }],
    ];
    for (const [target, options] of purges) {
      await everything();
      await cache.purge(target, options);
      await everything();
      await ask({ method: 'POST', path: '/' });
      for (let i = 0; i < 30; i++) await ask(`/?bust=${i}`);
    }
    expect(await client.dbsize()).toBeGreaterThan(5);
    for (const key of await client.keys('*')) {
      const ttl = await client.pttl(key);
      expect([key, ttl > 0 && ttl <= 24 * 3_600_000]).toEqual([key, true]);
    }
  });
});
