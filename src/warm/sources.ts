import { createReadStream } from 'node:fs';
import { pipeline, Readable } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { ArgumentError, OptionError, SourceError, show } from '../errors.ts';
import { abortSignal, objectOf, optional, wholeNumberFrom } from '../options/parsers.ts';
import { requestedPath } from './access-log.ts';
import { errorMessage, parseTarget, targetName } from './client.ts';
import { parseSitemap, type Sitemap } from './sitemap.ts';

/** Sources of URLs for a warm-up: sitemaps and access logs. Each yields its URLs one by one. */

type Urls = AsyncGenerator<string, void, undefined>;

/** The limit of sitemaps.org for one uncompressed sitemap. */
const MAX_SITEMAP_BYTES = 50 * 1024 * 1024;
/** An index, the indexes that it names, and the sitemaps that these name. */
const MAX_SITEMAP_DEPTH = 3;
/** The deadline for downloading one sitemap, in milliseconds. */
const SITEMAP_TIMEOUT_MS = 60_000;
/** The rest of a longer line of a log is not read. */
const MAX_LINE_LENGTH = 64 * 1024;
/** With more distinct paths than this, an access log's rarest are dropped from the counts. */
const MAX_COUNTED_PATHS = 200_000;

/**
 * Yields the URLs of a sitemap: XML or a plain list, with or without gzip. The sitemaps of an index are read over HTTP,
 * to a depth of 3, each once.
 * @param source an `http:` or `https:` URL, the path of a file, or the text of a sitemap.
 * @param options `signal` ends the reading: the generator throws the signal's reason.
 * @throws {SourceError} after the last URL, for sitemaps that could not be read. The message names them.
 */
export function fromSitemap(
  source: string | URL,
  options: { readonly signal?: AbortSignal | undefined } = {},
): Urls {
  if (typeof source !== 'string' && typeof source?.href !== 'string') {
    throw new ArgumentError(
      `fromSitemap() needs a URL, the path of a file, or the text of a sitemap, not ${show(source)}.`,
    );
  }
  const { signal } = parseSitemapOptions('fromSitemap', options);
  return readSitemaps(String(source), signal);
}

const parseSitemapOptions = objectOf({ signal: { default: undefined, parse: optional(abortSignal) } });

async function* readSitemaps(source: string, signal: AbortSignal | undefined): Urls {
  const problems: Error[] = [];
  yield* readSitemap(source, { visited: new Set([source]), problems, signal }, 1);
  const [first, ...others] = problems;
  if (first && others.length > 0)
    throw new SourceError(`${first.message} (and ${others.length} more)`, {
      cause: new AggregateError(problems),
    });
  if (first) throw first;
}

/** The state of reading an index with all its sitemaps. */
interface Crawl {
  readonly visited: Set<string>;
  readonly problems: Error[];
  readonly signal: AbortSignal | undefined;
}

async function* readSitemap(source: string, crawl: Crawl, depth: number): Urls {
  const { visited, problems, signal } = crawl;
  const name = isXml(source) ? '(text)' : targetName(source);
  const addProblem = (reason: string, cause?: unknown): void => {
    problems.push(new SourceError(`sitemap ${name}: ${reason}`, { cause }));
  };
  let sitemap: Sitemap | undefined;
  try {
    sitemap = parseSitemap(isXml(source) ? source : await readText(source, signal));
  } catch (error) {
    signal?.throwIfAborted();
    addProblem(errorMessage(error), error);
    return;
  }
  if (!sitemap) {
    addProblem('is not a sitemap');
    return;
  }
  if (!sitemap.isIndex) {
    yield* sitemap.locations;
    return;
  }
  if (depth === MAX_SITEMAP_DEPTH) {
    addProblem(`is an index at depth ${MAX_SITEMAP_DEPTH}, and deeper ones are not read`);
    return;
  }
  for (const location of sitemap.locations) {
    const base = isHttp(source) ? source : undefined;
    const next = URL.canParse(location, base) ? new URL(location, base).href : location;
    // A sitemap from the network must not make this process read its files.
    if (!isHttp(next)) addProblem(`names ${targetName(next)}, which is not an http:// or https:// URL`);
    else if (!visited.has(next)) {
      visited.add(next);
      yield* readSitemap(next, crawl, depth + 1);
    }
  }
}

async function readText(source: string, signal: AbortSignal | undefined): Promise<string> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of gunzipped(await openSource(source, signal))) {
    size += chunk.length;
    if (size > MAX_SITEMAP_BYTES) throw new Error('is larger than 50 MB');
    chunks.push(chunk);
  }
  return new TextDecoder().decode(Buffer.concat(chunks));
}

async function openSource(
  source: string,
  signal: AbortSignal | undefined,
): Promise<AsyncIterable<Uint8Array>> {
  if (!isHttp(source)) return openFile(source, signal);
  const timeout = AbortSignal.timeout(SITEMAP_TIMEOUT_MS);
  const response = await fetch(parseTarget(source).url, {
    headers: { 'User-Agent': 'redis-response-cache' },
    signal: signal ? AbortSignal.any([timeout, signal]) : timeout,
  });
  if (response.ok && response.body) return response.body;
  await response.body?.cancel();
  throw new Error(`status ${response.status}`);
}

/** Decompresses gzip, which its first byte shows: no text begins with it. */
async function* gunzipped(bytes: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  const iterator = bytes[Symbol.asyncIterator]();
  const first = await iterator.next();
  if (first.done) return;
  const all = prepend(first.value, iterator);
  if (first.value[0] !== 0x1f) yield* all;
  // The callback may stay empty, because the iteration throws the errors of the pipeline.
  else yield* pipeline(Readable.from(all), createGunzip(), () => {});
}

async function* prepend(first: Uint8Array, rest: AsyncIterator<Uint8Array>): AsyncGenerator<Uint8Array> {
  try {
    yield first;
    for (let next = await rest.next(); !next.done; next = await rest.next()) yield next.value;
  } finally {
    await rest.return?.();
  }
}

/**
 * Yields the URLs with the most successful GET requests in an access log, the most frequent first. A 304 is a success:
 * the client had the response. The log is in the common or the combined format of nginx and Apache, or has one JSON
 * object per line with `status` and `url`, `path` or `request`. It is read line by line, with or without gzip. Other
 * lines are skipped. With very many different URLs, the counts of rare ones are approximate.
 * @param options `origin` is prepended to each path: `https://api.example.com`. `top` is the largest number of URLs
 * (default 1000). `signal` ends the reading: the generator throws the signal's reason.
 * @throws {OptionError} for a bad option. @throws {SourceError} for a file that cannot be read. The message names it.
 */
export function fromAccessLog(
  file: string | URL,
  options: {
    readonly origin: string | URL;
    readonly top?: number | undefined;
    readonly signal?: AbortSignal | undefined;
  },
): Urls {
  if (typeof file !== 'string' && !(file instanceof URL))
    throw new ArgumentError(`fromAccessLog() needs the path of a file, not ${show(file)}.`);
  const { origin, top, signal } = parseLogOptions('fromAccessLog', options);
  return readAccessLog(String(file), origin, top, signal);
}

const parseLogOptions = objectOf({
  origin: { default: undefined, parse: parseOrigin },
  top: { default: 1000, parse: wholeNumberFrom(1) },
  signal: { default: undefined, parse: optional(abortSignal) },
});

function parseOrigin(option: string, origin: unknown): string {
  const url = URL.canParse(String(origin)) ? new URL(String(origin)) : undefined;
  if (url && isHttp(url.href) && url.href === `${url.origin}/`) return url.origin;
  throw new OptionError(option, origin, "an origin such as 'https://api.example.com'");
}

async function* readAccessLog(
  file: string,
  origin: string,
  top: number,
  signal: AbortSignal | undefined,
): Urls {
  const maxPaths = Math.max(MAX_COUNTED_PATHS, 4 * top);
  let counts = new Map<string, number>();
  const mostFrequentFirst = (): [string, number][] => [...counts].sort(([, a], [, b]) => b - a);
  try {
    for await (const lines of lineBatches(gunzipped(openFile(file, signal)))) {
      for (const line of lines) {
        const path = requestedPath(line);
        if (path === undefined) continue;
        const count = counts.get(path);
        // A new path is copied, because a substring would keep the whole chunk of the log in memory.
        counts.set(count ? path : Buffer.from(path).toString(), (count ?? 0) + 1);
      }
      if (counts.size > maxPaths) counts = new Map(mostFrequentFirst().slice(0, maxPaths / 2));
    }
  } catch (error) {
    signal?.throwIfAborted();
    throw new SourceError(`access log ${file}: ${errorMessage(error)}`, { cause: error });
  }
  for (const [path] of mostFrequentFirst().slice(0, top)) yield origin + path;
}

/** The lines of each chunk. */
async function* lineBatches(bytes: AsyncIterable<Uint8Array>): AsyncGenerator<string[]> {
  const decoder = new TextDecoder();
  let rest = '';
  for await (const chunk of bytes) {
    const lines = (rest + decoder.decode(chunk, { stream: true })).split('\n');
    rest = lines.pop()!.slice(0, MAX_LINE_LENGTH);
    yield lines;
  }
  yield [rest];
}

function openFile(file: string, signal: AbortSignal | undefined): AsyncIterable<Uint8Array> {
  return createReadStream(file.startsWith('file:') ? new URL(file) : file, signal ? { signal } : {});
}

function isXml(source: string): boolean {
  return /^\s*</.test(source);
}

function isHttp(source: string): boolean {
  return /^https?:\/\//i.test(source);
}
