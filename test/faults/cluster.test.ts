import { afterAll, afterEach, beforeAll, expect, test } from '@jest/globals';
import { startCluster } from '../support/cluster.ts';
import { quietly } from '../support/quietly.ts';
import type { RedisProcess } from '../support/redis.ts';
import { until } from '../support/until.ts';
import { type App, MARGIN, startApp, TIMEOUT, untilHit } from './support/app.ts';

/* The same for a Cluster, whose client finds out by other ways that its nodes are gone. */

let redis: RedisProcess;
beforeAll(async () => {
  redis = await startCluster();
});
afterEach(() => redis.cli('FLUSHALL'));
afterAll(() => redis.stop());
quietly();

test('a Cluster that is killed costs no answer, and hits resume after a restart', async () => {
  const app = await startApp({ redis: { cluster: [redis.url] } });
  await untilHit(app, 1);
  await redis.kill();
  await expectPrompt(app, 50);
  expect((await app.item(1)).cacheStatus).toMatch(/fwd=bypass; detail=/);
  await redis.restart();
  await untilHit(app, 1);
  expect(app.faults.length).toBeLessThan(20);
});

test('a Cluster that hangs delays a few requests by the timeout', async () => {
  const app = await startApp({ redis: { cluster: [redis.url] } });
  await untilHit(app, 1);
  redis.pause();
  await expectPrompt(app, 20);
  expect((await app.item(1)).cacheStatus).toMatch(/detail=unavailable/);
  redis.resume();
  await untilHit(app, 1);
});

test('a Cluster without all of its slots is as good as none', async () => {
  const app = await startApp({ redis: { cluster: [redis.url] } });
  await untilHit(app, 1);
  await redis.cli('CLUSTER', 'DELSLOTSRANGE', 0, 16383);
  await until(async () => {
    await expectPrompt(app, 5);
    return (await app.item(1)).cacheStatus.includes('fwd=bypass; detail=');
  });
  await redis.cli('CLUSTER', 'ADDSLOTSRANGE', 0, 16383);
  await untilHit(app, 1);
  expect(app.faults.length).toBeLessThan(40);
});

test('an app that boots before the Cluster is there caches once it is', async () => {
  await redis.kill();
  const app = await startApp({ redis: { cluster: [redis.url] } });
  await expectPrompt(app, 20);
  expect(app.calls()).toBe(20);
  await redis.restart();
  await untilHit(app, 1);
  expect(app.faults.filter(({ step }) => step === 'connection').length).toBeGreaterThan(0);
  expect(app.faults.length).toBeLessThan(20);
});

async function expectPrompt(app: App, count: number): Promise<void> {
  for (let i = 0; i < count; i++) expect((await app.item(1)).ms).toBeLessThan(2 * TIMEOUT + MARGIN);
}
