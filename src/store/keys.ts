/**
 * The layout of Redis keys, and the only place that spells one. All keys of one cache key share the hash tag, so
 * that they live in one Cluster slot and one script can touch them together.
 *
 *   rrc:{TAG}            the stored response, or the marker that lists what its variants vary on
 *   rrc:{TAG}:VARIANT    one variant
 *   rrc:{TAG}|leases     hash: variant -> instant of expiry and token of the fill that may store it
 *   rrc:{TAG}|index      sorted set: the variants, scored by the instant at which they expire
 */

export function baseKey(prefix: string, id: string): string {
  return `${prefix}{${id}}`;
}

/** The key of a variant; the empty variant is the base itself. */
export function variantKey(base: string, variant: string): string {
  return variant === '' ? base : `${base}:${variant}`;
}

export function leasesKey(base: string): string {
  return `${base}|leases`;
}

export function indexKey(base: string): string {
  return `${base}|index`;
}

/** Whether a key found under the prefix is a lease table rather than something stored. */
export function isLeases(key: string): boolean {
  return key.endsWith('}|leases');
}
