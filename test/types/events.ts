/* Checked by the compiler, never run: what listeners get, and what methods return. */

import {
  type CacheDetail,
  type CacheEvents,
  OptionError,
  PurgeError,
  type RequestEvent,
  redisCache,
  StoreError,
} from 'redis-response-cache';
import { prometheus } from 'redis-response-cache/prometheus';

const cache = redisCache();

cache
  .on('request', ({ result, fwd, detail, ttlMs, durationsMs: { total } }) => {
    if (result === 'hit' && fwd === undefined && detail === 'near') console.log(ttlMs, total.toFixed(1));
    // @ts-expect-error: a typing error.
    if (result === 'hitt') console.log(result);
  })
  .on('fault', ({ step, code }) => console.log(step === 'commit', code.toLowerCase()))
  .on('guard', async ({ read }) => console.log(read.join()))
  .on('store', ({ expiresInMs, tags }) => console.log(expiresInMs / 1000, tags.length))
  .on('purge', ({ by, purged = 0 }) => console.log(by === 'call', purged + 1))
  .on('refresh', ({ durationMs }) => console.log(durationMs));
// @ts-expect-error: there is no such event.
cache.on('requests', () => {});

const log = (event: RequestEvent): void => console.log(event.status);
const onAny = <E extends keyof CacheEvents>(name: E): unknown =>
  cache.on(name, (...args: CacheEvents[E]) => console.log(args));
cache.on('request', log).off('request', log).with({ ttl: '1m' }).on('request', log);
onAny('fault');

export async function methods(): Promise<void> {
  const detail: CacheDetail | undefined = cache.stats().requests.hit > 0 ? 'no-store' : undefined;
  const page = await cache.entries.list({ status: 404 });
  for (const entry of page.entries) console.log(entry.readable ? entry.ageMs : entry.reason, detail);
  const rate: number = await cache.wrap(['rates', 'EUR'], async () => 1.1, { ttl: '10m' });
  const token = await cache.store.get<string>('token');
  const { because, stored } = await cache.explain(new URL('https://example.com'));
  console.log(rate, token?.length, because.map(({ says }) => says).join(), stored?.ttlMs);
  try {
    await cache.purge({ tags: ['a'] });
  } catch (error) {
    if (error instanceof PurgeError || error instanceof StoreError) console.log(error.code, error.message);
    if (error instanceof OptionError) console.log(error.option);
  }
}

/** As `prom-client` has it: the package works with its types, and does not need them. */
export const metrics = (register: Parameters<typeof prometheus>[1]['register']): unknown =>
  prometheus(cache, { register });
