import type { CacheHandle } from '../cache-middleware.ts';
import type { EntryChange, EntryQuery, EntryRef, EntrySummary, UnreadableEntry } from '../entries/types.ts';
import type { PurgeOptions, PurgeTarget } from '../options/operations.ts';
import { NAME } from '../options/parsers.ts';
import { isPlaced } from '../sharing/placed.ts';
import { errorMessage, parseTarget, targetName } from '../warm/client.ts';
import type { WarmProgress, WarmResult, WarmTarget } from '../warm/warm.ts';
import type { Live } from './live.ts';
import { previewOf } from './preview.ts';
import { HttpError } from './requests.ts';
import { refusalToWarm, type Settings } from './settings.ts';

/** The API of the page: what `/api/NAME` does. */

/** What the inspector needs of a cache. The result of `redisCache` has it. */
export type InspectedCache = Pick<CacheHandle, 'stats' | 'entries' | 'purge' | 'warm' | 'explain' | 'on'>;

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

/** `index`: which of the URLs of the warm-up it is, from 0. */
interface WarmFailure {
  readonly index: number;
  readonly url: string;
  readonly reason: string;
}

interface WarmReport extends Omit<WarmResult, 'failures'> {
  readonly failures: readonly WarmFailure[];
}

export type Actions = ReadonlyMap<string, Action>;

/** The largest number of URLs in one warm-up. */
const MAX_URLS = 10_000;
/** How many failures of a warm-up are listed. */
const MAX_FAILURES = 100;
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
    return { ...rest, preview: await previewOf(entry), refetchRefusal: refusalToRefetch(entry) };
  }

  async function purge({ target, soft }: Input, { progress }: ActionContext): Promise<unknown> {
    const onProgress = throttled((purged: number) => progress({ purged }));
    return {
      purged: await cache.purge(target as PurgeTarget, { soft: soft as PurgeOptions['soft'], onProgress }),
    };
  }

  /** Checks the target as `purge` does, and counts what a purge would purge. Nothing changes. */
  async function countPurge({ target }: Input, { progress, signal }: ActionContext): Promise<unknown> {
    const report = throttled((purged: number) => progress({ purged }));
    const onProgress = (purged: number): void => {
      signal.throwIfAborted();
      report(purged);
    };
    return { purged: await cache.purge(target as PurgeTarget, { dryRun: true, onProgress }) };
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
    const refusal = refusalToRefetch(entry);
    if (refusal !== undefined) throw new HttpError(403, refusal);
    await entries.purge(entry);
    return startWarmUp([{ url: String(entry.url), headers: selectingHeaders(entry) }], context);
  }

  async function purgeEntry({ soft, ...ref }: Input): Promise<unknown> {
    const options = soft === undefined ? {} : { soft: soft as boolean };
    return { purged: await entries.purge(ref as unknown as EntryRef, options) };
  }

  /** Why the page cannot have an entry made anew; `undefined` where it can. */
  function refusalToRefetch({ kind, url }: EntrySummary): string | undefined {
    if (kind === 'value') return 'A value of cache.wrap or cache.store is made by no request.';
    if (url === undefined) return 'The key option of the app made this key, and a key does not tell its URL.';
    return refusalToWarm(settings, url);
  }

  /** Requests the URLs that may be requested. The others are failures, each with its own reason. */
  async function warm({ urls }: Input, context: ActionContext): Promise<WarmReport> {
    if (!settings.warm) throw new HttpError(403, String(refusalToWarm(settings, '')));
    if (!Array.isArray(urls) || urls.length > MAX_URLS)
      throw new HttpError(400, `A warm-up needs a list of at most ${MAX_URLS} URLs.`);
    const given = urls.map(String);
    const allowed: string[] = [];
    const refused: WarmFailure[] = [];
    for (const [index, url] of given.entries()) {
      const reason = refusalOf(url);
      if (reason === undefined) allowed.push(url);
      else refused.push({ index, url: targetName(url), reason });
    }
    const progress = ({ failed, ...report }: WarmProgress): void =>
      context.progress({ ...report, failed: failed + refused.length, total: given.length });
    const { failed, failures, ...rest } = await startWarmUp(allowed, { ...context, progress });
    const all = [
      ...refused,
      ...failures.map((failure) => ({ ...failure, index: given.indexOf(failure.url) })),
    ];
    return {
      ...rest,
      failed: failed + refused.length,
      failures: all.sort((a, b) => a.index - b.index).slice(0, MAX_FAILURES),
    };
  }

  /** Why a line of a warm-up is not requested; `undefined` where it is. */
  function refusalOf(url: string): string | undefined {
    if (!URL.canParse(url))
      return 'not an absolute URL: write the whole URL, such as https://api.example.com/leads';
    try {
      parseTarget(url);
    } catch (error) {
      return errorMessage(error);
    }
    return refusalToWarm(settings, url);
  }

  function startWarmUp(
    targets: readonly WarmTarget[],
    { progress, signal }: Omit<ActionContext, 'progress'> & { progress(report: WarmProgress): void },
  ): Promise<WarmResult> {
    const app = settings.warm?.app;
    return cache.warm(targets, { ...(app && { app }), onProgress: throttled(progress), signal });
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
    ['count-purge', read(countPurge)],
    ['purge', change(purge)],
    ['purge-entry', change(purgeEntry)],
    ['update', change(update)],
    ['refetch', change(refetch)],
    ['warm', change(warm)],
  ]);
}

function explain(cache: InspectedCache, { url, method, headers }: Input): unknown {
  if (!URL.canParse(String(url)))
    throw new HttpError(400, 'Enter an absolute URL, such as https://api.example.com/leads.');
  if (method !== undefined && !NAME.test(String(method)))
    throw new HttpError(400, `The method is ${JSON.stringify(method)}, but must be a word such as GET.`);
  const fields = typeof headers === 'object' && headers !== null ? Object.entries(headers) : [];
  const invalid = fields.find(([name, value]) => !NAME.test(name) || /[\0\r\n]/.test(String(value)));
  if (invalid)
    throw new HttpError(400, `${JSON.stringify(invalid[0])} is no header field: write Name: value.`);
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
