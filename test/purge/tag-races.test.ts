import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { StoreError } from '../../src/index.ts';
import type { PurgeMode, StoredValue } from '../../src/store/store.ts';
import {
  acquire,
  at,
  commitOf,
  fill,
  lease,
  MINUTE,
  NOTHING,
  purgeTag,
  response,
  valueAt,
} from '../stores/support/values.ts';
import { newCache } from '../support/app.ts';
import { type SlowNetwork, startProxy } from '../support/chaos.ts';
import { uniquePrefix } from '../support/prefix.ts';
import { Child } from '../support/process.ts';
import { type RedisProcess, startRedis } from '../support/redis.ts';
import { interleaved, orders, Stepped } from '../support/stepped.ts';
import { clientOf, storeOf } from '../support/store.ts';
import { everywhere, fleet, redis, settled } from '../support/stores.ts';
import { until } from '../support/until.ts';

/* Purges by tag, and what goes on meanwhile: fills whose tags nobody knows yet, other purges, and the end of a process. */

const TAGS = 'a, b, c';
const MODES = [{}, { soft: true }] as const;

everywhere((open) => {
  describe.each(MODES)('a purge %j', (mode) => {
    test.each(['a', 'b', 'c'])(
      'by tag %s revokes a fill that has it, though nobody knows yet',
      async (tag) => {
        const options = { ...open(), key: () => 'one' };
        const processes = options.redis ? 2 : 1;
        const { ask, caches, running, runs } = await fleet(processes, options);
        const other = processes - 1;
        const leader = ask(0);
        await runs(1);
        const waiting = [ask(0), ask(other), ask(other)];
        await settled();
        expect(await caches[other]?.purge({ tag }, mode)).toBe(0);
        const late = [ask(0), ask(other)];
        await settled();
        expect(running).toHaveLength(1);
        running[0]?.res.setHeader('Cache-Tag', TAGS).end('from before');
        expect((await leader).body).toBe('from before');
        await runs(2);
        await settled();
        expect(running).toHaveLength(2);
        running[1]?.res.setHeader('Cache-Tag', TAGS).end('from after');
        const answers = await Promise.all([...waiting, ...late]);
        expect(answers.map(({ body }) => body)).toEqual(Array(5).fill('from after'));
        expect(await ask(other)).toMatchObject({
          body: 'from after',
          cacheStatus: expect.stringMatching(/^hit/),
        });
        expect(running).toHaveLength(2);
      },
    );

    test('a fill continues if the purge names another tag or ended before the fill began', async () => {
      const options = { ...open(), key: () => 'one' };
      const { ask, caches, running, runs } = await fleet(1, options);
      await caches[0]?.purge({ tags: ['a', 'b', 'c'] }, mode);
      const leader = ask(0);
      await runs(1);
      await caches[0]?.purge({ tags: ['d', 'A', 'a,'] }, mode);
      running[0]?.res.setHeader('Cache-Tag', TAGS).end('made');
      expect((await leader).cacheStatus).toBe('fwd=uri-miss; stored');
      await caches[0]?.idle();
      expect((await ask(0)).cacheStatus).toMatch(/^hit/);
    });

    test('revokes the confirmation of what is stored, and the one that would give it the tag', async () => {
      let now = Date.now();
      const options = { ...open(), key: () => 'one', clock: () => now };
      const { ask, caches, running, runs } = await fleet(1, options);
      const cache = caches[0];
      const fields = { 'Cache-Control': 'max-age=10', ETag: '"1"' };
      const first = ask(0);
      await runs(1);
      running[0]?.res.writeHead(200, { ...fields, 'Cache-Tag': 'a' }).end('made');
      await first;
      for (const [i, tag] of ['a', 'b'].entries()) {
        await cache?.idle();
        now += 20_000;
        const asked = ask(0);
        await runs(i + 2);
        expect(running[i + 1]?.req.headers['if-none-match']).toBe('"1"');
        await cache?.purge({ tag }, mode);
        running[i + 1]?.res.writeHead(304, { ...fields, 'Cache-Tag': 'a, b' }).end();
        expect((await asked).body).toBe('made');
        await cache?.idle();
        const headers = { 'Cache-Control': 'only-if-cached' };
        expect((await ask(0, { headers })).status).toBe(504);
        // A hard one has left nothing to be confirmed.
        if (!('soft' in mode)) return;
      }
    });
  });

  test('two purges of one tag at once delete all of it, and count each response once', async () => {
    const options = open();
    const { caches } = await fleet(options.redis ? 2 : 1, options);
    const keys = Array.from({ length: 60 }, (_, i) => `k${i}`);
    const values = { ttl: '1m', tags: ['t'] } as const;
    for (const key of keys) await caches[0]?.wrap(key, () => 'before', values);
    const purged = await Promise.all([0, 1].map((i) => (caches[i] ?? caches[0])?.purge({ tag: 't' })));
    expect((purged[0] ?? 0) + (purged[1] ?? 0)).toBe(60);
    for (const key of keys) expect(await caches[0]?.wrap(key, () => 'after', values)).toBe('after');
    expect(await caches[0]?.purge({ tag: 't' })).toBe(60);
  });
});

/** Whether a value is what `fill` has stored, without the mark of a soft purge. */
function isFresh(value: StoredValue | undefined): boolean {
  return value?.bytes.equals(response('text')) === true && value.staleSince === undefined;
}

describe('in any order of their commands', () => {
  /** A fill and a purge, each over a client of its own; whether it was stored, and what is there in the end. */
  async function raced(
    order: readonly number[],
    mode: PurgeMode,
    tags: readonly string[],
  ): Promise<[stored: boolean, there: StoredValue | undefined]> {
    const prefix = uniquePrefix();
    const [filling, purging] = [new Stepped(client), new Stepped(client)];
    const [filler, purger] = [storeOf(filling.client, prefix), storeOf(purging.client, prefix)];
    const work = Promise.all([fill(filler, 'id', { tags }), purgeTag(purger, 't', mode)]);
    await interleaved([filling, purging], order);
    return [(await work)[0], await valueAt(storeOf(client, prefix), 'id')];
  }

  let client: ReturnType<typeof clientOf>;
  beforeAll(() => {
    client = clientOf({ url: redis } as RedisProcess);
  });
  afterAll(() => client.disconnect());

  test.each([
    ['hard', 'delete' as PurgeMode],
    ['soft', { staleSince: 1e12 } as PurgeMode],
  ])('a %s purge finds what a fill stores, or revokes it', async (_name, mode) => {
    for (const order of orders(4, 5)) {
      // It looks and takes the lease first, so that it has begun before the purge.
      const [, there] = await raced([0, 0, 0, ...order], mode, ['s', 't', 'u']);
      expect([order, isFresh(there)]).toEqual([order, false]);
    }
  });

  test('a fill that begins after a purge is over is stored', async () => {
    for (const mode of ['delete', { staleSince: 1e12 }] as const) {
      const [stored, there] = await raced(Array(10).fill(1), mode, ['t']);
      expect([stored, isFresh(there)]).toEqual([true, true]);
    }
  });

  test('a fill that has not the tag is stored, whenever the purge comes', async () => {
    for (const order of orders(5, 2)) {
      const [stored, there] = await raced(order, 'delete', ['s']);
      expect([order, stored, isFresh(there)]).toEqual([order, true, true]);
    }
  });

  test('a hard purge deletes all of a tag, whatever a soft one of it does meanwhile', async () => {
    for (const order of orders(5, 6)) {
      const prefix = uniquePrefix();
      const plain = storeOf(client, prefix);
      await fill(plain, 'one', { tags: ['t'] });
      await fill(plain, 'two', { tags: ['t'] });
      const [hard, soft] = [new Stepped(client), new Stepped(client)];
      const hardly = purgeTag(storeOf(hard.client, prefix), 't');
      const softly = purgeTag(storeOf(soft.client, prefix), 't', { staleSince: 1e12 });
      await interleaved([hard, soft], order);
      expect([order, await hardly]).toEqual([order, 2]);
      expect(await softly).toBeLessThanOrEqual(2);
      expect([await at(plain, 'one'), await at(plain, 'two')]).toEqual([undefined, undefined]);
    }
  }, 60_000);

  test('a soft purge leaves nothing fresh, though a hard one stops half-way meanwhile', async () => {
    for (let before = 0; before < 6; before++) {
      for (let steps = 0; steps < 5; steps++) {
        const prefix = uniquePrefix();
        const plain = storeOf(client, prefix);
        const ids = ['one', 'two'];
        for (const id of ids) await fill(plain, id, { tags: ['t'] });
        const [soft, hard] = [new Stepped(client), new Stepped(client)];
        const softly = purgeTag(storeOf(soft.client, prefix), 't', { staleSince: 1e12 });
        void purgeTag(storeOf(hard.client, prefix), 't');
        for (let i = 0; i < before; i++) await soft.step();
        for (let i = 0; i < steps; i++) await hard.step();
        await interleaved([soft], []);
        await softly;
        const left = await Promise.all(ids.map((id) => valueAt(plain, id)));
        const fresh = left.filter(isFresh);
        expect([before, steps, fresh]).toEqual([before, steps, []]);
      }
    }
  });

  test('two hard purges together delete each response once', async () => {
    for (const order of orders(5, 5)) {
      const prefix = uniquePrefix();
      const plain = storeOf(client, prefix);
      await fill(plain, 'one', { tags: ['t'] });
      const purging = [new Stepped(client), new Stepped(client)];
      const purges = purging.map(({ client }) => purgeTag(storeOf(client, prefix), 't'));
      await interleaved(purging, order);
      const [one = 0, two = 0] = await Promise.all(purges);
      expect([order, one + two]).toEqual([order, 1]);
      expect(await at(plain, 'one')).toBeUndefined();
    }
  });

  test('a purge that stops anywhere is made good by the next, whether it is the same or not', async () => {
    for (const then of ['delete', { staleSince: 1e12 }] as const) {
      for (let steps = 0; steps < 7; steps++) {
        const prefix = uniquePrefix();
        const plain = storeOf(client, prefix);
        await fill(plain, 'one', { tags: ['t', 'u'] });
        await fill(plain, 'two', { tags: ['t'] });
        const stopped = new Stepped(client);
        void purgeTag(storeOf(stopped.client, prefix), 't');
        for (let i = 0; i < steps; i++) await stopped.step();
        // What is stored anew meanwhile is no business of the one that stopped, but of the next.
        await fill(plain, 'three', { tags: ['t'] });
        const left = (await Promise.all(['one', 'two', 'three'].map((id) => at(plain, id)))).filter(Boolean);
        expect([steps, await purgeTag(plain, 't', then)]).toEqual([steps, left.length]);
        for (const id of ['one', 'two', 'three']) {
          const there = await valueAt(plain, id);
          if (then === 'delete') expect(there).toBeUndefined();
          else expect(isFresh(there)).toBe(false);
        }
        expect(await purgeTag(plain, 't')).toBe(then === 'delete' ? 0 : left.length);
        expect(await plain.responses.purge('one')).toBe(0);
      }
    }
  });

  test('what a tag purge revokes is neither taken nor renewed', async () => {
    const store = storeOf(client, uniquePrefix());
    await fill(store, 'id', { tags: ['t'] });
    // Another variant of an id that has the tag: nobody knows whether it will have it.
    expect(await acquire(store, lease('id', 'v'), NOTHING)).toBe('leader');
    expect(await purgeTag(store, 't')).toBe(1);
    expect(await store.leases.renew(lease('id', 'v'), MINUTE)).toBe(false);
    expect(await store.responses.commit(commitOf('id', { declaredVariant: 'v' }))).toBe(false);
  });
});

describe('a purge that is cut off half-way', () => {
  const COUNT = 1500;
  let server: RedisProcess;
  let network: SlowNetwork;
  beforeEach(async () => {
    server = await startRedis();
    network = await startProxy(server);
    const client = clientOf(server);
    const store = storeOf(client);
    await Promise.all(Array.from({ length: COUNT }, (_, i) => fill(store, `id${i}`, { tags: ['t'] })));
    await store.connection.close();
    // The purge goes on answer by answer.
    network.hold();
  });
  const children: Child[] = [];
  afterEach(async () => {
    for (const child of children.splice(0)) child.kill();
    network.stop();
    await server.stop();
  });

  const left = async (): Promise<number> => {
    const client = clientOf(server);
    const keys = await client.keys('rrc:{id*');
    client.disconnect();
    return keys.length;
  };
  const halfWay = () =>
    until(async () => {
      network.pass();
      return (await left()) < COUNT;
    });

  test('by the end of its process deletes everything when it is repeated', async () => {
    const script = `redisCache({ redis: REDIS }).purge({ tag: 't' }).then(() => console.log('over'));`;
    const child = new Child(script, network.url);
    children.push(child);
    await halfWay();
    child.kill();
    await child.ended();
    expect(child.out).toBe('');
    await expectTheRest();
  }, 30_000);

  test('by the network rejects, and deletes everything when it is repeated', async () => {
    const cache = newCache({ redis: network.url, timeout: 100 });
    const purged = cache.purge({ tag: 't' });
    const refused = expect(purged).rejects.toBeInstanceOf(StoreError);
    await halfWay();
    network.dark = true;
    await refused;
    await expectTheRest();
  }, 30_000);

  async function expectTheRest(): Promise<void> {
    const rest = await left();
    expect(rest).toBeGreaterThan(0);
    expect(rest).toBeLessThan(COUNT);
    const other = newCache({ redis: server.url });
    expect(await other.purge({ tag: 't' })).toBe(rest);
    expect(await left()).toBe(0);
    expect(await other.purge({ tag: 't' })).toBe(0);
  }
});
