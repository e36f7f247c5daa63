import { PurgeError } from '../errors.ts';
import type { HashName } from '../options/policy.ts';
import { compact, customKey } from './cache-key.ts';

/** The cache keys of values that `wrap` and `store` keep: `VALUE` and the JSON of the user's key. */

const METHOD = 'VALUE';

/** The cache key of a value. @throws {TypeError} when it is not plain JSON. */
export function keyOfValue(key: unknown): string {
  const text = customKey(METHOD, key);
  if (text === undefined) throw new TypeError('the key of a value must be plain JSON');
  return text;
}

/** The key that was given, of a cache key; `undefined` for the key of a response. */
export function valueKeyOf(key: string): unknown {
  if (!key.startsWith(`${METHOD} `)) return undefined;
  try {
    return JSON.parse(key.slice(METHOD.length + 1));
  } catch {
    return undefined;
  }
}

/** Where the value of a key is. @throws {PurgeError} when the key is not plain JSON. */
export function idOfValue(key: unknown, hash: HashName | undefined): string {
  const text = customKey(METHOD, key);
  if (text === undefined) throw new PurgeError('purge takes a key that is plain JSON');
  return compact(text, hash);
}
