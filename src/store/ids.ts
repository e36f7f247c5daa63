/** The form of ids and variants. Both are readable text without line breaks, or a hash. */

/** A hash in place of a text begins with it, and no text does. */
export const HASH_MARK = '#';

/** Whether an id is a hash of the cache key, and not the key itself. */
export function isHashed(id: string): boolean {
  return id.startsWith(HASH_MARK);
}

/** An id and a variant as one text, for maps. */
export function variantKeyOf(id: string, variant: string): string {
  return `${id}\n${variant}`;
}
