import { ArgumentError, PurgeError, show } from '../errors.ts';
import { PLAIN_JSON } from '../options/plain-json.ts';
import type { HashName } from '../options/policy.ts';
import { customKey, redisId } from './cache-key.ts';

/** The cache keys of values (`cache.wrap`, `cache.store`): `VALUE` and the JSON of the user's key. */

const METHOD = 'VALUE';

/** The cache key of a value. @throws {ArgumentError} when the user's key is not plain JSON. */
export function cacheKeyOfValue(key: unknown): string {
  const text = customKey(METHOD, key);
  if (text === undefined)
    throw new ArgumentError(`The key of a value must be ${PLAIN_JSON}; not ${show(key)}.`);
  return text;
}

/** The user's key in the cache key of a value; `undefined` for the cache key of a response. */
export function userKeyOf(key: string): unknown {
  if (!key.startsWith(`${METHOD} `)) return undefined;
  try {
    return JSON.parse(key.slice(METHOD.length + 1));
  } catch {
    return undefined;
  }
}

/** The id of a value. @throws {PurgeError} when the user's key is not plain JSON. */
export function idOfValue(key: unknown, hash: HashName | undefined): string {
  const text = customKey(METHOD, key);
  if (text === undefined) throw new PurgeError(`purge(): key must be ${PLAIN_JSON}; not ${show(key)}.`);
  return redisId(text, hash);
}
