/** How many lists of names are remembered. */
const MAX_REMEMBERED = 4;

/** The names that an object of Node's has, and those of them that others have placed. */
interface Known {
  readonly all: readonly string[];
  readonly placed: readonly string[];
}

/**
 * The names of what middleware has placed on a request or a response, hidden (non-enumerable) properties included. Most
 * objects of a kind have the same names, so the names that were looked at last are compared, and not looked up one by one.
 */
export class PlacedNames {
  readonly #isOfEvery: (name: string) => boolean;
  readonly #known: Known[] = [];

  /** @param isOfEvery whether every such object has a property of that name. */
  constructor(isOfEvery: (name: string) => boolean) {
    this.#isOfEvery = isOfEvery;
  }

  on(object: object): readonly string[] {
    const all = Object.getOwnPropertyNames(object);
    for (const known of this.#known) if (areEqual(known.all, all)) return known.placed;
    const placed = all.filter((name) => !this.#isOfEvery(name));
    this.#known.unshift({ all, placed });
    if (this.#known.length > MAX_REMEMBERED) this.#known.pop();
    return placed;
  }
}

function areEqual(a: readonly string[], b: readonly string[]): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}
