import { parseArgs } from 'node:util';
import type { Entry, UnreadableEntry } from '../entries/types.ts';
import { type Command, type Io, UsageError, write } from './command.ts';
import { idsForName } from './ids.ts';
import { EXIT_HELP, REDIS_HELP, REDIS_OPTIONS, type Session, withRedis } from './redis.ts';
import {
  audienceText,
  escapeUnsafe,
  escapeUnsafeLines,
  formatBytes,
  formatDuration,
  jsonLine,
  painter,
} from './text.ts';

const HELP = `Usage: redis-response-cache show URL|KEY|ID [OPTIONS]

Shows the stored responses for a URL, for a cache key as ls prints it, for the JSON of a key (of a
key function or of a value), or for an id: what selects them, who may have them, times, sizes, tags
and header fields.

  --variant VARIANT       only this variant
  --body                  also the body: as text (with control characters escaped), or as hex
  --raw                   only the bytes of the body
  --json                  one line of JSON for each variant; with --body also body or bodyBase64
${REDIS_HELP}

${EXIT_HELP}
`;

const OPTIONS = {
  ...REDIS_OPTIONS,
  variant: { type: 'string' },
  body: { type: 'boolean' },
  raw: { type: 'boolean' },
} as const;

type AnyEntry = Entry | UnreadableEntry;

export const show: Command = {
  summary: 'shows a stored response: times, tags, header fields, body',
  help: HELP,
  async run(args, io) {
    const { values, positionals } = parseArgs({ args, options: OPTIONS, allowPositionals: true });
    const { variant, body = false, raw = false, json = false } = values;
    const [name] = positionals;
    if (positionals.length !== 1 || !name) throw new UsageError('show takes exactly one URL, KEY or ID');
    if (raw && json) throw new UsageError('--raw and --json exclude each other: give one of them');
    const ids = idsForName(name);
    return withRedis(values, io, async (session) => {
      const entries = await readEntries(session, ids, variant);
      if (entries.length === 0) {
        const which = variant === undefined ? '' : ' with this variant';
        io.err.write(`nothing is stored for ${escapeUnsafe(name)}${which}\n`);
        return 1;
      }
      if (raw) return writeRawBody(entries, io);
      for (const [i, entry] of entries.entries()) {
        const text = json ? jsonLine(asJson(entry, body)) : `${i > 0 ? '\n' : ''}${asText(entry, body, io)}`;
        await write(io, text);
      }
      return 0;
    });
  },
};

async function readEntries(
  { cache: { entries } }: Session,
  ids: readonly string[],
  variant: string | undefined,
): Promise<AnyEntry[]> {
  const result: AnyEntry[] = [];
  for (const id of ids) {
    const page = await entries.list({ id });
    for (const summary of page.entries) {
      if (variant !== undefined && summary.variant !== variant) continue;
      const entry = await entries.get(summary);
      if (entry) result.push(entry);
    }
  }
  return result;
}

/** @returns the exit code. */
async function writeRawBody(entries: readonly AnyEntry[], io: Io): Promise<number> {
  const [entry] = entries;
  if (!entry || entries.length > 1) {
    const variants = entries.map(({ variant }) => `  --variant ${escapeUnsafe(JSON.stringify(variant))}\n`);
    io.err.write(`${entries.length} variants are stored: add one of\n${variants.join('')}`);
    return 1;
  }
  if (!entry.readable) {
    io.err.write(`${reasonText(entry)}\n`);
    return 1;
  }
  await write(io, entry.body);
  return 0;
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

function asText(entry: AnyEntry, withBody: boolean, io: Io): string {
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
    ['size', `${formatBytes(entry.storedBytes)} stored`],
    ['expires', `in ${formatDuration(entry.expiresInMs)}`],
  ];
}

function factsOf(entry: Entry): Facts {
  const { variant, variesOn, declaredParts, bornAt, ageMs, originMs, tags, encryptedWith } = entry;
  const varies = Object.entries(variesOn).map(([name, value]) => `${name}: ${value ?? '(absent)'}`);
  const encodings = Object.entries(entry.encodings).map(([coding, size]) => `${coding} ${formatBytes(size)}`);
  const sizes = [`${formatBytes(entry.storedBytes)} stored`, ...encodings];
  const facts: Facts = [
    ['id', entry.id],
    ['variant', variant === '' ? '(none)' : variant],
    ['varies on', [...varies, declaredParts].filter(Boolean).join(', ')],
    ['for', entry.kind === 'response' ? audienceText(entry.audience) : ''],
    ['status', `${entry.status} ${entry.message}`.trim()],
    ['made', `${formatDate(bornAt)} in ${Math.round(originMs)} ms`],
    ['age', `${formatDuration(ageMs)}, ${freshness(entry)}`],
    ['expires', `in ${formatDuration(entry.expiresInMs)}`],
    ['size', `${formatBytes(entry.size)} body, ${sizes.join(', ')}`],
    ['encrypted', encryptedWith === undefined ? '' : `with key ${encryptedWith}`],
    ['tags', tags.join(', ')],
  ];
  return facts.filter(([, value]) => value !== '');
}

function freshness({ purged, stale, ttlMs }: Entry): string {
  if (purged) return 'stale since a soft purge';
  return stale ? `stale for ${formatDuration(-ttlMs)}` : `fresh for ${formatDuration(ttlMs)} more`;
}

/** A damaged clock may have stored an instant that is no date. */
function formatDate(ms: number): string {
  const date = new Date(ms);
  return Number.isNaN(date.getTime()) ? String(ms) : date.toISOString();
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

function asJson(entry: AnyEntry, withBody: boolean): object {
  if (!entry.readable) return entry;
  const { body, ...rest } = entry;
  if (!withBody) return rest;
  const text = rest.contentEncoding === undefined ? decodeText(body) : undefined;
  return text === undefined ? { ...rest, bodyBase64: body.toString('base64') } : { ...rest, body: text };
}
