import { once } from 'node:events';
import { createServer, get, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, describe, expect, test } from '@jest/globals';
import { type CacheMiddleware, type CacheOptions, redisCache } from '../../src/index.ts';
import { uniquePrefix } from '../support/prefix.ts';

const redis = process.env.TEST_REDIS_URL as string;

interface Answer {
  status: number;
  body: string;
  cacheStatus: string;
}

/** A handler that is let go on by hand, in front of which stand several caches: as many processes, but for the memory. */
interface Fleet {
  readonly caches: readonly CacheMiddleware[];
  /** The requests whose handlers run. */
  readonly running: { req: IncomingMessage; res: ServerResponse }[];
  ask(process: number, headers?: Record<string, string>): Promise<Answer>;
  /** Waits until as many handlers run. */
  runs(count: number): Promise<void>;
}

const closing: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0)) await close();
});

async function fleet(processes: number, options: CacheOptions = {}): Promise<Fleet> {
  const prefix = uniquePrefix();
  const running: Fleet['running'] = [];
  const caches: CacheMiddleware[] = [];
  const servers: Server[] = [];
  for (let i = 0; i < processes; i++) {
    const cache = redisCache({ redis, prefix, timeout: '5s', key: () => 'one', ...options });
    const server = createServer((req, res) => cache(req, res, () => running.push({ req, res })));
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    caches.push(cache);
    servers.push(server);
    closing.push(async () => {
      server.closeAllConnections();
      server.close();
      await cache.close();
    });
  }
  return {
    caches,
    running,
    ask: (process, headers = {}) =>
      new Promise((resolve, reject) => {
        const { port } = (servers[process] as Server).address() as AddressInfo;
        get({ port, headers, agent: false }, (res) => {
          let body = '';
          res.on('data', (text) => {
            body += text;
          });
          res.on('end', () => {
            const cacheStatus = String(res.headers['cache-status']).replace(/^redis-response-cache; /, '');
            resolve({ status: res.statusCode ?? 0, body, cacheStatus });
          });
        }).on('error', reject);
      }),
    async runs(count) {
      while (running.length < count) await new Promise(setImmediate);
    },
  };
}

function many<T>(count: number, each: () => Promise<T>): Promise<T>[] {
  return Array.from({ length: count }, each);
}

describe('requests for what is being made', () => {
  test('wait for it, in this process and in others, and the handler runs once', async () => {
    const { ask, running, runs } = await fleet(3);
    const asked = [0, 1, 2].flatMap((process) => many(50, () => ask(process)));
    await runs(1);
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(running).toHaveLength(1);
    running[0]?.res.end('made once');
    const answers = await Promise.all(asked);
    expect(new Set(answers.map(({ body }) => body))).toEqual(new Set(['made once']));
    expect(answers.filter(({ cacheStatus }) => cacheStatus === 'fwd=uri-miss; stored')).toHaveLength(1);
    // Whoever waited in the leader's process shares its response; whoever waited elsewhere, or came late, has a hit.
    const shared = answers.filter(({ cacheStatus }) => /collapsed$|^hit/.test(cacheStatus));
    expect(shared).toHaveLength(149);
    expect(shared.some(({ cacheStatus }) => cacheStatus === 'fwd=uri-miss; collapsed')).toBe(true);
    expect(running).toHaveLength(1);
  });

  test.each([
    ['a cookie', (res: ServerResponse) => res.setHeader('Set-Cookie', 'id=1')],
    ['private', (res: ServerResponse) => res.setHeader('Cache-Control', 'private')],
    ['an error', (res: ServerResponse) => res.writeHead(500)],
  ])('go on at once when there is nothing to share: %s', async (_name, mark) => {
    const { ask, running, runs } = await fleet(2);
    const leader = ask(0);
    await runs(1);
    const others = [...many(5, () => ask(0)), ...many(5, () => ask(1))];
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(running).toHaveLength(1);
    mark(running[0]?.res as ServerResponse);
    running[0]?.res.end('the first');
    expect((await leader).body).toBe('the first');
    await runs(11);
    for (const { res } of running.slice(1)) res.end('own');
    expect((await Promise.all(others)).map(({ body }) => body)).toEqual(Array(10).fill('own'));
  });

  test('after that do not wait for the next either, for some seconds', async () => {
    const { ask, running, runs } = await fleet(2);
    const first = ask(0);
    await runs(1);
    running[0]?.res.writeHead(200, { 'Cache-Control': 'private' }).end();
    await first;
    const next = [ask(0), ask(0), ask(1), ask(1)];
    await runs(5);
    for (const { res } of running.slice(1)) res.end('now for all');
    const answers = await Promise.all(next);
    // The first of them holds the lease all the same.
    expect(answers.filter(({ cacheStatus }) => cacheStatus === 'fwd=uri-miss; stored')).toHaveLength(1);
  });

  test('of another variant do not take its response', async () => {
    const { ask, running, runs } = await fleet(1);
    const german = ask(0, { 'Accept-Language': 'de' });
    await runs(1);
    const english = ask(0, { 'Accept-Language': 'en' });
    running[0]?.res.writeHead(200, { Vary: 'Accept-Language' }).end('Hallo');
    expect((await german).body).toBe('Hallo');
    await runs(2);
    running[1]?.res.writeHead(200, { Vary: 'Accept-Language' }).end('Hello');
    expect(await english).toMatchObject({ body: 'Hello', cacheStatus: 'fwd=vary-miss' });
  });

  test('that waited long enough run the handler themselves', async () => {
    const { ask, running, runs } = await fleet(2, { collapse: { wait: 150 } });
    const leader = ask(0);
    await runs(1);
    const others = [ask(0), ask(1)];
    await runs(3);
    for (const { res } of running) res.end('done');
    await leader;
    for (const { cacheStatus } of await Promise.all(others)) {
      expect(cacheStatus).toBe('fwd=uri-miss; detail=fill-under-way');
    }
  });

  test('wait for as long as they are let, however long that is', async () => {
    const { ask, running, runs } = await fleet(2, { collapse: { wait: '60s' } });
    const leader = ask(0);
    await runs(1);
    const other = ask(1);
    await sleep(18_000);
    expect(running).toHaveLength(1);
    running[0]?.res.end('done');
    expect((await Promise.all([leader, other])).map(({ body }) => body)).toEqual(['done', 'done']);
    expect(running).toHaveLength(1);
  }, 40_000);

  test('are not made to wait where collapsing is off', async () => {
    const { ask, running, runs } = await fleet(2, { collapse: false });
    const asked = [ask(0), ask(0), ask(1)];
    await runs(3);
    for (const { res } of running) res.end('done');
    expect(
      (await Promise.all(asked)).filter(({ cacheStatus }) => cacheStatus.endsWith('stored')),
    ).toHaveLength(1);
  });
});

test('a cache behind another that shares its keys does not wait for itself', async () => {
  const prefix = uniquePrefix();
  const [front, behind] = [redisCache({ redis, prefix }), redisCache({ redis, prefix })];
  const server = createServer((req, res) =>
    front(req, res, () => behind(req, res, () => res.end('at once'))),
  );
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  closing.push(async () => {
    server.close();
    await Promise.all([front.close(), behind.close()]);
  });
  const startedAt = performance.now();
  const answer = await fetch(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`);
  expect(await answer.text()).toBe('at once');
  expect(performance.now() - startedAt).toBeLessThan(5000);
});

describe('a purge', () => {
  test('revokes the fill that others wait for: they are given what is made after it', async () => {
    const { ask, caches, running, runs } = await fleet(2);
    const leader = ask(0);
    await runs(1);
    const waiting = [ask(0), ask(1)];
    await new Promise((resolve) => setTimeout(resolve, 100));
    await caches[1]?.purge({ key: 'one' });
    const later = ask(1);
    running[0]?.res.end('from before');
    expect((await leader).body).toBe('from before');
    await runs(2);
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(running).toHaveLength(2);
    running[1]?.res.end('from after');
    expect((await later).body).toBe('from after');
    expect((await Promise.all(waiting)).map(({ body }) => body)).toEqual(['from after', 'from after']);
  });
});
