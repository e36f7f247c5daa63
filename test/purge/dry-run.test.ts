import { expect, test } from '@jest/globals';
import type { PurgeEvent, PurgeTarget } from '../../src/index.ts';
import type { Handler } from '../support/app.ts';
import { everywhere, type Site, site } from '../support/stores.ts';

/* What a purge would purge, before it does: the same number, and nothing is gone. */

const page: Handler = (req, res) => {
  res.setHeader('Vary', 'Accept-Language');
  res.setHeader('Cache-Tag', req.url.startsWith('/a') ? 'all, a' : 'all');
  res.end(`page ${req.url}`);
};

const PATHS = ['/a/1', '/a/2?x=1', '/b/1', '/c'];

async function stored({ cache }: Site): Promise<number> {
  return (await cache.entries.measure()).responses.count;
}

everywhere((open) => {
  const TARGETS: [string, PurgeTarget, number][] = [
    ['a URL, with both of its variants', { url: 'http://test.example/a/1' }, 2],
    ['a URL under which nothing is stored', { url: 'http://test.example/z' }, 0],
    ['a tag', { tag: 'a' }, 3],
    ['two tags of the same responses', { tags: ['a', 'all'] }, 5],
    ['a prefix', { prefix: '/a' }, 3],
    ['everything', { all: true }, 5],
  ];
  test.each(TARGETS)(
    'a dry run for %s counts what the purge then purges, and purges nothing',
    async (_, target, expected) => {
      const one = await site(open(), page);
      const events: PurgeEvent[] = [];
      one.cache.on('purge', (event) => events.push(event));
      for (const path of PATHS) await one.get({ path, headers: { 'Accept-Language': 'de' } });
      await one.get({ path: '/a/1', headers: { 'Accept-Language': 'fr' } });
      let reported = 0;
      const onProgress = (count: number): void => {
        reported = count;
      };
      expect(await one.cache.purge(target, { dryRun: true, onProgress })).toBe(expected);
      expect(events).toEqual([]);
      expect(await stored(one)).toBe(5);
      if (!('url' in target)) expect(reported).toBe(expected);
      expect(await one.cache.purge(target)).toBe(expected);
      expect(events).toHaveLength(1);
    },
  );

  test('a dry run for a URL or a key counts responses under a key of the app, and values', async () => {
    const one = await site({ ...open(), key: (req) => ['page', req.url ?? ''] }, page);
    await one.get('/a');
    await one.cache.store.set(['page', '/a'], 'a value', { ttl: '1h' });
    expect(await one.cache.purge({ url: 'http://test.example/a' }, { dryRun: true })).toBe(1);
    expect(await one.cache.purge({ key: ['page', '/a'] }, { dryRun: true })).toBe(2);
    expect(await one.cache.purge({ key: ['page', '/a'] })).toBe(2);
  });

  test.each([
    ['a relative URL', { url: '/a' }],
    ['an empty tag', { tag: '' }],
    ['a relative prefix', { prefix: 'a' }],
  ])('a dry run for %s fails with the error of the purge', async (_, target) => {
    const one = await site(open(), page);
    const error = await one.cache.purge(target).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(Error);
    await expect(one.cache.purge(target, { dryRun: true })).rejects.toThrow((error as Error).message);
  });
});
