import { fromAccessLog, fromSitemap } from '../warm/sources.ts';
import { type WarmProgress, type WarmResult, type WarmTarget, warm as warmUp } from '../warm/warm.ts';
import { parseArguments, parseCount, parseDuration, parseHeaders } from './arguments.ts';
import { type Command, type Io, UsageError } from './command.ts';
import { formatNumber } from './format.ts';
import { Progress } from './progress.ts';
import { checkUrl } from './target.ts';
import { escapeUnsafe, jsonLine } from './text.ts';

const HELP = `Usage: redis-response-cache warm [URL...] [OPTIONS]

Sends a GET request to each URL over HTTP, so that the cache in front of the app stores the
responses. It needs no Redis.

  redis-response-cache warm --sitemap https://www.example.com/sitemap.xml
  redis-response-cache warm https://www.example.com/news -H 'Accept-Language: de'
  redis-response-cache warm --access-log access.log --origin https://api.example.com --top 200

  --url URL               a URL; repeatable. A URL without --url is the same.
  --sitemap URL|FILE      all URLs of a sitemap, or of all sitemaps in an index; repeatable
  --access-log FILE       the URLs with the most successful GET requests; repeatable
    --origin URL          the origin of these URLs, such as https://api.example.com
    --top N               at most N of these URLs (default 1000)
  -H, --header 'Name: value'
                          a header field for each request; repeatable
  --concurrency N         requests at the same time (default 8)
  --timeout DURATION      deadline for one response, such as 500ms or 1m (default 30s)
  --json                  the result as JSON

Exit codes: 0 done, 1 some requests failed or a source could not be read, 2 wrong usage,
130 interrupted.
`;

const OPTIONS = {
  sitemap: { type: 'string', multiple: true },
  'access-log': { type: 'string', multiple: true },
  origin: { type: 'string' },
  top: { type: 'string' },
  url: { type: 'string', multiple: true },
  header: { type: 'string', short: 'H', multiple: true },
  concurrency: { type: 'string' },
  timeout: { type: 'string' },
  json: { type: 'boolean' },
  help: { type: 'boolean', short: 'h' },
} as const;

const TIMEOUT_MS = { min: 1, max: 3_600_000 } as const;

/** Up to this many URLs are read before the first request, so that the total is known. Duplicates are removed. */
const READ_AHEAD = 100_000;

export const warm: Command = {
  summary: 'sends requests to many URLs, so that the cache stores the responses',
  help: HELP,
  async run(args, io) {
    const { urls, headers, concurrency, timeoutMs, json, problems } = parsePlan(args, io.signal);
    if (io.err.isTTY) io.err.write('Reading...');
    const targets = await readAhead(urls, headers);
    const total = Array.isArray(targets) ? targets.length : undefined;
    if (total === 0 && problems.length === 0) problems.push('the sources contain no URL');
    const progress = new Progress(io.err, total);
    const onProgress = ({ done, failed }: WarmProgress): void => progress.update(done, failed);
    const options = { concurrency, timeout: timeoutMs, onProgress };
    const result = await warmUp(targets, options, io.signal).finally(() => progress.end());
    const { aborted: interrupted, reason } = io.signal;
    writeReport({ ...result, problems, seconds: progress.elapsedSeconds, interrupted }, json, io);
    if (interrupted) return Number(reason);
    return result.failed > 0 || problems.length > 0 ? 1 : 0;
  },
};

interface Plan {
  readonly urls: AsyncGenerator<string>;
  readonly headers: Readonly<Record<string, string>>;
  readonly concurrency: number;
  readonly timeoutMs: number;
  readonly json: boolean;
  /** Filled while the sources are read: why some of them could not be. */
  readonly problems: string[];
}

/** @throws {UsageError} */
function parsePlan(args: string[], signal: AbortSignal): Plan {
  const { values, positionals } = parseArguments(args, OPTIONS);
  const { sitemap = [], 'access-log': logs = [], origin, json = false } = values;
  const urls = [...(values.url ?? []), ...positionals];
  urls.forEach(checkUrl);
  if (urls.length + sitemap.length + logs.length === 0)
    throw new UsageError('no URL given: add URLs, --sitemap or --access-log');
  if (logs.length > 0 && origin === undefined)
    throw new UsageError('--access-log also needs --origin, such as https://api.example.com');
  if (logs.length === 0 && (origin ?? values.top) !== undefined)
    throw new UsageError('--origin and --top need --access-log');
  const top = parseCount('--top', values.top, 1000);
  const timeoutMs = parseDuration(
    '--timeout',
    values.timeout ?? '30s',
    TIMEOUT_MS,
    'up to 1h, such as 500ms or 1m',
  );
  const sources = [
    urls,
    ...sitemap.map((source) => fromSitemap(source, { signal })),
    ...logs.map((file) => accessLogSource(file, origin!, top, signal)),
  ];
  const problems: string[] = [];
  return {
    urls: urlsOf(sources, problems, signal),
    headers: parseHeaders(values.header),
    concurrency: parseCount('--concurrency', values.concurrency, 8),
    timeoutMs,
    json,
    problems,
  };
}

/** @throws {UsageError} */
function accessLogSource(
  file: string,
  origin: string,
  top: number,
  signal: AbortSignal,
): AsyncGenerator<string> {
  try {
    return fromAccessLog(file, { origin, top, signal });
  } catch {
    throw new UsageError(`--origin is ${origin}, but must be an origin such as https://api.example.com`);
  }
}

async function* urlsOf(
  sources: readonly (Iterable<string> | AsyncIterable<string>)[],
  problems: string[],
  signal: AbortSignal,
): AsyncGenerator<string> {
  for (const source of sources) {
    try {
      yield* source;
    } catch (error) {
      if (signal.aborted) return;
      const { errors = [error] } = ((error as Error).cause ?? {}) as { errors?: unknown[] };
      problems.push(...errors.map((each) => (each as Error).message));
    }
  }
}

/** An array of all targets; or, if there are very many, a generator of those read ahead and the rest. */
async function readAhead(
  urls: AsyncGenerator<string>,
  headers: Plan['headers'],
): Promise<WarmTarget[] | AsyncGenerator<WarmTarget>> {
  const read = new Set<string>();
  for (let next = await urls.next(); !next.done; next = await urls.next()) {
    read.add(next.value);
    if (read.size === READ_AHEAD) return targetsOf(read, urls, headers);
  }
  return [...read].map((url) => ({ url, headers }));
}

async function* targetsOf(
  read: Iterable<string>,
  rest: AsyncGenerator<string>,
  headers: Plan['headers'],
): AsyncGenerator<WarmTarget> {
  for (const url of read) yield { url, headers };
  for await (const url of rest) yield { url, headers };
}

interface Report extends WarmResult {
  readonly problems: readonly string[];
  readonly seconds: number;
  readonly interrupted: boolean;
}

function writeReport(report: Report, json: boolean, { out, err }: Io): void {
  const { done, failed, failures, notStored, problems, interrupted } = report;
  const seconds = Number(report.seconds.toFixed(1));
  if (json) {
    out.write(jsonLine({ ...report, seconds }));
    return;
  }
  const prefix = interrupted ? 'interrupted: ' : '';
  out.write(`${prefix}${formatNumber(done)} done, ${formatNumber(failed)} failed in ${seconds} s\n`);
  for (const [reason, count] of Object.entries(notStored))
    out.write(`  ${formatNumber(count)} not stored: ${escapeUnsafe(reason)}\n`);
  const width = Math.max(...failures.map(({ reason }) => reason.length));
  for (const { url, reason } of failures) out.write(`  ${escapeUnsafe(`${reason.padEnd(width)}  ${url}`)}\n`);
  if (failed > failures.length) out.write(`  and ${formatNumber(failed - failures.length)} more\n`);
  for (const problem of problems) err.write(`${escapeUnsafe(problem)}\n`);
}
