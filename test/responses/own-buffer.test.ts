import { expect, test } from '@jest/globals';
import type { CacheOptions } from '../../src/index.ts';
import { bare, newCache, serve } from '../support/app.ts';
import { ask } from '../support/client.ts';

/* A handler may use the buffer that it gave to `end` again as soon as `end` has returned. */

const later = <T>(value: T): Promise<T> => new Promise((resolve) => setImmediate(resolve, value));

const cases: readonly [name: string, options: CacheOptions, headers: Record<string, string>][] = [
  ['at once', {}, {}],
  ['once a promise of storeWhen is fulfilled', { storeWhen: () => later(true) }, {}],
  ['once a promise of tags is fulfilled', { tags: () => later(['a']) }, {}],
  ['in encodings', { compress: { threshold: 0 } }, {}],
  ['encrypted', { encrypt: { keys: [{ id: 'a', key: Buffer.alloc(32, 1) }] } }, {}],
  ['once it was compared with what a stranger gets', {}, { cookie: 'sid=1' }],
];

test.each(cases)(
  'a buffer that is used again after end is stored %s as it was sent',
  async (_name, options, headers) => {
    let runs = 0;
    const cache = newCache({ ttl: '1h', ...options });
    const port = await serve(
      bare(cache, (_req, res) => {
        runs++;
        const buffer = Buffer.alloc(1000, 'sent');
        res.end(buffer);
        buffer.fill('used again');
      }),
    );
    const first = await ask(port, { headers });
    await cache.idle();
    const second = await ask(port, { headers });
    expect([first.body, second.body]).toEqual(Array(2).fill('sent'.repeat(250)));
    expect(second.header('cache-status')).toMatch('; hit;');
    expect(runs).toBe('cookie' in headers ? 2 : 1);
  },
);
