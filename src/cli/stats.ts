import { parseArgs } from 'node:util';
import type { Figure, StoreFigures } from '../entries/types.ts';
import { type Command, type Io, say } from './command.ts';
import { figure, Progress } from './progress.ts';
import { EXIT_HELP, REDIS_HELP, REDIS_OPTIONS, withRedis } from './redis.ts';
import { figuresOf, type ServerFigures } from './server.ts';
import { columnsOf, escaped, fitted, jsonLine, painter, sizeText } from './text.ts';

const HELP = `Usage: redis-response-cache stats [OPTIONS]

Counts what is stored, by a walk over all keys in small steps, and asks Redis about itself.

  --json                  the result as JSON
${REDIS_HELP}

${EXIT_HELP}
`;

/** To each server. */
const PINGS = 10;

export const stats: Command = {
  summary: 'counts what is stored, and tells how Redis is',
  help: HELP,
  async run(args, io) {
    const { values } = parseArgs({ args, options: REDIS_OPTIONS });
    return withRedis(values, io, async ({ cache, redis }) => {
      const server = figuresOf(await redis.infos());
      const pings = await redis.pings(PINGS);
      const progress = values.json && !io.err.isTTY ? undefined : new Progress(io.err, undefined);
      const onProgress = ({ scanned, total }: StoreFigures): void => progress?.update(scanned, 0, total);
      const measuring = cache.entries.measure({ onProgress, signal: io.signal });
      const stored = await measuring.finally(() => progress?.end());
      const [fastest = 0, slowest = 0] = [Math.min(...pings), Math.max(...pings)];
      const mean = pings.reduce((sum, ms) => sum + ms, 0) / pings.length;
      const ping = { fastest: rounded(fastest), mean: rounded(mean), slowest: rounded(slowest) };
      if (values.json) await say(io, jsonLine({ redis: { ...server, ping }, stored }));
      else
        await say(
          io,
          `${[...serverLines(server), `ping      ${ping.fastest} to ${ping.slowest} ms, ${ping.mean} ms on average`, '', ...storedLines(stored, io)].join('\n')}\n`,
        );
      return 0;
    });
  },
};

function rounded(ms: number): number {
  return Number(ms.toFixed(2));
}

export function serverLines(server: ServerFigures): string[] {
  const { usedMemory, maxMemory, maxMemoryPolicy, servers, version, clients, commandsPerSecond } = server;
  const bound = maxMemory === 0 ? 'no maxmemory' : `of ${sizeText(maxMemory)}`;
  const count = servers === 1 ? '' : `, ${servers} masters`;
  return [
    `Redis     ${escaped(version)}${count}, ${figure(clients)} clients, ${figure(commandsPerSecond)} commands/s`,
    `memory    ${sizeText(usedMemory)}, ${bound}, ${escaped(maxMemoryPolicy)}`,
    `evicted   ${figure(server.evictedKeys)} keys since it was started`,
  ];
}

/** How many media types are told. */
const TYPES = 10;

export function storedLines(stored: StoreFigures, io: Io): string[] {
  const { responses, values, fresh, stale, damaged, unreadable, byStatus, byType, byAge } = stored;
  const paint = painter(io.out, io);
  const line = (name: string, { count, bytes }: Figure): string =>
    fitted(
      `${escaped(name).padEnd(28)}${figure(count).padStart(12)}${sizeText(bytes).padStart(12)}`,
      columnsOf(io.out),
    );
  const some = (figures: Readonly<Record<string, Figure>>, most = Number.POSITIVE_INFINITY): string[] =>
    Object.entries(figures)
      .filter(([, { count }]) => count > 0)
      .slice(0, most)
      .map(([name, one]) => line(`  ${fitted(name || '(none)', 24)}`, one));
  const trouble = { damaged, 'cannot be read here': unreadable };
  return [
    paint('bold', `${'stored'.padEnd(28)}${'count'.padStart(12)}${'size'.padStart(12)}`),
    line('responses', responses),
    line('values', values),
    line('fresh', fresh),
    line('stale', stale),
    ...Object.entries(trouble).flatMap(([name, one]) =>
      one.count > 0 ? [paint('red', line(name, one))] : [],
    ),
    ...section('by status', some(byStatus)),
    ...section('by type', some(byType, TYPES)),
    ...section('by age, under a', some(byAge)),
  ];
}

function section(title: string, lines: readonly string[]): string[] {
  return lines.length > 0 ? [title, ...lines] : [];
}
