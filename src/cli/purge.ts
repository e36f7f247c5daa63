import { createInterface } from 'node:readline/promises';
import { parseArgs } from 'node:util';
import { PurgeError } from '../errors.ts';
import { urlPrefixMatcher } from '../key/key-ids.ts';
import type { PurgeTarget } from '../options/operations.ts';
import { areTags } from '../options/tags.ts';
import { type Command, type Io, say, UsageError } from './command.ts';
import { idsOfAddress, idsOfJson, idsOfName } from './names.ts';
import { figure } from './progress.ts';
import { EXIT_HELP, REDIS_HELP, REDIS_OPTIONS, type Session, withRedis } from './redis.ts';
import { escaped, jsonLine } from './text.ts';

const HELP = `Usage: redis-response-cache purge TARGET [OPTIONS]

Purges stored responses, and revokes what is being made: once it has ended, nothing from before is
served. TARGET is one of

  --url URL               what is stored for this URL, under the default key; may be repeated
  --key JSON              what a key function gave, '["leads",42]', or the key of a value
  --tag TAG               what is stored under this tag; may be repeated
  --url-prefix PREFIX     URLs that begin so: https://api.example.com/leads, or /leads on every host
  --entry ID|KEY          one, as ls prints or --json names it; may be repeated
  --all                   everything under the --prefix

  --soft                  marks it stale instead: it may yet be confirmed, or stand in for an error
  --yes                   does not ask before --all
  --json                  the result as JSON
${REDIS_HELP}

A URL is purged under every form that it may be stored in, but for what only the app knows: a key
function (use --key with what it gives) and a vary.query option (use --entry with the key that ls
prints). --url-prefix purges as well what nobody here can tell the key of, such as what is sealed
without --encrypt-key.
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

/** Either ids, or what the cache is to find. */
type Plan = { readonly ids: readonly string[] } | { readonly target: PurgeTarget };

export const purge: Command = {
  summary: 'purges by URL, key, tag, prefix or entry, or everything',
  help: HELP,
  async run(args, io) {
    const { values } = parseArgs({ args, options: OPTIONS });
    const { soft = false, yes = false, json = false } = values;
    const plan = planOf(values);
    if (values.all && !yes && !(io.input.isTTY && io.err.isTTY))
      throw new UsageError('--all takes --yes where nobody can be asked');
    return withRedis(values, io, async (session) => {
      if (values.all && !yes && !(await agreed(session, io))) {
        io.err.write('nothing was purged\n');
        return 1;
      }
      const purged = await purging(session, plan, soft, io);
      await say(io, json ? jsonLine({ purged, soft }) : `${figure(purged)} purged${soft ? ' softly' : ''}\n`);
      return 0;
    });
  },
};

function planOf(values: ReturnType<typeof parseArgs<{ options: typeof OPTIONS }>>['values']): Plan {
  const given = TARGETS.filter((name) => values[name] !== undefined);
  if (given.length !== 1)
    throw new UsageError(`purge takes one of ${TARGETS.map((name) => `--${name}`).join(', ')}`);
  const { url, key, tag, 'url-prefix': prefix, entry } = values;
  if (url) return { ids: url.flatMap(idsOfAddress) };
  if (key !== undefined) return { ids: idsOfJson(key) };
  if (entry) return { ids: entry.flatMap(idsOfName) };
  if (tag) {
    if (!areTags(tag)) throw new UsageError('--tag takes a tag of up to 256 characters, up to 128 times');
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

async function agreed({ prefix, server }: Session, { input, err, signal }: Io): Promise<boolean> {
  const question = `Everything under ${escaped(prefix)} at ${server} is going to be purged. Type yes: `;
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

/** How often a terminal is told how far it has come, in milliseconds. */
const DRAWN = 100;

async function purging({ cache }: Session, plan: Plan, soft: boolean, io: Io): Promise<number> {
  if ('ids' in plan) {
    const counts = [...new Set(plan.ids)].map((id) => cache.entries.purge({ id }, { soft }));
    return (await Promise.all(counts)).reduce((sum, count) => sum + count, 0);
  }
  let done = 0;
  const onProgress = (purged: number): void => {
    done = purged;
  };
  const draw = (): unknown => io.err.isTTY && io.err.write(`\r${figure(done)} purged so far\x1b[K`);
  const timer = setInterval(draw, DRAWN);
  const interrupted = (): unknown => io.err.write(`interrupted: ${figure(done)} purged so far\n`);
  io.signal.addEventListener('abort', interrupted, { once: true });
  try {
    return await cache.purge({ ...plan.target, soft }, { onProgress });
  } catch (error) {
    throw done > 0 ? new Error(`${figure(done)} were purged, but ${(error as Error).message}`) : error;
  } finally {
    clearInterval(timer);
    io.signal.removeEventListener('abort', interrupted);
    if (io.err.isTTY) io.err.write('\r\x1b[K');
  }
}
