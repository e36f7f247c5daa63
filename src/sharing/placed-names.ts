/** How many objects are searched for hidden properties at first, and one in how many later. */
const FIRST_WHOLE_LOOKS = 256;
const LATER_WHOLE_LOOKS = 64;
/** How many lists of names are remembered. */
const MAX_REMEMBERED = 4;

/** The names that an object of Node's has, and those of them that others have placed. */
interface Known {
  readonly all: readonly string[];
  readonly placed: readonly string[];
}

/**
 * The names of what middleware has placed on a request or a response.
 *
 * `Object.keys` takes a twentieth of the time that `Object.getOwnPropertyNames` takes, and leaves out hidden
 * (non-enumerable) properties, which hardly any middleware places. So every fill searches for those, and so do the first hits
 * and one of 64 later ones. Once one was found in this process, every look does.
 */
export class PlacedNames {
  readonly #isOfEvery: (name: string) => boolean;
  readonly #known: Known[] = [];
  #areHidden = false;
  #looks = 0;

  /** @param isOfEvery whether every such object has a property of that name. */
  constructor(isOfEvery: (name: string) => boolean) {
    this.#isOfEvery = isOfEvery;
  }

  /** @param isWhole whether hidden properties are looked for at any rate. */
  on(object: object, isWhole: boolean): readonly string[] {
    this.#looks++;
    if (!isWhole && !this.#areHidden && !this.#isWholeLookDue())
      return this.#placedAmong(Object.keys(object));
    const all = this.#placedAmong(Object.getOwnPropertyNames(object));
    if (all.length > 0) this.#areHidden ||= all.length !== this.#placedAmong(Object.keys(object)).length;
    return all;
  }

  #isWholeLookDue(): boolean {
    return this.#looks < FIRST_WHOLE_LOOKS || this.#looks % LATER_WHOLE_LOOKS === 0;
  }

  #placedAmong(all: readonly string[]): readonly string[] {
    const known = this.#known.find((one) => areEqual(one.all, all));
    if (known) return known.placed;
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
