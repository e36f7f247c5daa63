import { afterEach, describe, expect, test } from '@jest/globals';
import type { CacheMiddleware } from '../../src/index.ts';
import { inspector } from '../../src/inspector/index.ts';
import { otel } from '../../src/observe/otel.ts';
import { prometheus } from '../../src/observe/prometheus.ts';
import { newCache, serve } from '../support/app.ts';
import { ask } from '../support/client.ts';
import { listedEntries } from '../support/entries.ts';

/* The objects that public methods take: own properties count, and a mistake is told with what to write instead. */

/** A cache with one stored response and one value. */
async function filled(): Promise<CacheMiddleware> {
  const cache = newCache({ ttl: '1h' });
  const port = await serve((req, res) => void cache(req, res, () => res.end('page')));
  await ask(port);
  await cache.store.set('k', 1, { ttl: '1h' });
  await cache.idle();
  return cache;
}

const count = async (cache: CacheMiddleware): Promise<number> => (await listedEntries(cache)).length;
const any = (value: unknown): never => value as never;

describe('only own properties count', () => {
  const polluted = Object.prototype as unknown as Record<string, unknown>;
  const names = Object.keys(Object.prototype);
  const pollute = (name: string, value: unknown): void => {
    Object.defineProperty(polluted, name, { value, configurable: true, enumerable: false, writable: true });
  };
  afterEach(() => {
    for (const name of Object.getOwnPropertyNames(Object.prototype))
      if (Object.getOwnPropertyDescriptor(Object.prototype, name)?.configurable && ADDED.has(name))
        delete polluted[name];
    expect(Object.keys(Object.prototype)).toEqual(names);
  });
  const ADDED = new Set(['all', 'soft', 'id', 'limit', 'showKey', 'cluster', 'default', 'tags']);

  test.each<[string, object]>([
    ['of a prototype', Object.create({ all: true })],
    [
      'of a class',
      new (class {
        get all() {
          return true;
        }
      })(),
    ],
  ])('purge takes no target %s', async (_where, target) => {
    const cache = await filled();
    await expect(cache.purge(any(target))).rejects.toThrow('purge() needs exactly one of');
    expect(await count(cache)).toBe(2);
  });

  test('purge takes nothing from a polluted Object.prototype', async () => {
    const cache = await filled();
    pollute('all', true);
    pollute('soft', true);
    await expect(cache.purge(any({}))).rejects.toThrow('purge() needs exactly one of');
    expect(await cache.purge({ key: 'k' })).toBe(1);
    expect(await cache.store.has('k')).toBe(false);
    expect(await count(cache)).toBe(1);
  });

  test('nor do the other methods', async () => {
    const cache = await filled();
    for (const [name, value] of Object.entries({ id: 'x', limit: 0, tags: 5 })) pollute(name, value);
    expect(await count(cache)).toBe(2);
    await expect(cache.entries.get(any({}))).rejects.toThrow(
      'An entry needs an id, as entries.list() returns it; not undefined.',
    );
    await expect(cache.store.set('k', 1, Object.create({ ttl: '1s' }))).rejects.toThrow(
      '"set.ttl" is inherited',
    );
    await expect(cache.wrap('w', () => 1, any({}))).rejects.toThrow('Option "wrap.ttl" is missing');
    expect(await cache.wrap('w', () => 1, { ttl: '1h' })).toBe(1);
  });

  test('nor does redisCache()', async () => {
    for (const [name, value] of Object.entries({ showKey: 'x', cluster: 5, default: 'x', tags: 5 }))
      pollute(name, value);
    const cache = newCache({});
    expect(() => cache.with({})).not.toThrow();
    const port = await serve(
      (req, res) => void cache.with({ ttl: { 404: '1h' } })(req, res, () => res.end('page')),
    );
    expect((await ask(port)).cacheStatus).toBe('fwd=uri-miss; detail=no-lifetime');
  });

  test('redisCache() says so of an option that is inherited', () => {
    const message = 'Option "ttl" is inherited: only properties of the object itself count';
    expect(() => newCache(Object.assign(Object.create({ ttl: '1s' }), {}))).not.toThrow();
    expect(() => newCache().with(Object.create({ ttl: '1s' }))).toThrow(message);
  });
});

describe('an unknown name is refused with the one that it means', () => {
  test.each<[string, (cache: CacheMiddleware) => unknown, string]>([
    [
      'list',
      ({ entries }) => entries.list(any({ stauts: 404 })),
      'Unknown option "list.stauts". Did you mean "list.status"?',
    ],
    [
      'wrap',
      (cache) => cache.wrap('k', () => 1, any({ ttl: 1, tag: 'a' })),
      'Unknown option "wrap.tag". Did you mean "wrap.tags"?',
    ],
    [
      'set',
      ({ store }) => store.set('k', 1, any({ ttl: 1, tags: ['a'] })),
      'Unknown option "set.tags". "set" takes { ttl }.',
    ],
    ['purge', (cache) => cache.purge(any({ tgas: ['a'] })), 'Unknown target "tgas". Did you mean "tags"?'],
    [
      'purge, an option among the target',
      (cache) => cache.purge(any({ tag: 'a', soft: true })),
      'purge() takes "soft" in its second argument: cache.purge({ tag: \'leads\' }, { soft: true }).',
    ],
    [
      'purge, a dry run among the target',
      (cache) => cache.purge(any({ tag: 'a', dryRun: true })),
      'purge() takes "dryRun" in its second argument: cache.purge({ tag: \'leads\' }, { dryRun: true }).',
    ],
    [
      'purge, options',
      (cache) => cache.purge({ all: true }, any({ onProgres: () => {} })),
      'Did you mean "purge.onProgress"?',
    ],
    [
      'entries.purge',
      ({ entries }) => entries.purge({ id: 'a' }, any({ sotf: true })),
      'Did you mean "purge.soft"?',
    ],
    [
      'update',
      ({ entries }) => entries.update(any({ id: 'a', variant: '', version: '1' }), any({ tll: 1 })),
      'Did you mean "update.ttl"?',
    ],
    [
      'prometheus',
      (cache) => prometheus(cache, any({ registry: {} })),
      'Unknown option "prometheus.registry". Did you mean "prometheus.register"?',
    ],
    [
      'inspector',
      (cache) => inspector(cache, any({ authorise: () => true })),
      'Unknown option "inspector.authorise". Did you mean "inspector.authorize"?',
    ],
    [
      'warm',
      (cache) => cache.warm([], any({ concurency: 2 })),
      'Unknown option "warm.concurency". Did you mean "warm.concurrency"?',
    ],
    ['measure', ({ entries }) => entries.measure(any({ singal: 1 })), 'Did you mean "measure.signal"?'],
    [
      'explain',
      (cache) => cache.explain('http://h/', any({ methods: 'GET' })),
      'Did you mean "explain.method"?',
    ],
    [
      'otel',
      (cache) => otel(cache, any({ metre: {} })),
      'Unknown option "otel.metre". Did you mean "otel.meter"?',
    ],
  ])('%s', async (_name, call, message) => {
    const cache = newCache();
    await expect((async () => call(cache))()).rejects.toThrow(message);
  });

  test('a target of a warm-up fails with it', async () => {
    const { failures } = await newCache().warm([any({ url: 'http://127.0.0.1:1/', header: {} })]);
    expect(failures).toMatchObject([{ reason: expect.stringContaining('Did you mean "warm.headers"?') }]);
  });
});

describe('a wrong argument is told with the value and what to write instead', () => {
  test.each<[string, (cache: CacheMiddleware) => unknown, string]>([
    [
      'list(null)',
      ({ entries }) => entries.list(any(null)),
      'Option "list" is null, but must be an object { search, status, tag, id, limit, cursor }.',
    ],
    [
      'explain({})',
      (cache) => cache.explain(any({})),
      'explain() needs an absolute URL such as https://example.com/leads, or a request; not {}.',
    ],
    ['explain(5)', (cache) => cache.explain(any(5)), 'or a request; not 5.'],
    ['explain(null)', (cache) => cache.explain(any(null)), 'or a request; not null.'],
    [
      'explain a path',
      (cache) => cache.explain('/a'),
      'explain() needs an absolute URL such as https://example.com/leads, or a request; not "/a".',
    ],
    [
      'inspector({})',
      () => inspector(any({}), { authorize: 'development' }),
      'inspector() needs the cache that redisCache() returned, not {}.',
    ],
    [
      'inspector(cache)',
      (cache) => inspector(cache, any(undefined)),
      'Option "inspector" is missing: it must be an object { authorize, readOnly, warm }.',
    ],
    [
      'prometheus({})',
      () => prometheus(any({}), any({})),
      'prometheus() needs the cache that redisCache() returned, not {}.',
    ],
    [
      'prometheus(cache)',
      (cache) => prometheus(cache, any(undefined)),
      'Option "prometheus.register" is missing: it must be a registry of prom-client',
    ],
    ['otel({})', () => otel(any({}), any({})), 'otel() needs the cache that redisCache() returned, not {}.'],
    [
      'otel(cache)',
      (cache) => otel(cache, any(undefined)),
      'Option "otel" is missing: it must be an object with a meter, a tracer, or both',
    ],
    [
      'otel with no meter',
      (cache) => otel(cache, any({ meter: 5 })),
      'Option "otel.meter" is 5, but must be a Meter',
    ],
    [
      'entries.purge',
      ({ entries }) => entries.purge({ id: 'a' }, any({ soft: 'no' })),
      'Option "purge.soft" is "no", but must be true or false.',
    ],
    [
      'purge',
      (cache) => cache.purge({ all: true }, any({ onProgress: 5 })),
      'Option "purge.onProgress" is 5, but must be a function.',
    ],
  ])('%s', async (_name, call, message) => {
    const cache = newCache();
    await expect((async () => call(cache))()).rejects.toThrow(message);
  });
});
