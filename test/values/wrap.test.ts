import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { Redis } from 'ioredis';
import type { CacheMiddleware, CacheOptions, WrapOptions } from '../../src/index.ts';
import { CacheError } from '../../src/index.ts';
import { bare, newCache, serve } from '../support/app.ts';
import { ask } from '../support/client.ts';
import { uniquePrefix } from '../support/prefix.ts';
import { Child } from '../support/process.ts';
import { type RedisProcess, startRedis } from '../support/redis.ts';
import { awake, until } from '../support/until.ts';

/* `cache.wrap`: what a function gives, kept and shared as responses are. */

const redis = process.env.TEST_REDIS_URL as string;
const MINUTE = { ttl: '1m' } as const;

const closing: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

/** One run of the function, to be ended by hand. */
interface Run {
  give(value: unknown): void;
  fail(error: Error): void;
}

/** Calls of `wrap` whose function is ended by hand, in several caches: as many processes, but for the memory. */
interface Fleet {
  readonly caches: readonly CacheMiddleware[];
  /** The runs that have begun. */
  readonly runs: Run[];
  call(process?: number, key?: string, options?: WrapOptions): Promise<unknown>;
  /** Waits until so many runs have begun. */
  began(count: number): Promise<void>;
}

function fleet(processes: number, options: CacheOptions = {}): Fleet {
  const shared = { redis, prefix: uniquePrefix(), ...options };
  const caches = Array.from({ length: processes }, () => newCache(shared));
  const runs: Run[] = [];
  const run = (): Promise<unknown> =>
    new Promise((resolve, reject) => runs.push({ give: resolve, fail: reject }));
  return {
    caches,
    runs,
    call: (process = 0, key = 'key', options = MINUTE) =>
      (caches[process] as CacheMiddleware).wrap(key, run, options),
    async began(count) {
      // Sooner than anybody who waits for another's run gives up.
      await until(() => runs.length >= count, 3000);
    },
  };
}

const IN_PROCESS = { redis: undefined } as unknown as CacheOptions;
const STORES = [
  ['Redis', {}],
  ['the in-process store', IN_PROCESS],
] as const;

/** Long enough for whoever would go on at once to have done so. */
const settled = (): Promise<void> => awake(100);

function times<T>(count: number, each: (i: number) => T): T[] {
  return Array.from({ length: count }, (_, i) => each(i));
}

describe.each(STORES)('in %s', (_name, options) => {
  test('fifty calls at once run the function once, and each is given a value of its own', async () => {
    const { call, runs, began } = fleet(1, options);
    const calls = times(50, () => call());
    await began(1);
    await settled();
    expect(runs).toHaveLength(1);
    runs[0]?.give({ list: [1, { deep: true }] });
    const values = await Promise.all(calls);
    for (const value of values) expect(value).toEqual({ list: [1, { deep: true }] });
    expect(new Set(values).size).toBe(50);
    expect(new Set(values.map((value) => (value as { list: unknown[] }).list)).size).toBe(50);
    (values[0] as { list: unknown[] }).list.push('mine');
    expect(await call()).toEqual({ list: [1, { deep: true }] });
    expect(runs).toHaveLength(1);
  });

  test.each<[string, unknown]>([
    ['null', null],
    ['false', false],
    ['zero', 0],
    ['no text', ''],
    ['an empty list', []],
    ['an object', { a: [1, 'b', null] }],
    ['bytes', Buffer.from([0, 255, 128])],
    ['no bytes', Buffer.alloc(0)],
  ])('what was given is given again: %s', async (_what, value) => {
    const { call, runs, began } = fleet(1, options);
    const first = call();
    await began(1);
    runs[0]?.give(value);
    expect(await first).toEqual(value);
    expect(await call()).toEqual(value);
    expect(runs).toHaveLength(1);
  });

  test('whoever calls first is given what the others are', async () => {
    const { call, runs, began } = fleet(1, options);
    const calls = [call(), call()];
    await began(1);
    runs[0]?.give({ at: new Date(0), none: undefined, bytes: new Map([[1, 2]]) });
    const expected = { at: '1970-01-01T00:00:00.000Z', bytes: {} };
    for (const given of [...calls, call()]) expect(await given).toStrictEqual(expected);
  });

  test('keys are told apart as those of values are', async () => {
    const { caches } = fleet(1, options);
    const [cache] = caches as [CacheMiddleware];
    const keys = ['a', ['a'], { a: 1 }, 'x'.repeat(300), `${'x'.repeat(300)}y`];
    await Promise.all(keys.map((key, i) => cache.wrap(key, () => i, MINUTE)));
    for (const [i, key] of keys.entries()) {
      expect(await cache.wrap(key, () => 'run again', MINUTE)).toBe(i);
      expect(await cache.store.get(key)).toBe(i);
    }
  });

  test('what `store.set` has kept is given without a run', async () => {
    const { call, caches, runs } = fleet(1, options);
    await caches[0]?.store.set('key', 'set', MINUTE);
    expect(await call()).toBe('set');
    expect(runs).toEqual([]);
  });

  test('what has expired is made anew', async () => {
    const { caches } = fleet(1, options);
    let runs = 0;
    const call = (): Promise<number> =>
      (caches[0] as CacheMiddleware).wrap('key', () => ++runs, { ttl: 1500 });
    expect([await call(), await call()]).toEqual([1, 1]);
    await sleep(1600);
    expect([await call(), await call()]).toEqual([2, 2]);
  });

  test('a value that has expired by the clock of the cache is made anew', async () => {
    let now = 1_700_000_000_000;
    const { caches } = fleet(1, { ...options, clock: () => now });
    let runs = 0;
    const call = (): Promise<number> => (caches[0] as CacheMiddleware).wrap('key', () => ++runs, MINUTE);
    expect([await call(), await call()]).toEqual([1, 1]);
    now += 60_000;
    expect([await call(), await call()]).toEqual([2, 2]);
  });

  describe('a run that fails', () => {
    test('is the affair of its caller alone: the others run at once', async () => {
      const { call, runs, began } = fleet(1, options);
      const calls = times(5, () => call());
      await began(1);
      await settled();
      runs[0]?.fail(new Error('out of order'));
      await expect(calls[0]).rejects.toThrow('out of order');
      await began(5);
      for (const [i, run] of runs.slice(1).entries()) run.give(i);
      expect((await Promise.all(calls.slice(1))).sort()).toEqual([0, 1, 2, 3]);
    });

    test('leaves those who come next to run at once, too, and the first of them is kept', async () => {
      const { call, runs, began } = fleet(1, options);
      const first = call();
      await began(1);
      runs[0]?.fail(new Error('out of order'));
      await expect(first).rejects.toThrow('out of order');
      const next = times(3, () => call());
      await began(4);
      for (const run of runs.slice(1)) run.give('well');
      expect(await Promise.all(next)).toEqual(['well', 'well', 'well']);
      expect(await call()).toBe('well');
      expect(runs).toHaveLength(4);
    });

    test('by throwing synchronously rejects, and the next call runs', async () => {
      const { caches, call, runs, began } = fleet(1, options);
      const thrown = new Error('at once');
      const failing = (caches[0] as CacheMiddleware).wrap(
        'key',
        () => {
          throw thrown;
        },
        MINUTE,
      );
      await expect(failing).rejects.toBe(thrown);
      const next = call();
      await began(1);
      runs[0]?.give(1);
      expect(await next).toBe(1);
    });
  });

  describe('what cannot be kept', () => {
    const cyclic: Record<string, unknown> = {};
    cyclic.self = cyclic;

    test.each<[string, unknown]>([
      ['undefined', undefined],
      ['a function', () => 1],
      ['a symbol', Symbol('value')],
      ['a bigint', 5n],
      ['a bigint inside', { deep: [5n] }],
      ['a cycle', cyclic],
      ['text that is too large', 'x'.repeat(2000)],
      ['bytes that are too many', Buffer.alloc(2000)],
      [
        'what refuses to be JSON',
        {
          toJSON() {
            throw new Error('not JSON');
          },
        },
      ],
    ])('is given as it is to who ran for it, and everybody else runs: %s', async (_what, value) => {
      const { call, runs, began } = fleet(1, { ...options, maxBodySize: '1kb' });
      const calls = times(3, () => call());
      await began(1);
      await settled();
      runs[0]?.give(value);
      expect(await calls[0]).toBe(value);
      await began(3);
      for (const run of runs.slice(1)) run.give(value);
      for (const given of calls) expect(await given).toBe(value);
      // Nobody waits for the next run, which may be in vain as well.
      const next = times(2, () => call());
      await began(5);
      for (const run of runs.slice(3)) run.give('kept');
      expect(await Promise.all(next)).toEqual(['kept', 'kept']);
      expect(await call()).toBe('kept');
      expect(runs).toHaveLength(5);
    });
  });

  test('a value of exactly maxBodySize is kept', async () => {
    const { call, runs, began } = fleet(1, { ...options, maxBodySize: '1kb' });
    const value = 'x'.repeat(1022);
    const given = call();
    await began(1);
    runs[0]?.give(value);
    expect(await given).toBe(value);
    expect(await call()).toBe(value);
    expect(runs).toHaveLength(1);
  });

  describe('during a run', () => {
    const revocations: [string, (cache: CacheMiddleware) => Promise<unknown>][] = [
      ['purge({ key })', (cache) => cache.purge({ key: 'key' })],
      ['purge({ tag })', (cache) => cache.purge({ tag: 'b' })],
      ['purge({ tags })', (cache) => cache.purge({ tags: ['x', 'a'] })],
      ['purge({ all })', (cache) => cache.purge({ all: true })],
      ['a soft purge', (cache) => cache.purge({ key: 'key' }, { soft: true })],
      ['a soft purge of a tag', (cache) => cache.purge({ tag: 'a' }, { soft: true })],
      ['store.delete', (cache) => cache.store.delete('key')],
      ['store.clear', (cache) => cache.store.clear()],
    ];
    test.each(revocations)('%s has those who wait given what is made after it', async (_what, revoke) => {
      const { call, caches, runs, began } = fleet(1, options);
      const tagged = { ttl: '1m', tags: ['a', 'b'] } as const;
      const first = call(0, 'key', tagged);
      await began(1);
      const waiting = times(3, () => call(0, 'key', tagged));
      await settled();
      await revoke(caches[0] as CacheMiddleware);
      const later = call(0, 'key', tagged);
      await settled();
      runs[0]?.give('from before');
      expect(await first).toBe('from before');
      await began(2);
      await settled();
      expect(runs).toHaveLength(2);
      runs[1]?.give('from after');
      expect(await Promise.all([...waiting, later])).toEqual(Array(4).fill('from after'));
      expect(await call()).toBe('from after');
      expect(runs).toHaveLength(2);
    });

    test('store.set has them given what was set', async () => {
      const { call, caches, runs, began } = fleet(1, options);
      const first = call();
      await began(1);
      const waiting = times(3, () => call());
      await settled();
      await caches[0]?.store.set('key', 'set', MINUTE);
      expect(await call()).toBe('set');
      runs[0]?.give('from before');
      expect(await first).toBe('from before');
      expect(await Promise.all(waiting)).toEqual(['set', 'set', 'set']);
      expect(await caches[0]?.store.get('key')).toBe('set');
      expect(runs).toHaveLength(1);
    });

    test.each<[string, (cache: CacheMiddleware) => Promise<unknown>]>([
      ['key', (cache) => cache.purge({ key: 'other' })],
      ['tag', (cache) => cache.purge({ tag: 'other' })],
      ['value', (cache) => cache.store.set('other', 1, MINUTE)],
      ['prefix', (cache) => cache.purge({ prefix: '/' })],
    ])('another %s is no matter', async (_what, elsewhere) => {
      const { call, caches, runs, began } = fleet(1, options);
      const first = call(0, 'key', { ttl: '1m', tags: ['a'] });
      await began(1);
      await elsewhere(caches[0] as CacheMiddleware);
      runs[0]?.give('value');
      expect(await first).toBe('value');
      expect(await call()).toBe('value');
      expect(runs).toHaveLength(1);
    });
  });

  test.each<[string, (cache: CacheMiddleware) => Promise<number>]>([
    ['purge({ key })', (cache) => cache.purge({ key: 'key' })],
    ['purge({ tag })', (cache) => cache.purge({ tag: 'b' })],
    ['purge({ tags })', (cache) => cache.purge({ tags: ['a', 'b', 'c'] })],
    ['purge({ all })', (cache) => cache.purge({ all: true })],
    ['a soft purge', (cache) => cache.purge({ tag: 'a' }, { soft: true })],
    ['store.clear', (cache) => cache.store.clear()],
  ])('what is kept ends with %s', async (_what, end) => {
    const { caches } = fleet(1, options);
    const [cache] = caches as [CacheMiddleware];
    const tagged = { ttl: '1m', tags: ['a', 'b'] } as const;
    await cache.wrap('key', () => 'before', tagged);
    expect(await end(cache)).toBeGreaterThanOrEqual(1);
    expect(await cache.wrap('key', () => 'after', tagged)).toBe('after');
  });

  test('whoever has waited long enough runs, and what is made first is kept', async () => {
    const { call, runs, began } = fleet(1, { ...options, collapse: { wait: 150 } });
    const first = call();
    await began(1);
    const startedAt = performance.now();
    const other = call();
    await began(2);
    expect(performance.now() - startedAt).toBeGreaterThan(140);
    runs[1]?.give('second');
    expect(await other).toBe('second');
    runs[0]?.give('first');
    expect(await first).toBe('first');
    expect(await call()).toBe('first');
  });

  test('nobody waits where collapsing is off, and what is made first is kept', async () => {
    const { call, runs, began } = fleet(1, { ...options, collapse: false });
    const calls = times(3, () => call());
    await began(3);
    for (const [i, run] of runs.entries()) run.give(i);
    expect((await Promise.all(calls)).sort()).toEqual([0, 1, 2]);
    expect(await call()).toEqual(expect.any(Number));
    expect(runs).toHaveLength(3);
  });

  test('a run that asks for its own key ends when it has waited long enough', async () => {
    const { caches } = fleet(1, { ...options, collapse: { wait: 200 } });
    const [cache] = caches as [CacheMiddleware];
    let depth = 0;
    const nested = async (): Promise<string> =>
      ++depth > 3 ? 'deep' : `(${await cache.wrap('key', nested, MINUTE)})`;
    const startedAt = performance.now();
    expect(await cache.wrap('key', nested, MINUTE)).toBe('(((deep)))');
    expect(performance.now() - startedAt).toBeLessThan(5000);
    expect(await cache.wrap('key', () => 'run again', MINUTE)).toBe('(((deep)))');
  });

  test('runs of different keys may ask for each other', async () => {
    const { caches } = fleet(1, options);
    const [cache] = caches as [CacheMiddleware];
    let runs = 0;
    const leaf = (): Promise<string> =>
      cache.wrap(
        'leaf',
        async () => {
          await settled();
          return `leaf ${++runs}`;
        },
        MINUTE,
      );
    const branch = (name: string): Promise<string> =>
      cache.wrap(['branch', name], async () => `${name} of ${await leaf()}`, MINUTE);
    expect(await Promise.all(['a', 'b', 'c'].map(branch))).toEqual(
      ['a', 'b', 'c'].map((name) => `${name} of leaf 1`),
    );
    expect(runs).toBe(1);
  });

  test('a handler behind the cache may ask for values, by the key of its own response too', async () => {
    const cache = newCache({ prefix: uniquePrefix(), ...options, key: () => 'key' });
    let runs = 0;
    const port = await serve(
      bare(
        (req, res, next) => cache(req, res, next),
        async (_req, res) => {
          res.end(await cache.wrap('key', async () => `value ${++runs}`, MINUTE));
        },
      ),
    );
    const answers = await Promise.all(times(5, () => ask(port)));
    expect(new Set(answers.map(({ body }) => body))).toEqual(new Set(['value 1']));
    expect(await cache.purge({ key: 'key' })).toBe(2);
    expect((await ask(port)).body).toBe('value 2');
  });

  test('a route of cache.with has the same values, and waits as it is told', async () => {
    const { call, caches, runs, began } = fleet(1, options);
    const impatient = (caches[0] as CacheMiddleware).with({ collapse: false });
    const first = call();
    await began(1);
    expect(await impatient.wrap('key', () => 'own', MINUTE)).toBe('own');
    runs[0]?.give('kept');
    expect(await first).toBe('kept');
    expect(await impatient.wrap('key', () => 'own', MINUTE)).toBe('kept');
  });

  test('a closed cache runs the function each time', async () => {
    const { caches } = fleet(1, options);
    const [cache] = caches as [CacheMiddleware];
    expect(await cache.wrap('key', () => 1, MINUTE)).toBe(1);
    await cache.close();
    expect(await cache.wrap('key', () => 2, MINUTE)).toBe(2);
    expect(await cache.wrap('key', () => 3, MINUTE)).toBe(3);
  });

  describe('what makes no sense is an error of its own, and nothing runs', () => {
    const run = (): never => {
      throw new Error('it ran');
    };
    const tags = (...given: unknown[]): unknown => ({ ttl: '1m', tags: given });

    test.each<[string, unknown, unknown]>([
      ['a key that is undefined', undefined, MINUTE],
      ['a key that is no JSON', new Date(), MINUTE],
      ['no options', 'key', undefined],
      ['no ttl', 'key', {}],
      ['a ttl of nothing', 'key', { ttl: 0 }],
      ['a ttl without a unit', 'key', { ttl: '60' }],
      ['a negative ttl', 'key', { ttl: -5 }],
      ['a ttl that is false', 'key', { ttl: false }],
      ['tags that are one text', 'key', { ttl: '1m', tags: 'tag' }],
      ['a tag that is a number', 'key', tags(5)],
      ['an empty tag', 'key', tags('')],
      ['a tag that is too long', 'key', tags('x'.repeat(257))],
      ['too many tags', 'key', tags(...times(129, (i) => `tag ${i}`))],
      ['tags that are null', 'key', { ttl: '1m', tags: null }],
    ])('%s', async (_what, key, options) => {
      const { caches } = fleet(1, IN_PROCESS);
      const call = (caches[0] as CacheMiddleware).wrap(key as string, run, options as WrapOptions);
      await expect(call).rejects.toThrow(CacheError);
    });

    test('tags, with what they must be', async () => {
      const { caches } = fleet(1, IN_PROCESS);
      const options = tags(...times(129, (i) => `${i}`)) as WrapOptions;
      await expect((caches[0] as CacheMiddleware).wrap('key', run, options)).rejects.toThrow(
        /^Option "wrap.tags" is \["0","1".*, but must be a list of up to 128 strings of 1 to 256 characters\.$/,
      );
    });

    test('no function', async () => {
      const { caches } = fleet(1, IN_PROCESS);
      const call = (caches[0] as CacheMiddleware).wrap('key', 'value' as unknown as () => string, MINUTE);
      await expect(call).rejects.toThrow(CacheError);
    });
  });
});

describe('in several processes', () => {
  test('thirty calls at once at each of three run the function once', async () => {
    const { call, runs, began } = fleet(3);
    const calls = times(90, (i) => call(i % 3));
    await began(1);
    await settled();
    expect(runs).toHaveLength(1);
    runs[0]?.give({ made: 'once' });
    const values = await Promise.all(calls);
    for (const value of values) expect(value).toEqual({ made: 'once' });
    expect(new Set(values).size).toBe(90);
    expect(await call(2)).toEqual({ made: 'once' });
    expect(runs).toHaveLength(1);
  });

  test('a value that was kept wakes them at once', async () => {
    const { call, runs, began } = fleet(2);
    const waits: number[] = [];
    for (let i = 0; i < 5; i++) {
      const first = call(0, `key ${i}`);
      await began(i + 1);
      const other = call(1, `key ${i}`);
      await settled();
      const startedAt = performance.now();
      runs[i]?.give('value');
      expect(await other).toBe('value');
      waits.push(performance.now() - startedAt);
      await first;
    }
    // Without the message they would look again every 500 ms. A busy machine delays some of them, and not the quickest.
    expect(Math.min(...waits)).toBeLessThan(200);
  });

  test.each<[string, (run: Run | undefined) => void]>([
    ['fails', (run) => run?.fail(new Error('out of order'))],
    ['gives nothing', (run) => run?.give(undefined)],
  ])('a run that %s wakes them, and they run at once', async (_what, end) => {
    const { call, runs, began } = fleet(2);
    const first = call(0).catch(() => 'failed');
    await began(1);
    const others = [call(1), call(1)];
    await settled();
    expect(runs).toHaveLength(1);
    end(runs[0]);
    await first;
    await began(3);
    for (const run of runs.slice(1)) run.give('own');
    expect(await Promise.all(others)).toEqual(['own', 'own']);
  });

  test.each<[string, (cache: CacheMiddleware) => Promise<unknown>]>([
    ['purge({ key })', (cache) => cache.purge({ key: 'key' })],
    ['purge({ all })', (cache) => cache.purge({ all: true })],
    ['store.delete', (cache) => cache.store.delete('key')],
  ])('%s at one revokes the run of another, and the next runs at once', async (_what, revoke) => {
    const { call, caches, runs, began } = fleet(3);
    const first = call(0);
    await began(1);
    const waiting = [call(0), call(1)];
    await settled();
    await revoke(caches[2] as CacheMiddleware);
    const later = call(2);
    await began(2);
    runs[0]?.give('from before');
    expect(await first).toBe('from before');
    await settled();
    expect(runs).toHaveLength(2);
    runs[1]?.give('from after');
    expect(await Promise.all([...waiting, later])).toEqual(Array(3).fill('from after'));
  });

  test('a purge by tag at one keeps what began before it at another from being kept', async () => {
    const { call, caches, runs, began } = fleet(2);
    const tagged = { ttl: '1m', tags: ['a'] } as const;
    const first = call(0, 'key', tagged);
    await began(1);
    const waiting = call(1, 'key', tagged);
    await settled();
    await caches[1]?.purge({ tag: 'a' });
    runs[0]?.give('from before');
    expect(await first).toBe('from before');
    await began(2);
    runs[1]?.give('from after');
    expect(await waiting).toBe('from after');
    expect(await call(0)).toBe('from after');
  });

  test('whoever has waited long enough runs', async () => {
    const { call, runs, began } = fleet(2, { collapse: { wait: 200 } });
    const first = call(0);
    await began(1);
    const startedAt = performance.now();
    const others = [call(1), call(1)];
    await began(3);
    expect(performance.now() - startedAt).toBeGreaterThan(190);
    for (const [i, run] of runs.entries()) run.give(i);
    expect(await first).toBe(0);
    expect((await Promise.all(others)).sort()).toEqual([1, 2]);
    expect(await call(1)).toBe(0);
  });

  test('the right to keep is renewed for as long as a run takes', async () => {
    const { call, runs, began } = fleet(2, { collapse: { lease: '2s' } });
    const first = call(0);
    await began(1);
    const other = call(1);
    await sleep(4500);
    expect(runs).toHaveLength(1);
    runs[0]?.give('slowly made');
    expect(await Promise.all([first, other])).toEqual(['slowly made', 'slowly made']);
    expect(await call(1)).toBe('slowly made');
    expect(runs).toHaveLength(1);
  });

  test('every key in Redis ends by itself, during a run and after it', async () => {
    const prefix = uniquePrefix();
    const { call, runs, began } = fleet(1, { prefix });
    const client = new Redis(redis);
    closing.push(() => client.disconnect());
    const lifetimes = async (): Promise<number[]> => {
      const keys = await client.keys(`${prefix}*`);
      return Promise.all(keys.map((key) => client.pttl(key)));
    };
    const first = [call(0, 'kept', { ttl: '1m', tags: ['a'] }), call(0, 'failed'), call(0, 'x'.repeat(300))];
    await began(3);
    // The leases of three runs, and the log of purges.
    expect(await lifetimes()).toHaveLength(4);
    for (const ms of await lifetimes()) expect(ms).toBeGreaterThan(0);
    runs[0]?.give(1);
    runs[1]?.fail(new Error('out of order'));
    runs[2]?.give(3);
    await Promise.allSettled(first);
    const left = await lifetimes();
    expect(left.length).toBeGreaterThanOrEqual(3);
    for (const ms of left) expect(ms).toBeGreaterThan(0);
  });
});

/** A process of its own that answers with what `wrap` gives, prints its port, then a line for every run. */
async function start(prefix: string, run: string, options = ''): Promise<{ child: Child; port: number }> {
  const child = new Child(
    `const cache = redisCache({ redis: REDIS, prefix: ${JSON.stringify(prefix)}, timeout: '10s', ${options} });
    const run = async () => { console.log('run'); ${run} };
    const server = require('node:http').createServer(async (req, res) => {
      res.end(JSON.stringify(await cache.wrap('key', run, { ttl: '1m' })));
    });
    server.listen(0, '127.0.0.1', () => console.log('port ' + server.address().port));`,
    redis,
  );
  closing.push(() => child.kill());
  await until(() => /port \d+\n/.test(child.out), 30_000);
  return { child, port: Number(/port (\d+)/.exec(child.out)?.[1]) };
}

const runsOf = ({ child }: { child: Child }): number => child.out.split('run\n').length - 1;

describe('in processes of their own', () => {
  test('twenty calls at once at each of four run the function once', async () => {
    const prefix = uniquePrefix();
    const run = "await new Promise((done) => setTimeout(done, 500)); return 'made by ' + process.pid;";
    const processes = await Promise.all(times(4, () => start(prefix, run)));
    const answers = await Promise.all(times(80, (i) => ask(processes[i % 4]?.port ?? 0)));
    expect(new Set(answers.map(({ body }) => body)).size).toBe(1);
    expect(answers[0]?.body).toMatch(/^"made by \d+"$/);
    expect(processes.map(runsOf).reduce((sum, runs) => sum + runs)).toBe(1);
  }, 60_000);

  test.each([
    ['before its lease was renewed', 0],
    ['after its lease was renewed', 4500],
  ])(
    'one that is killed in a run is waited for no longer than its lease: %s',
    async (_when, after) => {
      const prefix = uniquePrefix();
      const [doomed, other] = await Promise.all([
        start(prefix, 'await new Promise(() => {});', "collapse: { lease: '3s' }"),
        start(prefix, "return 'made';", "collapse: { lease: '3s' }"),
      ]);
      ask(doomed.port).catch(() => {});
      await until(() => runsOf(doomed) === 1);
      const waiting = ask(other.port);
      await sleep(after);
      expect(runsOf(other)).toBe(0);
      doomed.child.kill();
      const startedAt = performance.now();
      expect((await waiting).body).toBe('"made"');
      expect(performance.now() - startedAt).toBeLessThan(6000);
      expect((await ask(other.port)).body).toBe('"made"');
      expect(runsOf(other)).toBe(1);
    },
    60_000,
  );
});

describe('with a Redis that', () => {
  const TIMEOUT = 100;
  const MARGIN = 3000;

  let server: RedisProcess;
  beforeEach(async () => {
    server = await startRedis();
  });
  afterEach(() => server.stop());

  /** Counts its runs; each gives its number. */
  function counting(options: CacheOptions = {}): { cache: CacheMiddleware; call(): Promise<number> } {
    const cache = newCache({ redis: server.url, timeout: TIMEOUT, ...options });
    let runs = 0;
    return { cache, call: () => cache.wrap('key', async () => ++runs, MINUTE) };
  }

  const timed = async <T>(work: Promise<T>): Promise<[T, number]> => {
    const startedAt = performance.now();
    return [await work, performance.now() - startedAt];
  };

  test('is down the function runs each time, and at once', async () => {
    const { cache, call } = counting();
    await until(async () => cache.store.set('other', 1, MINUTE));
    await server.kill();
    for (let i = 1; i <= 10; i++) {
      const [value, ms] = await timed(call());
      expect(value).toBe(i);
      expect(ms).toBeLessThan(MARGIN);
    }
    await server.start();
    await until(async () => {
      const kept = await call();
      return (await call()) === kept;
    });
  });

  test('hangs the function runs each time, no more than the timeout later, and soon at once', async () => {
    const timeout = 300;
    const { call } = counting({ timeout });
    expect(await call()).toBe(1);
    expect(await call()).toBe(1);
    server.pause();
    const waits: number[] = [];
    for (let i = 2; i <= 20; i++) {
      const [value, ms] = await timed(call());
      expect(value).toBe(i);
      expect(ms).toBeLessThan(timeout + MARGIN);
      waits.push(ms);
    }
    expect(waits.filter((ms) => ms < timeout / 2).length).toBeGreaterThan(waits.length / 2);
    server.resume();
    await until(async () => (await call()) === 1);
  });

  test('hangs during a run does not keep its value, and gives it within the patience for storing', async () => {
    const { cache } = counting();
    const others: Promise<unknown>[] = [];
    const [value, ms] = await timed(
      cache.wrap(
        'key',
        async () => {
          others.push(...times(3, (i) => cache.wrap('key', () => `own ${i}`, MINUTE)));
          await sleep(TIMEOUT / 2);
          server.pause();
          return 'value';
        },
        MINUTE,
      ),
    );
    expect(value).toBe('value');
    expect(ms).toBeLessThan(20 * TIMEOUT + MARGIN);
    expect(await Promise.all(others)).toEqual(['own 0', 'own 1', 'own 2']);
    server.resume();
  });

  test('goes down during a run has the value given, and the others run', async () => {
    const { cache } = counting();
    const others: Promise<unknown>[] = [];
    const value = await cache.wrap(
      'key',
      async () => {
        others.push(...times(3, (i) => cache.wrap('key', () => `own ${i}`, MINUTE)));
        await sleep(TIMEOUT / 2);
        await server.kill();
        return 'value';
      },
      MINUTE,
    );
    expect(value).toBe('value');
    expect(await Promise.all(others)).toEqual(['own 0', 'own 1', 'own 2']);
  });

  test('is full has the function run each time', async () => {
    const { call } = counting();
    await until(async () => (await call()) > 0);
    await server.cli('FLUSHALL');
    await server.cli('CONFIG', 'SET', 'maxmemory', 1);
    const [first, second] = [await call(), await call()];
    expect(second).toBe(first + 1);
  });

  test('has something else in its place is given what it is there for', async () => {
    const { cache, call } = counting({ prefix: 'rrc:' });
    expect(await call()).toBe(1);
    for (const [i, hurt] of [
      () => server.cli('HSET', 'rrc:{VALUE "key"}', '', 'foreign'),
      () => server.cli('HSET', 'rrc:{VALUE "key"}', '', ''),
      () => server.cli('SET', 'rrc:{VALUE "key"}', 'foreign'),
      () => server.cli('SET', 'rrc:{VALUE "key"}|leases', 'foreign'),
    ].entries()) {
      await hurt();
      if (i === 3) await cache.store.delete('key');
      expect(await call()).toBe(i + 2);
      expect(await call()).toBe(i + 2);
    }
  });
});
