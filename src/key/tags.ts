import type { Exchange } from '../exchange/exchange.ts';
import type { Target } from '../exchange/target.ts';
import { groupsOf, invalidatedGroups, statedTags } from '../http/cache-tags.ts';
import { isUnsafe } from '../http/invalidation.ts';
import type { Fields } from '../http/vary.ts';
import { areTags } from '../options/tags.ts';
import { redisId } from './cache-key.ts';

/** Tags purge responses of many keys together. They come from the `tags` option and from the response's fields. */

/**
 * The ids of a response's tags; `undefined` when there are too many, or one is too long or not a string. A group is
 * stored as two tags: by its name, and as a group of its origin, which alone may invalidate it (RFC 9875 §2.1).
 * @param own the tags of the `tags` option.
 * @param hasOwnKey whether the response is stored under a key of the user's own: then it has its URL as one more tag.
 */
export function tagsOf(x: Exchange, headers: Fields, own: unknown, hasOwnKey = false): string[] | undefined {
  const tags = ownAndStated(x, headers, own);
  const { target } = x;
  // An unsafe request does not invalidate the response to itself, which a policy may store.
  if (!tags || !target || isUnsafe(x.method)) return tags;
  // Any other URL under the default key is found by its id: see `formsOf`.
  if (!hasOwnKey && !hasUpperCase(target.url)) return tags;
  return [...tags, idOfUrl(`${target.scheme}://${target.host}${target.url}`)];
}

function ownAndStated(x: Exchange, headers: Fields, own: unknown): string[] | undefined {
  const groups = groupsOf(headers);
  const stated = [...statedTags(headers), ...groups];
  if (stated.length === 0 && Array.isArray(own) && own.length === 0) return [];
  const tags = Array.isArray(own) ? [...new Set([...own, ...stated])] : undefined;
  if (!areTags(tags)) return undefined;
  const target = groups.length > 0 ? x.target : undefined;
  const groupIds = target ? groups.map((group) => idOfGroup(target, group)) : [];
  return [...new Set([...tags.map(idOfTag), ...groupIds])];
}

/** The ids of the groups that the response to an unsafe request invalidates. They belong to its origin. */
export function invalidatedTags(target: Target | undefined, headers: Fields): string[] {
  return target ? invalidatedGroups(headers).map((group) => idOfGroup(target, group)) : [];
}

/** The id of the tag of a URL. @param url absolute, with a host in normal form. */
export function idOfUrl(url: string): string {
  return idOfTag(tagOfUrl(url));
}

/**
 * The tag by which a response is found by its URL, where its id is not known: the key is one of the user's own, or the
 * path has upper case. An unsafe request must invalidate it (RFC 9111 §4.4). The URLs that Express takes for the same route
 * have the same tag, whatever their query.
 * @param url absolute, with a host in normal form.
 */
export function tagOfUrl(url: string): string {
  return `@${foldPath(url).replace(/[?#].*$/s, '')}`;
}

/**
 * A URL, and those other URLs of the same route that have no upper case: Express ignores the case of a path and a slash at its
 * end, unless it is told otherwise.
 * @param url absolute.
 */
export function formsOf(url: string): string[] {
  const folded = foldPath(url);
  const end = endOfPath(folded);
  const path = folded.slice(0, end);
  return [...new Set([url, folded, path.endsWith('/') ? folded : `${path}/${folded.slice(end)}`])];
}

/** Lower case, but for the digits of percent-encodings, which are upper case by custom; without slashes at the end. */
function foldPath(url: string): string {
  const end = endOfPath(url);
  const start = url.indexOf('/', url.indexOf('://') + 3);
  if (start < 0 || start > end) return url;
  let last = end;
  while (last > start + 1 && url[last - 1] === '/') last--;
  return url.slice(0, start) + lowered(url.slice(start, last)) + url.slice(end);
}

function lowered(path: string): string {
  return path.toLowerCase().replace(/%[0-9a-f]{2}/g, (encoded) => encoded.toUpperCase());
}

/** @param url path and query. */
function hasUpperCase(url: string): boolean {
  // Without either there is nothing to lower.
  if (!/[A-Z%]/.test(url)) return false;
  const path = url.slice(0, endOfPath(url));
  return lowered(path) !== path;
}

function endOfPath(url: string): number {
  const end = url.search(/[?#]/);
  return end < 0 ? url.length : end;
}

/** The id of a tag in the store. */
export function idOfTag(tag: string): string {
  return redisId(tag, undefined);
}

function idOfGroup({ scheme, host }: Target, group: string): string {
  return redisId(`@${scheme}://${host} ${group}`, undefined);
}
