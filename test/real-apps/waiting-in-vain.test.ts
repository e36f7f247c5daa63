import { once } from 'node:events';
import { type ClientRequest, request } from 'node:http';
import { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, test } from '@jest/globals';
import { Redis } from 'ioredis';
import type { CacheOptions, FaultEvent } from '../../src/index.ts';
import { fewFrameworks, type Handler, newCache, serve } from '../support/app.ts';
import { ask } from '../support/client.ts';
import { uniquePrefix } from '../support/prefix.ts';
import { redis } from '../support/stores.ts';
import { until } from '../support/until.ts';

/* Requests that wait for the fill of another one, which may never end. */

const HOST = { Host: 'a' };

describe.each(fewFrameworks)('$name', ({ app }) => {
  test('a download whose first client does not read holds up nobody else', async () => {
    const cache = newCache({ ttl: '1h', maxBodySize: '50mb', collapse: { wait: '60s' } });
    const chunk = Buffer.alloc(64 * 1024, 'x');
    let runs = 0;
    const handler: Handler = (_req, res) => {
      runs++;
      Readable.from(Array(320).fill(chunk)).pipe(res);
    };
    const port = await serve(app(cache as unknown as Handler, handler));
    /** Resolves when the head of an answer is there. The body is not read. */
    const asks = async (): Promise<ClientRequest> => {
      const asked = request({ port, path: '/film', headers: HOST }).on('error', () => {});
      const answered = once(asked, 'response');
      asked.end();
      await answered;
      return asked;
    };
    const first = await asks();
    const startedAt = performance.now();
    const second = await asks();
    expect(performance.now() - startedAt).toBeLessThan(30_000);
    expect(runs).toBe(2);
    first.destroy();
    second.destroy();
  });

  test.each([
    ['this process', false],
    ['another process', true],
  ])(
    'a handler of %s that has hung holds up only those who come in `collapse.wait`',
    async (_where, isOther) => {
      const prefix = uniquePrefix();
      const waits = { ttl: '1h', redis, prefix, collapse: { wait: '3s' } } as const;
      const here = newCache(waits);
      let runs = 0;
      const handler: Handler = (_req, res) => {
        if (++runs > 1) res.end('a body');
      };
      const port = await serve(app(here as unknown as Handler, handler));
      const hanging = isOther ? await serve(app(newCache(waits) as unknown as Handler, handler)) : port;
      const first = request({ port: hanging, path: '/hangs', headers: HOST }).on('error', () => {});
      first.end();
      await until(() => runs === 1);
      expect((await ask(port, { path: '/hangs', headers: HOST })).cacheStatus).toMatch(
        /detail=fill-under-way$/,
      );
      for (let i = 0; i < 3; i++) {
        const startedAt = performance.now();
        expect((await ask(port, { path: '/hangs', headers: HOST })).body).toBe('a body');
        expect(performance.now() - startedAt).toBeLessThan(2000);
      }
      first.destroy();
      expect(runs).toBe(5);
    },
  );

  test('nobody waits for a response that is not shared for at least as long as its handler took', async () => {
    const prefix = uniquePrefix();
    const cache = newCache({ ttl: '1h', redis, prefix });
    const handler: Handler = async (_req, res) => {
      await sleep(3000);
      res.setHeader('Cache-Control', 'no-store').end('news');
    };
    const port = await serve(app(cache as unknown as Handler, handler));
    await ask(port, { path: '/poll', headers: HOST });
    await cache.idle();
    const client = new Redis(redis);
    const keys = await client.keys(`${prefix}*|leases`);
    const lifetimes = await Promise.all(keys.map((key) => client.pttl(key)));
    client.disconnect();
    expect(keys).toHaveLength(1);
    // Five seconds at least, and twice what the handler took.
    expect(lifetimes[0]).toBeGreaterThan(5000);
  });
});

test.each<[string, (never: () => Promise<never>) => CacheOptions]>([
  ['enabled', (never) => ({ enabled: never })],
  ['when', (never) => ({ when: never })],
  ['key', (never) => ({ key: never })],
  ['vary.by', (never) => ({ vary: { by: never } })],
  ['storeWhen', (never) => ({ storeWhen: never })],
  ['ttl', (never) => ({ ttl: never })],
  ['tags', (never) => ({ tags: never })],
])(
  '`%s` that gives a promise which never settles: the app answers, nothing is stored, and idle() and close() resolve',
  async (option, optionsWith) => {
    const faults: FaultEvent[] = [];
    const cache = newCache({ ttl: '1h', ...optionsWith(() => new Promise(() => {})) });
    cache.on('fault', (fault) => faults.push(fault));
    const handler: Handler = (_req, res) => void res.end('a body');
    const [, { app }] = fewFrameworks as [unknown, (typeof fewFrameworks)[number]];
    const port = await serve(app(cache as unknown as Handler, handler));
    const asked = [ask(port, { path: '/a' }), ask(port, { path: '/a' })];
    expect((await Promise.all(asked)).map(({ body }) => body)).toEqual(['a body', 'a body']);
    await cache.idle();
    expect(faults[0]).toMatchObject({
      ...{ step: 'option', option },
      message: `Option "${option}" returned a promise that has not settled within 5 seconds.`,
    });
    expect(cache.stats().stored).toBe(0);
    await cache.close();
  },
);
