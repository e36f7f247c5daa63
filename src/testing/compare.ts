import type { Answer } from './ask.ts';

/** Fields of the connection, of caches, and those that follow from the body. */
const NOT_COMPARED: ReadonlySet<string> = new Set([
  ...['age', 'cache-status', 'connection', 'content-length', 'date', 'etag', 'keep-alive'],
  ...['transfer-encoding', 'vary'],
]);

/** A part of an answer that a caller should not have got. */
export interface Difference {
  /** `status`, `body`, or the name of a header field. */
  readonly part: string;
  /** What was sent, where it begins to differ. */
  readonly sent: string;
  /** What the app gives the caller there. */
  readonly own: string;
}

interface Comparison {
  readonly different: readonly Difference[];
  /** The parts that have values which the app changes from request to request. */
  readonly varies: readonly string[];
}

/**
 * Compares an answer with what the app gives the same caller without the cache. What differs between its own answers to the
 * caller (a nonce, a date, a counter) says nothing.
 * @param own at least two answers of the app to the caller.
 * @param others the answers of the app to other callers, each at least twice.
 */
export function compare(
  sent: Answer,
  own: readonly Answer[],
  others: readonly (readonly Answer[])[],
): Comparison {
  const different: Difference[] = [];
  const varies: string[] = [];
  const check = (part: string, text: (answer: Answer) => string | undefined): void => {
    const received = text(sent);
    const expected = own.map(text);
    // A field that is missing gives nothing away.
    if (received === undefined) return;
    const result = compareTexts(
      received,
      expected.map((one) => one ?? ''),
      others.map((answers) => answers.map((answer) => text(answer) ?? '')),
    );
    if (result === 'varies') varies.push(part);
    else if (result !== 'same') different.push({ part, ...result });
  };
  check('status', ({ status }) => String(status));
  for (const name of sent.headers.keys())
    if (!NOT_COMPARED.has(name)) check(name, ({ headers }) => headers.get(name));
  check('body', ({ body }) => body);
  return { different, varies };
}

type TextComparison = 'same' | 'varies' | Omit<Difference, 'part'>;

function compareTexts(
  sent: string,
  own: readonly string[],
  others: readonly (readonly string[])[],
): TextComparison {
  const [first = ''] = own;
  const isStable = own.every((text) => text === first);
  if (own.includes(sent)) return isStable ? 'same' : 'varies';
  const words = wordsOf(sent);
  const ownWords = own.map(wordsOf);
  const [firstWords = []] = ownWords;
  if (ownWords.every(({ length }) => length === firstWords.length)) {
    const at = words.findIndex((word, i) => {
      const isFixed = ownWords.every((text) => text[i] === firstWords[i]);
      return isFixed && word !== firstWords[i];
    });
    if (at < 0 && words.length === firstWords.length) return 'varies';
    return difference(words, firstWords, at < 0 ? words.length : at);
  }
  // Its own answers are of different lengths. Words that only others get are still theirs.
  const known = new Set(ownWords.flat());
  const foreign = others.flatMap((texts) => {
    const [set = new Set<string>(), ...more] = texts.map((text) => new Set(wordsOf(text)));
    return [...set].filter((word) => /[\p{L}\p{N}_]/u.test(word) && more.every((one) => one.has(word)));
  });
  const at = words.findIndex((word) => !known.has(word) && foreign.includes(word));
  return at < 0 ? 'varies' : difference(words, firstWords, at);
}

/** A token of base64 is one word, so that a nonce has always as many. */
function wordsOf(text: string): string[] {
  return text.match(/[\p{L}\p{M}\p{N}_+/=-]+|\s+|[^\p{L}\p{M}\p{N}_+/=\s-]/gu) ?? [];
}

/** How many words a message shows around a difference. */
const SHOWN_BEFORE = 6;
const SHOWN = 30;

function difference(sent: readonly string[], own: readonly string[], at: number): Omit<Difference, 'part'> {
  const around = (words: readonly string[]): string => {
    const from = Math.max(0, at - SHOWN_BEFORE);
    const text = words
      .slice(from, from + SHOWN)
      .join('')
      .replace(/\s+/g, ' ')
      .trim();
    return text.length > 100 ? `${text.slice(0, 100)}...` : text;
  };
  return { sent: around(sent), own: around(own) };
}
