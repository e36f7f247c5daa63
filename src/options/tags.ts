import { OptionError } from '../errors.ts';
import { kindOf } from './plain-json.ts';
import type { Dynamic } from './policy.ts';
import { userFunction } from './user-function.ts';

/** Tags: of the `tags` option, of `wrap`, and of a purge. */

/** A response with more tags is not stored: a purge by a tag that is not kept would miss it. */
export const MAX_TAGS = 128;
/** Characters of the longest tag. */
const MAX_TAG_LENGTH = 256;

/** What a tag, and a list of tags, must be, for messages. */
export const TAG_ACCEPTED: string = `1 to ${MAX_TAG_LENGTH} characters`;
export const TAGS_ACCEPTED: string = `a list of up to ${MAX_TAGS} strings of ${TAG_ACCEPTED}`;

/** Whether this is a list of tags that the cache can keep. */
export function areTags(tags: unknown): tags is readonly string[] {
  return (
    Array.isArray(tags) &&
    tags.length <= MAX_TAGS &&
    // `Array.from` makes the holes of a sparse list visible.
    Array.from(tags).every((tag) => typeof tag === 'string' && tag !== '' && tag.length <= MAX_TAG_LENGTH)
  );
}

/** How many they are and how long is checked with the tags that the response states. */
const tagsFunction = userFunction<readonly string[]>('tags', 'tags-error', {
  // `Array.from` makes the holes of a sparse list visible.
  accepts: (tags) => Array.isArray(tags) && !Array.from(tags).some(isNoTag),
  accepted: TAGS_ACCEPTED,
  shows: (tags) =>
    Array.isArray(tags)
      ? `an array with ${tags.includes('') ? 'an empty string' : kindOf(tags.find(isNoTag))}`
      : kindOf(tags),
});

export function parseTags(option: string, tags: unknown): readonly string[] | Dynamic<readonly string[]> {
  if (typeof tags === 'function') return tagsFunction(tags);
  if (areTags(tags)) return tags;
  throw new OptionError(option, tags, `${TAGS_ACCEPTED}, or a function`);
}

function isNoTag(tag: unknown): boolean {
  return typeof tag !== 'string' || tag === '';
}
