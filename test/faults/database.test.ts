import { expect, test } from '@jest/globals';
import { Redis } from 'ioredis';
import type { FaultEvent } from '../../src/index.ts';
import { bare, newCache, serve } from '../support/app.ts';
import { ask } from '../support/client.ts';
import { uniquePrefix } from '../support/prefix.ts';
import { until } from '../support/until.ts';

/* A database that Redis does not have: nothing is stored in another one. */

test.each(['a URL', 'options'])(
  'a database that Redis refuses, by %s, is a fault that is told once, and nothing is stored',
  async (form) => {
    const url = new URL(process.env.TEST_REDIS_URL as string);
    const prefix = uniquePrefix();
    const redis =
      form === 'a URL'
        ? `redis://${url.host}/99999`
        : { host: url.hostname, port: Number(url.port), db: 99999 };
    const faults: FaultEvent[] = [];
    const cache = newCache({ redis, prefix, timeout: '100ms' });
    cache.on('fault', (fault) => faults.push(fault));
    const told = (): FaultEvent[] => faults.filter(({ step }) => step === 'connection');
    const port = await serve(bare(cache, (_req, res) => res.end('a page')));
    await until(() => told().length > 0);
    for (let i = 0; i < 3; i++) expect((await ask(port, '/')).cacheStatus).toMatch(/^fwd=bypass/);
    await cache.idle();
    expect(told()).toEqual([
      expect.objectContaining({
        message: 'Redis refuses the database of the option "redis": ERR DB index is out of range',
      }),
    ]);
    const client = new Redis(url.href);
    expect(await client.keys(`${prefix}*`)).toEqual([]);
    client.disconnect();
  },
);
