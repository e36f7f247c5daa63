import type express from 'express';
import type { CacheMiddleware, CacheOptions } from '../../../src/index.ts';
import { expresses, newCache, serve } from '../../support/apps.ts';
import { type Answer, type Asked, ask } from '../../support/client.ts';
import { uniquePrefix } from '../../support/prefix.ts';

/* A small Express app with an answer of every kind, behind a cache in the real Redis, at a time set by hand. */

export interface Shop {
  readonly cache: CacheMiddleware;
  readonly app: express.Express;
  readonly port: number;
  /** How often the app answered. */
  runs(): number;
  later(ms: number): void;
  ask(asked?: Asked | string): Promise<Answer & { readonly says: string }>;
  /** Asks, and waits until nothing goes on behind the answer. */
  settled(asked?: Asked | string): Promise<Answer & { readonly says: string }>;
}

export async function shop(
  options: CacheOptions = {},
  make: typeof express = expresses[0]![1],
): Promise<Shop> {
  let now = Date.now();
  let runs = 0;
  const prefix = uniquePrefix();
  const redis = process.env.TEST_REDIS_URL as string;
  const cache = newCache({ redis, prefix, ttl: '1m', clock: () => now, ...options });
  const app = make();
  app.set('env', 'test');
  app.use(cache);
  app.use((_req, _res, next) => {
    runs++;
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
  app.get('/slow', (_req, res) => void setTimeout(() => res.send('slow'), 50));
  app.post('/text', (_req, res) => void res.send('changed'));
  const port = await serve(app);
  const asks = async (asked: Asked | string = '/text'): Promise<Answer & { says: string }> => {
    const answer = await ask(port, typeof asked === 'string' ? { path: asked } : asked);
    return { ...answer, says: answer.header('cache-status')?.replace(/^[^;]*; /, '') ?? '' };
  };
  return {
    cache,
    app,
    port,
    runs: () => runs,
    later: (ms) => {
      now += ms;
    },
    ask: asks,
    async settled(asked) {
      const answer = await asks(asked);
      await cache.idle();
      return answer;
    },
  };
}
