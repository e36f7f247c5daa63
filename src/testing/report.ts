import { reasonOf, wordOf } from '../observe/reasons.ts';
import type { CacheStatus } from './cache-status.ts';
import type { Difference } from './compare.ts';

/** The report on callers, and its text. */

/** One answer to one caller. */
export interface CallerAnswer {
  readonly caller: string;
  readonly status: number;
  /** `undefined` if the response did not come from behind the cache. */
  readonly cacheStatus: CacheStatus | undefined;
  /**
   * Whose response was sent, where it came from the cache: the name of a caller, or `'the cache'`, which has asked the app
   * itself, without credentials. `undefined`: the app answered this request.
   */
  readonly from: string | undefined;
}

/** What the callers were answered to one URL. */
export interface UrlReport {
  readonly url: string;
  /** In the order of the requests. */
  readonly answers: readonly CallerAnswer[];
  /** Who was sent whose response: `from` is as in `CallerAnswer`. */
  readonly shared: readonly { readonly from: string; readonly to: string }[];
  /**
   * The parts (`body`, names of header fields) of responses from the cache that have values which the app changes from request
   * to request, such as a nonce: all who share such a response get the same.
   */
  readonly varies: readonly string[];
}

/** A response from the cache that differs from what the app gives the caller. */
export interface Leak {
  readonly url: string;
  readonly caller: string;
  /** Whose response it was, as in `CallerAnswer`. */
  readonly from: string;
  readonly cacheStatus: CacheStatus;
  readonly differences: readonly Difference[];
}

/** `from` of a response that the cache itself has asked for, without credentials. */
export const THE_CACHE = 'the cache';

export function table(urls: readonly UrlReport[], leaks: readonly Leak[]): string {
  const answers = urls.flatMap((url) => url.answers);
  const fromCache = answers.filter(({ from }) => from !== undefined).length;
  const sections = [
    `${answers.length} responses, ${fromCache} of them from the cache, ${leaks.length} of them wrong.`,
    ...urls.map((url) =>
      section(
        url,
        leaks.filter((leak) => leak.url === url.url),
      ),
    ),
    legend(answers),
  ];
  return sections.filter((text) => text !== '').join('\n\n');
}

function section({ url, answers, varies }: UrlReport, leaks: readonly Leak[]): string {
  const rows = new Map<string, { readonly cells: readonly string[]; count: number }>();
  for (const answer of answers) {
    const cells = [answer.caller, String(answer.status), happened(answer.cacheStatus), whose(answer)];
    const row = rows.get(cells.join('\n')) ?? { cells, count: 0 };
    row.count++;
    rows.set(cells.join('\n'), row);
  }
  const sorted = [...rows.values()].sort((a, b) => order(answers, a.cells[0]) - order(answers, b.cells[0]));
  const cells = [
    ['caller', 'status', 'result', 'whose response', 'times'],
    ...sorted.map((row) => [...row.cells, String(row.count)]),
  ];
  const text = [`GET ${url}`, ...aligned(cells)];
  if (varies.length > 0)
    text.push(
      `  varies: ${varies.join(', ')}: the app changes a value with each request, and all who share a response get the same.`,
    );
  return [...text, ...new Set(leaks.flatMap(leakLines))].join('\n');
}

function order(answers: readonly CallerAnswer[], caller: string | undefined): number {
  return answers.findIndex((answer) => answer.caller === caller);
}

function whose({ cacheStatus, caller, from }: CallerAnswer): string {
  if (!cacheStatus || from === undefined) return 'its own';
  return from === caller ? 'its own, stored' : responseOf(from);
}

function responseOf(maker: string): string {
  return maker === THE_CACHE ? "that of the cache's own request" : `that of ${maker}`;
}

/** What happened, and why, in short: `miss (verifying)`. */
function happened(status: CacheStatus | undefined): string {
  if (!status) return 'no Cache-Status';
  const { detail, result, stored } = status;
  const why = detail === undefined ? (stored ? 'stored' : undefined) : wordOf(detail);
  return why === undefined ? result : `${result} (${why})`;
}

function leakLines({ caller, from, differences }: Leak): string[] {
  return differences.map(
    ({ part, sent, own }) =>
      `  LEAK: ${caller} was sent ${responseOf(from)}, ${part}: ${quoted(sent)}, and the app gives ${caller} ${quoted(own)}`,
  );
}

function quoted(text: string): string {
  return JSON.stringify(text);
}

function aligned(rows: readonly (readonly string[])[]): string[] {
  const widths = (rows[0] ?? []).map((_, i) => Math.max(...rows.map((row) => row[i]?.length ?? 0)));
  return rows.map(
    (row) =>
      `  ${row
        .map((cell, i) => cell.padEnd(widths[i] ?? 0))
        .join('  ')
        .trimEnd()}`,
  );
}

/** What the words mean that say why, and their particulars. */
function legend(answers: readonly CallerAnswer[]): string {
  const particulars = new Map<string, Set<string>>();
  for (const { cacheStatus } of answers) {
    const { detail } = cacheStatus ?? {};
    if (detail === undefined) continue;
    const word = wordOf(detail);
    const names = particulars.get(word) ?? new Set();
    if (detail !== word) names.add(detail.slice(word.length + 2));
    particulars.set(word, names);
  }
  const lines = [...particulars].map(([word, names]) => {
    const here = names.size === 0 ? '' : ` Here: ${[...names].join(', ')}.`;
    return `${word}: ${reasonOf(word).says}${here}`;
  });
  return lines.join('\n');
}
