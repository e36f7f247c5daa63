import { OptionError, show } from './errors.ts';

/** Names that a user writes: refuses unknown names and suggests the right one. */

/**
 * Refuses what is not an object, and unknown names in it: a misspelt option would silently do nothing.
 * @param option empty for the options object itself.
 */
export function assertKnownKeys(
  option: string,
  value: unknown,
  known: readonly string[],
): asserts value is object {
  const shape = `{ ${known.join(', ')} }`;
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    if (option) throw new OptionError(option, value, `an object ${shape}`);
    throw new OptionError(
      'options',
      `The options are ${show(value)}, but must be an object such as { ttl: '1h' }.`,
    );
  }
  const path = option && `${option}.`;
  const inherited = known.find(
    (name) => name in value && !Object.hasOwn(value, name) && !(name in Object.prototype),
  );
  if (inherited !== undefined) {
    const message = `Option "${path}${inherited}" is inherited: only properties of the object itself count, such as { ...defaults }.`;
    throw new OptionError(path + inherited, message);
  }
  const unknown = Object.keys(value).find((name) => !known.includes(name));
  if (unknown === undefined) return;
  const isShort = option !== '' && known.length <= MAX_LISTED;
  const others = isShort ? ` "${option}" takes ${shape}.` : ' docs/options.md lists all options.';
  const advice = suggestion(unknown, known, path) || others;
  throw new OptionError(path + unknown, `Unknown option ${show(path + unknown)}.${advice}`);
}

/** With more names than these, a message does not list them. */
const MAX_LISTED = 7;

/**
 * A sentence, after a space, with the known name that a misspelt one means; empty where there is none.
 * @param path what stands before the name.
 */
export function suggestion(name: string, known: readonly string[], path = ''): string {
  const meant = nearest(name, known);
  return meant === undefined ? '' : ` Did you mean "${path}${meant}"?`;
}

/** The known name that a misspelt one means: at most a third of the letters differ, apart from case and punctuation. */
export function nearest(name: string, known: readonly string[]): string | undefined {
  const letters = (text: string): string => text.toLowerCase().replace(/[^a-z0-9]/g, '');
  const meant = letters(name.slice(0, 100));
  const [best] = known
    .map((candidate) => ({ candidate, edits: editDistance(meant, letters(candidate)) }))
    .filter(({ candidate, edits }) => edits <= Math.min(meant.length, candidate.length) / 3)
    .sort((a, b) => a.edits - b.edits);
  return best?.candidate;
}

/** How many letters to insert, delete, replace or swap with the next to get from one text to another. */
function editDistance(from: string, to: string): number {
  const distances = [Array.from({ length: to.length + 1 }, (_, j) => j)];
  const at = (i: number, j: number): number => distances[i]![j]!;
  for (let i = 1; i <= from.length; i++) {
    distances.push([i]);
    for (let j = 1; j <= to.length; j++) {
      const replaced = at(i - 1, j - 1) + (from[i - 1] === to[j - 1] ? 0 : 1);
      const swappable = i > 1 && j > 1 && from[i - 1] === to[j - 2] && from[i - 2] === to[j - 1];
      const swapped = swappable ? at(i - 2, j - 2) + 1 : replaced;
      distances[i]!.push(Math.min(replaced, swapped, at(i - 1, j) + 1, at(i, j - 1) + 1));
    }
  }
  return at(from.length, to.length);
}
