/**
 * The layout of Redis keys. No other file spells one. The keys of one line share a hash tag, so they are in one Cluster
 * slot and one script can change them together.
 *
 *   rrc:{ID}              hash: variant -> stored response, or the marker that lists what its variants vary on;
 *                         !variant -> what scripts need to know of that value; @ -> the cache key (sealed with `encrypt`),
 *                         where ID is a hash of it
 *   rrc:{ID}|leases       hash: variant -> expiry and token of the fill that may store it, and whether another process waits
 *                         for its end; !variant -> until when nobody waits for a fill of it (hit-for-miss); @ -> the cache
 *                         key as above
 *   rrc:{ID}|TOKEN        hash: variant -> a large response that was sent and that its fill, which has the token, has yet to
 *                         commit. It becomes rrc:{ID}, or is deleted, by the next command, or expires soon
 *
 *   rrc:{@TAG}            sorted set: the ids stored under a tag, scored by their expiry
 *   rrc:{@TAG}|purges     sorted set: the names of purges in progress
 *   rrc:{@TAG}|NAME       the ids that a purge has yet to purge, in the form of rrc:{@TAG}
 *
 *   rrc:{@}|purged        hash, the purge log: :tag -> the stamp of the last purge of the tag; @ -> the state of the log
 *   rrc:{@}|entries       sorted set: the stored responses in the order of storing, with `maxEntries`
 *   rrc:{@}|expiries      the same, scored by their expiry
 */

export function responsesKey(prefix: string, id: string): string {
  return `${prefix}{${id}}`;
}

export function leasesKey(prefix: string, id: string): string {
  return `${responsesKey(prefix, id)}|leases`;
}

export function stagingKey(prefix: string, id: string, token: string): string {
  return `${responsesKey(prefix, id)}|${token}`;
}

export function tagKey(prefix: string, tag: string): string {
  return responsesKey(prefix, `@${tag}`);
}

export function purgeLogKey(prefix: string): string {
  return `${responsesKey(prefix, '@')}|purged`;
}

/** Never exists after a script. */
export function probeKey(prefix: string): string {
  return `${responsesKey(prefix, '@')}|probe`;
}

export function entriesKeys(prefix: string): [entries: string, expiries: string] {
  return [`${responsesKey(prefix, '@')}|entries`, `${responsesKey(prefix, '@')}|expiries`];
}

/** The id of a key under the prefix, and what the key holds of it; `undefined` for a key of another kind. */
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

/** The prefix of a key that holds responses or values; `undefined` for another key, as far as its name tells. */
export function prefixIn(key: string): string | undefined {
  return /^([^{]*)\{(?:[A-Z][A-Z-]* [^}]+|#[0-9a-f]{40}|#[0-9a-f]{64})\}$/.exec(key)?.[1];
}
