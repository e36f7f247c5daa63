import { redisId } from '../key/cache-key.ts';
import { BOTH_SCHEMES, bothSchemesOf, idsOfKey, idsOfUrl, type KeyPolicy } from '../key/key-ids.ts';
import { tagOfUrl } from '../key/tags.ts';
import { idOfValue } from '../key/value-key.ts';
import type { KeyPart } from '../options/types.ts';
import { isHashed } from '../store/ids.ts';
import { UsageError } from './command.ts';

/**
 * Finds the ids of stored responses. The command does not know the options of the cache, so it tries each form that an
 * id can have: the cache key itself, and its hashes.
 */
const HASHES = [undefined, 'sha1', 'sha256'] as const;

/** The request methods that a cache key of a `key` function may begin with. */
const METHODS = ['GET', 'POST', 'QUERY', 'SEARCH', 'PROPFIND', 'REPORT'];

const policiesWith = (methods: readonly string[]): KeyPolicy[] =>
  HASHES.map((hash) => ({ key: undefined, methods: new Set(methods), vary: { query: true }, hash }));

/** @throws {UsageError} for anything but an absolute http or https URL. */
export function idsForUrl(url: string): string[] {
  if (!/^https?:\/\/[^/?#]/i.test(url) || !URL.canParse(url))
    throw new UsageError(`${url} is not a URL that begins with http:// or https://`);
  return [...idsOfUrl(policiesWith(['GET']), url, BOTH_SCHEMES)];
}

/** The tags of the responses for a URL that are stored under keys of the user's own. */
export function tagsForUrl(url: string): string[] {
  return bothSchemesOf(url).map(tagOfUrl);
}

/** @param json a result of the `key` function, or the key of a value, as JSON. @throws {UsageError} */
export function idsForJsonKey(json: string): string[] {
  const key = parseJson(json);
  if (key === undefined)
    throw new UsageError(`${json} is not JSON: write a key such as '["leads",42]' or '"token"'`);
  return [...idsOfKey(policiesWith(METHODS), key), ...HASHES.map((hash) => idOfValue(key, hash))];
}

/** @param name a URL, an id, a cache key as `ls` prints it, or the JSON of a key. @throws {UsageError} */
export function idsForName(name: string): string[] {
  if (/^https?:\/\//i.test(name)) return idsForUrl(name);
  if (name === '' || name.startsWith('@'))
    throw new UsageError(`${JSON.stringify(name)} is not a cache key: ls prints cache keys`);
  const ids = isHashed(name) ? [name] : HASHES.map((hash) => redisId(name, hash));
  const isJson = parseJson(name) !== undefined;
  return [...new Set(isJson ? [...ids, ...idsForJsonKey(name)] : ids)];
}

function parseJson(json: string): KeyPart | undefined {
  try {
    return JSON.parse(json);
  } catch {
    return undefined;
  }
}
