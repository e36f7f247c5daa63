import { expect, test } from '@jest/globals';
import express from 'express';
import request from 'supertest';
import { type FaultEvent, redisCache } from '../../src/index.ts';

test('a response whose locals have no JSON is sent and not stored: a fault, and no unhandled rejection', async () => {
  const faults: FaultEvent[] = [];
  const cache = redisCache({ locals: ['count'] });
  cache.on('fault', (fault) => faults.push(fault));
  const app = express();
  app.use(cache);
  app.get('/', (_req, res) => {
    // JSON has no big integers.
    res.locals.count = 1n;
    res.send('page');
  });
  const answer = await request(app).get('/').set('Host', 'a.example');
  await cache.idle();
  expect([answer.status, answer.text]).toEqual([200, 'page']);
  expect(cache.stats().stored).toBe(0);
  expect(faults.map(({ step }) => step)).toEqual(['store']);
  await cache.close();
});
