import { MAX_LIMIT } from '../entries/paging.ts';
import type { AnyEntry, EntryQuery } from '../entries/types.ts';
import { parseArguments, parseChoice, parseCount } from './arguments.ts';
import { type Command, EXIT, EXIT_HELP, type Io, UsageError, write } from './command.ts';
import { entryLine, headings } from './entry-lines.ts';
import { formatEntries, painter } from './format.ts';
import { isUrl } from './ids.ts';
import { REDIS_HELP, REDIS_OPTIONS, withRedis } from './redis.ts';
import { reportNothing } from './report-nothing.ts';
import { entriesOf, parseTarget, TARGET_HELP, TARGET_OPTIONS, type Target } from './target.ts';
import { jsonLine } from './text.ts';

const HELP = `Usage: redis-response-cache ls [URL|SEARCH] [OPTIONS]

Lists stored responses and values. Each line has the age, the TTL (negative: stale), the status, the
size of the body, and the cache key, with what else selects the response and who may have it. SEARCH
is a part of the cache key; * matches any characters.

  redis-response-cache ls                              what is stored, up to 50 entries
  redis-response-cache ls '/leads*de'                  keys that contain /leads and then de
  redis-response-cache ls --tag leads --status 404
  redis-response-cache ls --all --sort size --reverse  the largest first

Which entries:
${TARGET_HELP} (here: without a limit)
  --status CODE           only entries with this status code

  --sort COLUMN           age, ttl, size, status or key, in ascending order (default: no order)
  --reverse               in descending order
  --limit N               at most N entries (default 50)
  --json                  one line of JSON for each entry
${REDIS_HELP}

An entry that cannot be read here has a note: unknown-key (encrypted with a key that is not given),
unencrypted (though --encrypt-key is given) or damaged.
${EXIT_HELP}
`;

const OPTIONS = {
  ...REDIS_OPTIONS,
  ...TARGET_OPTIONS,
  status: { type: 'string' },
  sort: { type: 'string' },
  reverse: { type: 'boolean' },
  limit: { type: 'string' },
} as const;

export const ls: Command = {
  summary: 'lists stored responses and values',
  help: HELP,
  async run(args, io) {
    const { target, query, limit, order, json, values, narrowed } = parse(args);
    return withRedis(values, io, async (session) => {
      const pageSize = order ? MAX_LIMIT : Math.min(limit + 1, MAX_LIMIT);
      const all = entriesOf(session, target ?? EVERYTHING, query, pageSize);
      const lister = new Lister(io, json, limit);
      if (order) await lister.add(await first(all, order, limit + 1));
      else
        for await (const entries of all) {
          await lister.add(entries);
          if (lister.isFull) break;
        }
      if (lister.count === 0) return reportNothing(session, io, target, narrowed);
      if (lister.isFull && !json && io.err.isTTY)
        io.err.write(`Only the first ${formatEntries(limit)}: use --limit N or --all for more.\n`);
      return EXIT.done;
    });
  },
};

const EVERYTHING: Target = {
  text: '--all',
  urls: [],
  ids: [],
  tags: [],
  urlTags: [],
  prefixes: [],
  all: true,
};

/** Writes entries up to a limit, under a heading. */
class Lister {
  count = 0;
  /** Whether there are more entries than the limit. */
  isFull = false;
  readonly #io: Io;
  readonly #json: boolean;
  readonly #limit: number;

  constructor(io: Io, json: boolean, limit: number) {
    this.#io = io;
    this.#json = json;
    this.#limit = limit;
  }

  async add(entries: readonly AnyEntry[]): Promise<void> {
    const io = this.#io;
    const fitting = entries.slice(0, this.#limit - this.count);
    this.isFull = fitting.length < entries.length;
    if (fitting.length === 0) return;
    const heading = this.count === 0 && !this.#json ? painter(io.out, io)('bold', `${headings()}\n`) : '';
    this.count += fitting.length;
    await write(io, heading + fitting.map(this.#json ? jsonLine : entryLine(io)).join(''));
  }
}

/** @throws {UsageError} */
function parse(args: string[]) {
  const { values, positionals } = parseArguments(args, OPTIONS);
  const { status, all = false, json = false, reverse = false } = values;
  const isBareUrl = (text: string): boolean => isUrl(text) && !text.includes('*');
  const searches = positionals.filter((text) => !isBareUrl(text));
  const [search] = searches;
  if (searches.length > 1)
    throw new UsageError('ls takes at most one SEARCH: put quotes around a text with spaces');
  if (all && values.limit !== undefined)
    throw new UsageError('--limit and --all exclude each other: give one of them');
  if (status !== undefined && !/^[1-9]\d\d$/.test(status))
    throw new UsageError(`--status is ${status}, but must be a status code such as 404`);
  const sort = parseChoice('--sort', values.sort, COLUMNS);
  if (reverse && !sort) throw new UsageError(`--reverse needs --sort ${COLUMNS.join('|')}`);
  const limit = all ? Number.POSITIVE_INFINITY : parseCount('--limit', values.limit, 50);
  const query: EntryQuery = {
    ...(search !== undefined && { search }),
    ...(status !== undefined && { status: Number(status) }),
  };
  return {
    values,
    // Here, it goes with every target.
    target: parseTarget({ ...values, all: undefined }, positionals.filter(isBareUrl)),
    query,
    narrowed: [search === undefined ? '' : `"${search}"`, status === undefined ? '' : `--status ${status}`]
      .filter(Boolean)
      .join(' '),
    limit,
    order: sort && ascending(sort, reverse),
    json,
  };
}

const COLUMNS = ['age', 'ttl', 'size', 'status', 'key'] as const;
type Column = (typeof COLUMNS)[number];
type Order = (a: AnyEntry, b: AnyEntry) => number;

function ascending(column: Column, reverse: boolean): Order {
  return (a, b) => {
    const [x, y] = [sortKeyOf(column, a), sortKeyOf(column, b)];
    // What cannot be read comes last.
    if (x === undefined || y === undefined) return Number(x === undefined) - Number(y === undefined);
    const order = x < y ? -1 : x > y ? 1 : 0;
    return reverse ? -order : order;
  };
}

function sortKeyOf(column: Column, entry: AnyEntry): number | string | undefined {
  if (column === 'key') return entry.key ?? entry.id;
  if (!entry.readable) return undefined;
  const { ageMs: age, ttlMs: ttl, size, status } = entry;
  return { age, ttl, size, status }[column];
}

/** The first entries in an order, of all pages. */
async function first(
  pages: AsyncIterable<readonly AnyEntry[]>,
  order: Order,
  count: number,
): Promise<AnyEntry[]> {
  let kept: AnyEntry[] = [];
  for await (const page of pages) {
    kept.push(...page);
    // Keeps no more of a large store than it must.
    if (kept.length > count + 10 * MAX_LIMIT) kept = kept.sort(order).slice(0, count);
  }
  return kept.sort(order).slice(0, count);
}
