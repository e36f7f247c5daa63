/**
 * The layout of Redis keys, and the only place that spells one. Each line's keys share a hash tag, so that they live
 * in one Cluster slot and one script can touch them together.
 *
 *   rrc:{ID}              hash: variant -> stored response, or the marker that lists what its variants vary on;
 *                         !variant -> what the scripts need to know of it; @ -> the cache key (sealed, where what is stored
 *                         is), where ID is a hash of it
 *   rrc:{ID}|leases       hash: variant -> instant of expiry and token of the fill that may store it
 *
 *   rrc:{@TAG}            sorted set: the ids stored under a tag, scored by the instant at which they expire
 *   rrc:{@TAG}|purged     the stamp of the last purge of the tag
 *   rrc:{@TAG}|purges     sorted set: the stamps of purges that are not over
 *   rrc:{@TAG}|N          what the purge with stamp N still has to do, in the form of rrc:{@TAG}
 *
 *   rrc:{@}|stamp         the last stamp that a purge was given
 *   rrc:{@}|entries       sorted set: what is stored, in the order of storing, where `maxEntries` bounds it
 *   rrc:{@}|expiries      the same, scored by the instant at which it expires
 */

export function baseKey(prefix: string, id: string): string {
  return `${prefix}{${id}}`;
}

export function leasesKey(prefix: string, id: string): string {
  return `${baseKey(prefix, id)}|leases`;
}

export function tagKey(prefix: string, tag: string): string {
  return baseKey(prefix, `@${tag}`);
}

export function stampKey(prefix: string): string {
  return `${baseKey(prefix, '@')}|stamp`;
}

export function entriesKeys(prefix: string): [entries: string, expiries: string] {
  return [`${baseKey(prefix, '@')}|entries`, `${baseKey(prefix, '@')}|expiries`];
}

/** What a key found under the prefix is: the responses or the leases of an id, or nothing that a purge walks over. */
export function parseKey(
  prefix: string,
  key: string,
): { id: string; of: 'responses' | 'leases' } | undefined {
  const end = key.indexOf('}', prefix.length);
  const id = key.slice(prefix.length + 1, end);
  if (end < 0 || id.startsWith('@')) return undefined;
  const rest = key.slice(end + 1);
  if (rest === '') return { id, of: 'responses' };
  return rest === '|leases' ? { id, of: 'leases' } : undefined;
}

/** Whether an id is the key itself, rather than a hash of it. */
export function isReadable(id: string): boolean {
  return !id.startsWith('#');
}
