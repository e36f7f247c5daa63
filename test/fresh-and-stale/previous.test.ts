import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, expect, test } from '@jest/globals';
import { type CacheMiddleware, type CacheOptions, redisCache } from '../../src/index.ts';
import { uniquePrefix } from '../support/prefix.ts';

const redis = process.env.TEST_REDIS_URL as string;

const closing: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0)) await close();
});

/** A deployment whose handler answers with its name and how often it ran. */
async function deployment(name: string, options: CacheOptions) {
  const cache: CacheMiddleware = redisCache({ redis, timeout: '5s', key: () => 'one', ...options });
  let runs = 0;
  const server = createServer((req, res) => cache(req, res, () => res.end(`${name} ${++runs}`)));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  closing.push(async () => {
    server.closeAllConnections();
    server.close();
    await cache.close();
  });
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    cache,
    async ask() {
      const response = await fetch(origin);
      const status = String(response.headers.get('cache-status')).replace('redis-response-cache; ', '');
      return { body: await response.text(), status };
    },
  };
}

test('what the deployment before has stored is used until this one has made its own', async () => {
  const [old, fresh] = [uniquePrefix(), uniquePrefix()];
  const before = await deployment('before', { prefix: old, ttl: '1h' });
  await before.ask();
  await before.cache.idle();
  const after = await deployment('after', { prefix: fresh, previous: old, ttl: '1h' });
  expect(await after.ask()).toEqual({ body: 'before 1', status: expect.stringMatching(/detail=previous/) });
  await after.cache.idle();
  expect(await after.ask()).toMatchObject({
    body: 'after 1',
    status: expect.stringMatching(/^hit; ttl=3[56]\d\d$/),
  });
  // What the old one has is left to it.
  expect((await before.ask()).body).toBe('before 1');
});

test('is not used once it is stale, nor where nothing is stored', async () => {
  const [old, fresh] = [uniquePrefix(), uniquePrefix()];
  const before = await deployment('before', { prefix: old, ttl: '1h' });
  const clock = (): number => Date.now() + 3_700_000;
  const after = await deployment('after', { prefix: fresh, previous: old, clock });
  expect((await after.ask()).body).toBe('after 1');
  const later = await deployment('later', { prefix: uniquePrefix(), previous: old, clock });
  await before.ask();
  await before.cache.idle();
  expect((await later.ask()).body).toBe('later 1');
});

test.each([{ key: 'one' }, { all: true }, { tag: 't' }] as const)(
  'a purge of %j takes it too, and what the old deployment is about to store',
  async (target) => {
    const [old, fresh] = [uniquePrefix(), uniquePrefix()];
    const before = await deployment('before', { prefix: old, tags: ['t'] });
    await before.ask();
    await before.cache.idle();
    const after = await deployment('after', { prefix: fresh, previous: old, tags: ['t'] });
    expect(await after.cache.purge(target)).toBe(1);
    expect((await after.ask()).body).toBe('after 1');
    expect((await before.ask()).body).toBe('before 2');
  },
);

test('is refused where it is no prefix, or the same', () => {
  expect(() => redisCache({ previous: 'a b' })).toThrow(/option previous is "a b"/);
  expect(() => redisCache({ prefix: 'a:', previous: 'a:' })).toThrow(/option previous/);
});
