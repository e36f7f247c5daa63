import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { Redis } from 'ioredis';
import type { CacheOptions, FaultEvent, PurgeTarget } from '../../src/index.ts';
import { memoryStore } from '../../src/store/memory/memory-store.ts';
import type { Store } from '../../src/store/store.ts';
import { fill, lease, MINUTE, NOTHING, purgeTag, response, valueAt } from '../stores/support/values.ts';
import { bare, type Handler, newCache, serve } from '../support/app.ts';
import type { Asked } from '../support/client.ts';
import { sized } from '../support/long.ts';
import { uniquePrefix } from '../support/prefix.ts';
import type { RedisProcess } from '../support/redis.ts';
import { clientOf, storeOf } from '../support/store.ts';
import { everywhere, fleet, redis, type Site, settled, siteOf } from '../support/stores.ts';

/* Soft purges: what is stored stays, and is stale from then on, whatever clocks say. */

/** The ways to name the one page that is stored. */
const TARGETS: readonly [string, PurgeTarget][] = [
  ['key', { key: 'value' }],
  ['url', { url: 'http://test.example/' }],
  ['tag', { tag: 't' }],
  ['tags', { tags: ['u', 't'] }],
  ['prefix', { prefix: '/' }],
  ['all', { all: true }],
];

/** Ahead, behind, and each other's. */
const CLOCKS: readonly (readonly [number, number])[] = [
  [0, 0],
  [0, 600_000],
  [600_000, 0],
  [0, -600_000],
  [-600_000, 0],
  [0, -5_000_000],
  [0, 5_000_000],
];

/** A page that says what it is asked to, and how often it was made. */
interface Page {
  /** Where several caches stand for processes with a clock each. */
  readonly sites: readonly Site[];
  /** Header fields of the page. */
  fields: Record<string, string>;
  /** While true it fails. */
  fails: boolean;
  /** What the requests said that reached it: `If-None-Match`, or nothing. */
  readonly asked: (string | undefined)[];
}

/** @param clocks one for each process, in milliseconds ahead of the time. */
async function page(options: CacheOptions, clocks: readonly number[], time: { now: number }): Promise<Page> {
  const one: Page = { sites: [], fields: { 'Cache-Tag': 't' }, fails: false, asked: [] };
  const handler: Handler = (req, res) => {
    one.asked.push(req.headers['if-none-match']);
    if (one.fails) return void res.writeHead(503).end('failed');
    for (const [name, value] of Object.entries(one.fields)) res.setHeader(name, value);
    const confirmed = one.fields.ETag !== undefined && req.headers['if-none-match'] === one.fields.ETag;
    res.statusCode = confirmed ? 304 : 200;
    res.end(confirmed ? undefined : `made ${one.asked.length}`);
  };
  const sites = await Promise.all(
    clocks.map(async (ahead) => {
      const cache = newCache({ ...options, clock: () => time.now + ahead });
      return siteOf(cache, await serve(bare(cache, handler)));
    }),
  );
  return Object.assign(one, { sites });
}

const only = (more: string): Asked => ({ headers: { 'Cache-Control': `only-if-cached${more}` } });

everywhere((open) => {
  /** As many processes as share a store. */
  const pages = async (clocks: readonly number[], keyed = false) => {
    const time = { now: Date.now() };
    const options = { ...open(), ...(keyed ? { key: () => 'value' } : {}) };
    const shared = options.redis ? clocks : clocks.slice(0, 1);
    const made = await page(options, shared, time);
    return { time, made, first: made.sites[0] as Site, last: made.sites.at(-1) as Site };
  };

  describe.each(TARGETS)('by %s', (name, target) => {
    test.each(name === 'tag' ? CLOCKS : sized(CLOCKS.slice(0, 1), CLOCKS))(
      'what is stored is not fresh any more, at clocks %i and %i ahead',
      async (...clocks) => {
        const { time, made, first, last } = await pages(clocks, name === 'key');
        made.fields['Cache-Control'] = 'max-age=3000';
        await first.get('/');
        expect((await first.get('/')).cacheStatus).toMatch(/^hit/);
        time.now += 5000;
        expect(await last.cache.purge(target, { soft: true })).toBe(1);
        for (const { get } of made.sites) expect((await get(only(''))).status).toBe(504);
        // It is there all the same.
        expect((await first.get(only(', max-stale'))).body).toBe('made 1');
        const anew = await first.get('/');
        expect(anew).toMatchObject({
          body: 'made 2',
          cacheStatus: expect.stringMatching(/^fwd=stale; .*stored/),
        });
        expect((await first.get('/')).cacheStatus).toMatch(/^hit/);
        expect(made.asked).toEqual([undefined, undefined]);
      },
    );

    test('a fill under way is revoked', async () => {
      const options = { ...open(), ...(name === 'key' ? { key: () => 'value' } : {}) };
      const { ask, caches, running, runs } = await fleet(options.redis ? 2 : 1, options);
      const leader = ask(0);
      await runs(1);
      const waiting = ask(caches.length - 1);
      await settled();
      expect(await caches.at(-1)?.purge(target, { soft: true })).toBe(0);
      running[0]?.res.setHeader('Cache-Tag', 't').end('from before');
      expect((await leader).body).toBe('from before');
      await runs(2);
      running[1]?.res.setHeader('Cache-Tag', 't').end('from after');
      expect((await waiting).body).toBe('from after');
      await Promise.all(caches.map((cache) => cache.idle()));
      expect(await ask(0)).toMatchObject({ body: 'from after', cacheStatus: expect.stringMatching(/^hit/) });
    });

    test('a hard purge finds what a soft one has left', async () => {
      const { made, first } = await pages([0], name === 'key');
      await first.get('/');
      expect(await first.cache.purge(target, { soft: true })).toBe(1);
      expect(await first.cache.purge(target, { soft: false })).toBe(1);
      expect((await first.get(only(', max-stale'))).status).toBe(504);
      expect(await first.cache.purge(target, { soft: true })).toBe(0);
      expect(made.asked).toHaveLength(1);
    });

    test('a response is purged again once it is fresh again', async () => {
      const { made, first } = await pages([0], name === 'key');
      made.fields.ETag = '"1"';
      for (let i = 0; i < 3; i++) {
        await first.get('/');
        expect((await first.get('/')).cacheStatus).toMatch(/^hit/);
        expect(await first.cache.purge(target, { soft: true })).toBe(1);
      }
      expect(made.asked).toEqual([undefined, '"1"', '"1"']);
      expect((await first.get('/')).body).toBe('made 1');
    });
  });

  test.each([0, 600_000, -600_000])(
    'with an entity tag the app is asked, and its 304 makes it fresh again, at a clock %i ahead',
    async (ahead) => {
      const { made, first, last } = await pages([0, ahead]);
      made.fields.ETag = '"1"';
      await first.get('/');
      await last.cache.purge({ tag: 't' }, { soft: true });
      const confirmed = await first.get('/');
      expect(confirmed).toMatchObject({ body: 'made 1', cacheStatus: 'fwd=stale; fwd-status=304; stored' });
      expect(made.asked).toEqual([undefined, '"1"']);
      expect((await first.get('/')).cacheStatus).toMatch(/^hit/);
      // A HEAD alone confirms nothing that was purged.
      await last.cache.purge({ tag: 't' }, { soft: true });
      await first.get({ method: 'HEAD' });
      expect((await first.get(only(''))).status).toBe(504);
      made.fields.ETag = '"2"';
      expect(await first.get('/')).toMatchObject({
        body: 'made 4',
        cacheStatus: expect.stringMatching(/stored/),
      });
    },
  );

  test('stands in for an error for as long as it says, counted from the purge', async () => {
    const { time, made, first } = await pages([0]);
    made.fields['Cache-Control'] = 'max-age=3000, stale-if-error=60';
    await first.get('/');
    time.now += 100_000;
    await first.cache.purge({ tag: 't' }, { soft: true });
    made.fails = true;
    time.now += 50_000;
    expect(await first.get('/')).toMatchObject({ status: 200, body: 'made 1' });
    time.now += 20_000;
    expect(await first.get('/')).toMatchObject({ status: 503 });
    made.fails = false;
    expect((await first.get('/')).body).toBe('made 4');
    expect((await first.get('/')).cacheStatus).toMatch(/^hit/);
  });

  test('that was stale before stands in for no longer than it would have', async () => {
    const { time, made, first } = await pages([0]);
    made.fields['Cache-Control'] = 'max-age=10, stale-if-error=60';
    await first.get('/');
    time.now += 60_000;
    await first.cache.purge({ tag: 't' }, { soft: true });
    time.now += 15_000;
    made.fails = true;
    expect((await first.get('/')).status).toBe(503);
  });

  test('is taken by who accepts it stale, by how long ago it was purged', async () => {
    const { time, made, first } = await pages([0]);
    made.fields['Cache-Control'] = 'max-age=3000';
    await first.get('/');
    time.now += 10_000;
    await first.cache.purge({ tag: 't' }, { soft: true });
    time.now += 5000;
    const taken = await first.get(only(', max-stale=10'));
    expect(taken).toMatchObject({ status: 200, body: 'made 1' });
    expect(Number(taken.header('age'))).toBe(15);
    expect(Number(/ttl=(-?\d+)/.exec(taken.cacheStatus)?.[1])).toBeLessThanOrEqual(-5);
    time.now += 7000;
    expect((await first.get(only(', max-stale=10'))).status).toBe(504);
    expect((await first.get(only(', max-stale'))).status).toBe(200);
    expect((await first.get(only(', max-stale, min-fresh=1'))).status).toBe(504);
  });

  test.each(['must-revalidate', 'proxy-revalidate', 's-maxage=3000', 'no-cache'])(
    'is neither taken nor does it stand in where it says %s',
    async (directive) => {
      const { made, first } = await pages([0]);
      made.fields = {
        ...made.fields,
        ETag: '"1"',
        'Cache-Control': `max-age=3000, stale-if-error=3000, ${directive}`,
      };
      await first.get('/');
      await first.cache.purge({ tag: 't' }, { soft: true });
      expect((await first.get(only(', max-stale'))).status).toBe(504);
      made.fails = true;
      expect((await first.get('/')).status).toBe(503);
      made.fails = false;
      expect((await first.get('/')).body).toBe('made 1');
    },
  );

  test('a second soft purge leaves the response as stale as the first', async () => {
    const { time, made, first } = await pages([0]);
    made.fields['Cache-Control'] = 'max-age=3000, stale-if-error=60';
    await first.get('/');
    await first.cache.purge({ tag: 't' }, { soft: true });
    time.now += 50_000;
    expect((await first.get(only(', max-stale=40'))).status).toBe(504);
    await first.cache.purge({ tag: 't' }, { soft: true });
    expect((await first.get(only(', max-stale=40'))).status).toBe(504);
    time.now += 20_000;
    made.fails = true;
    expect((await first.get('/')).status).toBe(503);
  });

  test('a soft purge by two tags counts a response with both once', async () => {
    const { made, first } = await pages([0]);
    made.fields['Cache-Tag'] = 't, u';
    await first.get('/');
    expect(await first.cache.purge({ tags: ['t', 'u'] }, { soft: true })).toBe(1);
  });

  test('marks every variant, and each is counted', async () => {
    const { made, first } = await pages([0]);
    made.fields.Vary = 'Accept';
    const accepts = ['a', 'b', 'c'];
    const asking = (accept: string, more: string) => ({
      headers: { Accept: accept, 'Cache-Control': more },
    });
    for (const accept of accepts) await first.get(asking(accept, ''));
    expect(await first.cache.purge({ url: 'http://test.example/' }, { soft: true })).toBe(3);
    for (const accept of accepts) {
      expect((await first.get(asking(accept, 'only-if-cached'))).status).toBe(504);
      expect((await first.get(asking(accept, 'only-if-cached, max-stale'))).status).toBe(200);
    }
  });

  test('ends a value and a wrapped one', async () => {
    const { first } = await pages([0]);
    const { cache } = first;
    await cache.store.set('one', 1, { ttl: '1m' });
    await cache.wrap('two', () => 1, { ttl: '1m', tags: ['t'] });
    expect(await cache.purge({ all: true }, { soft: true })).toBe(2);
    expect(await cache.store.get('one')).toBeUndefined();
    expect(await cache.store.has('one')).toBe(false);
    expect(await cache.wrap('two', () => 2, { ttl: '1m', tags: ['t'] })).toBe(2);
    expect(await cache.wrap('two', () => 3, { ttl: '1m', tags: ['t'] })).toBe(2);
  });
});

describe('in the store', () => {
  let client: ReturnType<typeof clientOf>;
  beforeAll(() => {
    client = clientOf({ url: redis } as RedisProcess);
  });
  afterAll(() => client.disconnect());

  const stores: [string, () => Store][] = [
    ['Redis', () => storeOf(client, uniquePrefix())],
    ['the in-process store', () => memoryStore(Date.now)],
  ];

  describe.each(stores)('of %s', (_name, open) => {
    test('the mark changes what others saw there, and nothing but the mark', async () => {
      const store = open();
      await fill(store, 'id', { tags: ['t'] });
      const before = await valueAt(store, 'id');
      expect(before?.staleSince).toBeUndefined();
      expect(await purgeTag(store, 't', { staleSince: 1.7e12 + 999 })).toBe(1);
      const after = await valueAt(store, 'id');
      expect([after?.staleSince, after?.bytes]).toEqual([1.7e12, response('text')]);
      expect((await store.leases.acquire(lease('id'), before, MINUTE)).kind).toBe('changed');
      expect((await store.leases.acquire(lease('id'), after, MINUTE)).kind).toBe('leader');
      expect((await store.leases.acquire(lease('none'), NOTHING, MINUTE)).kind).toBe('leader');
    });
  });

  test('what lasts, lasts no longer for it', async () => {
    const prefix = uniquePrefix();
    const store = storeOf(client, prefix);
    await fill(store, 'id', { ttlMs: 20_000 });
    await store.responses.purge('id', { staleSince: Date.now() });
    const left = await client.pttl(`${prefix}{id}`);
    expect(left).toBeGreaterThan(10_000);
    expect(left).toBeLessThanOrEqual(20_000);
  });
});

describe('a mark that nobody wrote', () => {
  let client: Redis;
  beforeAll(() => {
    client = new Redis(redis);
  });
  afterAll(() => client.disconnect());

  test('is damage: a miss, and repaired', async () => {
    const prefix = uniquePrefix();
    const cache = newCache({ redis: client, prefix });
    const faults: FaultEvent[] = [];
    cache.on('fault', (fault) => faults.push(fault));
    const handler: Handler = (_req, res) => res.setHeader('Cache-Control', 'stale-if-error=60').end('made');
    const { get } = siteOf(cache, await serve(bare(cache, handler)));
    const key = `${prefix}{GET http://test.example/}`;
    await get('/');
    await cache.purge({ all: true }, { soft: true });
    const marked = (await client.hgetBuffer(key, '')) as Buffer;
    for (let bit = 0; bit < 64; bit += sized(5, 1)) {
      const bytes = Buffer.from(marked);
      const byte = 1 + (bit >> 3);
      bytes[byte] = (bytes[byte] as number) ^ (1 << (bit & 7));
      await client.hset(key, '', bytes);
      expect([bit, (await get('/')).cacheStatus]).toEqual([bit, 'fwd=uri-miss; stored']);
      expect((await get('/')).cacheStatus).toMatch(/^hit/);
    }
    expect(faults.map(({ code }) => code)).toEqual(Array(sized(13, 64)).fill('corrupt'));
  });

  test('what the scripts do not know of is not fresh after a soft purge either', async () => {
    const prefix = uniquePrefix();
    const cache = newCache({ redis: client, prefix });
    const { get } = siteOf(cache, await serve(bare(cache, (_req, res) => res.end('made'))));
    const key = `${prefix}{GET http://test.example/}`;
    for (const known of [undefined, '', 'damaged', 'M1 0 *', 'R']) {
      await get('/');
      if (known === undefined) await client.hdel(key, '!');
      else await client.hset(key, '!', known);
      await cache.purge({ url: 'http://test.example/' }, { soft: true });
      expect([known, (await get(only(''))).status]).toEqual([known, 504]);
      await cache.purge({ all: true });
    }
  });
});
