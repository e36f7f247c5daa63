import { expect, test } from '@jest/globals';
import { everywhere, site } from '../support/stores.ts';

/* Purges by key and URL reach what every policy of the cache has stored. */

everywhere((open) => {
  test('a purge by key purges the methods that a route of cache.with leaves out', async () => {
    const { cache, get } = await site(
      { ...open(), key: () => 'k', methods: ['GET', 'POST'], ttl: '1h' },
      (req, res) => {
        res.setHeader('Cache-Control', 'max-age=60');
        res.end(req.method);
      },
    );
    cache.with({ methods: ['GET'] });
    for (const method of ['GET', 'POST']) await get({ method });
    expect((await get({ method: 'POST' })).cacheStatus).toMatch(/^hit/);
    expect(await cache.purge({ key: 'k' })).toBe(2);
    expect((await get({ method: 'POST' })).cacheStatus).toMatch(/^fwd=uri-miss/);
  });

  test('a purge by key purges the methods that only a route of cache.with has', async () => {
    const { cache, get } = await site(open(), (req, res) => void posts(req, res, () => res.end(req.method)));
    const posts = cache.with({ key: () => 'k', methods: ['GET'] }).with({ methods: ['POST'] });
    await get({ method: 'POST' });
    expect(await cache.purge({ key: 'k' })).toBe(1);
  });
});
