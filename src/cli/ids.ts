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

/** Whether a text is an absolute http or https URL. */
export function isUrl(text: string): boolean {
  return /^https?:\/\/[^/?#]/i.test(text) && URL.canParse(text);
}

/** @param url absolute, as `isUrl` says. */
export function idsForUrl(url: string): string[] {
  return [...idsOfUrl(policiesWith(['GET']), url, BOTH_SCHEMES)];
}

/** The tags of the responses for a URL that are stored under keys of the user's own. */
export function tagsForUrl(url: string): string[] {
  return bothSchemesOf(url).map(tagOfUrl);
}

/** Whether a text is a cache key as `ls` prints it: a method and a URL or JSON, or the hash of a key that is not known. */
export function isCacheKey(text: string): boolean {
  return isHashed(text) || /^[A-Z][A-Z-]* \S/.test(text);
}

/** @param text a cache key as `ls` prints it, or the JSON of a key. @throws {UsageError} */
export function idsForKey(text: string): string[] {
  if (isHashed(text)) return [text];
  if (isCacheKey(text)) return HASHES.map((hash) => redisId(text, hash));
  const key = parseJson(text);
  if (key === undefined)
    throw new UsageError(
      `${text} is not a key: write the KEY that ls prints, or the JSON of a key such as '["leads",42]' or '"token"'`,
    );
  return [...idsOfKey(policiesWith(METHODS), key), ...HASHES.map((hash) => idOfValue(key, hash))];
}

/** @throws {UsageError} unless it may be the id of an entry, as `ls --json` has it. */
export function checkedId(id: string): string {
  if (id === '' || id.startsWith('@'))
    throw new UsageError(`${JSON.stringify(id)} is not the id of an entry: ls --json has the ids`);
  return id;
}

/** `undefined` for what is not JSON. */
export function parseJson(json: string): KeyPart | undefined {
  try {
    return JSON.parse(json);
  } catch {
    return undefined;
  }
}
