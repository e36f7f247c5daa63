import type { CacheMiddleware } from '../cache-middleware.ts';
import type { EntryChange, EntryQuery, EntryRef, EntrySummary, UnreadableEntry } from '../entries/types.ts';
import type { PurgeOptions, PurgeTarget } from '../options/operations.ts';
import { isPlaced } from '../sharing/placed.ts';
import type { WarmResult, WarmTarget } from '../warm/warm.ts';
import type { Live } from './live.ts';
import { previewOf } from './preview.ts';
import { HttpError } from './requests.ts';
import { mayWarm, type Settings } from './settings.ts';

/** The API of the page: what `/api/NAME` does. */

/** What the inspector needs of a cache. The result of `redisCache` has it. */
export type InspectedCache = Pick<CacheMiddleware, 'stats' | 'entries' | 'purge' | 'warm' | 'explain' | 'on'>;

/** The JSON object of a POST; empty for a GET. The cache checks its values. */
type Input = Readonly<Record<string, unknown>>;

interface ActionContext {
  /** Sends a report to the page while the action runs. */
  progress(value: unknown): void;
  /** Aborted when the client disconnects. */
  readonly signal: AbortSignal;
}

export interface Action {
  /** An action with parameters is a POST: access logs contain URLs, and must not contain keys and searches. */
  readonly method: 'GET' | 'POST';
  /** Whether it changes what is stored, so that a read-only inspector refuses it. */
  readonly changes: boolean;
  run(input: Input, context: ActionContext): unknown;
}

export type Actions = ReadonlyMap<string, Action>;

/** The largest number of URLs in one warm-up. */
const MAX_URLS = 10_000;
/** The shortest time between two reports of progress. */
const PROGRESS_INTERVAL_MS = 100;

const NOT_STORED = 'This response is not stored any more.';

export function createActions(cache: InspectedCache, settings: Settings, live: Live): Actions {
  const { entries } = cache;

  async function readEntry(input: Input): Promise<unknown> {
    const entry = await entries.get(input as unknown as EntryRef);
    if (!entry) throw new HttpError(404, NOT_STORED);
    if (!entry.readable) return entry;
    const { body: _, ...rest } = entry;
    return { ...rest, preview: await previewOf(entry), refetchable: mayWarm(settings, entry.url) };
  }

  async function purge({ target, soft }: Input, { progress }: ActionContext): Promise<unknown> {
    const onProgress = throttled((purged: number) => progress({ purged }));
    return {
      purged: await cache.purge(target as PurgeTarget, { soft: soft as PurgeOptions['soft'], onProgress }),
    };
  }

  async function update({ id, variant, version, ttl, body }: Input): Promise<unknown> {
    const change = { ...(ttl !== undefined && { ttl }), ...(body !== undefined && { body }) };
    const ref = { id, variant, version } as EntryRef & { version: string };
    if (await entries.update(ref, change as EntryChange)) return {};
    throw new HttpError(409, 'The stored response has changed since you opened it. Nothing was changed.');
  }

  /** Purges an entry and requests its variant again. */
  async function refetch(input: Input, context: ActionContext): Promise<WarmResult> {
    const entry: EntrySummary | UnreadableEntry | undefined = await entries.get(input as unknown as EntryRef);
    if (!entry?.readable) throw new HttpError(404, NOT_STORED);
    const url = allowedUrl(entry.url);
    await entries.purge(entry);
    return warm([{ url, headers: selectingHeaders(entry) }], context);
  }

  function warm(targets: WarmTarget[], { progress, signal }: ActionContext): Promise<WarmResult> {
    const app = settings.warm?.app;
    return cache.warm(targets, { ...(app && { app }), onProgress: throttled(progress), signal });
  }

  /** @throws {HttpError} for a URL that the `warm` option does not allow. */
  function allowedUrl(url: unknown): string {
    if (mayWarm(settings, url)) return String(url);
    throw new HttpError(403, `The warm option of the inspector does not allow requests to ${url}.`);
  }

  const read = (run: Action['run']): Action => ({ method: 'POST', changes: false, run });
  const change = (run: Action['run']): Action => ({ method: 'POST', changes: true, run });
  return new Map<string, Action>([
    ['live', { method: 'GET', changes: false, run: () => live.snapshot() }],
    ['list', read((input) => entries.list(input as EntryQuery))],
    ['entry', read(readEntry)],
    [
      'measure',
      read((_, { progress, signal }) => entries.measure({ onProgress: throttled(progress), signal })),
    ],
    ['explain', read((input) => explain(cache, input))],
    ['purge', change(purge)],
    ['purge-entry', change(async (input) => ({ purged: await entries.purge(input as unknown as EntryRef) }))],
    ['update', change(update)],
    ['refetch', change(refetch)],
    [
      'warm',
      change(({ urls }, context) => {
        if (!Array.isArray(urls) || urls.length > MAX_URLS)
          throw new HttpError(400, `A warm-up needs a list of at most ${MAX_URLS} URLs.`);
        return warm(urls.map(allowedUrl), context);
      }),
    ],
  ]);
}

function explain(cache: InspectedCache, { url, method, headers }: Input): unknown {
  if (!URL.canParse(String(url)))
    throw new HttpError(400, 'Enter an absolute URL, such as https://api.example.com/leads.');
  const fields = typeof headers === 'object' && headers !== null ? Object.entries(headers) : [];
  return cache.explain(String(url), {
    ...(method !== undefined && { method: String(method) }),
    headers: Object.fromEntries(fields.map(([name, value]) => [name, String(value)])),
  });
}

/** The request header fields that select this variant. What middleware in front places, no request can bring. */
function selectingHeaders({ variesOn }: EntrySummary): Record<string, string> {
  return Object.fromEntries(
    Object.entries(variesOn).flatMap(([name, value]) =>
      value === null || isPlaced(name) ? [] : [[name, value]],
    ),
  );
}

/** Passes on the first report, and then at most one in each interval. */
function throttled<T>(report: (value: T) => void): (value: T) => void {
  let lastAt = Number.NEGATIVE_INFINITY;
  return (value) => {
    const now = performance.now();
    if (now - lastAt < PROGRESS_INTERVAL_MS) return;
    lastAt = now;
    report(value);
  };
}
