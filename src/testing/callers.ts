import { AssertionError } from 'node:assert';
import type { CacheMiddleware } from '../cache-middleware.ts';
import { ArgumentError, show } from '../errors.ts';
import { openApp, type TestedApp } from './app-server.ts';
import { type Answer, ask } from './ask.ts';
import type { CacheStatus } from './cache-status.ts';
import { compare } from './compare.ts';
import { type CallerAnswer, type Leak, THE_CACHE, table, type UrlReport } from './report.ts';
import type { TestCache } from './test-cache.ts';

/** Somebody who asks: a member with a session, a client with an API key, a stranger. */
export interface Caller {
  readonly name: string;
  /** The header fields of each request, or a function that makes them for a URL: to sign it, for instance. @default none */
  readonly headers?:
    | Readonly<Record<string, string>>
    | ((url: URL) => Readonly<Record<string, string>> | Promise<Readonly<Record<string, string>>>);
}

/** Options of `asCallers`. */
export interface AuditOptions {
  /**
   * The cache of the app. A test cache is made as new (`reset`) for each caller, so that each is the first to ask once; of any
   * cache, the background work is awaited. Without it, all callers ask in one order, and then in the reverse one.
   */
  readonly cache?: CacheMiddleware | TestCache;
}

/** Who was served whose response. `String(report)` is a table. */
export interface CallerReport {
  readonly urls: readonly UrlReport[];
  readonly leaks: readonly Leak[];
  /** A table for each URL, with the leaks and the reasons. */
  toString(): string;
}

/**
 * Asks each URL as each caller, several times and in turn, and compares each response from the cache with what the app gives
 * the same caller without it. For that, the app is asked with `X-HTTP-Method-Override: GET`, by which the cache forwards a
 * request. The app is served on a port of its own.
 * @param urls paths, such as `/me?tab=1`, which are asked for by GET.
 * @throws {ArgumentError} for a bad app, caller or URL. Rejects, if a request fails.
 */
export async function asCallers(
  app: TestedApp,
  callers: readonly Caller[],
  urls: readonly string[],
  { cache }: AuditOptions = {},
): Promise<CallerReport> {
  assertCallers(callers, urls);
  const server = await openApp(app);
  try {
    const reports: UrlReport[] = [];
    const leaks: Leak[] = [];
    for (const url of urls) {
      const audit = new Audit(new URL(url, server.origin), url, callers, cache);
      reports.push(await audit.run());
      leaks.push(...audit.leaks);
    }
    return { urls: reports, leaks, toString: () => table(reports, leaks) };
  } finally {
    await server.close();
  }
}

/**
 * @throws {AssertionError} if a caller was sent what the app does not give them, or if no response to a URL came from behind the
 * cache. The message has the table.
 */
export function expectNoLeaks(report: CallerReport): void {
  const { leaks, urls } = report;
  const uncached = urls.filter(({ answers }) => answers.every(({ cacheStatus }) => !cacheStatus));
  if (leaks.length === 0 && uncached.length === 0) return;
  const problem =
    leaks.length > 0
      ? `A caller was sent what the app gives another one (${leaks.length} times).`
      : `No response to ${uncached.map(({ url }) => url).join(', ')} has a Cache-Status: is the cache mounted in front of the route?`;
  throw new AssertionError({
    message: `${problem}\n\n${String(report)}\n\nSee docs/security.md#what-is-shared-and-with-whom.`,
    actual: leaks.map(({ url, caller, from }) => ({ url, caller, from })),
    expected: [],
    operator: 'fail',
    stackStartFn: expectNoLeaks,
  });
}

/** @throws {ArgumentError} */
function assertCallers(callers: readonly Caller[], urls: readonly string[]): void {
  const names = Array.isArray(callers) ? callers.map((caller) => (caller as Caller | null)?.name) : [];
  const isNamed =
    names.every((name) => typeof name === 'string' && name !== '') && new Set(names).size === names.length;
  if (names.length === 0 || !isNamed) {
    // Without the header fields, which have credentials.
    const given = Array.isArray(callers)
      ? `callers with the names ${show(names)}`
      : 'a value of another type';
    throw new ArgumentError(
      `asCallers() needs a list of callers { name, headers }, each with a name of its own; not ${given}.`,
    );
  }
  if (names.includes(THE_CACHE))
    throw new ArgumentError(
      `asCallers() needs another name for the caller "${THE_CACHE}": in the report, it is the name of the cache itself.`,
    );
  const isPath = (url: unknown): boolean => typeof url === 'string' && url.startsWith('/');
  if (!Array.isArray(urls) || urls.length === 0 || !urls.every(isPath))
    throw new ArgumentError(
      `asCallers() needs a list of paths, such as ['/me', '/leads?page=1']; not ${show(urls)}.`,
    );
}

/** A request that was answered, with all of the answer. */
interface Exchanged {
  readonly caller: Caller;
  readonly answer: Answer;
}

/** The audit of one URL. */
class Audit {
  readonly leaks: Leak[] = [];
  readonly #target: URL;
  readonly #url: string;
  readonly #callers: readonly Caller[];
  readonly #cache: CacheMiddleware | TestCache | undefined;
  /** The answers of the app alone, by caller. */
  readonly #own = new Map<Caller, Answer[]>();
  readonly #answers: CallerAnswer[] = [];
  readonly #shared = new Map<string, { from: string; to: string }>();
  readonly #varies = new Set<string>();

  constructor(
    target: URL,
    url: string,
    callers: readonly Caller[],
    cache: CacheMiddleware | TestCache | undefined,
  ) {
    this.#target = target;
    this.#url = url;
    this.#callers = callers;
    this.#cache = cache;
  }

  async run(): Promise<UrlReport> {
    // Before and after, so that what changes meanwhile is known to change.
    await this.#askAlone();
    const passes: Exchanged[][] = [];
    for (const order of this.#orders()) {
      if (this.#cache && 'reset' in this.#cache) await this.#cache.reset();
      passes.push(await this.#askInTurn(order));
    }
    await this.#askAlone();
    for (const pass of passes) this.#judge(pass);
    return {
      url: this.#url,
      answers: this.#answers,
      shared: [...this.#shared.values()],
      varies: [...this.#varies],
    };
  }

  /** The orders in which the callers ask; the cache is empty before each, if it is a test cache. */
  #orders(): readonly Caller[][] {
    const callers = [...this.#callers];
    if (!this.#cache || !('reset' in this.#cache)) return [[...callers, ...callers.toReversed()]];
    return callers.map((_, first) => {
      const turn = [...callers.slice(first), ...callers.slice(0, first)];
      return [...turn, ...turn];
    });
  }

  async #askAlone(): Promise<void> {
    for (const caller of this.#callers) {
      const answer = await this.#ask(caller, { 'X-HTTP-Method-Override': 'GET' });
      this.#own.set(caller, [...(this.#own.get(caller) ?? []), answer]);
    }
  }

  async #askInTurn(order: readonly Caller[]): Promise<Exchanged[]> {
    const exchanged: Exchanged[] = [];
    for (const caller of order) {
      exchanged.push({ caller, answer: await this.#ask(caller, {}) });
      await this.#cache?.idle();
    }
    return exchanged;
  }

  async #ask(caller: Caller, more: Readonly<Record<string, string>>): Promise<Answer> {
    const { headers = {} } = caller;
    const own = typeof headers === 'function' ? await headers(this.#target) : headers;
    return ask(this.#target, { ...own, ...more });
  }

  #judge(pass: readonly Exchanged[]): void {
    pass.forEach(({ caller, answer }, i) => {
      const { status, cacheStatus } = answer;
      const from =
        cacheStatus && FROM_CACHE.has(cacheStatus.result) ? makerOf(pass.slice(0, i), answer) : undefined;
      this.#answers.push({ caller: caller.name, status, cacheStatus, from });
      if (!cacheStatus || from === undefined) return;
      if (from !== caller.name) this.#shared.set(`${from}\n${caller.name}`, { from, to: caller.name });
      this.#compare(caller, answer, from, cacheStatus);
    });
  }

  #compare(caller: Caller, answer: Answer, from: string, cacheStatus: CacheStatus): void {
    const others = [...this.#own].filter(([other]) => other !== caller).map(([, answers]) => answers);
    const { different, varies } = compare(answer, this.#own.get(caller) ?? [], others);
    for (const part of varies) this.#varies.add(part);
    if (different.length === 0) return;
    this.leaks.push({ url: this.#url, caller: caller.name, from, cacheStatus, differences: different });
  }
}

const FROM_CACHE: ReadonlySet<CacheStatus['result']> = new Set(['hit', 'stale', 'collapsed', 'revalidated']);

/** The last caller before, whose response with this body may have been stored. */
function makerOf(before: readonly Exchanged[], { body }: Answer): string {
  const made = before.filter(({ answer }) => answer.body === body && answer.cacheStatus?.result === 'miss');
  const stored = made.findLast(({ answer }) => mayBeStored(answer.cacheStatus));
  return stored?.caller.name ?? THE_CACHE;
}

/** The response to a request that is verified is not stored, but another one. */
function mayBeStored(status: CacheStatus | undefined): boolean {
  return status?.stored === true || status?.detail === undefined;
}
