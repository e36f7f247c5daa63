import { parseArgs } from 'node:util';
import type { CacheMiddleware } from '../cache-middleware.ts';
import { MAX_LIMIT } from '../entries/paging.ts';
import type { EntryQuery, EntrySummary, UnreadableEntry } from '../entries/types.ts';
import { areTags, TAG_ACCEPTED } from '../options/tags.ts';
import { type Command, type Io, parseCount, UsageError, write } from './command.ts';
import { EXIT_HELP, REDIS_HELP, REDIS_OPTIONS, withRedis } from './redis.ts';
import {
  audienceText,
  columnsOf,
  escapeUnsafe,
  formatBytes,
  formatDuration,
  jsonLine,
  painter,
  truncate,
} from './text.ts';

const HELP = `Usage: redis-response-cache ls [SEARCH] [OPTIONS]

Lists stored responses and values in no order. Each line has the age, the TTL (negative: stale), the
status, the size and the cache key, with the names that select the response and the kinds of callers
that it is for. SEARCH is a part of the cache key; * matches any characters.

  --status CODE           only entries with this status code
  --tag TAG               only entries with this tag
  --limit N               at most N entries (default 50)
  --all                   all entries
  --json                  one line of JSON for each entry
${REDIS_HELP}

The status of an entry that cannot be read here is unknown-key (encrypted with a key that is not
given), unencrypted (though --encrypt-key is given) or damaged.
${EXIT_HELP}
`;

const OPTIONS = {
  ...REDIS_OPTIONS,
  status: { type: 'string' },
  tag: { type: 'string' },
  limit: { type: 'string' },
  all: { type: 'boolean' },
} as const;

export const ls: Command = {
  summary: 'lists stored responses and values',
  help: HELP,
  async run(args, io) {
    const { query, limit, json, values } = parse(args);
    return withRedis(values, io, async ({ cache }) => {
      const lineOf = json ? jsonLine : lineFormat(io);
      if (!json) await write(io, painter(io.out, io)('bold', `${headings()}\n`));
      let left = limit;
      for await (const entries of pages(cache, query, () => Math.min(left, MAX_LIMIT))) {
        if (entries.length > 0) await write(io, entries.map(lineOf).join(''));
        left -= entries.length;
        if (left === 0) break;
      }
      if (left === 0 && !json && io.err.isTTY)
        io.err.write(`Only the first ${limit}: use --limit N or --all for more.\n`);
      return 0;
    });
  },
};

/** @throws {UsageError} */
function parse(args: string[]) {
  const { values, positionals } = parseArgs({ args, options: OPTIONS, allowPositionals: true });
  if (positionals.length > 1)
    throw new UsageError('ls takes at most one SEARCH: put quotes around a text with spaces');
  const { status, tag, all = false, json = false } = values;
  if (all && values.limit !== undefined)
    throw new UsageError('--limit and --all exclude each other: give one of them');
  if (status !== undefined && !/^[1-9]\d\d$/.test(status))
    throw new UsageError(`--status is ${status}, but must be a status code such as 404`);
  if (tag !== undefined && !areTags([tag])) throw new UsageError(`--tag must have ${TAG_ACCEPTED}`);
  const limit = all ? Number.POSITIVE_INFINITY : parseCount('--limit', values.limit, 50);
  const [search] = positionals;
  const query: EntryQuery = {
    ...(search !== undefined && { search }),
    ...(status !== undefined && { status: Number(status) }),
    ...(tag !== undefined && { tag }),
  };
  return { values, query, limit, json };
}

/** All pages of a list. `limit` is called for each. */
export async function* pages(
  cache: CacheMiddleware,
  query: EntryQuery,
  limit: () => number,
): AsyncGenerator<readonly (EntrySummary | UnreadableEntry)[], void> {
  let cursor: string | undefined;
  do {
    const page = await cache.entries.list({
      ...query,
      limit: limit(),
      ...(cursor !== undefined && { cursor }),
    });
    yield page.entries;
    cursor = page.cursor;
  } while (cursor !== undefined);
}

function cells(age: string, ttl: string, status: string, size: string): string {
  return `${age.padStart(5)} ${ttl.padStart(6)} ${status.padEnd(11)} ${size.padStart(8)} `;
}

export function headings(): string {
  return `${cells('AGE', 'TTL', 'STATUS', 'SIZE')} KEY`;
}

/** Formats an entry as one line that fits the terminal. */
export function lineFormat(io: Io): (entry: EntrySummary | UnreadableEntry) => string {
  const paint = painter(io.out, io);
  return (entry) => {
    const facts = entry.readable
      ? cells(
          formatDuration(entry.ageMs),
          formatDuration(entry.ttlMs),
          statusOf(entry),
          formatBytes(entry.size),
        )
      : cells('-', '-', entry.reason, formatBytes(entry.storedBytes));
    const style = !entry.readable ? 'red' : entry.stale ? 'yellow' : undefined;
    const name = `${entry.key ?? entry.id}${entry.readable ? noteOf(entry) : ''}`;
    const key = truncate(escapeUnsafe(name), columnsOf(io.out) - facts.length - 1);
    return `${style ? paint(style, facts) : facts} ${key}\n`;
  };
}

/** What selects an entry beside its key, and who may have it beside requests without credentials. */
function noteOf({ variesOn, audience }: EntrySummary): string {
  const by = Object.keys(variesOn).join(', ');
  const isForKinds = audience !== 'everyone' && audience.same + audience.different > 0;
  const notes = [by && `by ${by}`, isForKinds && `for ${audienceText(audience)}`].filter(Boolean);
  return notes.length > 0 ? ` (${notes.join('; ')})` : '';
}

function statusOf({ kind, status, purged }: EntrySummary): string {
  if (kind === 'value') return 'value';
  return purged ? `${status} soft` : String(status);
}
