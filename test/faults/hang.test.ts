import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { type SlowNetwork, startProxy } from '../support/chaos.ts';
import { quietly } from '../support/quietly.ts';
import { type RedisProcess, startRedis } from '../support/redis.ts';
import { type Answer, type App, MARGIN, startApp, TIMEOUT, untilHit } from './support/app.ts';
import { type Client, WAYS } from './support/clients.ts';

/* Redis is there and does not answer, or not in time. A request waits for it `timeout` long, later ones not at all. */

/** After this many calls without an answer Redis is left alone. */
const ENOUGH = 5;

let redis: RedisProcess;
let client: Client | undefined;
let proxy: SlowNetwork | undefined;
beforeEach(async () => {
  redis = await startRedis();
});
afterEach(async () => {
  client?.end();
  client = undefined;
  proxy?.stop();
  proxy = undefined;
  await redis.stop();
});
quietly();

describe.each(WAYS)('with %s', (_name, way) => {
  test('a Redis that hangs delays the first requests by the timeout and later ones by nothing', async () => {
    client = await way(redis);
    const app = await startApp({ redis: client.option });
    await untilHit(app, 1);
    // A loaded machine may miss a deadline of its own accord before.
    app.faults.length = 0;

    redis.pause();
    for (let i = 0; i < ENOUGH; i++) {
      const { ms, cacheStatus } = await app.item(1);
      expect(cacheStatus).toMatch(/; fwd=bypass; detail=timeout$/);
      // Deadlines of a few milliseconds apart are met together.
      expect(ms).toBeGreaterThan(TIMEOUT / 2);
      expect(ms).toBeLessThan(TIMEOUT + MARGIN);
    }
    await expectUndelayed(app);
    expect((await app.item(1)).cacheStatus).toMatch(/; fwd=bypass; detail=unavailable$/);
    expect(app.faults.map(({ step, code }) => `${step} ${code}`)).toEqual(
      Array(ENOUGH).fill('lookup timeout'),
    );

    redis.resume();
    await untilHit(app, 1);
    expect((await app.item(1)).hit).toBe(true);
  });
});

test('a Redis that hangs while the app boots is no different', async () => {
  redis.pause();
  const app = await startApp({ redis: redis.url });
  for (let i = 0; i < ENOUGH; i++) expect((await app.item(i)).ms).toBeLessThan(TIMEOUT + MARGIN);
  await expectUndelayed(app);
  redis.resume();
  await untilHit(app, 1);
});

test('a response that is stored when Redis hangs is answered all the same, and stored next time', async () => {
  const app = await startApp({ redis: redis.url }, (express) => {
    express.get('/pausing', (_req, res) => {
      redis.pause();
      res.send('paused');
    });
  });
  await untilHit(app, 1);
  const { ms, body } = await app.get('/pausing');
  expect(body).toBe('paused');
  expect(ms).toBeLessThan(TIMEOUT + MARGIN);
  redis.resume();
  await untilHit(app, 1);
});

test('a slow Redis is as good as none, until it is fast again', async () => {
  proxy = await startProxy(redis);
  const app = await startApp({ redis: proxy.url });
  await untilHit(app, 1);
  proxy.delay = 1000;
  for (let i = 0; i < ENOUGH; i++) expect((await app.item(1)).ms).toBeLessThan(TIMEOUT + MARGIN);
  // Longer than the slow answers need to come: they change nothing.
  for (const startedAt = performance.now(); performance.now() - startedAt < 2000; await sleep(20)) {
    expect((await app.item(1)).hit).toBe(false);
  }
  await expectUndelayed(app);
  expect(app.faults.length).toBeLessThan(2 * ENOUGH);
  proxy.delay = 0;
  await untilHit(app, 1);
});

test('a connection that died without a word is given up and opened again', async () => {
  proxy = await startProxy(redis);
  const app = await startApp({ redis: proxy.url });
  await untilHit(app, 1);
  proxy.dark = true;
  for (let i = 0; i < ENOUGH; i++) expect((await app.item(1)).hit).toBe(false);
  // What is dead stays dead: only a new connection helps.
  proxy.dark = false;
  await untilHit(app, 1, 30_000);
}, 40_000);

test('closing does not wait for a Redis that hangs', async () => {
  const app = await startApp({ redis: redis.url });
  await untilHit(app, 1);
  redis.pause();
  const startedAt = performance.now();
  await app.cache.close();
  expect(performance.now() - startedAt).toBeLessThan(MARGIN);
  expect((await app.item(1)).cacheStatus).toBe('');
});

/** Most requests do not ask Redis at all. The quickest tells what they wait for: a loaded machine delays the others. */
async function expectUndelayed(app: App): Promise<void> {
  const answers: Answer[] = [];
  for (let i = 0; i < 30; i++) answers.push(await app.item(1));
  const unasked = answers.filter(({ cacheStatus }) => cacheStatus.endsWith('detail=unavailable'));
  expect(unasked.length).toBeGreaterThan(answers.length / 2);
  expect(Math.min(...answers.map(({ ms }) => ms))).toBeLessThan(TIMEOUT / 2);
}
