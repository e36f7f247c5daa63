import type { Storage } from '../entries/storage.ts';
import { ArgumentError, OptionError, show } from '../errors.ts';
import { redisId } from '../key/cache-key.ts';
import { cacheKeyOfValue, userKeyOf } from '../key/value-key.ts';
import type { ValueStore } from '../options/operations.ts';
import { warnOfLifetime } from '../options/option-warnings.ts';
import { DURATION, ownMembers } from '../options/parsers.ts';
import type { KeyPart } from '../options/types.ts';
import { type Duration, milliseconds } from '../options/units.ts';
import { Fault } from '../store/fault.ts';
import { orThrow } from '../store/or-throw.ts';
import type { Warnings } from '../warnings.ts';
import { decodeValue, encodeValue, findValue } from './value.ts';

/**
 * Creates `cache.store`: values of the user's own, stored beside the responses.
 * @param maxBodySize bytes of the largest value, as JSON or as given.
 */
export function createValueStore(storage: Storage, maxBodySize: number, warnings: Warnings): ValueStore {
  const { store, hash, clock } = storage;
  const idOf = (cacheKey: string): string => redisId(cacheKey, hash);

  const find = async (key: KeyPart) => {
    const cacheKey = cacheKeyOfValue(key);
    const found = await findValue(storage, idOf(cacheKey), cacheKey);
    // A request path reads values, so a store that does not reply is a miss and not an error.
    return found instanceof Fault ? undefined : found.stored;
  };

  return {
    async get<T>(key: KeyPart): Promise<T | undefined> {
      const stored = await find(key);
      return stored && (decodeValue(stored) as T);
    },

    async set(key: KeyPart, value: unknown, options: { readonly ttl: Duration }): Promise<boolean> {
      const cacheKey = cacheKeyOfValue(key);
      const ttlMs = parseValueTtl(
        'set.ttl',
        ownMembers<typeof options>('set', options ?? {}, ['ttl']).ttl,
        warnings,
      );
      const encoded = encodeValue(cacheKey, value, { ttlMs, tags: [], now: clock() });
      if (!encoded)
        throw new ArgumentError(`A value must be plain JSON or a Uint8Array, not ${show(value)}.`);
      const { bytes, size } = encoded;
      if (size > maxBodySize)
        throw new ArgumentError(
          `The value has ${size} bytes, but may have at most ${maxBodySize}: raise the option "maxBodySize".`,
        );
      const reply = await store.responses.put({ id: idOf(cacheKey), key: cacheKey, bytes, ttlMs });
      return !(reply instanceof Fault);
    },

    async has(key: KeyPart): Promise<boolean> {
      return (await find(key)) !== undefined;
    },

    async delete(key: KeyPart): Promise<boolean> {
      const id = idOf(cacheKeyOfValue(key));
      return orThrow(await store.responses.purge(id, 'delete'), 'confirm the deletion') > 0;
    },

    async *keys(): AsyncGenerator<KeyPart, void> {
      const seen = new Set<string>();
      for await (const step of store.inventory.keys()) {
        for (const cacheKey of orThrow(step, 'list the keys')) {
          // A scan of Redis may return a key twice.
          if (seen.has(cacheKey)) continue;
          seen.add(cacheKey);
          const key = userKeyOf(cacheKey);
          if (key !== undefined) yield key as KeyPart;
        }
      }
    },

    async clear(): Promise<number> {
      const isValue = (cacheKey: string): boolean => userKeyOf(cacheKey) !== undefined;
      return orThrow(await store.responses.purgeMatching(isValue, 'delete'), 'confirm the deletion');
    },
  };
}

/** The `ttl` option of `cache.store.set` and `cache.wrap` in milliseconds. @throws {OptionError} */
export function parseValueTtl(option: string, ttl: unknown, warnings: Warnings): number {
  const ttlMs = milliseconds(ttl);
  if (ttlMs === undefined || ttlMs < 1) {
    throw new OptionError(option, ttl, `at least 1 millisecond: ${DURATION}`);
  }
  warnOfLifetime(option, ttl, warnings);
  return Math.ceil(ttlMs);
}
