import { createInterface } from 'node:readline/promises';
import { parseArgs } from 'node:util';
import { PurgeError } from '../errors.ts';
import { urlPrefixMatcher } from '../key/key-ids.ts';
import type { PurgeTarget } from '../options/operations.ts';
import { areTags, MAX_TAGS, TAG_ACCEPTED } from '../options/tags.ts';
import { type Command, type Io, UsageError, write } from './command.ts';
import { idsForJsonKey, idsForName, idsForUrl, tagsForUrl } from './ids.ts';
import { EXIT_HELP, REDIS_HELP, REDIS_OPTIONS, type Session, withRedis } from './redis.ts';
import { escapeUnsafe, formatNumber, jsonLine } from './text.ts';

const HELP = `Usage: redis-response-cache purge TARGET [OPTIONS]

Deletes stored responses and values, and revokes the fills in progress: afterwards, no request is
answered with a response from before. TARGET is one of

  --url URL               responses for this URL, and under keys of a key function those for its
                          path; repeatable
  --key JSON              a result of the key function, such as '["leads",42]', or a value's key
  --tag TAG               entries with this tag; repeatable
  --url-prefix PREFIX     URLs that begin with https://api.example.com/leads, or with /leads on any
                          host
  --entry ID|KEY          an entry, by the id or the key that ls prints; repeatable
  --all                   everything under --prefix

  --soft                  marks the entries stale instead of deleting them: the app may confirm them
                          (ETag), and staleIfError may use them
  --yes                   no question before --all
  --json                  the result as JSON
${REDIS_HELP}

The command does not know the options of the app. If it has the vary.query option, use --entry with
the key that ls prints, not --url. --url-prefix knows no keys of a key function. It also
purges entries whose key cannot be read here, such as encrypted ones without --encrypt-key.
${EXIT_HELP}
`;

const OPTIONS = {
  ...REDIS_OPTIONS,
  url: { type: 'string', multiple: true },
  key: { type: 'string' },
  tag: { type: 'string', multiple: true },
  'url-prefix': { type: 'string' },
  entry: { type: 'string', multiple: true },
  all: { type: 'boolean' },
  soft: { type: 'boolean' },
  yes: { type: 'boolean' },
} as const;

const TARGETS = ['url', 'key', 'tag', 'url-prefix', 'entry', 'all'] as const;

/** The command computes the ids for a URL, a key or an entry. The cache finds all other entries. */
type Plan =
  | { readonly ids: readonly string[]; readonly tags?: readonly string[] }
  | { readonly target: PurgeTarget };

export const purge: Command = {
  summary: 'purges by URL, key, tag, URL prefix or entry, or everything',
  help: HELP,
  async run(args, io) {
    const { values } = parseArgs({ args, options: OPTIONS });
    const { all = false, soft = false, yes = false, json = false } = values;
    const plan = parsePlan(values);
    const mustConfirm = all && !yes;
    if (mustConfirm && !(io.input.isTTY && io.err.isTTY))
      throw new UsageError('--all asks for confirmation, which needs a terminal: add --yes');
    return withRedis(values, io, async (session) => {
      if (mustConfirm && !(await confirm(session, io))) {
        io.err.write('Nothing was purged.\n');
        return 1;
      }
      const purged = await runPlan(session, plan, soft, io);
      const entries = purged === 1 ? 'entry' : 'entries';
      const result = soft ? 'marked stale' : 'purged';
      await write(io, json ? jsonLine({ purged, soft }) : `${formatNumber(purged)} ${entries} ${result}\n`);
      return 0;
    });
  },
};

/** @throws {UsageError} */
function parsePlan(values: ReturnType<typeof parseArgs<{ options: typeof OPTIONS }>>['values']): Plan {
  const given = TARGETS.filter((name) => values[name] !== undefined);
  if (given.length !== 1)
    throw new UsageError(`purge needs exactly one of ${TARGETS.map((name) => `--${name}`).join(', ')}`);
  const { url, key, tag, 'url-prefix': prefix, entry } = values;
  if (url) return { ids: url.flatMap(idsForUrl), tags: url.flatMap(tagsForUrl) };
  if (key !== undefined) return { ids: idsForJsonKey(key) };
  if (entry) return { ids: entry.flatMap(idsForName) };
  if (tag) {
    if (!areTags(tag))
      throw new UsageError(`--tag must have ${TAG_ACCEPTED}, and may be given up to ${MAX_TAGS} times`);
    return { target: { tags: tag } };
  }
  if (prefix === undefined) return { target: { all: true } };
  try {
    urlPrefixMatcher(prefix);
  } catch (error) {
    if (error instanceof PurgeError)
      throw new UsageError(
        `--url-prefix is ${prefix}, but must be an absolute URL, or a path such as /leads`,
      );
    throw error;
  }
  return { target: { prefix } };
}

async function confirm({ prefix, server }: Session, { input, err, signal }: Io): Promise<boolean> {
  const question = `This purges everything under ${escapeUnsafe(prefix)} at ${server}. Type yes to continue: `;
  const lines = createInterface({
    input: input as unknown as NodeJS.ReadableStream,
    output: err as unknown as NodeJS.WritableStream,
    terminal: false,
  });
  try {
    return (await lines.question(question, { signal })).trim().toLowerCase() === 'yes';
  } finally {
    lines.close();
  }
}

/** How often a terminal shows the count so far. */
const DRAW_INTERVAL_MS = 100;

async function runPlan({ cache }: Session, plan: Plan, soft: boolean, io: Io): Promise<number> {
  if ('ids' in plan) {
    const ids = new Set(plan.ids);
    const counts = await Promise.all([...ids].map((id) => cache.entries.purge({ id }, { soft })));
    const { tags = [] } = plan;
    // A longer URL is found by its ids alone.
    for (const tag of new Set(tags)) if (areTags([tag])) counts.push(await cache.purge({ tag }, { soft }));
    return counts.reduce((sum, count) => sum + count, 0);
  }
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
    return await cache.purge(plan.target, {
      soft,
      onProgress(purged) {
        done = purged;
      },
    });
  } catch (error) {
    if (done === 0) throw error;
    throw new Error(`stopped after ${formatNumber(done)} were purged: ${(error as Error).message}`);
  } finally {
    clearInterval(timer);
    io.signal.removeEventListener('abort', reportInterrupted);
    if (io.err.isTTY) io.err.write('\r\x1b[K');
  }
}
