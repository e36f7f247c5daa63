import { once } from 'node:events';
import { createInterface } from 'node:readline/promises';
import type { AnyEntry } from '../entries/types.ts';
import type { PurgeTarget } from '../options/operations.ts';
import { parseArguments } from './arguments.ts';
import { type Command, EXIT, EXIT_HELP, type Io, UsageError, write } from './command.ts';
import { entryLine, headings } from './entry-lines.ts';
import { formatEntries, formatNumber, painter } from './format.ts';
import { REDIS_HELP, REDIS_OPTIONS, type Session, withRedis } from './redis.ts';
import { reportNothing } from './report-nothing.ts';
import { entriesOf, parseTarget, requireTarget, TARGET_HELP, TARGET_OPTIONS, type Target } from './target.ts';
import { escapeUnsafe, jsonLine } from './text.ts';

/** A terminal asks before a purge by tag or URL prefix of more entries than this. */
const MANY = 10;

const HELP = `Usage: redis-response-cache purge URL|KEY|TARGET [OPTIONS]

Deletes stored responses and values, and revokes the fills in progress: afterwards, no request is
answered with a response from before.

  redis-response-cache purge https://api.example.com/leads
  redis-response-cache purge --tag leads --dry-run     what would be purged
  redis-response-cache purge --url-prefix /leads --soft
  redis-response-cache purge --all --yes               in a script

TARGET is one of the following, which may be given more than once:
${TARGET_HELP}

  --dry-run               counts and lists what would be purged, and changes nothing
  --soft                  marks the entries stale instead of deleting them: the app may confirm them
                          (ETag), and staleIfError may use them
  --yes                   no question: a terminal asks before --all, and before a purge by tag or
                          URL prefix of more than ${MANY} entries; without a terminal, --all needs --yes
  --json                  the result as JSON
${REDIS_HELP}

The command does not know the options of the app. If it has the vary.query option, use --key with
the KEY that ls prints, not --url. --url-prefix knows no keys of a key function. The exit code is 0
also when nothing was stored: what the purge promises holds then, too. With --dry-run it is 1.
${EXIT_HELP}
`;

const OPTIONS = {
  ...REDIS_OPTIONS,
  ...TARGET_OPTIONS,
  soft: { type: 'boolean' },
  'dry-run': { type: 'boolean' },
  yes: { type: 'boolean' },
} as const;

export const purge: Command = {
  summary: 'purges by URL, key, tag or URL prefix, or everything',
  help: HELP,
  async run(args, io) {
    const { values, positionals } = parseArguments(args, OPTIONS);
    const { soft = false, yes = false, json = false, 'dry-run': dryRun = false } = values;
    const target = requireTarget('purge', parseTarget(values, positionals));
    const hasTerminal = io.input.isTTY === true && io.err.isTTY === true;
    if (target.all && !yes && !dryRun && !hasTerminal)
      throw new UsageError('--all asks for confirmation, which needs a terminal: add --yes');
    return withRedis(values, io, async (session) => {
      if (dryRun) return listOnly(session, target, soft, json, io);
      if (hasTerminal && !yes && !(await isConfirmed(session, target, io))) {
        io.err.write('Nothing was purged.\n');
        return EXIT.nothing;
      }
      const purged = await run(session, target, soft, io);
      const result = soft ? 'marked stale' : 'purged';
      await write(io, json ? jsonLine({ purged, soft, dryRun }) : `${formatEntries(purged)} ${result}\n`);
      // A mistyped target purges nothing.
      if (purged === 0 && !json) await reportNothing(session, io, target);
      return EXIT.done;
    });
  },
};

/** How many entries a dry run lists. */
const MAX_LISTED = 50;

/** @returns the exit code. */
async function listOnly(
  session: Session,
  target: Target,
  soft: boolean,
  json: boolean,
  io: Io,
): Promise<number> {
  const count = await countOf(session, target);
  if (json) await write(io, jsonLine({ purged: count, soft, dryRun: true }));
  if (count === 0) return reportNothing(session, io, target);
  if (json) return EXIT.done;
  await write(io, painter(io.out, io)('bold', `${headings()}\n`));
  const listed = await first(MAX_LISTED, entriesOf(session, target));
  await write(io, listed.map(entryLine(io)).join(''));
  if (count > MAX_LISTED) await write(io, `... and ${formatNumber(count - MAX_LISTED)} more\n`);
  const result = soft ? 'marked stale' : 'purged';
  await write(io, `${formatEntries(count)} would be ${result}; nothing was changed\n`);
  return EXIT.done;
}

async function first(count: number, pages: AsyncIterable<readonly AnyEntry[]>): Promise<AnyEntry[]> {
  const entries: AnyEntry[] = [];
  for await (const page of pages) {
    entries.push(...page);
    if (entries.length >= count) break;
  }
  return entries.slice(0, count);
}

/** How many entries a purge would purge. An entry that several targets find counts once. */
async function countOf(session: Session, target: Target): Promise<number> {
  const { tags, all } = target;
  const { cache } = session;
  if (all) return cache.purge({ all }, { dryRun: true });
  // The cache knows how to count by a tag whose index Redis has evicted.
  if (tags.length > 0) return cache.purge({ tags }, { dryRun: true });
  let count = 0;
  for await (const entries of entriesOf(session, target)) count += entries.length;
  return count;
}

/** Whether the target is small, or the user says yes. */
async function isConfirmed(session: Session, target: Target, io: Io): Promise<boolean> {
  const { place } = session;
  if (target.all) return confirm(`This purges everything under ${place}.`, io);
  if (target.ids.length > 0) return true;
  const count = await countOf(session, target);
  if (count <= MANY) return true;
  const what = `${formatEntries(count)} (${escapeUnsafe(target.text)})`;
  return confirm(`This purges ${what} under ${place}.`, io);
}

async function confirm(what: string, { input, err, signal }: Io): Promise<boolean> {
  const lines = createInterface({
    input: input as unknown as NodeJS.ReadableStream,
    output: err as unknown as NodeJS.WritableStream,
    terminal: false,
  });
  try {
    // A question stays open for ever if the input ends (Ctrl-D).
    const answer = await Promise.race([
      lines.question(`${what} Type yes to continue: `, { signal }),
      once(lines, 'close').then(() => ''),
    ]);
    return answer.trim().toLowerCase() === 'yes';
  } finally {
    lines.close();
  }
}

/** How often a terminal shows the count so far. */
const DRAW_INTERVAL_MS = 100;

async function run({ cache }: Session, target: Target, soft: boolean, io: Io): Promise<number> {
  let done = 0;
  const draw = (): void => {
    if (io.err.isTTY) io.err.write(`\r${formatNumber(done)} so far\x1b[K`);
  };
  const reportInterrupted = (): void => {
    io.err.write(`interrupted: ${formatNumber(done)} purged so far\n`);
  };
  const timer = setInterval(draw, DRAW_INTERVAL_MS);
  io.signal.addEventListener('abort', reportInterrupted, { once: true });
  try {
    const counts = await Promise.all(
      [...new Set(target.ids)].map((id) => cache.entries.purge({ id }, { soft })),
    );
    done = counts.reduce((sum, count) => sum + count, 0);
    for (const one of purgesOf(target)) {
      const before = done;
      const onProgress = (purged: number): void => {
        done = before + purged;
      };
      done = before + (await cache.purge(one, { soft, onProgress }));
    }
    return done;
  } catch (error) {
    if (done === 0) throw error;
    throw new Error(`stopped after ${formatNumber(done)} were purged: ${(error as Error).message}`);
  } finally {
    clearInterval(timer);
    io.signal.removeEventListener('abort', reportInterrupted);
    if (io.err.isTTY) io.err.write('\r\x1b[K');
  }
}

/** What the cache must find: all but ids. */
function purgesOf({ tags, urlTags, prefixes, all }: Target): PurgeTarget[] {
  return [
    ...(tags.length > 0 ? [{ tags }] : []),
    ...[...new Set(urlTags)].map((tag) => ({ tag })),
    ...prefixes.map((prefix) => ({ prefix })),
    ...(all ? [{ all } as const] : []),
  ];
}
