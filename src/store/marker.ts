import { FIELD_NAME } from '../codec/metadata.ts';
import { remembered } from '../remembered.ts';
import type { Specs } from './store.ts';

/**
 * The marker of a key whose responses vary: it is stored at the variant of the declared parts, and lists the sets of field
 * names that responses vary on. As text, a set is its names with commas between them, and each set is on a line.
 */

/** A marker lists at most this many sets of field names. A further set replaces the least recently used one. */
export const MAX_SPECS = 4;

/** How long a text may be that is remembered, in characters: an app has few sets of names for all its URLs. */
const MAX_REMEMBERED_LENGTH = 1024;

/** The sets of field names; `undefined` for a text that is damaged. */
export const decodeSpecs: (text: string) => Specs | undefined = remembered((text) => {
  const specs = text.split('\n').map((names) => (names === '' ? [] : names.split(',')));
  // Each set is a variant to read, so a forged marker must not list more of them than are ever written.
  return specs.length <= MAX_SPECS && specs.flat().every((name) => FIELD_NAME.test(name)) ? specs : undefined;
}, MAX_REMEMBERED_LENGTH);

/** The sets of a marker after a commit: the committed names first, then those that were there. */
export function addSpec(specs: Specs, names: readonly string[]): Specs {
  const others = specs.filter((spec) => spec.join() !== names.join());
  return [names, ...others.slice(0, MAX_SPECS - 1)];
}
