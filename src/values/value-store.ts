import { redisId } from '../key/cache-key.ts';
import { cacheKeyOfValue, userKeyOf } from '../key/value-key.ts';
import type { ValueStore } from '../options/operations.ts';
import type { KeyPart } from '../options/types.ts';
import { type Duration, milliseconds } from '../options/units.ts';
import { confirmed } from '../store/confirmed.ts';
import { Fault } from '../store/fault.ts';
import type { Storage } from '../store/storage.ts';
import { decodeValue, encodeValue, freshValue } from './value.ts';

/** Small values of the user's own, beside the responses. @param limit bytes of the largest. */
export function valueStore(core: Storage, limit: number): ValueStore {
  const { store, clock } = core;
  const idOf = (text: string): string => redisId(text, core.hash);
  const find = async (key: KeyPart) => {
    const text = cacheKeyOfValue(key);
    const id = idOf(text);
    const read = await store.get(id, ['']);
    if (read instanceof Fault) return undefined;
    const [bytes] = read;
    return freshValue(text, bytes && core.keyring.decode(id, bytes), clock());
  };
  return {
    async get<T>(key: KeyPart): Promise<T | undefined> {
      const stored = await find(key);
      return stored && (decodeValue(stored) as T);
    },
    async set(key: KeyPart, value: unknown, options: { readonly ttl: Duration }): Promise<boolean> {
      const text = cacheKeyOfValue(key);
      const ttl = lifetimeOf(options);
      const bytes = encodeValue(text, value, { ttl, tags: [], now: clock() });
      if (!bytes) throw new TypeError('a value must be JSON or bytes');
      if (bytes.length > limit) throw new TypeError(`a value may have ${limit} bytes at most`);
      const put = await store.put({ id: idOf(text), key: text, bytes, ttl });
      return !(put instanceof Fault);
    },
    async has(key: KeyPart): Promise<boolean> {
      return (await find(key)) !== undefined;
    },
    async delete(key: KeyPart): Promise<boolean> {
      return confirmed(await store.purge(idOf(cacheKeyOfValue(key)), 'delete')) > 0;
    },
    async *keys(): AsyncGenerator<KeyPart, void> {
      const met = new Set<string>();
      for await (const keys of store.keys()) {
        for (const key of confirmed(keys)) {
          const given = met.has(key) ? undefined : userKeyOf(key);
          met.add(key);
          if (given !== undefined) yield given as KeyPart;
        }
      }
    },
    async clear(): Promise<number> {
      return confirmed(await store.purgeMatching((key) => userKeyOf(key) !== undefined, 'delete'));
    },
  };
}

/** Milliseconds of the `ttl` that a value is given. @throws {TypeError} */
export function lifetimeOf(options: { readonly ttl: Duration }): number {
  const ttl = milliseconds(options?.ttl);
  if (ttl === undefined || ttl < 1) {
    throw new TypeError("a value needs a ttl: milliseconds, or a string with a unit such as '30s' or '1h'");
  }
  return Math.ceil(ttl);
}
