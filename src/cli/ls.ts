import { parseArgs } from 'node:util';
import type { CacheMiddleware } from '../cache-middleware.ts';
import type { DamagedEntry, EntryQuery, EntrySummary } from '../entries/types.ts';
import { areTags } from '../options/tags.ts';
import { type Command, type Io, say, UsageError, whole } from './command.ts';
import { EXIT_HELP, REDIS_HELP, REDIS_OPTIONS, withRedis } from './redis.ts';
import { columnsOf, escaped, fitted, jsonLine, painter, sizeText, span } from './text.ts';

const HELP = `Usage: redis-response-cache ls [SEARCH] [OPTIONS]

Lists what is stored, in no order: each with its age, what is left of its freshness (negative: it is
stale), status, size and key. SEARCH is a part of the key; * stands for any characters.

  --status CODE           those with this status code
  --tag TAG               those under this tag
  --limit N               how many at most (default 50)
  --all                   all of them
  --json                  each as one line of JSON
${REDIS_HELP}

What is sealed with a key that is not given, or is damaged, is listed as such.
${EXIT_HELP}
`;

const OPTIONS = {
  ...REDIS_OPTIONS,
  status: { type: 'string' },
  tag: { type: 'string' },
  limit: { type: 'string' },
  all: { type: 'boolean' },
} as const;

/** The longest page there is. */
const PAGE = 1000;

export const ls: Command = {
  summary: 'lists what is stored',
  help: HELP,
  async run(args, io) {
    const { values, positionals } = parseArgs({ args, options: OPTIONS, allowPositionals: true });
    if (positionals.length > 1) throw new UsageError('ls takes one SEARCH: quote what has spaces');
    const { status, tag, all = false, json = false } = values;
    if (all && values.limit !== undefined) throw new UsageError('--limit and --all exclude each other');
    if (status !== undefined && !/^[1-9]\d\d$/.test(status))
      throw new UsageError(`--status is ${status}, but must be a status code such as 404`);
    if (tag !== undefined && !areTags([tag]))
      throw new UsageError('--tag takes a tag of up to 256 characters');
    const limit = all ? Number.POSITIVE_INFINITY : whole('--limit', values.limit, 50);
    const [search] = positionals;
    const query: EntryQuery = {
      ...(search !== undefined && { search }),
      ...(status !== undefined && { status: Number(status) }),
      ...(tag !== undefined && { tag }),
    };
    return withRedis(values, io, async ({ cache }) => {
      const line = json ? jsonLine : lineFor(io);
      if (!json) await say(io, painter(io.out, io)('bold', `${headings()}\n`));
      let left = limit;
      for await (const entries of pages(cache, query, () => Math.min(left, PAGE))) {
        if (entries.length > 0) await say(io, entries.map(line).join(''));
        left -= entries.length;
        if (left === 0) break;
      }
      if (left === 0 && !json && io.err.isTTY)
        io.err.write(`the first ${limit}: --limit N or --all lists more\n`);
      return 0;
    });
  },
};

/** What is stored, page by page. */
export async function* pages(
  cache: CacheMiddleware,
  query: EntryQuery,
  limit: () => number,
): AsyncGenerator<readonly (EntrySummary | DamagedEntry)[], void> {
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
  return `${age.padStart(5)} ${ttl.padStart(6)} ${status.padEnd(8)} ${size.padStart(8)} `;
}

export function headings(): string {
  return `${cells('AGE', 'TTL', 'STATUS', 'SIZE')} KEY`;
}

/** One line for an entry, in the width of the terminal. */
export function lineFor(io: Io): (entry: EntrySummary | DamagedEntry) => string {
  const paint = painter(io.out, io);
  return (entry) => {
    const { damaged, key, id, storedBytes } = entry;
    const facts = damaged
      ? cells('-', '-', entry.reason, sizeText(storedBytes))
      : cells(
          span(entry.age),
          span(entry.ttl),
          entry.kind === 'value' ? 'value' : `${entry.status}${entry.purged ? ' soft' : ''}`,
          sizeText(entry.size),
        );
    const style = damaged ? 'red' : entry.stale ? 'yellow' : undefined;
    const named = fitted(escaped(key ?? id), columnsOf(io.out) - facts.length - 1);
    return `${style ? paint(style, facts) : facts} ${named}\n`;
  };
}
