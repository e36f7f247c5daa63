import { describe, expect, test } from '@jest/globals';
import express from 'express';
import { testApp } from '../support/app.ts';
import { uniquePrefix } from '../support/prefix.ts';
import { redis } from '../support/stores.ts';

/* Routes with a `key` of their own, as the documentation has them, and what changes their resource. */

describe.each([
  ['in process', () => ({})],
  ['in Redis', () => ({ redis, prefix: uniquePrefix() })],
  [
    'in Redis with hashed keys and a near cache',
    () => ({ redis, prefix: uniquePrefix(), hashKeys: true, near: true }),
  ],
])('%s', (_where, options) => {
  const leads = () =>
    testApp(
      (cache) => {
        const app = express();
        let version = 1;
        const read = cache.with({
          key: (req) => ['l', (req as unknown as express.Request).params.id as string],
        });
        app.get(['/l/:id', '/leads/:id'], read as never, (_req, res) => void res.send(`version ${version}`));
        app.post('/l/:id', cache as never, (_req, res) => {
          version++;
          res.send('changed');
        });
        app.put('/fails/:id', cache as never, (_req, res) => void res.status(500).send('not changed'));
        return app;
      },
      { ...options(), ttl: '1h' },
    );

  test('a POST to the URL of a response under a key of its own invalidates it', async () => {
    const { settled } = await leads();
    await settled('/l/1?page=2');
    await settled('/l/2');
    expect((await settled('/l/1')).cacheStatus).toMatch(/^hit/);
    await settled({ method: 'POST', path: '/l/1' });
    const after = await settled('/l/1');
    expect([after.body, after.cacheStatus.slice(0, 3)]).toEqual(['version 2', 'fwd']);
    // Another resource.
    expect((await settled('/l/2')).cacheStatus).toMatch(/^hit/);
  });

  test('purge by URL finds a response under a key of its own', async () => {
    const { cache, settled } = await leads();
    await settled('/l/1');
    await settled('/l/2');
    expect(await cache.purge({ url: 'https://test.example/l/1' })).toBe(1);
    expect((await settled('/l/1')).cacheStatus).toMatch(/^fwd/);
    expect((await settled('/l/2')).cacheStatus).toMatch(/^hit/);
  });
});
