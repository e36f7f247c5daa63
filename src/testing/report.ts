import type { Difference } from './answers.ts';
import type { CacheStatus } from './received.ts';

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
    const cells = [answer.caller, String(answer.status), words(answer.cacheStatus), whose(answer)];
    const row = rows.get(cells.join('\n')) ?? { cells, count: 0 };
    row.count++;
    rows.set(cells.join('\n'), row);
  }
  const lines = [...rows.values()].sort((a, b) => order(answers, a.cells[0]) - order(answers, b.cells[0]));
  const body = [
    ['caller', 'status', 'Cache-Status', 'whose response', 'times'],
    ...lines.map(({ cells, count }) => [...cells, String(count)]),
  ];
  const text = [`GET ${url}`, ...aligned(body)];
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
  if (!cacheStatus) return 'its own (no cache)';
  if (from === undefined) return 'its own';
  return from === caller ? 'its own, stored' : `that of ${from}`;
}

/** The words of `Cache-Status` without the name, and without the lifetime, which differs from hit to hit. */
function words(status: CacheStatus | undefined): string {
  if (!status) return 'none';
  return status.text
    .slice(status.text.indexOf(';') + 1)
    .replace(/; ttl=-?\d+/, '')
    .trim();
}

function leakLines({ caller, from, differences }: Leak): string[] {
  return differences.map(
    ({ part, sent, own }) =>
      `  LEAK: ${caller} was sent that of ${from}, ${part}: ${quoted(sent)}, and the app gives ${caller} ${quoted(own)}`,
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

/** What the words mean that say why. */
function legend(answers: readonly CallerAnswer[]): string {
  const meanings = new Map<string, string>();
  for (const { cacheStatus } of answers)
    for (const { word, says } of cacheStatus?.because ?? []) meanings.set(word, says);
  return [...meanings].map(([word, says]) => `${word}: ${says}`).join('\n');
}
