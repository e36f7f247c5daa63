import { validateHeaderName, validateHeaderValue } from 'node:http';
import { parseArgs } from 'node:util';
import { milliseconds } from '../options/units.ts';
import { fromAccessLog, fromSitemap } from '../warm/sources.ts';
import { type WarmProgress, type WarmResult, type WarmTarget, warm as warmUp } from '../warm/warm.ts';
import { type Command, type Io, printable, UsageError, whole } from './command.ts';
import { figure, Progress } from './progress.ts';

const HELP = `Usage: redis-response-cache warm [URL...] [OPTIONS]

Asks for each URL over HTTP, so that the cache in front of the app has what it answers.

  --sitemap URL|FILE      every URL of a sitemap, or of the sitemaps of an index
  --access-log FILE       the URLs that a log has the most successful GETs of
    --origin URL          what the log leaves out, such as https://api.example.com
    --top N               how many of them (default 1000)
  --header 'Name: value'  asks with this header field; may be repeated
  --concurrency N         how many are asked for at a time (default 8)
  --timeout DURATION      how long each may take, such as 500ms or 1m (default 30s)
  --json                  the result as JSON, and nothing else, on stdout

Exits with 0 if all went well, with 1 if something failed, with 130 if it was interrupted.
`;

const OPTIONS = {
  sitemap: { type: 'string', multiple: true },
  'access-log': { type: 'string', multiple: true },
  origin: { type: 'string' },
  top: { type: 'string' },
  header: { type: 'string', multiple: true },
  concurrency: { type: 'string' },
  timeout: { type: 'string' },
  json: { type: 'boolean' },
} as const;

/** So many URLs are read before the first is asked for, so that there is an end to show; each of them is asked once. */
const AHEAD = 100_000;

export const warm: Command = {
  summary: 'asks for many URLs, so that what they answer is cached',
  help: HELP,
  async run(args, io) {
    const { urls, fields, concurrency, timeout, json, problems } = planOf(args, io.signal);
    if (io.err.isTTY) io.err.write('Reading...');
    const targets = await ahead(urls, fields);
    const total = Array.isArray(targets) ? targets.length : undefined;
    if (total === 0 && problems.length === 0) problems.push('there is no URL to ask for');
    const progress = new Progress(io.err, total);
    const onProgress = ({ done, failed }: WarmProgress): void => progress.update(done, failed);
    const result = await warmUp(targets, { concurrency, timeout, onProgress }, io.signal).finally(() =>
      progress.end(),
    );
    const { aborted: interrupted, reason } = io.signal;
    report({ ...result, problems, seconds: progress.elapsed, interrupted }, json, io);
    if (interrupted) return Number(reason);
    return result.failed > 0 || problems.length > 0 ? 1 : 0;
  },
};

interface Plan {
  readonly urls: AsyncGenerator<string>;
  readonly fields: Readonly<Record<string, string>>;
  readonly concurrency: number;
  /** In milliseconds. */
  readonly timeout: number;
  readonly json: boolean;
  /** What is wrong with the sources, as it turns out. */
  readonly problems: string[];
}

function planOf(args: string[], signal: AbortSignal): Plan {
  const { values, positionals } = parseArgs({ args, options: OPTIONS, allowPositionals: true });
  const { sitemap = [], 'access-log': logs = [], origin, json = false } = values;
  if (positionals.length + sitemap.length + logs.length === 0)
    throw new UsageError('nothing to ask for: give URLs, --sitemap or --access-log');
  for (const url of positionals) {
    if (!/^https?:\/\//i.test(url) || !URL.canParse(url))
      throw new UsageError(`${url} is no http:// or https:// URL`);
  }
  if (logs.length > 0 && origin === undefined)
    throw new UsageError('--access-log takes --origin beside it, such as https://api.example.com');
  if (logs.length === 0 && (origin ?? values.top) !== undefined)
    throw new UsageError('--origin and --top go with --access-log');
  const top = whole('--top', values.top, 1000);
  const timeout = milliseconds(values.timeout ?? '30s');
  if (timeout === undefined || timeout < 1 || timeout > 3_600_000)
    throw new UsageError(
      `--timeout is ${values.timeout}, but must be a duration up to 1h, such as 500ms or 1m`,
    );
  const sources = [
    positionals,
    ...sitemap.map((source) => fromSitemap(source, { signal })),
    ...logs.map((file) => accessLog(file, { origin: origin!, top, signal })),
  ];
  const problems: string[] = [];
  return {
    urls: urlsOf(sources, problems, signal),
    fields: Object.fromEntries((values.header ?? []).map(fieldOf)),
    concurrency: whole('--concurrency', values.concurrency, 8),
    timeout,
    json,
    problems,
  };
}

function accessLog(...[file, options]: Parameters<typeof fromAccessLog>): AsyncGenerator<string> {
  try {
    return fromAccessLog(file, options);
  } catch {
    throw new UsageError(
      `--origin is ${options.origin}, but must be an origin such as https://api.example.com`,
    );
  }
}

function fieldOf(header: string): [string, string] {
  const [, name = '', value = ''] = /^([^:]*):\s*(.*?)\s*$/s.exec(header) ?? [];
  try {
    validateHeaderName(name);
    validateHeaderValue(name, value);
  } catch {
    throw new UsageError("--header takes a header field such as 'Accept-Language: de'");
  }
  if (/^host$/i.test(name))
    throw new UsageError('--header takes any field but Host, which is what the URL says');
  return [name, value];
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
      const { errors = [error] } = error as { errors?: unknown[] };
      problems.push(...errors.map((each) => (each as Error).message));
    }
  }
}

/** All of them as an array, or those that were read ahead and the others as they come. */
async function ahead(
  urls: AsyncGenerator<string>,
  headers: Plan['fields'],
): Promise<WarmTarget[] | AsyncGenerator<WarmTarget>> {
  const read = new Set<string>();
  for (let next = await urls.next(); !next.done; next = await urls.next()) {
    read.add(next.value);
    if (read.size === AHEAD) return follow(read, urls, headers);
  }
  return [...read].map((url) => ({ url, headers }));
}

async function* follow(
  read: Iterable<string>,
  rest: AsyncGenerator<string>,
  headers: Plan['fields'],
): AsyncGenerator<WarmTarget> {
  for (const url of read) yield { url, headers };
  for await (const url of rest) yield { url, headers };
}

interface Report extends WarmResult {
  readonly problems: readonly string[];
  readonly seconds: number;
  readonly interrupted: boolean;
}

function report(result: Report, json: boolean, { out, err }: Io): void {
  const { done, failed, failures, problems, interrupted } = result;
  const seconds = Number(result.seconds.toFixed(1));
  if (json) {
    out.write(`${JSON.stringify({ ...result, seconds })}\n`);
    return;
  }
  const stopped = interrupted ? 'interrupted: ' : '';
  out.write(`${stopped}${figure(done)} done, ${figure(failed)} failed in ${seconds} s\n`);
  const width = Math.max(...failures.map(({ reason }) => reason.length));
  for (const { url, reason } of failures) out.write(`  ${printable(`${reason.padEnd(width)}  ${url}`)}\n`);
  if (failed > failures.length) out.write(`  and ${figure(failed - failures.length)} more\n`);
  for (const problem of problems) err.write(`${printable(problem)}\n`);
}
