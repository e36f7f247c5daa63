import { once } from 'node:events';
import { get } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import type { Request, Response } from 'express';
import type { CacheOptions } from '../../src/index.ts';
import { Child } from '../support/process.ts';
import { quietly } from '../support/quietly.ts';
import { type RedisProcess, startRedis } from '../support/redis.ts';
import { until } from '../support/until.ts';
import { type App, MARGIN, startApp, TIMEOUT } from './support/app.ts';

/* A fill that ends badly, or not at all: it holds the lease of its place, and must not keep others from it. */

let redis: RedisProcess;
beforeEach(async () => {
  redis = await startRedis();
});
afterEach(() => redis.stop());
quietly();

/** Redis is well in all of these, and a busy machine may delay what it answers. */
const ATTENTIVE = { timeout: 2000 } as const;

/** An app whose `/first` fails its first request in some way, and answers all later ones. */
async function appThat(
  fails: (res: Response, req: Request) => unknown,
  options: CacheOptions = {},
): Promise<App> {
  let calls = 0;
  return startApp({ ...ATTENTIVE, redis: redis.url, ...options }, (express) => {
    express.get('/first', (req, res) => (calls++ === 0 ? fails(res, req) : res.send('fine')));
  });
}

/** How long a process that died holds a place, in milliseconds. */
const LEASE = 2000;

/** The next request is answered at once, by the app; and soon one is stored. */
async function expectRecovery(app: App, within = LEASE + 5000): Promise<void> {
  const { status, body, ms } = await app.get('/first');
  expect({ status, body }).toEqual({ status: 200, body: 'fine' });
  expect(ms).toBeLessThan(2 * TIMEOUT + MARGIN);
  await until(async () => (await app.get('/first')).hit, within);
}

test('a handler that throws at once gives way to the next', async () => {
  const app = await appThat(() => {
    throw new Error('failed');
  });
  expect(await app.get('/first')).toMatchObject({ status: 500, body: 'failed' });
  await expectRecovery(app, 2000);
});

test('a handler that rejects gives way to the next', async () => {
  const app = await appThat(async () => {
    await new Promise(setImmediate);
    throw new Error('failed');
  });
  expect(await app.get('/first')).toMatchObject({ status: 500, body: 'failed' });
  await expectRecovery(app, 2000);
});

test('a handler that fails in the middle of its answer gives way to the next', async () => {
  const app = await appThat((res) => {
    res.write('half');
    setTimeout(() => res.destroy(new Error('failed')), 10);
  });
  await expect(app.get('/first')).rejects.toThrow();
  await expectRecovery(app, 2000);
});

test.each<[string, (res: Response, req: Request) => unknown]>([
  ['response', (res) => res.destroy()],
  ["response's socket", (res) => res.socket?.destroy()],
  ["request's socket", (_res, req) => req.socket.destroy()],
])('a handler that destroys the %s gives way to the next', async (_name, destroy) => {
  const app = await appThat(destroy);
  await expect(app.get('/first')).rejects.toThrow();
  await expectRecovery(app);
});

test('without collapsing, a handler that is still at it does not keep others from being answered', async () => {
  const held: Response[] = [];
  const app = await appThat((res) => held.push(res), { collapse: false });
  const first = app.get('/first');
  await until(() => held.length > 0);
  for (let i = 0; i < 5; i++) {
    const { body, ms, cacheStatus } = await app.get('/first');
    expect(body).toBe('fine');
    expect(ms).toBeLessThan(2 * TIMEOUT + MARGIN);
    expect(cacheStatus).toContain('fwd=uri-miss; detail=fill-under-way');
  }
  held[0]?.send('at last');
  expect((await first).body).toBe('at last');
  await app.cache.idle();
  expect(await app.get('/first')).toMatchObject({ hit: true, body: 'at last' });
});

test('a handler that takes longer than a lease lasts keeps it', async () => {
  const held: Response[] = [];
  const key = () => 'shared';
  const [app, other] = await Promise.all([
    startApp({ ...ATTENTIVE, redis: redis.url, key, collapse: { lease: LEASE } }, (express) => {
      express.get('/first', (_req, res) => void held.push(res));
    }),
    startApp({ ...ATTENTIVE, redis: redis.url, key, collapse: { lease: LEASE, wait: 250 } }, (express) => {
      express.get('/first', (_req, res) => void res.send('other'));
    }),
  ]);
  const first = app.get('/first');
  await until(() => held.length > 0);
  for (const startedAt = performance.now(); performance.now() - startedAt < LEASE + 1500; await sleep(250)) {
    expect((await other.get('/first')).cacheStatus).toContain('detail=fill-under-way');
  }
  held[0]?.send('at last');
  await first;
  await app.cache.idle();
  expect(await other.get('/first')).toMatchObject({ hit: true, body: 'at last' });
});

test('a handler that never ends gives way once its client has gone', async () => {
  const held: Response[] = [];
  const app = await appThat((res) => held.push(res), { collapse: { lease: LEASE } });
  const request = get(`${app.origin}/first`).on('error', () => {});
  await until(() => held.length > 0);
  request.destroy();
  await once(held[0] as Response, 'close');
  await expectRecovery(app);
});

test('a process that is killed in the middle of a fill is succeeded within the time of a lease', async () => {
  const app = await startApp(
    { ...ATTENTIVE, redis: redis.url, key: () => 'shared', collapse: false },
    (express) => {
      express.get('/first', (_req, res) => void res.send('fine'));
    },
  );
  const child = new Child(
    `const cache = redisCache({ redis: REDIS, timeout: 2000, key: () => 'shared', collapse: { lease: ${LEASE} } });
    const server = require('node:http').createServer((req, res) => cache(req, res, () => console.log('leading')));
    server.listen(0, '127.0.0.1', () => {
      require('node:http').get({ port: server.address().port, path: '/first' }).on('error', () => {});
    });`,
    redis.url,
  );
  await until(() => child.out === 'leading\n', 15_000);
  expect((await app.get('/first')).cacheStatus).toContain('detail=fill-under-way');
  child.kill();
  await child.ended();
  await expectRecovery(app);
});
