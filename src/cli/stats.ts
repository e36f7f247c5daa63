import { parseArgs } from 'node:util';
import type { EntryFigure, StoreFigures } from '../entries/types.ts';
import { type Command, type Io, write } from './command.ts';
import { Progress } from './progress.ts';
import { EXIT_HELP, REDIS_HELP, REDIS_OPTIONS, type Session, withRedis } from './redis.ts';
import { type ServerFigures, serverFigures } from './server.ts';
import { columnsOf, escapeUnsafe, formatBytes, formatNumber, jsonLine, painter, truncate } from './text.ts';

const HELP = `Usage: redis-response-cache stats [OPTIONS]

Counts the stored entries by status, media type and age, and shows the figures of Redis. All keys
are scanned, in small steps.

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
    const { values } = parseArgs({ args, options: REDIS_OPTIONS });
    const { json = false } = values;
    return withRedis(values, io, async (session) => {
      const server = serverFigures(await session.redis.infos());
      const pingMs = await measurePings(session);
      const stored = await measureStore(session, io, json);
      if (json) {
        await write(io, jsonLine({ redis: { ...server, pingMs }, stored }));
        return 0;
      }
      const lines = [
        ...serverLines(server),
        `ping      ${pingMs.mean} ms on average, ${pingMs.fastest} to ${pingMs.slowest} ms`,
        '',
        ...storedLines(stored, io),
      ];
      await write(io, `${lines.join('\n')}\n`);
      return 0;
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

export function serverLines(server: ServerFigures): string[] {
  const { usedMemory, maxMemory, maxMemoryPolicy, servers, version, clients, commandsPerSecond } = server;
  const limit = maxMemory === 0 ? 'no maxmemory' : `maxmemory ${formatBytes(maxMemory)}`;
  const masters = servers === 1 ? '' : `, ${servers} masters`;
  return [
    `Redis     ${escapeUnsafe(version)}${masters}, ${formatNumber(clients)} clients, ${formatNumber(commandsPerSecond)} commands/s`,
    `memory    ${formatBytes(usedMemory)} used, ${limit}, ${escapeUnsafe(maxMemoryPolicy)}`,
    `evicted   ${formatNumber(server.evictedKeys)} keys since the start of Redis`,
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

export function storedLines(stored: StoreFigures, io: Io): string[] {
  const { responses, values, fresh, stale, damaged, unknownKey, unencrypted } = stored;
  const paint = painter(io.out, io);
  const columns = columnsOf(io.out);
  const row = (name: string, count: string, size: string): string =>
    truncate(`${name.padEnd(28)}${count.padStart(12)}${size.padStart(12)}`, columns);
  const line = (name: string, { count, bytes }: EntryFigure): string =>
    row(escapeUnsafe(name), formatNumber(count), formatBytes(bytes));
  const problem = (name: string, figure: EntryFigure): string[] =>
    figure.count > 0 ? [paint('red', line(name, figure))] : [];
  const section = (title: string, figures: readonly [name: string, EntryFigure][]): string[] => {
    const lines = figures
      .filter(([, { count }]) => count > 0)
      .map(([name, figure]) => line(`  ${truncate(name || '(none)', 24)}`, figure));
    return lines.length > 0 ? [title, ...lines] : [];
  };
  const byAge = Object.entries(stored.byAge).map(([age, figure]): [string, EntryFigure] => [
    AGE_NAMES[age] ?? age,
    figure,
  ]);
  return [
    paint('bold', row('stored', 'count', 'size')),
    line('responses', responses),
    line('values', values),
    line('fresh', fresh),
    line('stale', stale),
    ...problem('damaged', damaged),
    ...problem('unknown encryption key', unknownKey),
    ...problem('unencrypted', unencrypted),
    ...section('by status', Object.entries(stored.byStatus)),
    ...section('by type', Object.entries(stored.byType).slice(0, MAX_TYPES)),
    ...section('by age', byAge),
  ];
}
