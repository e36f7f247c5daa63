import type express from 'express';
import type { CacheOptions } from '../../../src/index.ts';
import { type TestApp, testApp } from '../../support/app.ts';
import { expresses } from '../../support/expresses.ts';
import { Gate } from '../../support/gate.ts';
import { uniquePrefix } from '../../support/prefix.ts';

/* A small Express app with an answer of every kind, behind a cache in the real Redis, at a time set by hand. */

export interface Shop extends TestApp {
  readonly app: express.Express;
  /** How often the app answered. */
  runs(): number;
  /** At which `/gated` waits. */
  readonly gate: Gate;
}

export async function shop(
  options: CacheOptions = {},
  make: typeof express = expresses[0]![1],
): Promise<Shop> {
  const redis = process.env.TEST_REDIS_URL as string;
  const app = make();
  const gate = new Gate();
  let runs = 0;
  const site = await testApp(
    (cache) => {
      app.use(cache);
      return routes(app, gate, () => runs++);
    },
    { redis, prefix: uniquePrefix(), ttl: '1m', ...options },
  );
  return {
    ...site,
    app,
    runs: () => runs,
    gate,
    ask: (asked = '/text') => site.ask(asked),
    settled: (asked = '/text') => site.settled(asked),
  };
}

function routes(app: express.Express, gate: Gate, ran: () => void): express.Express {
  app.set('env', 'test');
  app.use((_req, _res, next) => {
    ran();
    next();
  });
  app.get('/text', (_req, res) => void res.send('a text of 25 characters..'));
  app.get('/private', (_req, res) => void res.set('Cache-Control', 'private').send('mine'));
  app.get('/cookie', (_req, res) => void res.cookie('a', 'b').send('mine'));
  app.get('/me', (req, res) => void res.send(`for ${req.headers.authorization ?? 'nobody'}`));
  app.get('/session', (req, res) => void res.send(`for ${req.headers.cookie?.length}`));
  app.get('/broken', (_req, _res) => {
    throw new Error('broken');
  });
  app.get('/varies', (_req, res) => void res.vary('Accept-Language').send('varies'));
  app.get('/tagged', (_req, res) => void res.set('Cache-Tag', 'things').send('tagged'));
  app.get('/short', (_req, res) => void res.set('Cache-Control', 'max-age=1').send('short'));
  app.get('/behind', (_req, res) => {
    res.set('Cache-Control', 'max-age=10, stale-while-revalidate=1000').send('behind');
  });
  app.get('/gated', (_req, res) => void gate.opened.then(() => res.send('gated')));
  app.get('/slow', (_req, res) => void setTimeout(() => res.send('slow'), 50));
  app.post('/text', (_req, res) => void res.send('changed'));
  return app;
}
