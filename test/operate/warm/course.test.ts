import { EventEmitter } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { describe, expect, test } from '@jest/globals';
import {
  ArgumentError,
  OptionError,
  type WarmOptions,
  type WarmProgress,
  type WarmTarget,
} from '../../../src/index.ts';
import { newCache, serve } from '../../support/app.ts';
import { sized } from '../../support/long.ts';
import { until } from '../../support/until.ts';

/* cache.warm: how fast it reads its targets, what it reports, and how it is stopped. */

type App = (req: IncomingMessage, res: ServerResponse) => unknown;

const fine: App = (_req, res) => res.end('x');
const hanging: App = () => {};

function urls(count: number): string[] {
  return Array.from({ length: count }, (_, i) => `http://a.example/${i}`);
}

/** A generator of targets that counts how many were read and whether it was returned. */
class Source {
  read = 0;
  returned = 0;
  readonly #most: number;

  constructor(most = Number.POSITIVE_INFINITY) {
    this.#most = most;
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<string> {
    try {
      while (this.read < this.#most) yield `http://a.example/${this.read++}`;
    } finally {
      this.returned++;
    }
  }
}

const MANY = sized(1000, 10_000);

describe('the targets of cache.warm', () => {
  test.each<[string, () => Iterable<WarmTarget> | AsyncIterable<WarmTarget>]>([
    ['an array', () => urls(30)],
    ['a set', () => new Set(urls(30))],
    ['a generator', () => urls(30).values()],
    ['an asynchronous generator', () => new Source(30)],
    ['promises', () => urls(30).map((url) => Promise.resolve(url)) as never],
  ])('are read from %s', async (_kind, targets) => {
    const asked = new Set();
    const app: App = (req, res) => res.end(String(asked.add(req.url)));
    const all = { done: 30, failed: 0, failures: [] };
    expect(await newCache().warm(targets(), { app })).toMatchObject(all);
    expect(asked.size).toBe(30);
  });

  test('without any resolve at once', async () => {
    expect(await newCache().warm([])).toEqual({ done: 0, failed: 0, failures: [], notStored: {} });
  });

  test.each(['http://a.example/', new URL('http://a.example/'), undefined, null, 5, {}])(
    'that are %p are rejected with an ArgumentError',
    async (targets) => {
      const error = await newCache()
        .warm(targets as never)
        .catch((error) => error);
      expect(error).toBeInstanceOf(ArgumentError);
      expect(error.message).toContain('warm() needs a list of URLs');
    },
  );

  test('are read no faster than the concurrency allows', async () => {
    const source = new Source(100);
    let ended = 0;
    let most = 0;
    const app: App = async (_req, res) => {
      most = Math.max(most, source.read - ended);
      await sleep(1);
      ended++;
      res.end();
    };
    expect(await newCache().warm(source, { app, concurrency: 5 })).toMatchObject({ done: 100 });
    // One more target may be read before its request reaches the app.
    expect(most).toBeLessThanOrEqual(6);
    expect(most).toBeGreaterThan(3);
  });

  test('that throw reject the warm-up after the requests in progress', async () => {
    const ended: unknown[] = [];
    const app: App = async (req, res) => {
      await sleep(20);
      res.end(String(ended.push(req.url)));
    };
    async function* broken(): AsyncGenerator<string> {
      yield* urls(3);
      throw new Error('no more');
    }
    await expect(newCache().warm(broken(), { app })).rejects.toThrow('no more');
    expect(ended).toHaveLength(3);
  });

  test('of a generator are not kept in memory', async () => {
    setFlagsFromString('--expose-gc');
    const collect = runInNewContext('gc') as () => void;
    const cache = newCache({ maxBodySize: 0 });
    const app: App = (req, res) => cache(req, res, () => res.end('x'.repeat(1000)));
    const used = (): number => {
      collect();
      return process.memoryUsage().heapUsed;
    };
    await cache.warm(new Source(500), { app });
    const before = used();
    let most = 0;
    const onProgress = ({ done }: WarmProgress): void => {
      if (done % (MANY / 4) === 0) most = Math.max(most, used() - before);
    };
    expect(await cache.warm(new Source(MANY), { app, onProgress })).toMatchObject({ done: MANY });
    expect(most).toBeLessThan(30e6);
  }, 60_000);
});

describe('onProgress of cache.warm', () => {
  test('is called after each request, with the total of an array', async () => {
    const told: WarmProgress[] = [];
    const app: App = (req, res) => res.writeHead(req.url === '/1' ? 500 : 200).end();
    const onProgress = (progress: WarmProgress): void => void told.push(progress);
    await newCache().warm(urls(3), { app, concurrency: 1, onProgress });
    await newCache().warm(new Source(1), { app, onProgress });
    expect(told).toEqual([
      { done: 1, failed: 0, total: 3, url: 'http://a.example/0' },
      { done: 1, failed: 1, total: 3, url: 'http://a.example/1' },
      { done: 2, failed: 1, total: 3, url: 'http://a.example/2' },
      { done: 1, failed: 0, total: undefined, url: 'http://a.example/0' },
    ]);
  });

  test.each<[string, () => unknown]>([
    [
      'throws',
      () => {
        throw new Error('of a listener');
      },
    ],
    ['rejects', () => Promise.reject(new Error('of a listener'))],
  ])('that %s aborts the other requests and rejects the warm-up', async (_how, onProgress) => {
    const source = new Source();
    let closed = 0;
    const app: App = (req, res) => {
      if (req.url === '/3') return res.end();
      return res.on('close', () => closed++);
    };
    await expect(newCache().warm(source, { app, onProgress })).rejects.toThrow('of a listener');
    expect(source.returned).toBe(1);
    expect(closed).toBe(source.read - 1);
  });

  test('of 150 failures counts all, and the result keeps the first 100', async () => {
    const app: App = (_req, res) => res.writeHead(503).end();
    const { done, failed, failures } = await newCache().warm(new Source(150), { app });
    expect([done, failed, failures.length]).toEqual([0, 150, 100]);
  });
});

describe('the signal of cache.warm', () => {
  test('aborts the requests in progress, and the warm-up rejects with its reason', async () => {
    const controller = new AbortController();
    const source = new Source();
    const told: unknown[] = [];
    let closed = 0;
    const app: App = (_req, res) => res.on('close', () => closed++);
    const onProgress = (progress: unknown): unknown => told.push(progress);
    const warming = newCache().warm(source, { app, concurrency: 4, signal: controller.signal, onProgress });
    await until(() => source.read >= 4);
    controller.abort(new Error('enough'));
    await expect(warming).rejects.toThrow('enough');
    expect(closed).toBe(4);
    expect(source.returned).toBe(1);
    expect(told).toEqual([]);
  });

  test('closes the connections of requests over HTTP', async () => {
    const controller = new AbortController();
    let closed = 0;
    const port = await serve((_req, res) => {
      res.on('close', () => closed++);
      controller.abort();
    });
    const warming = newCache().warm([`http://127.0.0.1:${port}/`], { signal: controller.signal });
    await expect(warming).rejects.toMatchObject({ name: 'AbortError' });
    await until(() => closed === 1);
  });

  test('that is already aborted starts no request', async () => {
    const source = new Source();
    const signal = AbortSignal.abort('no');
    await expect(newCache().warm(source, { app: fine, signal })).rejects.toBe('no');
    expect(source.read).toBe(0);
  });

  test('ends a warm-up that waits for its next target', async () => {
    const controller = new AbortController();
    async function* never(): AsyncGenerator<string> {
      yield 'http://a.example/';
      await new Promise(() => {});
    }
    const warming = newCache().warm(never(), {
      app: fine,
      signal: controller.signal,
      onProgress: () => setTimeout(() => controller.abort('enough'), 5),
    });
    await expect(warming).rejects.toBe('enough');
  });

  test('has no listener left after the warm-up', async () => {
    const { signal } = new AbortController();
    const listening = new Set<unknown>();
    signal.addEventListener = (_type: string, listener: unknown) => void listening.add(listener);
    signal.removeEventListener = (_type: string, listener: unknown) => void listening.delete(listener);
    await newCache().warm(urls(3), { app: fine, signal });
    expect(listening.size).toBe(0);
  });
});

describe('cache.close', () => {
  test('ends warm-ups, which resolve with the counts so far', async () => {
    const cache = newCache();
    const source = new Source();
    const app: App = (req, res) => (req.url === '/0' ? fine : hanging)(req, res);
    const warming = cache.warm(source, { app, concurrency: 3 });
    await until(() => source.read >= 4);
    await cache.close();
    expect(await warming).toMatchObject({ done: 1, failed: 0, failures: [] });
    expect(source.returned).toBe(1);
  });

  test('may be awaited in onProgress', async () => {
    const cache = newCache();
    const source = new Source();
    const onProgress = (): Promise<void> => cache.close();
    expect(await cache.warm(source, { app: fine, concurrency: 1, onProgress })).toMatchObject({ done: 1 });
    expect(source.returned).toBe(1);
  });

  test('makes a later warm-up resolve without a request', async () => {
    const cache = newCache();
    await cache.close();
    const source = new Source();
    expect(await cache.warm(source, { app: fine })).toMatchObject({ done: 0, failed: 0 });
    expect(source.read).toBe(0);
  });
});

test('a warm-up leaves no timer', async () => {
  const timers = (): number => process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length;
  const before = timers();
  await newCache().warm(urls(10), { app: fine, timeout: '1h' });
  expect(timers()).toBeLessThanOrEqual(before);
});

describe('a bad option of cache.warm', () => {
  const cases: [string, object | null, string][] = [
    ['warm.concurrency', { concurrency: 0 }, 'a whole number of at least 1'],
    ['warm.concurrency', { concurrency: 1.5 }, 'a whole number of at least 1'],
    ['warm.concurrency', { concurrency: '8' }, 'a whole number of at least 1'],
    ['warm.timeout', { timeout: '30' }, 'a duration'],
    ['warm.timeout', { timeout: 0 }, 'from 1 ms to 1 hour'],
    ['warm.timeout', { timeout: '2h' }, 'from 1 ms to 1 hour'],
    ['warm.onProgress', { onProgress: 'tell' }, 'a function'],
    ['warm.signal', { signal: true }, 'an AbortSignal'],
    ['warm.app', { app: 'http://a.example' }, 'an app'],
    ['warm.app', { app: {} }, 'an app'],
    ['warm.app', { app: new EventEmitter() }, 'a server that has one'],
    ['warm.paralel', { paralel: 5 }, '"warm" takes { app, concurrency, timeout, onProgress, signal }'],
    ['warm', null, 'an object { app, concurrency, timeout, onProgress, signal }'],
  ];

  test.each(cases)(
    '%s, given as %p, rejects with an OptionError, and no target is read',
    async (option, options, accepted) => {
      const source = new Source();
      const error = await newCache()
        .warm(source, options as WarmOptions)
        .catch((error) => error);
      expect(error).toBeInstanceOf(OptionError);
      expect(error.option).toBe(option);
      expect(error.message).toContain(accepted);
      expect(source.read).toBe(0);
    },
  );
});
