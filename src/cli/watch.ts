import { parseArgs } from 'node:util';
import { Tally } from '../entries/census.ts';
import type { EntrySummary, StoreFigures } from '../entries/types.ts';
import { milliseconds } from '../options/units.ts';
import { type Command, type Io, say, UsageError } from './command.ts';
import { headings, lineFor, pages } from './ls.ts';
import { figure } from './progress.ts';
import { EXIT_HELP, REDIS_HELP, REDIS_OPTIONS, type Session, withRedis } from './redis.ts';
import { figuresOf, type ServerFigures } from './server.ts';
import { serverLines, storedLines } from './stats.ts';
import { columnsOf, escaped, fitted, jsonLine, painter } from './text.ts';

const HELP = `Usage: redis-response-cache watch [OPTIONS]

Shows the same as stats again and again, with the rates of what happens at Redis and the entries
that were stored last. It ends on q or Ctrl-C.

  --interval DURATION     how often (default 2s)
  --json                  one line of JSON each time
${REDIS_HELP}

Keys are walked over at a tenth of the time at most, so that counts of very many are somewhat old.
${EXIT_HELP}
`;

const OPTIONS = { ...REDIS_OPTIONS, interval: { type: 'string' } } as const;

/** The alternate screen, without a cursor; and back. */
const ENTER = '\x1b[?1049h\x1b[?25l';
const LEAVE = '\x1b[?25h\x1b[?1049l';
const HOME = '\x1b[H';
const REST_OF_LINE = '\x1b[K';
const REST_OF_SCREEN = '\x1b[J';

/** How many of the newest entries are known. */
const NEWEST = 10;
/** How much longer a walk rests than it took. */
const REST = 9;

export const watch: Command = {
  summary: 'shows the figures again and again, and what was stored last',
  help: HELP,
  async run(args, io) {
    const { values } = parseArgs({ args, options: OPTIONS });
    const interval = milliseconds(values.interval ?? '2s');
    if (interval === undefined || interval < 100 || interval > 3_600_000)
      throw new UsageError('--interval takes a duration from 100ms to 1h, such as 5s');
    const { json = false } = values;
    return withRedis(values, io, async (session) => {
      const screen = io.out.isTTY && !json ? new Screen(io) : undefined;
      try {
        await watching(session, { ...io, ...(screen && { signal: screen.signal }) }, interval, json, screen);
      } finally {
        screen?.leave();
      }
      return screen?.code ?? 0;
    });
  },
};

async function watching(
  session: Session,
  io: Io,
  interval: number,
  json: boolean,
  screen: Screen | undefined,
): Promise<void> {
  const walk = new Walk(session, io.signal);
  let before: Sample | undefined;
  while (!io.signal.aborted) {
    const since = performance.now();
    const sample = await sampleOf(session).catch((error: Error) => error);
    if (sample instanceof Error) {
      if (!screen) throw sample;
      screen.draw([`${session.server} does not answer: ${escaped(sample.message)}`]);
    } else {
      // The first one has counts to show; later ones have those of the last walk that has ended.
      const walked = await walk.figures(before === undefined);
      const rates = before && ratesOf(before, sample);
      before = sample;
      if (json) await say(io, jsonLine({ at: Date.now(), redis: sample.server, rates, ...walked }));
      else {
        const lines = linesOf(session, sample.server, rates, walked, io);
        if (screen) screen.draw(lines);
        else await say(io, `${lines.join('\n')}\n\n`);
      }
    }
    await pause(Math.max(0, interval - (performance.now() - since)), io.signal);
  }
}

interface Sample {
  readonly at: number;
  readonly server: ServerFigures;
}

async function sampleOf({ redis }: Session): Promise<Sample> {
  return { server: figuresOf(await redis.infos()), at: performance.now() };
}

/** A second. */
interface Rates {
  readonly commands: number;
  readonly hits: number;
  readonly misses: number;
  readonly evicted: number;
  readonly expired: number;
  /** Bytes. */
  readonly memory: number;
}

function ratesOf(before: Sample, now: Sample): Rates {
  const seconds = (now.at - before.at) / 1000;
  const rate = (name: keyof ServerFigures): number =>
    Math.round((Number(now.server[name]) - Number(before.server[name])) / seconds);
  return {
    commands: rate('commands'),
    hits: rate('keyspaceHits'),
    misses: rate('keyspaceMisses'),
    evicted: rate('evictedKeys'),
    expired: rate('expiredKeys'),
    memory: rate('usedMemory'),
  };
}

interface Walked {
  readonly stored: StoreFigures;
  readonly newest: readonly EntrySummary[];
}

/** Walks over what is stored, and rests. */
class Walk {
  readonly #session: Session;
  readonly #signal: AbortSignal;
  #last: Walked | undefined;
  #running: Promise<void> | undefined;
  #restsUntil = 0;

  constructor(session: Session, signal: AbortSignal) {
    this.#session = session;
    this.#signal = signal;
  }

  /** What the last walk has found; a new one is begun where it is time. */
  async figures(first: boolean): Promise<Walked | undefined> {
    if (!this.#running && performance.now() >= this.#restsUntil) {
      const since = performance.now();
      // One that Redis did not answer is made up for by the next.
      this.#running = this.#walk()
        .catch(() => {})
        .finally(() => {
          this.#restsUntil = performance.now() + REST * (performance.now() - since);
          this.#running = undefined;
        });
    }
    if (first) await Promise.race([this.#running, pause(1000, this.#signal)]);
    return this.#last;
  }

  async #walk(): Promise<void> {
    const { cache, redis } = this.#session;
    const tally = new Tally(await redis.size());
    let newest: EntrySummary[] = [];
    for await (const entries of pages(cache, {}, () => 1000)) {
      if (this.#signal.aborted) return;
      for (const entry of entries) tally.add(entry);
      newest.push(...entries.flatMap((entry) => (entry.damaged ? [] : [entry])));
      newest = newest.sort((a, b) => b.bornAt - a.bornAt).slice(0, NEWEST);
    }
    this.#last = { stored: tally.figures(true), newest };
  }
}

function linesOf(
  { prefix, server: at }: Session,
  server: ServerFigures,
  rates: Rates | undefined,
  walked: Walked | undefined,
  io: Io,
): string[] {
  const bold = (text: string): string => painter(io.out, io)('bold', text);
  const wide = (line: string): string => fitted(line, columnsOf(io.out));
  const told = rates ?? { commands: 0, hits: 0, misses: 0, evicted: 0, expired: 0, memory: 0 };
  const { commands, hits, misses, evicted, expired } = told;
  return [
    bold(wide(`${escaped(prefix)} at ${at}, ${new Date().toISOString()}`)),
    ...serverLines(server).map(wide),
    wide(
      `rates/s   ${figure(commands)} commands, ${figure(hits)} hits and ${figure(misses)} misses of keys, ${figure(evicted)} evicted, ${figure(expired)} expired`,
    ),
    '',
    ...(walked ? storedLines(walked.stored, io) : ['counting...']),
    '',
    bold(wide(`${headings()}, the newest first`)),
    ...(walked?.newest.map((entry) => lineFor(io)(entry).trimEnd()) ?? []),
  ];
}

/** The whole of a terminal, which is as it was in the end; and its keys. */
class Screen {
  /** What the command exits with. */
  code = 0;
  readonly #io: Io;
  readonly #ends = new AbortController();

  constructor(io: Io) {
    this.#io = io;
    io.out.write(ENTER);
    if (io.signal.aborted) this.#ends.abort();
    io.signal.addEventListener('abort', () => this.#ends.abort(), { once: true });
    if (io.input.isTTY) void this.#listen().catch(() => {});
  }

  get signal(): AbortSignal {
    return this.#ends.signal;
  }

  draw(lines: readonly string[]): void {
    const rows = (this.#io.out.rows || 24) - 1;
    const drawn = lines.slice(0, rows).map((line) => `${line}${REST_OF_LINE}\n`);
    this.#io.out.write(`${HOME}${drawn.join('')}${REST_OF_SCREEN}`);
  }

  leave(): void {
    this.#io.input.setRawMode?.(false);
    this.#io.input.destroy?.();
    this.#io.out.write(LEAVE);
  }

  async #listen(): Promise<void> {
    this.#io.input.setRawMode?.(true);
    for await (const keys of this.#io.input) {
      // In raw mode Ctrl-C is a key like any other.
      if (/\x03/.test(String(keys))) this.code = 130;
      if (/[qQ\x03]/.test(String(keys))) this.#ends.abort();
    }
  }
}

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
