import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { Cluster, type Redis } from 'ioredis';
import { memoryStore } from '../../src/store/memory/memory-store.ts';
import type { Store } from '../../src/store/store.ts';
import { bare, type Handler, newCache, serve } from '../support/app.ts';
import { sized } from '../support/long.ts';
import { uniquePrefix } from '../support/prefix.ts';
import { Child } from '../support/process.ts';
import { type RedisProcess, startRedis } from '../support/redis.ts';
import { interleaved, orders, Stepped } from '../support/stepped.ts';
import { clientOf, storeOf } from '../support/store.ts';
import { type Open, redis as sharedRedis, site, siteOf } from '../support/stores.ts';
import { until } from '../support/until.ts';
import { at, commitOf, fill, lease, MINUTE, NOTHING, purgeTag, response, valueAt } from './support/values.ts';

/* No more responses than `maxEntries` at any instant, and the one stored first goes first. */

const echo: Handler = (req, res) => res.end(req.url);

describe.each<[string, Open]>([
  ['in Redis', () => ({ redis: sharedRedis, prefix: uniquePrefix() })],
  ['in process', () => ({})],
])('%s', (_name, open) => {
  const paths = (count: number): string[] => Array.from({ length: count }, (_, i) => `/${i}`);

  test('the one stored first goes first', async () => {
    const { get, stored } = await site({ ...open(), maxEntries: 5 }, echo);
    const all = paths(12);
    for (const [i, path] of all.entries()) {
      await get(path);
      expect(await stored(all)).toEqual(all.slice(Math.max(0, i - 4), i + 1));
    }
    // A hit is no storing, so it changes nothing.
    expect((await get('/7')).cacheStatus).toMatch(/^hit/);
    await get('/0');
    expect(await stored(all)).toEqual(['/0', '/8', '/9', '/10', '/11']);
  });

  test('maxEntries: 1 keeps the last response only', async () => {
    const { get, stored } = await site({ ...open(), maxEntries: 1 }, echo);
    for (const path of ['/0', '/1', '/0', '/0', '/2']) {
      await get(path);
      expect(await stored(paths(3))).toEqual([path]);
    }
  });

  test('what is stored anew takes a new place, whether it was made or confirmed', async () => {
    let now = Date.now();
    const handler: Handler = (req, res) => {
      res.setHeader('Cache-Control', 'max-age=10').setHeader('ETag', '"1"');
      res.statusCode = req.url === '/1' && req.headers['if-none-match'] ? 304 : 200;
      res.end(res.statusCode === 200 ? req.url : undefined);
    };
    const { get, stored } = await site({ ...open(), maxEntries: 3, clock: () => now }, handler);
    for (const path of paths(3)) await get(path);
    now += 20_000;
    expect((await get('/0')).cacheStatus).toBe('fwd=stale; fwd-status=200; stored');
    expect((await get('/1')).cacheStatus).toBe('fwd=stale; fwd-status=304; stored');
    await get('/3');
    await get('/4');
    expect(await stored(paths(5))).toEqual(['/1', '/3', '/4']);
  });

  test('what is purged makes room, by whatever it was purged, and softly it does not', async () => {
    const tags = (req: { url?: string | undefined }) => [`tag ${req.url}`];
    const { cache, get, stored } = await site({ ...open(), maxEntries: 6, tags }, echo);
    for (const path of paths(6)) await get(path);
    await cache.purge({ url: 'http://test.example/5' });
    await cache.purge({ tag: 'tag /4' });
    await cache.purge({ prefix: '/3' });
    await cache.purge({ tag: 'tag /2' }, { soft: true });
    await cache.purge({ prefix: '/1' }, { soft: true });
    for (const path of ['/6', '/7', '/8']) await get(path);
    expect(await stored(paths(9))).toEqual(['/0', '/1', '/2', '/6', '/7', '/8']);
    await get('/9');
    expect(await stored(paths(9))).toEqual(['/1', '/2', '/6', '/7', '/8']);
    await cache.purge({ all: true });
    for (const path of paths(6)) await get(path);
    expect(await stored(paths(9))).toEqual(paths(6));
  });

  test('what has expired makes room', async () => {
    const handler: Handler = (req, res) => {
      const short = req.url?.startsWith('/short');
      res.setHeader('Cache-Control', short ? 'max-age=1, must-revalidate' : 'max-age=60').end();
    };
    const { get, stored } = await site({ ...open(), maxEntries: 4 }, handler);
    for (const path of ['/0', '/short1', '/short2', '/1']) await get(path);
    await sleep(1100);
    await get('/2');
    await get('/3');
    expect(await stored(paths(5))).toEqual(paths(4));
    await get('/4');
    expect(await stored(paths(5))).toEqual(paths(5).slice(1));
  });

  test('each variant is one', async () => {
    const handler: Handler = (req, res) => res.setHeader('Vary', 'Accept').end(req.headers.accept);
    const { get, stored } = await site({ ...open(), maxEntries: 4 }, handler);
    const asked = ['/a', '/b'].flatMap((path) =>
      ['x', 'y', 'z'].map((accept) => ({ path, headers: { Accept: accept } })),
    );
    for (const [i, one] of asked.entries()) {
      await get(one);
      expect(await stored(asked)).toEqual(asked.slice(Math.max(0, i - 3), i + 1));
    }
  });

  test('many at once leave as many as there may be, and these can be asked for', async () => {
    const { cache, get, stored } = await site({ ...open(), maxEntries: 10 }, echo);
    const all = paths(100);
    await Promise.all(all.map((path) => get(path)));
    await cache.idle();
    expect((await stored(all)).length).toBeLessThanOrEqual(10);
    for (const path of paths(10)) await get(path);
    expect(await stored(all)).toEqual(paths(10));
  });

  test('wrapped values are among them, those that you set are not', async () => {
    const { cache, get, stored } = await site({ ...open(), maxEntries: 3 }, echo);
    await get('/0');
    await get('/1');
    await cache.wrap('b', () => 1, { ttl: '1m' });
    for (let i = 0; i < 10; i++) await cache.store.set(`v${i}`, i, { ttl: '1m' });
    expect(await stored(['/0', '/1'])).toEqual(['/0', '/1']);
    await get('/2');
    expect(await stored(['/0', '/1', '/2'])).toEqual(['/1', '/2']);
    expect(await cache.store.get('v0')).toBe(0);
  });
});

describe('on a Redis Cluster maxEntries is refused', () => {
  const refused = {
    name: 'OptionError',
    option: 'maxEntries',
    message: expect.stringContaining('left out with a Redis Cluster: set `maxmemory`'),
  };

  test('with the nodes of a Cluster', () => {
    const options = { redis: { cluster: ['redis://localhost:1'] }, maxEntries: 10 };
    expect(() => newCache(options)).toThrow(expect.objectContaining(refused));
  });

  test("with the app's own Cluster client", () => {
    const client = new Cluster(['redis://localhost:1'], { lazyConnect: true });
    expect(() => newCache({ redis: client, maxEntries: 10 })).toThrow(expect.objectContaining(refused));
    expect(client.status).toBe('wait');
    client.disconnect();
  });
});

let server: RedisProcess;
const clients: { disconnect(): void }[] = [];
beforeAll(async () => {
  server = await startRedis();
});
afterAll(async () => {
  for (const client of clients) client.disconnect();
  await server.stop();
});
const children: Child[] = [];
afterEach(() => {
  for (const child of children.splice(0)) child.kill();
});

/** All that is stored under a prefix at one instant, by its own first byte. */
const COUNT = `
local count = 0
for _, key in ipairs(redis.call('KEYS', ARGV[1] .. '{[^@]*}')) do
  local all = redis.call('HGETALL', key)
  for i = 1, #all, 2 do
    local name = string.sub(all[i], 1, 1)
    if name ~= '!' and name ~= '@' and string.sub(all[i + 1], 1, 1) == '\\3' then count = count + 1 end
  end
end
return count`;

function counter(client: Redis, prefix: string): () => Promise<number> {
  return async () => Number(await client.eval(COUNT, 0, prefix));
}

function connected(instance: RedisProcess): Redis {
  const client = clientOf(instance);
  clients.push(client);
  return client;
}

/** Ids that are stored, in the order of these. */
async function present(store: Store, ids: readonly string[]): Promise<string[]> {
  const bytes = await Promise.all(ids.map((id) => at(store, id)));
  return ids.filter((_, i) => bytes[i] !== undefined);
}

describe('four processes that fill at once', () => {
  test('never have more than there may be', async () => {
    const prefix = uniquePrefix();
    const handler: Handler = (req, res) => {
      if (req.url?.includes('vary')) res.setHeader('Vary', 'Accept');
      res.setHeader('Cache-Tag', 't').end(req.url);
    };
    const sites = await Promise.all(
      Array.from({ length: 4 }, async () => {
        const cache = newCache({ redis: server.url, prefix, maxEntries: 15 });
        return siteOf(cache, await serve(bare(cache, handler)));
      }),
    );
    const count = counter(connected(server), prefix);
    let filling = true;
    let most = 0;
    let polls = 0;
    const polling = (async () => {
      for (; filling; polls++) most = Math.max(most, await count());
    })();
    await Promise.all(
      sites.map(async ({ cache, get }, process) => {
        for (let i = 0; i < 60; i++) {
          const path = `/${i % 3 === 0 ? 'vary' : 'shared'}/${(i * (process + 1)) % 25}`;
          await Promise.all([
            get({ path, headers: { Accept: `${i % 4}` } }),
            get(`/own/${process}/${i}`),
            i % 20 === 10 ? cache.purge({ tag: 't' }, { soft: process % 2 === 0 }) : undefined,
          ]);
        }
      }),
    );
    filling = false;
    await polling;
    expect(polls).toBeGreaterThan(20);
    expect(most).toBeLessThanOrEqual(15);
    // Nor do they keep too few, once it is quiet.
    for (let i = 0; i < 15; i++) await sites[i % 4]?.get(`/last/${i}`);
    expect(await count()).toBe(15);
  }, 60_000);

  test('never exceed maxEntries when they are killed, and other processes continue', async () => {
    const prefix = uniquePrefix();
    const script = `
      const cache = redisCache({ redis: REDIS, prefix: ${JSON.stringify(prefix)}, maxEntries: 10, timeout: '10s' });
      let n = 0;
      const one = async () => {
        for (;;) await cache.wrap('k' + process.pid + '.' + n++, () => 1, { ttl: '1m' });
      };
      one(); one(); one();
      console.log('begun');`;
    const count = counter(connected(server), prefix);
    let most = 0;
    for (let round = 0; round < 2; round++) {
      const begun = Array.from({ length: 3 }, () => new Child(script, server.url));
      children.push(...begun);
      await until(() => begun.every(({ out }) => out.includes('begun')), 30_000);
      await until(async () => (await count()) > 0);
      for (const child of begun) {
        for (let i = 0; i < 20; i++) most = Math.max(most, await count());
        child.kill();
      }
      await Promise.all(begun.map((child) => child.ended()));
      expect(await count()).toBeGreaterThan(0);
    }
    expect(most).toBeLessThanOrEqual(10);
    const store = storeOf(connected(server), prefix, 10);
    const ids = Array.from({ length: 12 }, (_, i) => `id${i}`);
    for (const id of ids) {
      expect(await fill(store, id)).toBe(true);
      expect(await count()).toBeLessThanOrEqual(10);
    }
    expect(await present(store, ids)).toEqual(ids.slice(2));
  }, 60_000);
});

describe('in every order of their commands', () => {
  const FILLS = ['a', 'b', 'c'];

  /** Fills that hold their leases, each over a client of its own, which store in this order of commands. */
  async function race(order: Iterable<number>, max: number, ids: readonly string[]) {
    const client = connected(server);
    const prefix = uniquePrefix();
    const plain = storeOf(client, prefix, max);
    const count = counter(client, prefix);
    for (let i = 0; i < max; i++) await fill(plain, `before${i}`);
    for (const [i, id] of ids.entries()) {
      const seen = await valueAt(plain, id);
      expect((await plain.leases.acquire(lease(id, '', `t${i}`), seen, MINUTE)).kind).toBe('leader');
    }
    const actors = ids.map(() => new Stepped(client));
    const storing = ids.map((id, i) => {
      const store = storeOf((actors[i] as Stepped).client, prefix, max);
      return store.responses.commit(commitOf(id, { token: `t${i}` }));
    });
    await interleaved(actors, order, async () => {
      expect(await count()).toBeLessThanOrEqual(max);
    });
    client.disconnect();
    return Promise.all(storing);
  }

  test.each([1, 2])(
    'two fills are never one too many where there may be %i',
    async (max) => {
      for (const order of orders(4, 4)) {
        const stored = await race(order, max, ['a', 'b']);
        expect(stored.some(Boolean)).toBe(true);
      }
    },
    60_000,
  );

  test('three fills are not either, among them one of what is stored', async () => {
    const orders = fc.array(fc.nat(2), { minLength: 12, maxLength: 12 });
    const run = fc.asyncProperty(orders, fc.integer({ min: 1, max: 3 }), async (order, max) => {
      await race(order, max, [...FILLS.slice(0, 2), 'before0']);
    });
    await fc.assert(run, { seed: 20_250_601, numRuns: sized(20, 60) });
  }, 60_000);

  test('one that stops anywhere takes up at most its own place', async () => {
    for (let steps = 0; steps < 5; steps++) {
      const client = connected(server);
      const prefix = uniquePrefix();
      const plain = storeOf(client, prefix, 3);
      const count = counter(client, prefix);
      for (const id of FILLS) await fill(plain, id);
      const stopped = new Stepped(client);
      await plain.leases.acquire(lease('d'), NOTHING, MINUTE);
      void storeOf(stopped.client, prefix, 3).responses.commit(commitOf('d'));
      for (let i = 0; i < steps; i++) await stopped.step();
      const ids = Array.from({ length: 6 }, (_, i) => `id${i}`);
      for (const id of ids) {
        expect([steps, id, await fill(plain, id)]).toEqual([steps, id, true]);
        expect(await count()).toBeLessThanOrEqual(3);
      }
      expect((await present(plain, ids)).slice(-2)).toEqual(ids.slice(-2));
    }
  });

  test('one that stops, and whose place then expires, does not make room for one too many', async () => {
    for (let steps = 1; steps < 5; steps++) {
      const client = connected(server);
      const prefix = uniquePrefix();
      const plain = storeOf(client, prefix, 2);
      const count = counter(client, prefix);
      for (const id of ['a', 'b']) await fill(plain, id);
      const stopped = new Stepped(client);
      await plain.leases.acquire(lease('c'), NOTHING, MINUTE);
      void storeOf(stopped.client, prefix, 2).responses.commit(commitOf('c', { ttlMs: 50 }));
      for (let i = 0; i < steps; i++) await stopped.step();
      await sleep(80);
      for (const id of ['d', 'e']) {
        await fill(plain, id);
        expect([steps, id, await count()]).toEqual([steps, id, 2]);
      }
    }
  });
});

describe('what is stored is counted', () => {
  const opened = (max: number): [store: Store, count: () => Promise<number>] => {
    const client = connected(server);
    const prefix = uniquePrefix();
    return [storeOf(client, prefix, max), counter(client, prefix)];
  };

  test('after a revoked fill has tried to store it again', async () => {
    const [store, count] = opened(2);
    await fill(store, 'a');
    await fill(store, 'b');
    // A soft purge revokes it, and leaves what is stored.
    await store.leases.acquire(lease('a'), await valueAt(store, 'a'), MINUTE);
    await store.responses.purge('a', { staleSince: 1e12 });
    expect(await store.responses.commit(commitOf('a'))).toBe(false);
    await fill(store, 'c');
    expect(await count()).toBe(2);
    expect(await present(store, ['a', 'b', 'c'])).toEqual(['b', 'c']);
  });

  test('as long as it is there, if other variants of its key stay longer', async () => {
    const [store, count] = opened(2);
    await fill(store, 'a', { names: ['dnt'], variant: 'short', ttlMs: 50 });
    await fill(store, 'a', { names: ['dnt'], variant: 'long', field: 'long' });
    await sleep(80);
    await fill(store, 'b');
    expect(await count()).toBeLessThanOrEqual(2);
  });

  test('as long as it is there, however long storing it took', async () => {
    const client = connected(server);
    const prefix = uniquePrefix();
    const slow = new Stepped(client);
    const plain = storeOf(client, prefix, 1);
    const count = counter(client, prefix);
    await plain.leases.acquire(lease('a'), NOTHING, MINUTE);
    const stored = storeOf(slow.client, prefix, 1).responses.commit(commitOf('a', { ttlMs: 1200 }));
    await slow.step();
    await sleep(800);
    await slow.step();
    expect(await stored).toBe(true);
    await sleep(500);
    await fill(plain, 'b');
    expect(await count()).toBeLessThanOrEqual(1);
  });

  test('no longer than it is there, if it was damaged or made room for others of its key', async () => {
    const [store] = opened(3);
    for (const id of ['a', 'b', 'c']) await fill(store, id);
    await store.responses.discard({ id: 'b', variant: '' });
    await fill(store, 'd');
    expect(await present(store, ['a', 'b', 'c', 'd'])).toEqual(['a', 'c', 'd']);
    // From now on the slot holds what it varies on, and no response.
    await fill(store, 'c', { names: ['dnt'], variant: 'v' });
    expect(await present(store, ['a', 'd'])).toEqual(['a', 'd']);
  });

  test('a lowered maxEntries holds from the next commit on', async () => {
    const client = connected(server);
    const prefix = uniquePrefix();
    const wide = storeOf(client, prefix, 10_000);
    await Promise.all(Array.from({ length: 9000 }, (_, i) => fill(wide, `id${i}`)));
    const narrow = storeOf(client, prefix, 5);
    expect(await fill(narrow, 'next')).toBe(true);
    expect(await counter(client, prefix)()).toBe(5);
  }, 60_000);

  test('an in-process response larger than the store is not counted', async () => {
    const store = memoryStore(Date.now, 1);
    await fill(store, 'large', { bytes: Buffer.alloc(129 * 1024 * 1024, 1) });
    expect(await at(store, 'large')).toBeUndefined();
    await fill(store, 'small');
    expect(await at(store, 'small')).toEqual(response('text'));
  });
});

describe('any sequence of verbs', () => {
  const IDS = ['a', 'b', 'c', 'd', 'e', 'f'];
  const VARIANTS = ['v0', 'v1', 'v2'];
  type Step =
    | { readonly verb: 'fill'; readonly id: string; readonly variant: string }
    | { readonly verb: 'purge'; readonly id: string }
    | { readonly verb: 'soften'; readonly id: string }
    | { readonly verb: 'purgeTag'; readonly id: string }
    | { readonly verb: 'softenTag'; readonly id: string }
    | { readonly verb: 'all' };

  const id = fc.constantFrom(...IDS);
  const step: fc.Arbitrary<Step> = fc.oneof(
    {
      weight: 8,
      arbitrary: fc.record({ verb: fc.constant('fill' as const), id, variant: fc.constantFrom(...VARIANTS) }),
    },
    {
      weight: 3,
      arbitrary: fc.record({
        verb: fc.constantFrom('purge' as const, 'soften' as const, 'purgeTag' as const, 'softenTag' as const),
        id,
      }),
    },
    { weight: 1, arbitrary: fc.constant({ verb: 'all' as const }) },
  );

  /** Half of the ids vary, all of them always in the same way. */
  const placeOf = (id: string, variant: string): string => (id < 'd' ? '' : variant);
  const tagOf = (id: string): string => (id === 'a' || id === 'd' ? 'ad' : id);

  async function run(store: Store, step: Step): Promise<void> {
    const soft = { staleSince: 1e12 };
    if (step.verb === 'all') for await (const _ of store.responses.purgeMatching(() => true));
    else if (step.verb === 'purge') await store.responses.purge(step.id);
    else if (step.verb === 'soften') await store.responses.purge(step.id, soft);
    else if (step.verb === 'purgeTag') await purgeTag(store, tagOf(step.id));
    else if (step.verb === 'softenTag') await purgeTag(store, tagOf(step.id), soft);
    else if (step.verb === 'fill') {
      const place = placeOf(step.id, step.variant);
      const varies = place === '' ? {} : { names: ['dnt'], variant: place, field: place };
      expect(await fill(store, step.id, { tags: [tagOf(step.id)], ...varies })).toBe(true);
    }
  }

  /** What is stored by the rules, in the order of storing. */
  function expected(before: readonly string[], step: Step, max: number): string[] {
    const stays = (gone: (id: string) => boolean) =>
      before.filter((place) => !gone(place.split(' ')[0] as string));
    if (step.verb === 'all') return [];
    if (step.verb === 'purge') return stays((id) => id === step.id);
    if (step.verb === 'purgeTag') return stays((id) => id.length === 1 && tagOf(id) === tagOf(step.id));
    if (step.verb === 'soften' || step.verb === 'softenTag') return [...before];
    const place = `${step.id} ${placeOf(step.id, step.variant)}`;
    return [...before.filter((other) => other !== place), place].slice(-max);
  }

  const PLACES = [
    ...IDS.flatMap((id) => (id < 'd' ? [''] : VARIANTS).map((variant) => [id, variant] as const)),
  ];

  test.each([
    ['Redis', (max: number): Store => storeOf(connected(server), uniquePrefix(), max)],
    ['the in-process store', (max: number): Store => memoryStore(Date.now, max)],
  ])(
    'leaves in %s what a list of the last ones has',
    async (_name, open) => {
      const sequence = fc.array(step, { maxLength: 40, size: 'max' });
      const property = fc.asyncProperty(sequence, fc.integer({ min: 1, max: 6 }), async (steps, max) => {
        const store = open(max);
        let model: string[] = [];
        for (const step of steps) {
          await run(store, step);
          model = expected(model, step, max);
          const bytes = await Promise.all(PLACES.map(([id, variant]) => at(store, id, variant)));
          const there = PLACES.filter((_, i) => bytes[i]).map(([id, variant]) => `${id} ${variant}`);
          expect([step, there.sort()]).toEqual([step, [...model].sort()]);
        }
        await store.connection.close();
      });
      await fc.assert(property, { seed: 20_250_601, numRuns: sized(20, 60) });
    },
    60_000,
  );
});
