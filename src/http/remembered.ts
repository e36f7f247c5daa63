/** How many texts are remembered, and how long each may be, in characters: some of them come from clients. */
const MAX_TEXTS = 1000;
const MAX_LENGTH = 256;

/**
 * A pure function of a text that remembers its last results: an app says the same few field values over and over. What it
 * returns is shared, so nobody may change it.
 */
export function remembered<T extends NonNullable<unknown>>(of: (text: string) => T): (text: string) => T {
  const results = new Map<string, T>();
  return (text) => {
    if (text.length > MAX_LENGTH) return of(text);
    const known = results.get(text);
    if (known !== undefined) return known;
    const result = of(text);
    if (results.size >= MAX_TEXTS) results.clear();
    results.set(text, result);
    return result;
  };
}
