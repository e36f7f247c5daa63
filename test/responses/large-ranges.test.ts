import { expect, test } from '@jest/globals';
import express from 'express';
import request from 'supertest';
import { redisCache } from '../../src/index.ts';

test('a range of what is known to be too large to store is the affair of the app', async () => {
  const cache = redisCache({ maxBodySize: 10 });
  const seen: (string | undefined)[] = [];
  const app = express();
  app.use(cache);
  app.get('/film', (req, res) => {
    seen.push(req.headers.range);
    res.sendFile(require.resolve('typescript'), { maxAge: '1h' });
  });
  const ranged = () => request(app).get('/film').set({ Host: 'film.example', Range: 'bytes=0-1' });
  const first = await ranged();
  await cache.idle();
  const second = await ranged();
  expect([first.status, second.status, second.headers['content-length']]).toEqual([200, 206, '2']);
  expect(seen).toEqual([undefined, 'bytes=0-1']);
  await cache.close();
});
