import { parseArgs } from 'node:util';
import type { DamagedEntry, Entry } from '../entries/types.ts';
import { type Command, type Io, say, UsageError } from './command.ts';
import { idsOfName } from './names.ts';
import { EXIT_HELP, REDIS_HELP, REDIS_OPTIONS, type Session, withRedis } from './redis.ts';
import { escaped, escapedLines, jsonLine, painter, sizeText, span } from './text.ts';

const HELP = `Usage: redis-response-cache show KEY|URL|ID [OPTIONS]

Shows what is stored for a URL, for a cache key as ls prints it, for the JSON of a key function or
of a value, or at an id: what is known of it, and its header fields.

  --variant VARIANT       one of several variants, by its id
  --body                  the body, too: text with its control characters escaped on a terminal,
                          anything else in hex
  --raw                   the bytes of the body, and nothing else
  --json                  each variant as one line of JSON; with --body, as text or in base64
${REDIS_HELP}

${EXIT_HELP}
`;

const OPTIONS = {
  ...REDIS_OPTIONS,
  variant: { type: 'string' },
  body: { type: 'boolean' },
  raw: { type: 'boolean' },
} as const;

export const show: Command = {
  summary: 'shows one of them: header fields, body, what is known of it',
  help: HELP,
  async run(args, io) {
    const { values, positionals } = parseArgs({ args, options: OPTIONS, allowPositionals: true });
    const { variant, body = false, raw = false, json = false } = values;
    const [name] = positionals;
    if (positionals.length !== 1 || !name) throw new UsageError('show takes one KEY, URL or ID');
    if (raw && json) throw new UsageError('--raw and --json exclude each other');
    const ids = idsOfName(name);
    return withRedis(values, io, async (session) => {
      const found = await entriesAt(session, ids, variant);
      if (found.length === 0) {
        io.err.write(
          `nothing is stored for ${escaped(name)}${variant === undefined ? '' : ' as this variant'}\n`,
        );
        return 1;
      }
      if (raw) return rawBody(found, io);
      for (const [i, entry] of found.entries()) {
        if (json) await say(io, jsonLine(asJson(entry, body)));
        else await say(io, `${i > 0 ? '\n' : ''}${asText(entry, body, io)}`);
      }
      return 0;
    });
  },
};

async function entriesAt(
  { cache: { entries } }: Session,
  ids: readonly string[],
  variant: string | undefined,
): Promise<(Entry | DamagedEntry)[]> {
  const found: (Entry | DamagedEntry)[] = [];
  for (const id of ids) {
    for (const listed of (await entries.list({ id })).entries) {
      if (variant !== undefined && listed.variant !== variant) continue;
      const entry = await entries.get(listed);
      if (entry) found.push(entry);
    }
  }
  return found;
}

async function rawBody(found: readonly (Entry | DamagedEntry)[], io: Io): Promise<number> {
  const [entry] = found;
  if (!entry || found.length > 1) {
    const variants = found.map(({ variant }) => `  --variant ${escaped(JSON.stringify(variant))}\n`);
    io.err.write(`there are ${found.length} variants: choose one\n${variants.join('')}`);
    return 1;
  }
  if (entry.damaged) {
    io.err.write(`${unreadable(entry)}\n`);
    return 1;
  }
  await say(io, entry.body);
  return 0;
}

function unreadable({ reason, sealedBy }: DamagedEntry): string {
  if (reason === 'sealed')
    return `it is sealed with key ${escaped(String(sealedBy))}: give it by --encrypt-key`;
  if (reason === 'unsealed') return 'it is not sealed, while --encrypt-key says that it has to be';
  return 'it is damaged: a request takes it for a miss and stores anew';
}

function asText(entry: Entry | DamagedEntry, body: boolean, io: Io): string {
  const paint = painter(io.out, io);
  const title = paint('bold', escaped(entry.key ?? entry.id));
  const facts = entry.damaged ? damagedFacts(entry) : factsOf(entry);
  const lines = facts.map(([name, value]) => `  ${name.padEnd(10)}${escaped(value)}`);
  if (entry.damaged) return `${[title, ...lines].join('\n')}\n`;
  const fields = entry.headers.map(
    ([name, value]) => `  ${paint('dim', `${escaped(name)}:`)} ${escaped(value)}`,
  );
  const parts = [title, ...lines, '', ...fields, ...(body ? ['', bodyText(entry, io)] : [])];
  return `${parts.join('\n')}\n`;
}

type Facts = [name: string, value: string][];

function damagedFacts(entry: DamagedEntry): Facts {
  const { id, variant, storedBytes, expiresIn } = entry;
  return [
    ['', unreadable(entry)],
    ['id', id],
    ['variant', variant],
    ['size', sizeText(storedBytes)],
    ['forgotten', `in ${span(expiresIn)}`],
  ];
}

function factsOf(entry: Entry): Facts {
  const { id, variant, variesOn, declared, status, message, bornAt, age, ttl, stale, purged, expiresIn } =
    entry;
  const { size, storedBytes, encodings, sealedBy, tags, took } = entry;
  const codings = Object.entries(encodings).map(([coding, bytes]) => `${coding} ${sizeText(bytes)}`);
  const varies = Object.entries(variesOn).map(([name, value]) => `${name}: ${value ?? '(absent)'}`);
  const fresh = purged ? 'purged softly' : stale ? `stale for ${span(-ttl)}` : `fresh for ${span(ttl)} more`;
  const facts: Facts = [
    ['id', id],
    ['variant', variant === '' ? '(none)' : variant],
    ['varies on', [...varies, declared].filter(Boolean).join(', ')],
    ['status', `${status} ${message}`.trim()],
    ['made', `${dateText(bornAt)}, ${span(age)} ago, in ${Math.round(took)} ms`],
    ['', `${fresh}, forgotten in ${span(expiresIn)}`],
    ['size', `${sizeText(size)}; stored ${[sizeText(storedBytes), ...codings].join(', ')}`],
    ['sealed', sealedBy === undefined ? '' : `with key ${sealedBy}`],
    ['tags', tags.join(', ')],
  ];
  return facts.filter(([, value]) => value !== '');
}

function dateText(ms: number): string {
  const date = new Date(ms);
  return Number.isNaN(date.getTime()) ? String(ms) : date.toISOString();
}

/** As it may be printed. */
function bodyText({ body, contentEncoding }: Entry, { out }: Io): string {
  const text = contentEncoding === undefined ? textOf(body) : undefined;
  if (text === undefined) return hexOf(body);
  return out.isTTY ? escapedLines(text) : text;
}

/** `undefined` for what is no UTF-8 text. */
function textOf(body: Buffer): string | undefined {
  if (body.includes(0)) return undefined;
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(body);
  } catch {
    return undefined;
  }
}

function hexOf(body: Buffer): string {
  const lines: string[] = [];
  for (let at = 0; at < body.length; at += 16) {
    const row = body.subarray(at, at + 16);
    const hex = row.toString('hex').replace(/../g, '$& ');
    const shown = row.toString('latin1').replace(/[^\x20-\x7e]/g, '.');
    lines.push(`${at.toString(16).padStart(8, '0')}  ${hex.padEnd(48)} ${shown}`);
  }
  return lines.join('\n');
}

function asJson(entry: Entry | DamagedEntry, whole: boolean): object {
  if (entry.damaged) return entry;
  const { body, ...rest } = entry;
  if (!whole) return rest;
  const text = rest.contentEncoding === undefined ? textOf(body) : undefined;
  return { ...rest, ...(text === undefined ? { bodyBase64: body.toString('base64') } : { body: text }) };
}
