/** How many texts are remembered: some of them come from clients. */
const MAX_TEXTS = 1000;

/**
 * A pure function of a text that remembers its last results: an app says the same few field values over and over. What it
 * returns is shared, so nobody may change it. `undefined` is not remembered.
 * @param maxLength how long a text may be that is remembered, in characters.
 */
export function remembered<T>(of: (text: string) => T, maxLength = 256): (text: string) => T {
  const results = new Map<string, T>();
  return (text) => {
    if (text.length > maxLength) return of(text);
    const known = results.get(text);
    if (known !== undefined) return known;
    const result = of(text);
    if (result === undefined) return result;
    if (results.size >= MAX_TEXTS) results.clear();
    results.set(text, result);
    return result;
  };
}
