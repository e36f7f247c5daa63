import { EntryCensus } from '../entries/census.ts';
import { MAX_LIMIT } from '../entries/paging.ts';
import type { EntrySummary, StoreFigures } from '../entries/types.ts';
import { parseDuration, parseOptions } from './arguments.ts';
import { type Command, EXIT, EXIT_HELP, type Io, write } from './command.ts';
import { entryLine, headings } from './entry-lines.ts';
import { columnsOf, formatBytes, formatEntries, formatNumber, labeled, painter, truncate } from './format.ts';
import { REDIS_HELP, REDIS_OPTIONS, type Session, withRedis } from './redis.ts';
import { Screen } from './screen.ts';
import { type ServerFigures, serverFigures } from './server-figures.ts';
import { serverLines, storedBlocks } from './stats.ts';
import { pagesOf } from './target.ts';
import { escapeUnsafe, jsonLine } from './text.ts';

const HELP = `Usage: redis-response-cache watch [OPTIONS]

Shows the figures of stats again and again, with the rates of Redis and the newest entries. Press q
or Ctrl-C to quit. Without a terminal, it writes one line for each update.

  redis-response-cache watch --interval 500ms
  redis-response-cache watch --json >> watch.log

  --interval DURATION     time between two updates (default 2s)
  --json                  one line of JSON for each update
${REDIS_HELP}

The scan takes at most 10% of the time, so the counts of a large store lag behind.
${EXIT_HELP}
`;

const OPTIONS = { ...REDIS_OPTIONS, interval: { type: 'string' } } as const;

const INTERVAL_MS = { min: 100, max: 3_600_000 } as const;
/** The scan of all keys gets one tenth of the time: after each scan it pauses for nine times as long. */
const PAUSE_FACTOR = 9;
/** How long the first update waits for the first counts. */
const FIRST_COUNTS_WAIT_MS = 1000;
/** How many of the newest entries are shown. */
const NEWEST = 10;

export const watch: Command = {
  summary: 'shows the figures and the newest entries again and again',
  help: HELP,
  async run(args, io) {
    const values = parseOptions('watch', args, OPTIONS);
    const intervalMs = parseDuration(
      '--interval',
      values.interval ?? '2s',
      INTERVAL_MS,
      'from 100ms to 1h, such as 5s',
    );
    const { json = false } = values;
    return withRedis(values, io, async (session) => {
      if (!io.out.isTTY || json) {
        await watchAsLines(session, io, intervalMs, json);
        return EXIT.done;
      }
      const screen = new Screen(io);
      try {
        await watchOnScreen(session, io, intervalMs, screen);
      } finally {
        screen.leave();
      }
      return screen.exitCode;
    });
  },
};

async function watchAsLines(session: Session, io: Io, intervalMs: number, json: boolean): Promise<void> {
  const updates = new Updates(session, io.signal);
  await every(intervalMs, io.signal, async () => {
    const update = await updates.next();
    if (json) {
      const { server: redis, rates, counts } = update;
      await write(io, jsonLine({ time: Date.now(), redis, rates, ...counts }));
    } else {
      await write(io, `${lineOf(update)}\n`);
    }
  });
}

async function watchOnScreen(session: Session, io: Io, intervalMs: number, screen: Screen): Promise<void> {
  const updates = new Updates(session, screen.signal);
  await every(intervalMs, screen.signal, async () => {
    try {
      const update = await updates.next();
      const time = clockTime();
      screen.draw(() => linesOf(session, update, time, io));
    } catch (error) {
      const problem = `${session.server} does not reply: ${escapeUnsafe((error as Error).message)}`;
      screen.draw(() => [truncate(problem, columnsOf(io.out))]);
    }
  });
}

async function every(intervalMs: number, signal: AbortSignal, work: () => Promise<void>): Promise<void> {
  while (!signal.aborted) {
    const startedAt = performance.now();
    await work();
    await pause(Math.max(0, intervalMs - (performance.now() - startedAt)), signal);
  }
}

/** What one update shows. */
interface Update {
  readonly server: ServerFigures;
  /** `undefined` in the first update. */
  readonly rates: Rates | undefined;
  /** `undefined` until the first scan has ended. */
  readonly counts: Counts | undefined;
}

/** Per second. */
interface Rates {
  readonly commands: number;
  readonly hits: number;
  readonly misses: number;
  readonly evicted: number;
  readonly expired: number;
  /** Bytes. */
  readonly memory: number;
}

interface Counts {
  readonly stored: StoreFigures;
  readonly newest: readonly EntrySummary[];
}

class Updates {
  readonly #session: Session;
  readonly #counter: BackgroundCounter;
  #previous: { readonly server: ServerFigures; readonly takenAt: number } | undefined;

  constructor(session: Session, signal: AbortSignal) {
    this.#session = session;
    this.#counter = new BackgroundCounter(session, signal);
  }

  async next(): Promise<Update> {
    const server = serverFigures(await this.#session.redis.infos());
    const takenAt = performance.now();
    const previous = this.#previous;
    this.#previous = { server, takenAt };
    const counts = await this.#counter.latest(previous === undefined ? FIRST_COUNTS_WAIT_MS : 0);
    const rates = previous && ratesBetween(previous.server, server, (takenAt - previous.takenAt) / 1000);
    return { server, rates, counts };
  }
}

function ratesBetween(before: ServerFigures, now: ServerFigures, seconds: number): Rates {
  const rate = (name: keyof ServerFigures): number =>
    Math.round((Number(now[name]) - Number(before[name])) / seconds);
  return {
    commands: rate('commands'),
    hits: rate('keyspaceHits'),
    misses: rate('keyspaceMisses'),
    evicted: rate('evictedKeys'),
    expired: rate('expiredKeys'),
    memory: rate('usedMemory'),
  };
}

/** Counts all entries again and again, with pauses. */
class BackgroundCounter {
  readonly #session: Session;
  readonly #signal: AbortSignal;
  #counts: Counts | undefined;
  #scan: Promise<void> | undefined;
  #nextScanAt = 0;

  constructor(session: Session, signal: AbortSignal) {
    this.#session = session;
    this.#signal = signal;
  }

  /** The counts of the last scan that has ended. Starts a scan if one is due, and waits for it up to `waitMs`. */
  async latest(waitMs: number): Promise<Counts | undefined> {
    if (!this.#scan && performance.now() >= this.#nextScanAt) {
      const startedAt = performance.now();
      this.#scan = this.#count()
        // Redis did not reply. The next scan makes up for this one.
        .catch(() => {})
        .finally(() => {
          const now = performance.now();
          this.#nextScanAt = now + PAUSE_FACTOR * (now - startedAt);
          this.#scan = undefined;
        });
    }
    if (waitMs > 0) await Promise.race([this.#scan, pause(waitMs, this.#signal)]);
    return this.#counts;
  }

  async #count(): Promise<void> {
    const { cache, redis } = this.#session;
    const census = new EntryCensus(await redis.size());
    let newest: EntrySummary[] = [];
    for await (const entries of pagesOf(cache, { limit: MAX_LIMIT })) {
      if (this.#signal.aborted) return;
      for (const entry of entries) {
        census.add(entry);
        if (entry.readable) newest.push(entry);
      }
      newest = newest.sort((a, b) => b.bornAt - a.bornAt).slice(0, NEWEST);
    }
    this.#counts = { stored: census.figures(true), newest };
  }
}

const NO_RATES: Rates = { commands: 0, hits: 0, misses: 0, evicted: 0, expired: 0, memory: 0 };

function rateItems({ commands, hits, misses, evicted, expired }: Rates): string[] {
  return [
    `${formatNumber(commands)} commands`,
    `${formatNumber(hits)} key hits`,
    `${formatNumber(misses)} key misses`,
    `${formatNumber(evicted)} evicted`,
    `${formatNumber(expired)} expired`,
  ];
}

/** An update in one line, for a log. */
function lineOf({ server, rates = NO_RATES, counts }: Update): string {
  const stored = counts ? storedItems(counts.stored) : ['counting...'];
  return [
    `${new Date().toISOString()}  ${stored.join(', ')}`,
    `memory ${formatBytes(server.usedMemory)}`,
    `per second: ${rateItems(rates).join(', ')}`,
  ].join('; ');
}

function storedItems({ responses, values, fresh, stale }: StoreFigures): string[] {
  return [
    `${formatEntries(responses.count + values.count)} (${formatBytes(responses.bytes + values.bytes)} stored)`,
    `${formatNumber(fresh.count)} fresh`,
    `${formatNumber(stale.count)} stale`,
  ];
}

/** The time of day here: 20:42:29. */
function clockTime(): string {
  return new Date().toTimeString().slice(0, 8);
}

/** How many of the newest entries a low terminal has room for before it shows more than the counts. */
const MIN_NEWEST = 5;

/** An update for the whole terminal. */
function linesOf(
  { place }: Session,
  { server, rates = NO_RATES, counts }: Update,
  time: string,
  io: Io,
): string[] {
  const columns = columnsOf(io.out);
  const bold = (text: string): string => painter(io.out, io)('bold', truncate(text, columns));
  const head = [
    bold(`${time}  ${place}`),
    ...serverLines(server, columns),
    ...labeled('rates/s', rateItems(rates), columns),
    '',
  ];
  if (!counts) return [...head, 'counting...'];
  const { counts: figures, ...blocks } = storedBlocks(counts.stored, io);
  const newest = ['', bold(headings('NEWEST')), ...counts.newest.map((one) => entryLine(io)(one).trimEnd())];
  // What a low terminal leaves out, last first.
  const shown = [blocks.byStatus, blocks.byType, blocks.byAge];
  const needed = head.length + figures.length + Math.min(newest.length, MIN_NEWEST + 2);
  const rows = (io.out.rows || 24) - 1;
  while (shown.length > 0 && needed + shown.flat().length > rows) shown.pop();
  return [...head, ...figures, ...shown.flat(), ...newest];
}

/** Resolves after some time, or as soon as the signal is aborted. */
function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const end = (): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', end);
      resolve();
    };
    const timer = setTimeout(end, ms);
    signal.addEventListener('abort', end);
    if (signal.aborted) end();
  });
}
