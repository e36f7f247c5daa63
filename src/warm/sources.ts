import { createReadStream } from 'node:fs';
import { pipeline, Readable } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { OptionError } from '../errors.ts';
import { assertKnownKeys, objectOf, wholeNumberFrom } from '../options/parsers.ts';
import { requestedPath } from './access-log.ts';
import { nameOf, reasonOf, requestOf } from './client.ts';
import { parseSitemap, type Sitemap } from './sitemap.ts';

/** Where the URLs of a warm-up come from. Both give them one by one, to `cache.warm` or to a loop. */

type Urls = AsyncGenerator<string, void, undefined>;

/** Bytes of the largest sitemap, unpacked, as sitemaps.org has it. */
const MAX_SITEMAP = 50 * 1024 * 1024;
/** An index, indexes in it, and sitemaps in these. */
const MAX_DEPTH = 3;
/** Milliseconds for one sitemap to come over HTTP. */
const PATIENCE = 60_000;
/** Characters of a log's line that are read. */
const MAX_LINE = 64 * 1024;
/** So many different paths are counted at a time. */
const COUNTED = 200_000;

/**
 * The URLs of a sitemap: XML or a plain list, packed by gzip or not. The sitemaps of an index are followed over HTTP, to
 * a depth of 3, each once.
 * @param source an `http:` or `https:` URL, the path of a file, or the text itself.
 * @param options `signal` ends it, with the signal's reason.
 * @throws {Error} once all others are read, for sitemaps that could not be: it names them.
 */
export function fromSitemap(source: string | URL, options: { readonly signal?: AbortSignal } = {}): Urls {
  if (typeof source !== 'string' && !(typeof source?.href === 'string'))
    throw new TypeError('fromSitemap takes a URL, the path of a file, or the text of a sitemap');
  assertKnownKeys('fromSitemap', options, ['signal']);
  return sitemap(String(source), options.signal);
}

async function* sitemap(source: string, signal: AbortSignal | undefined): Urls {
  const problems: Error[] = [];
  yield* follow(source, { seen: new Set([source]), problems, signal }, 1);
  const [first, ...others] = problems;
  if (first && others.length > 0)
    throw new AggregateError(problems, `${first.message} (and ${others.length} more)`);
  if (first) throw first;
}

interface Journey {
  readonly seen: Set<string>;
  readonly problems: Error[];
  readonly signal: AbortSignal | undefined;
}

async function* follow(source: string, journey: Journey, depth: number): Urls {
  const { seen, problems, signal } = journey;
  const name = isText(source) ? '(text)' : nameOf(source);
  const failed = (reason: string, cause?: unknown): unknown =>
    problems.push(new Error(`sitemap ${name}: ${reason}`, { cause }));
  let found: Sitemap | undefined;
  try {
    found = parseSitemap(isText(source) ? source : await read(source, signal));
  } catch (error) {
    signal?.throwIfAborted();
    return void failed(reasonOf(error), error);
  }
  if (!found) return void failed('is no sitemap');
  if (!found.isIndex) return yield* found.locations;
  if (depth === MAX_DEPTH) return void failed(`is an index at a depth of ${MAX_DEPTH}, and not followed`);
  for (const location of found.locations) {
    const base = isHttp(source) ? source : undefined;
    const next = URL.canParse(location, base) ? new URL(location, base).href : location;
    // What comes over the network must not name files.
    if (!isHttp(next)) failed(`names ${nameOf(next)}, which is no http or https URL`);
    else if (!seen.has(next)) {
      seen.add(next);
      yield* follow(next, journey, depth + 1);
    }
  }
}

async function read(source: string, signal: AbortSignal | undefined): Promise<string> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of unpacked(await open(source, signal))) {
    size += chunk.length;
    if (size > MAX_SITEMAP) throw new Error('is larger than 50 MB');
    chunks.push(chunk);
  }
  return new TextDecoder().decode(Buffer.concat(chunks));
}

async function open(source: string, signal: AbortSignal | undefined): Promise<AsyncIterable<Uint8Array>> {
  if (!isHttp(source)) return opened(source, signal);
  const limits = [AbortSignal.timeout(PATIENCE), ...(signal ? [signal] : [])];
  const response = await fetch(requestOf(source).url, {
    headers: { 'User-Agent': 'redis-response-cache' },
    signal: AbortSignal.any(limits),
  });
  if (response.ok && response.body) return response.body;
  await response.body?.cancel();
  throw new Error(`status ${response.status}`);
}

/** What gzip has packed is known by its first byte, which no text has. */
async function* unpacked(packed: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  const iterator = packed[Symbol.asyncIterator]();
  const first = await iterator.next();
  if (first.done) return;
  const whole = joined(first.value, iterator);
  if (first.value[0] !== 0x1f) yield* whole;
  // Whoever reads is told of errors, too.
  else yield* pipeline(Readable.from(whole), createGunzip(), () => {});
}

async function* joined(first: Uint8Array, rest: AsyncIterator<Uint8Array>): AsyncGenerator<Uint8Array> {
  try {
    yield first;
    for (let next = await rest.next(); !next.done; next = await rest.next()) yield next.value;
  } finally {
    await rest.return?.();
  }
}

/**
 * The URLs that a log has the most successful GETs of, the most frequent first. A `304` is a success: the client had
 * what the cache is to have. The log is in the common or combined format of nginx and Apache, or one JSON object per
 * line with `status` and `url`, `path` or `request`; it is read line by line, and may be packed by gzip. Lines that are
 * something else are skipped. Among very many different URLs, counts of the rare ones are approximate.
 * @param options `origin` is what the log leaves out, such as `https://api.example.com`; `top`, how many at most
 * (default 1000); `signal` ends it, with the signal's reason.
 * @throws {OptionError} for a bad option. @throws {Error} for a file that cannot be read: it names it.
 */
export function fromAccessLog(
  file: string | URL,
  options: { readonly origin: string | URL; readonly top?: number; readonly signal?: AbortSignal },
): Urls {
  if (typeof file !== 'string' && !(file instanceof URL))
    throw new TypeError('fromAccessLog takes the path of a file');
  const { origin, top, signal } = parseLogOptions('fromAccessLog', options);
  return accessLog(String(file), origin, top, signal);
}

const parseLogOptions = objectOf({
  origin: { default: undefined, parse: parseOrigin },
  top: { default: 1000, parse: wholeNumberFrom(1) },
  signal: { default: undefined, parse: (_option, signal) => signal as AbortSignal | undefined },
});

function parseOrigin(option: string, origin: unknown): string {
  const url = URL.canParse(String(origin)) ? new URL(String(origin)) : undefined;
  if (url && isHttp(url.href) && url.href === `${url.origin}/`) return url.origin;
  throw new OptionError(option, origin, "an origin such as 'https://api.example.com'");
}

async function* accessLog(file: string, origin: string, top: number, signal: AbortSignal | undefined): Urls {
  const most = Math.max(COUNTED, 4 * top);
  let counts = new Map<string, number>();
  const ranked = (): [string, number][] => [...counts].sort(([, a], [, b]) => b - a);
  try {
    for await (const lines of linesOf(unpacked(opened(file, signal)))) {
      for (const line of lines) {
        const path = requestedPath(line);
        if (path === undefined) continue;
        const count = counts.get(path);
        // A copy: what was cut out of a text would keep all of it.
        counts.set(count ? path : Buffer.from(path).toString(), (count ?? 0) + 1);
      }
      if (counts.size > most) counts = new Map(ranked().slice(0, most / 2));
    }
  } catch (error) {
    signal?.throwIfAborted();
    throw new Error(`access log ${file}: ${reasonOf(error)}`, { cause: error });
  }
  for (const [path] of ranked().slice(0, top)) yield origin + path;
}

/** As many lines at a time as come at a time. */
async function* linesOf(bytes: AsyncIterable<Uint8Array>): AsyncGenerator<string[]> {
  const decoder = new TextDecoder();
  let rest = '';
  for await (const chunk of bytes) {
    const lines = (rest + decoder.decode(chunk, { stream: true })).split('\n');
    rest = lines.pop()!.slice(0, MAX_LINE);
    yield lines;
  }
  yield [rest];
}

function opened(file: string, signal: AbortSignal | undefined): AsyncIterable<Uint8Array> {
  return createReadStream(file.startsWith('file:') ? new URL(file) : file, signal ? { signal } : {});
}

function isText(source: string): boolean {
  return /^\s*</.test(source);
}

function isHttp(source: string): boolean {
  return /^https?:\/\//i.test(source);
}
