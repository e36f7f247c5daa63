import { parseArgs } from 'node:util';
import { EntryCensus } from '../entries/census.ts';
import { MAX_LIMIT } from '../entries/paging.ts';
import type { EntrySummary, StoreFigures } from '../entries/types.ts';
import { milliseconds } from '../options/units.ts';
import { type Command, type Io, UsageError, write } from './command.ts';
import { headings, lineFormat, pages } from './ls.ts';
import { EXIT_HELP, REDIS_HELP, REDIS_OPTIONS, type Session, withRedis } from './redis.ts';
import { type ServerFigures, serverFigures } from './server.ts';
import { serverLines, storedLines } from './stats.ts';
import { columnsOf, escapeUnsafe, formatNumber, jsonLine, painter, truncate } from './text.ts';

const HELP = `Usage: redis-response-cache watch [OPTIONS]

Shows the figures of stats again and again, with the rates of Redis and the newest entries. Press q
or Ctrl-C to quit.

  --interval DURATION     time between two updates (default 2s)
  --json                  one line of JSON for each update
${REDIS_HELP}

The scan takes at most 10% of the time, so the counts of a large store lag behind.
${EXIT_HELP}
`;

const OPTIONS = { ...REDIS_OPTIONS, interval: { type: 'string' } } as const;

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
    const { values } = parseArgs({ args, options: OPTIONS });
    const intervalMs = milliseconds(values.interval ?? '2s');
    if (intervalMs === undefined || intervalMs < 100 || intervalMs > 3_600_000) {
      throw new UsageError(
        `--interval is ${values.interval}, but must be a duration from 100ms to 1h, such as 5s`,
      );
    }
    const { json = false } = values;
    return withRedis(values, io, async (session) => {
      if (!io.out.isTTY || json) {
        await watchAsLines(session, io, intervalMs, json);
        return 0;
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
      await write(io, `${linesOf(session, update, io).join('\n')}\n\n`);
    }
  });
}

async function watchOnScreen(session: Session, io: Io, intervalMs: number, screen: Screen): Promise<void> {
  const updates = new Updates(session, screen.signal);
  await every(intervalMs, screen.signal, async () => {
    try {
      screen.draw(linesOf(session, await updates.next(), io));
    } catch (error) {
      screen.draw([`${session.server} does not reply: ${escapeUnsafe((error as Error).message)}`]);
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
    for await (const entries of pages(cache, {}, () => MAX_LIMIT)) {
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

function linesOf({ prefix, server: address }: Session, update: Update, io: Io): string[] {
  const { server, rates = NO_RATES, counts } = update;
  const bold = (text: string): string => painter(io.out, io)('bold', text);
  const inWidth = (line: string): string => truncate(line, columnsOf(io.out));
  const rateTexts = [
    `${formatNumber(rates.commands)} commands`,
    `${formatNumber(rates.hits)} key hits`,
    `${formatNumber(rates.misses)} key misses`,
    `${formatNumber(rates.evicted)} evicted`,
    `${formatNumber(rates.expired)} expired`,
  ];
  return [
    bold(inWidth(`${escapeUnsafe(prefix)} at ${address}, ${new Date().toISOString()}`)),
    ...serverLines(server).map(inWidth),
    inWidth(`rates/s   ${rateTexts.join(', ')}`),
    '',
    ...(counts ? storedLines(counts.stored, io) : ['counting...']),
    '',
    bold(inWidth(`${headings()} (newest first)`)),
    ...(counts?.newest.map((entry) => lineFormat(io)(entry).trimEnd()) ?? []),
  ];
}

/** Switches to the alternate screen and hides the cursor; and back. */
const ENTER = '\x1b[?1049h\x1b[?25l';
const LEAVE = '\x1b[?25h\x1b[?1049l';
const CURSOR_HOME = '\x1b[H';
const CLEAR_LINE = '\x1b[K';
const CLEAR_BELOW = '\x1b[J';

/** The whole terminal, and its keyboard: q and Ctrl-C abort the signal. */
class Screen {
  exitCode = 0;
  readonly #io: Io;
  readonly #controller = new AbortController();

  constructor(io: Io) {
    this.#io = io;
    io.out.write(ENTER);
    if (io.signal.aborted) this.#controller.abort();
    io.signal.addEventListener('abort', () => this.#controller.abort(), { once: true });
    if (io.input.isTTY) void this.#readKeys().catch(() => {});
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  draw(lines: readonly string[]): void {
    const rows = (this.#io.out.rows || 24) - 1;
    const drawn = lines.slice(0, rows).map((line) => `${line}${CLEAR_LINE}\n`);
    this.#io.out.write(`${CURSOR_HOME}${drawn.join('')}${CLEAR_BELOW}`);
  }

  leave(): void {
    this.#io.input.setRawMode?.(false);
    this.#io.input.destroy?.();
    this.#io.out.write(LEAVE);
  }

  async #readKeys(): Promise<void> {
    this.#io.input.setRawMode?.(true);
    for await (const keys of this.#io.input) {
      // In raw mode, Ctrl-C is a character and sends no signal.
      if (/\x03/.test(String(keys))) this.exitCode = 130;
      if (/[qQ\x03]/.test(String(keys))) this.#controller.abort();
    }
  }
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
