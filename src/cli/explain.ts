import type { CacheMiddleware } from '../cache-middleware.ts';
import type { AnyEntry } from '../entries/types.ts';
import type { Explanation } from '../lifecycle/explain.ts';
import { parseArguments, parseHeaders } from './arguments.ts';
import { type Command, EXIT, EXIT_HELP, type Io, UsageError, write } from './command.ts';
import { entryLine, headings, variantLine } from './entry-lines.ts';
import {
  columnsOf,
  formatDate,
  formatDuration,
  formatEntries,
  painter,
  truncate,
  wrapped,
} from './format.ts';
import { REDIS_HELP, REDIS_OPTIONS, type Session, withRedis } from './redis.ts';
import { reportNothing } from './report-nothing.ts';
import { checkUrl, entriesOf, parseTarget, type Target } from './target.ts';
import { escapeUnsafe, jsonLine } from './text.ts';

const HELP = `Usage: redis-response-cache explain URL [OPTIONS]

Says what the cache would do with a request for this URL, and why: hit, stale or miss; what is
stored for the URL, since when and for how long; and what selects it. Nothing is sent to the app.

  redis-response-cache explain https://api.example.com/leads
  redis-response-cache explain https://www.example.com/news -H 'Accept-Language: de'
  redis-response-cache explain https://www.example.com/news -H 'Cache-Control: no-cache'

  --url URL               the same as URL
  -H, --header 'Name: value'
                          a header field of the request; repeatable
  --method METHOD         the method of the request (default GET)
  --json                  the result as JSON
${REDIS_HELP}

It is decided by the same rules as a request to the app, but a shell cannot know the options of the
app (key, vary, when, methods, directives, mode, ...), what its middleware does with the request, or
what the app would answer. In the app, cache.explain(req) knows all of it.
${EXIT_HELP}
`;

const OPTIONS = {
  ...REDIS_OPTIONS,
  url: { type: 'string', multiple: true },
  header: { type: 'string', short: 'H', multiple: true },
  method: { type: 'string' },
} as const;

/** What the cache would do, in one word. `unknown`: the app's options decide. */
type Answer = 'hit' | 'stale' | 'miss' | 'not-looked-up' | 'unknown';

/** Options of the app that may change the answer. */
const UNKNOWN = ['key', 'vary', 'when', 'methods', 'directives', 'guard', 'mode', 'invalidation'] as const;

export const explain: Command = {
  summary: 'says what the cache would do with a request for a URL, and why',
  help: HELP,
  async run(args, io) {
    const { values, positionals } = parseArguments(args, OPTIONS);
    const urls = [...(values.url ?? []), ...positionals];
    const [url] = urls;
    if (url === undefined || urls.length > 1) throw new UsageError('explain needs exactly one URL');
    checkUrl(url);
    const headers = parseHeaders(values.header);
    const method = (values.method ?? 'GET').toUpperCase();
    const target = parseTarget({ url: [url] }) as Target;
    return withRedis(values, io, async (session) => {
      const variants = await variantsOf(session, target);
      const explanation = await explained(session.cache, url, { method, headers });
      const answer = answerTo(explanation, variants);
      const { stored, variant } = explanation;
      const selected = stored && variants.find((one) => one.variant === variant?.id);
      const report = { url, method, answer, selected, explanation, variants };
      if (values.json) await write(io, jsonLine(asJson(report)));
      else await write(io, `${asLines(report, io).join('\n')}\n`);
      if (variants.length > 0) return EXIT.done;
      return reportNothing(session, io, target);
    });
  },
};

interface Report {
  readonly url: string;
  readonly method: string;
  readonly answer: Answer;
  /** The stored response that the request selects. */
  readonly selected: AnyEntry | undefined;
  readonly explanation: Explanation;
  /** All that is stored for the URL. */
  readonly variants: readonly AnyEntry[];
}

async function variantsOf(session: Session, target: Target): Promise<AnyEntry[]> {
  const variants: AnyEntry[] = [];
  for await (const entries of entriesOf(session, target)) variants.push(...entries);
  return variants;
}

/**
 * What the cache itself says. The command does not know how the app hashes keys, and whether it sees http or https, so it
 * tries each, and takes the first that finds anything.
 */
async function explained(
  cache: CacheMiddleware,
  url: string,
  request: { method: string; headers: Record<string, string> },
): Promise<Explanation> {
  const other = url.replace(/^http(s?):/i, (_scheme, s: string) => (s ? 'http:' : 'https:'));
  let first: Explanation | undefined;
  for (const form of [url, other]) {
    for (const hashed of [cache, cache.with({ hashKeys: true }), cache.with({ hashKeys: false })]) {
      const explanation = await hashed.explain(form, request);
      if (explanation.because[0]?.word !== 'uri-miss') return explanation;
      first ??= explanation;
    }
  }
  return first as Explanation;
}

function answerTo({ because }: Explanation, variants: readonly AnyEntry[]): Answer {
  const [{ word } = { word: '' }] = because;
  if (word === 'hit') return 'hit';
  if (word === 'stale' || word === 'request') return 'stale';
  if (word === 'bypass' || word === 'method') return 'not-looked-up';
  // There are responses, but under a key or a variant that the options of the app make.
  if (word === 'uri-miss' && variants.length > 0) return 'unknown';
  return 'miss';
}

const HEADLINES: Readonly<Record<Answer, string>> = {
  hit: 'hit: answered from Redis',
  stale: 'stale: the app is asked, and may confirm what is stored',
  miss: 'miss: the app answers',
  'not-looked-up': 'not looked up: the app answers',
  unknown: 'unknown: the options of the app decide',
};

function asLines({ url, method, answer, selected, explanation, variants }: Report, io: Io): string[] {
  const { because, cacheStatus = '', key } = explanation;
  const paint = painter(io.out, io);
  const columns = columnsOf(io.out);
  const facts: [name: string, value: string][] = [
    ['request', `${method} ${url}`],
    ...(answer === 'unknown' ? [] : [['Cache-Status', cacheStatus] as [string, string]]),
    ...(answer === 'unknown' ? whyUnknown(variants) : because.map(reasonLine)),
    ...(key && answer !== 'unknown' ? [['key', key.text] as [string, string]] : []),
    ...(selected?.readable ? factsOf(selected) : []),
  ];
  const width = Math.max(...facts.map(([name]) => name.length));
  return [
    paint('bold', HEADLINES[answer]),
    ...facts.flatMap(([name, value]) =>
      wrapped(escapeUnsafe(value), columns - width - 4).map(
        (line, i) => `  ${(i === 0 ? name : '').padEnd(width)}  ${line}`,
      ),
    ),
    ...tableOf(variants, selected, io),
    '',
    ...CAVEAT.map((line) => paint('dim', truncate(line, columns))),
  ];
}

const CAVEAT = [
  "This holds for an app with the default options: a shell can't know its key, vary",
  'or when. In the app, cache.explain(req) does.',
] as const;

function reasonLine({ word, says, see }: Explanation['because'][number]): [string, string] {
  return [word, see === undefined ? says : `${says} (${see})`];
}

function whyUnknown(variants: readonly AnyEntry[]): [string, string][] {
  const hasOwnKey = variants.some((one) => one.readable && one.url === undefined);
  const declares = variants.some((one) => one.readable && one.declaredParts !== '');
  const isSealed = variants.every((one) => !one.readable);
  if (isSealed)
    return [['why', 'What is stored for the URL cannot be read here, so nothing is known of it.']];
  if (hasOwnKey)
    return [['why', 'Responses for this path are stored under keys of a key function of the app.']];
  if (declares) return [['why', 'The vary option of the app selects among the stored responses.']];
  return [['why', 'Responses are stored for the URL, but for another form of it.']];
}

function factsOf(entry: Extract<AnyEntry, { readable: true }>): [string, string][] {
  const { ageMs, ttlMs, bornAt, status, expiresInMs } = entry;
  return [
    ['status', String(status)],
    ['made', formatDate(bornAt)],
    ['age', formatDuration(ageMs)],
    ['ttl', `${formatDuration(ttlMs)}${ttlMs > 0 ? '' : ' (stale)'}`],
    ['expires', `in ${formatDuration(expiresInMs)}`],
  ];
}

const MARK = '> ';

/** All variants, with a mark at the one that the request selects. */
function tableOf(variants: readonly AnyEntry[], selected: AnyEntry | undefined, io: Io): string[] {
  if (variants.length === 0) return [];
  const hasOneKey = new Set(variants.map(({ id }) => id)).size === 1;
  const line = hasOneKey ? variantLine(io, MARK.length) : entryLine(io, MARK.length);
  const mark = (one: AnyEntry): string => (one === selected ? MARK : ' '.repeat(MARK.length));
  return [
    '',
    `${formatEntries(variants.length)} stored for this URL${selected ? ' (> the one that the request selects)' : ''}:`,
    painter(io.out, io)('bold', `  ${headings(hasOneKey ? 'SELECTED BY' : 'KEY')}`),
    ...variants.map((one) => mark(one) + line(one).trimEnd()),
  ];
}

/** Header values of the request are left out: they may be secret. */
function asJson({ url, method, answer, selected, explanation, variants }: Report): object {
  const { cacheStatus, because, caller, key } = explanation;
  return {
    url,
    method,
    answer,
    cacheStatus,
    because,
    caller: caller ?? null,
    key: key ?? null,
    selected: selected ? { id: selected.id, variant: selected.variant } : null,
    variants,
    unknown: UNKNOWN,
  };
}
