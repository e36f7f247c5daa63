import type { Exchange } from '../exchange/exchange.ts';
import type { Target } from '../exchange/target.ts';
import { groupsOf, invalidatedGroups, statedTags } from '../http/cache-tags.ts';
import type { Fields } from '../http/vary.ts';
import { areTags } from '../options/tags.ts';
import { compact } from './cache-key.ts';

/** Tags, by which responses of many keys are purged together: those of the `tags` option and those a response states. */

/**
 * The tags of a response as they stand in the store, or `undefined` when they are too many, too long, or no tags at
 * all. A group is a tag, and once more a tag of its own origin (RFC 9875 §2.1), which invalidates it.
 * @param own those of the `tags` option.
 */
export function tagsOf(x: Exchange, headers: Fields, own: unknown): string[] | undefined {
  const groups = groupsOf(headers);
  const stated = [...statedTags(headers), ...groups];
  if (stated.length === 0 && Array.isArray(own) && own.length === 0) return [];
  const tags = Array.isArray(own) ? [...new Set([...own, ...stated])] : undefined;
  if (!areTags(tags)) return undefined;
  const target = groups.length > 0 ? x.target : undefined;
  const ofOrigin = target ? groups.map((group) => groupTag(target, group)) : [];
  return [...new Set([...tags.map(tagOf), ...ofOrigin])];
}

/** The tags of the groups that an answer to an unsafe request invalidates, in its own origin alone. */
export function invalidatedTags(target: Target | undefined, headers: Fields): string[] {
  return target ? invalidatedGroups(headers).map((group) => groupTag(target, group)) : [];
}

/** A tag as it stands in the store. */
export function tagOf(tag: string): string {
  return compact(tag, undefined);
}

function groupTag({ scheme, host }: Target, group: string): string {
  return compact(`@${scheme}://${host} ${group}`, undefined);
}
