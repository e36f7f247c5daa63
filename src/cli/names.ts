import { redisId } from '../key/cache-key.ts';
import { idsOfKey, idsOfUrl, type KeyPolicy } from '../key/key-ids.ts';
import { idOfValue } from '../key/value-key.ts';
import type { KeyPart } from '../options/types.ts';
import { UsageError } from './command.ts';

/** Where a stored response may be, for a cache whose options nobody knows here: under its key, or a hash of it. */
const HASHES = [undefined, 'sha1', 'sha256'] as const;

/** What a `key` function may be asked for, as well as those that are cached by default. */
const METHODS = ['GET', 'POST', 'QUERY', 'SEARCH', 'PROPFIND', 'REPORT', 'OPTIONS', 'PUT', 'PATCH', 'DELETE'];

const named = (methods: readonly string[]): KeyPolicy[] =>
  HASHES.map((hash) => ({ key: undefined, methods: new Set(methods), vary: { query: true }, hash }));

/** @throws {UsageError} */
export function idsOfAddress(url: string): string[] {
  if (!/^https?:\/\/[^/?#]/i.test(url) || !URL.canParse(url))
    throw new UsageError(`${url} is no http:// or https:// URL`);
  return [...idsOfUrl(named(['GET']), url)];
}

/** Those of what a `key` function gave, or of a value of `wrap` and `store`. @throws {UsageError} */
export function idsOfJson(json: string): string[] {
  const key = parsed(json);
  if (key === undefined)
    throw new UsageError(`a key is JSON, such as '["leads",42]' or '"token"', and not ${json}`);
  return [...idsOfKey(named(METHODS), key), ...HASHES.map((hash) => idOfValue(key, hash))];
}

/** Those of a URL, an id, a cache key as `ls` prints it, or JSON. @throws {UsageError} */
export function idsOfName(name: string): string[] {
  if (/^https?:\/\//i.test(name)) return idsOfAddress(name);
  if (name === '' || name.startsWith('@')) throw new UsageError(`${name} is no cache key`);
  const ids = /^#[0-9a-f]+$/.test(name) ? [name] : HASHES.map((hash) => redisId(name, hash));
  return [...new Set(parsed(name) === undefined ? ids : [...ids, ...idsOfJson(name)])];
}

function parsed(json: string): KeyPart | undefined {
  try {
    return JSON.parse(json);
  } catch {
    return undefined;
  }
}
