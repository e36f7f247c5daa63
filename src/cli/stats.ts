import type { EntryFigure, StoreFigures } from '../entries/types.ts';
import { parseOptions } from './arguments.ts';
import { type Command, EXIT, EXIT_HELP, type Io, write } from './command.ts';
import { columnsOf, formatBytes, formatCount, formatNumber, labeled, painter, truncate } from './format.ts';
import { Progress } from './progress.ts';
import { REDIS_HELP, REDIS_OPTIONS, type Session, withRedis } from './redis.ts';
import { reportNothing } from './report-nothing.ts';
import { type ServerFigures, serverFigures } from './server-figures.ts';
import { escapeUnsafe, jsonLine } from './text.ts';

const HELP = `Usage: redis-response-cache stats [OPTIONS]

Counts the stored entries by status, media type and age, and shows the figures of Redis. All keys
are scanned, in small steps. The last column is what the entries take in Redis.

  redis-response-cache stats
  redis-response-cache stats --json | jq .stored.responses

  --json                  the result as JSON
${REDIS_HELP}

${EXIT_HELP}
`;

/** How many pings measure the latency of each server. */
const PINGS = 10;

export const stats: Command = {
  summary: 'counts the stored entries, and shows the figures of Redis',
  help: HELP,
  async run(args, io) {
    const values = parseOptions('stats', args, REDIS_OPTIONS);
    const { json = false } = values;
    return withRedis(values, io, async (session) => {
      const server = serverFigures(await session.redis.infos());
      const pingMs = await measurePings(session);
      const stored = await measureStore(session, io, json);
      if (json) {
        await write(io, jsonLine({ redis: { ...server, pingMs }, stored }));
        return EXIT.done;
      }
      const columns = columnsOf(io.out);
      const lines = [
        ...labeled('cache', [session.place], columns),
        ...serverLines(server, columns),
        ...labeled(
          'ping',
          [`${pingMs.mean} ms on average`, `${pingMs.fastest} to ${pingMs.slowest} ms`],
          columns,
        ),
        '',
        ...Object.values(storedBlocks(stored, io)).flat(),
      ];
      await write(io, `${lines.join('\n')}\n`);
      const { responses, values: kept, damaged, unknownKey, unencrypted } = stored;
      const counts = [responses, kept, damaged, unknownKey, unencrypted].map(({ count }) => count);
      if (counts.every((count) => count === 0)) await reportNothing(session, io, undefined);
      return EXIT.done;
    });
  },
};

async function measurePings({ redis }: Session): Promise<Record<'fastest' | 'mean' | 'slowest', number>> {
  const pings = await redis.pings(PINGS);
  const mean = pings.reduce((sum, ms) => sum + ms, 0) / pings.length;
  return {
    fastest: rounded(Math.min(...pings)),
    mean: rounded(mean),
    slowest: rounded(Math.max(...pings)),
  };
}

async function measureStore({ cache }: Session, io: Io, json: boolean): Promise<StoreFigures> {
  // Scripts that read JSON get no lines of progress.
  const progress = json && !io.err.isTTY ? undefined : new Progress(io.err, undefined);
  try {
    return await cache.entries.measure({
      onProgress: ({ scanned, total }) => progress?.update(scanned, 0, total),
      signal: io.signal,
    });
  } finally {
    progress?.end();
  }
}

function rounded(ms: number): number {
  return Number(ms.toFixed(2));
}

export function serverLines(server: ServerFigures, columns: number): string[] {
  const { usedMemory, maxMemory, maxMemoryPolicy, servers, version, clients, commandsPerSecond } = server;
  const limit = maxMemory === 0 ? 'no maxmemory' : `maxmemory ${formatBytes(maxMemory)}`;
  return [
    ...labeled(
      'redis',
      [
        escapeUnsafe(version),
        ...(servers === 1 ? [] : [`${servers} masters`]),
        formatCount(clients, 'client'),
        `${formatNumber(commandsPerSecond)} commands/s`,
      ],
      columns,
    ),
    ...labeled('memory', [`${formatBytes(usedMemory)} used`, limit, escapeUnsafe(maxMemoryPolicy)], columns),
    ...labeled('evicted', [`${formatNumber(server.evictedKeys)} keys since Redis started`], columns),
  ];
}

/** How many media types are listed. */
const MAX_TYPES = 10;

const AGE_NAMES: Readonly<Record<string, string>> = {
  minute: 'under a minute',
  hour: 'under an hour',
  day: 'under a day',
  week: 'under a week',
};

/** Columns of a count, and of a size. */
const FIGURE = 11;
/** Columns of the longest name. */
const NAME = 30;

/** The counts of entries, block by block. */
export function storedBlocks(
  stored: StoreFigures,
  io: Io,
): Readonly<Record<'counts' | 'byStatus' | 'byType' | 'byAge', string[]>> {
  const { responses, values, fresh, stale, damaged, unknownKey, unencrypted } = stored;
  const paint = painter(io.out, io);
  const width = Math.max(8, Math.min(NAME, columnsOf(io.out) - 2 * FIGURE));
  const row = (name: string, count: string, size: string): string =>
    `${truncate(name, width).padEnd(width)}${count.padStart(FIGURE)}${size.padStart(FIGURE)}`;
  const line = (name: string, { count, bytes }: EntryFigure): string =>
    row(escapeUnsafe(name), formatNumber(count), formatBytes(bytes));
  const problem = (name: string, figure: EntryFigure): string[] =>
    figure.count > 0 ? [paint('red', line(name, figure))] : [];
  const section = (title: string, figures: readonly [name: string, EntryFigure][]): string[] => {
    const lines = figures
      .filter(([, { count }]) => count > 0)
      .map(([name, figure]) => line(`  ${name || '(none)'}`, figure));
    return lines.length > 0 ? [title, ...lines] : [];
  };
  const byAge = Object.entries(stored.byAge).map(([age, figure]): [string, EntryFigure] => [
    AGE_NAMES[age] ?? age,
    figure,
  ]);
  return {
    counts: [
      paint('bold', row('entries', 'count', 'stored')),
      line('responses', responses),
      line('values', values),
      line('fresh', fresh),
      line('stale', stale),
      ...problem('damaged', damaged),
      ...problem('unknown encryption key', unknownKey),
      ...problem('unencrypted', unencrypted),
    ],
    byStatus: section('by status', Object.entries(stored.byStatus)),
    byType: section('by type', Object.entries(stored.byType).slice(0, MAX_TYPES)),
    byAge: section('by age', byAge),
  };
}
