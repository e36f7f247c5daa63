import { expect, test } from '@jest/globals';
import express from 'express';
import request from 'supertest';
import { type FaultEvent, redisCache } from '../../src/index.ts';

test('what cannot be stored behind a HEAD is a fault, and no rejection that nobody handles', async () => {
  let now = 1_800_000_000_000;
  const faults: FaultEvent[] = [];
  const cache = redisCache({ ttl: '1s', locals: ['count'], clock: () => now });
  cache.on('fault', (fault) => faults.push(fault));
  const app = express();
  app.use(cache);
  app.get('/', (req, res) => {
    // JSON has no big integers.
    res.locals.count = req.method === 'HEAD' ? 1n : 1;
    res.send('page');
  });
  await request(app).get('/').set('Host', 'a.example');
  await cache.idle();
  now += 2000;
  const head = await request(app).head('/').set('Host', 'a.example');
  await cache.idle();
  expect(head.status).toBe(200);
  expect(head.headers['cache-status']).toContain('fwd=stale; detail=head');
  expect(faults.map(({ step }) => step)).toEqual(['store']);
  await cache.close();
});
