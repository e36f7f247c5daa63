import type { AnyEntry, Entry, UnreadableEntry } from '../entries/types.ts';
import { parseArguments, parseCount } from './arguments.ts';
import { type Command, EXIT, EXIT_HELP, type Io, UsageError, write } from './command.ts';
import { audienceText, selectorsOf } from './entry-lines.ts';
import { formatBytes, formatDate, formatDuration, formatEntries, painter } from './format.ts';
import { REDIS_HELP, REDIS_OPTIONS, type Session, withRedis } from './redis.ts';
import { reportNothing } from './report-nothing.ts';
import { entriesOf, parseTarget, requireTarget, TARGET_HELP, TARGET_OPTIONS, type Target } from './target.ts';
import { escapeUnsafe, escapeUnsafeLines, jsonLine } from './text.ts';

const HELP = `Usage: redis-response-cache show URL|KEY|TARGET [OPTIONS]

Shows stored responses: what selects them, who may have them, times, sizes, tags and header fields.

  redis-response-cache show https://api.example.com/leads
  redis-response-cache show 'GET https://api.example.com/leads' --body
  redis-response-cache show '["rates","EUR"]' --raw > rates.json

TARGET is one of the following, which may be given more than once:
${TARGET_HELP}

  --limit N               at most N entries (default 50)
  --variant VARIANT       only this variant
  --body                  also the body: as text (with control characters escaped), or as hex
  --raw                   only the bytes of the body
  --json                  one line of JSON for each entry; with --body also body or bodyBase64
${REDIS_HELP}

${EXIT_HELP}
`;

const OPTIONS = {
  ...REDIS_OPTIONS,
  ...TARGET_OPTIONS,
  limit: { type: 'string' },
  variant: { type: 'string' },
  body: { type: 'boolean' },
  raw: { type: 'boolean' },
} as const;

export const show: Command = {
  summary: 'shows a stored response: times, tags, header fields, body',
  help: HELP,
  async run(args, io) {
    const { values, positionals } = parseArguments(args, OPTIONS);
    const { variant, body = false, raw = false, json = false } = values;
    const target = requireTarget('show', parseTarget(values, positionals));
    if (raw && json) throw new UsageError('--raw and --json exclude each other: give one of them');
    const limit = parseCount('--limit', values.limit, 50);
    return withRedis(values, io, async (session) => {
      let count = 0;
      const found: Raw = { variants: [] };
      for await (const summary of summariesOf(session, target, variant)) {
        if (count === limit) {
          if (io.err.isTTY && !json && !raw)
            io.err.write(`Only the first ${formatEntries(limit)}: use --limit N for more.\n`);
          break;
        }
        const entry = await session.cache.entries.get(summary);
        if (!entry) continue;
        count++;
        if (raw) {
          found.first ??= entry;
          found.variants.push(entry.variant);
        } else if (json) await write(io, jsonLine(asJson(entry, body)));
        else await write(io, `${count > 1 ? '\n' : ''}${asText(entry, body, io)}`);
      }
      if (count === 0)
        return reportNothing(session, io, target, variant === undefined ? '' : `--variant ${variant}`);
      return raw ? writeRawBody(found, io) : EXIT.done;
    });
  },
};

async function* summariesOf(
  session: Session,
  target: Target,
  variant: string | undefined,
): AsyncGenerator<AnyEntry, void> {
  for await (const entries of entriesOf(session, target))
    for (const entry of entries) if (variant === undefined || entry.variant === variant) yield entry;
}

/** What --raw has found. Bodies may be large, so the first entry alone is kept whole. */
interface Raw {
  first?: Entry | UnreadableEntry;
  readonly variants: string[];
}

/** @returns the exit code. */
async function writeRawBody({ first, variants }: Raw, io: Io): Promise<number> {
  if (!first || variants.length > 1) {
    const options = variants.map((variant) => `  --variant ${shellQuoted(variant)}\n`);
    io.err.write(`${variants.length} responses are stored, and --raw writes one: add\n${options.join('')}`);
    return EXIT.usage;
  }
  if (!first.readable) {
    io.err.write(`${reasonText(first)}\n`);
    return EXIT.nothing;
  }
  await write(io, first.body);
  return EXIT.done;
}

function shellQuoted(text: string): string {
  return escapeUnsafe(`'${text.replaceAll("'", "'\\''")}'`);
}

function reasonText({ reason, encryptedWith }: UnreadableEntry): string {
  switch (reason) {
    case 'unknown-key':
      return `encrypted with key ${escapeUnsafe(String(encryptedWith))}: add it with --encrypt-key`;
    case 'unencrypted':
      return 'not encrypted, so the cache does not use it: leave out --encrypt-key to read it';
    case 'damaged':
      return 'damaged: the next request is a miss and replaces it';
    case 'too-large':
      return 'too large to show: the body as the app sent it is larger than 64 MB';
  }
}

function asText(entry: Entry | UnreadableEntry, withBody: boolean, io: Io): string {
  const paint = painter(io.out, io);
  const facts = entry.readable ? factsOf(entry) : unreadableFacts(entry);
  const lines = [
    paint('bold', escapeUnsafe(entry.key ?? entry.id)),
    ...facts.map(([name, value]) => `  ${name.padEnd(11)}${escapeUnsafe(value)}`),
  ];
  if (entry.readable) {
    lines.push('');
    for (const [name, value] of entry.headers)
      lines.push(`  ${paint('dim', `${escapeUnsafe(name)}:`)} ${escapeUnsafe(value)}`);
    if (withBody) lines.push('', bodyText(entry, io));
  }
  return `${lines.join('\n')}\n`;
}

type Facts = [name: string, value: string][];

function unreadableFacts(entry: UnreadableEntry): Facts {
  return [
    ['unreadable', reasonText(entry)],
    ['id', entry.id],
    ['variant', entry.variant],
    ['stored', formatBytes(entry.storedBytes)],
    ['expires', `in ${formatDuration(entry.expiresInMs)}`],
  ];
}

function factsOf(entry: Entry): Facts {
  const { variant, bornAt, ageMs, originMs, tags, encryptedWith } = entry;
  const encodings = Object.entries(entry.encodings).map(([coding, size]) => `${coding} ${formatBytes(size)}`);
  const facts: Facts = [
    ['id', entry.id],
    ['variant', variant === '' ? '(none)' : variant],
    ['varies on', selectorsOf(entry).join(', ')],
    ['for', entry.kind === 'response' ? audienceText(entry.audience) : ''],
    ['status', `${entry.status} ${entry.message}`.trim()],
    ['made', `${formatDate(bornAt)} in ${Math.round(originMs)} ms`],
    ['age', formatDuration(ageMs)],
    ['ttl', `${formatDuration(entry.ttlMs)}${staleness(entry)}`],
    ['expires', `in ${formatDuration(entry.expiresInMs)}`],
    ['size', formatBytes(entry.size)],
    ['stored', [formatBytes(entry.storedBytes), ...encodings].join(', ')],
    ['encrypted', encryptedWith === undefined ? '' : `with key ${encryptedWith}`],
    ['tags', tags.join(', ')],
  ];
  return facts.filter(([, value]) => value !== '');
}

function staleness({ purged, stale }: Entry): string {
  if (purged) return ' (stale since a soft purge)';
  return stale ? ' (stale)' : '';
}

function bodyText({ body, contentEncoding }: Entry, { out }: Io): string {
  const text = contentEncoding === undefined ? decodeText(body) : undefined;
  if (text === undefined) return hexDump(body);
  return out.isTTY ? escapeUnsafeLines(text) : text;
}

/** `undefined` if the body is not UTF-8 text. */
function decodeText(body: Buffer): string | undefined {
  if (body.includes(0)) return undefined;
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(body);
  } catch {
    return undefined;
  }
}

function hexDump(body: Buffer): string {
  const lines: string[] = [];
  for (let offset = 0; offset < body.length; offset += 16) {
    const row = body.subarray(offset, offset + 16);
    const hex = row.toString('hex').replace(/../g, '$& ');
    const ascii = row.toString('latin1').replace(/[^\x20-\x7e]/g, '.');
    lines.push(`${offset.toString(16).padStart(8, '0')}  ${hex.padEnd(48)} ${ascii}`);
  }
  return lines.join('\n');
}

function asJson(entry: Entry | UnreadableEntry, withBody: boolean): object {
  if (!entry.readable) return entry;
  const { body, ...rest } = entry;
  if (!withBody) return rest;
  const text = rest.contentEncoding === undefined ? decodeText(body) : undefined;
  return text === undefined ? { ...rest, bodyBase64: body.toString('base64') } : { ...rest, body: text };
}
