import { expect, test } from '@jest/globals';
import { uniquePrefix } from '../../support/prefix.ts';
import { Child } from '../../support/process.ts';

const TARGETS = 100;

test('two processes that warm up the same list at the same time run each handler once', async () => {
  const prefix = uniquePrefix();
  const script = `
    const cache = redisCache({ redis: REDIS, prefix: ${JSON.stringify(prefix)}, timeout: '10s' });
    const app = (req, res) => cache(req, res, () => {
      console.log('run ' + req.url);
      setTimeout(() => res.end('x'), 20);
    });
    const targets = Array.from({ length: ${TARGETS} }, (_, i) => 'http://a.example/' + i);
    cache.warm(targets, { app }).then(async (result) => {
      console.log(JSON.stringify(result));
      await cache.close();
    });`;
  const fleet = [1, 2].map(() => new Child(script, process.env.TEST_REDIS_URL as string));
  // Each process ends by itself when its warm-up is done.
  expect(await Promise.all(fleet.map((child) => child.ended(40_000)))).toEqual([0, 0]);
  const lines = fleet.flatMap(({ out }) => out.trim().split('\n'));
  const runs = lines.filter((line) => line.startsWith('run'));
  expect(runs).toHaveLength(TARGETS);
  expect(new Set(runs).size).toBe(TARGETS);
  const result = JSON.stringify({ done: TARGETS, failed: 0, failures: [], notStored: {} });
  expect(lines.filter((line) => line === result)).toHaveLength(2);
}, 60_000);
