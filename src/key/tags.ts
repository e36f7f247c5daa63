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
 * @param hasOwnKey whether the response is stored under a key of the user's own.
 */
export function tagsOf(x: Exchange, headers: Fields, own: unknown, hasOwnKey = false): string[] | undefined {
  const tags = ownAndStated(x, headers, own);
  const { target } = x;
  // An unsafe request does not invalidate the response to itself, which a policy may store.
  if (!tags || !hasOwnKey || !target || isUnsafe(x.method)) return tags;
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

/**
 * The id of a tag by which a response under a `key` of the user's own is found by its URL, whatever its query: an unsafe
 * request must invalidate it (RFC 9111 §4.4), and the key does not tell the URL.
 * @param url absolute, with a host in normal form.
 */
export function idOfUrl(url: string): string {
  return redisId(`@${url.replace(/[?#].*$/s, '')}`, undefined);
}

/** The id of a tag in the store. */
export function idOfTag(tag: string): string {
  return redisId(tag, undefined);
}

function idOfGroup({ scheme, host }: Target, group: string): string {
  return redisId(`@${scheme}://${host} ${group}`, undefined);
}
