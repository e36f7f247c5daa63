import type { CacheMiddleware } from '../cache-middleware.ts';
import type { DamagedEntry, EntryChange, EntryQuery, EntryRef, EntrySummary } from '../entries/types.ts';
import type { PurgeTarget } from '../options/operations.ts';
import type { WarmResult } from '../warm/warm.ts';
import type { Live } from './live.ts';
import { previewOf } from './preview.ts';
import { Refusal } from './requests.ts';
import { mayWarm, type Settings } from './settings.ts';

/** What the page can ask for. */

/** What is needed of a cache: what `redisCache` returns has it. */
export type Inspected = Pick<CacheMiddleware, 'stats' | 'entries' | 'purge' | 'warm' | 'explain' | 'on'>;

type Given = Readonly<Record<string, unknown>>;

interface Course {
  progress(value: unknown): void;
  /** Aborted when the client has gone. */
  readonly signal: AbortSignal;
}

export interface Action {
  /** What has parameters is a POST: URLs are kept in logs, and keys and searches do not belong there. */
  readonly method: 'GET' | 'POST';
  /** Whether it changes what is stored. */
  readonly changes: boolean;
  run(given: Given, course: Course): unknown;
}

export type Actions = ReadonlyMap<string, Action>;

/** URLs of one warm-up. */
const MAX_URLS = 10_000;
/** Milliseconds between two reports. */
const PACE = 100;

export function actionsOf(cache: Inspected, settings: Settings, live: Live): Actions {
  const { entries } = cache;
  const reading = (run: Action['run']): Action => ({ method: 'POST', changes: false, run });
  const changing = (run: Action['run']): Action => ({ method: 'POST', changes: true, run });

  async function get(given: Given): Promise<unknown> {
    const entry = await entries.get(given as unknown as EntryRef);
    if (!entry) throw new Refusal(404, 'It is not stored any more.');
    if (entry.damaged) return entry;
    const { body: _, ...rest } = entry;
    return { ...rest, preview: await previewOf(entry), again: mayWarm(settings, entry.url) };
  }

  async function warm(
    targets: Parameters<Inspected['warm']>[0],
    { progress, signal }: Course,
  ): Promise<WarmResult> {
    const app = settings.warm?.app;
    const onProgress = paced(progress);
    return cache.warm(targets, { ...(app && { app }), onProgress, signal });
  }

  function allowed(url: unknown): string {
    if (mayWarm(settings, url)) return String(url);
    throw new Refusal(403, `${url} is not one that may be asked for (option warm).`);
  }

  return new Map<string, Action>([
    ['live', { method: 'GET', changes: false, run: () => live.snapshot() }],
    ['list', reading((given) => entries.list(given as EntryQuery))],
    ['entry', reading(get)],
    [
      'measure',
      reading((_, { progress, signal }) => entries.measure({ onProgress: paced(progress), signal })),
    ],
    ['explain', reading(({ url, method, headers }) => explain(cache, url, method, headers))],
    [
      'purge',
      changing(async ({ target }, { progress }) => {
        const onProgress = paced((purged: number) => progress({ purged }));
        return { purged: await cache.purge(target as PurgeTarget, { onProgress }) };
      }),
    ],
    [
      'purge-entry',
      changing(async (given) => ({ purged: await entries.purge(given as unknown as EntryRef) })),
    ],
    [
      'update',
      changing(async ({ id, variant, seen, ttl, body }) => {
        const change = { ...(ttl !== undefined && { ttl }), ...(body !== undefined && { body }) };
        const ref = { id, variant, seen } as EntryRef & { seen: string };
        if (await entries.update(ref, change as EntryChange)) return {};
        throw new Refusal(409, 'It has changed since it was read, so nothing was stored.');
      }),
    ],
    [
      'again',
      changing(async (given, course) => {
        const entry = (await entries.get(given as unknown as EntryRef)) as
          | EntrySummary
          | DamagedEntry
          | undefined;
        if (!entry || entry.damaged) throw new Refusal(404, 'It is not stored any more.');
        const url = allowed(entry.url);
        await entries.purge(entry);
        return warm([{ url, headers: fieldsOf(entry) }], course);
      }),
    ],
    [
      'warm',
      changing(({ urls }, course) => {
        if (!Array.isArray(urls) || urls.length > MAX_URLS)
          throw new Refusal(400, `A warm-up takes a list of ${MAX_URLS} URLs at most.`);
        return warm(urls.map(allowed), course);
      }),
    ],
  ]);
}

function explain(cache: Inspected, url: unknown, method: unknown, headers: unknown): unknown {
  if (!URL.canParse(String(url))) throw new Refusal(400, 'Explaining takes an absolute URL.');
  const given = typeof headers === 'object' && headers !== null ? Object.entries(headers) : [];
  return cache.explain(String(url), {
    ...(method !== undefined && { method: String(method) }),
    headers: Object.fromEntries(given.map(([name, value]) => [name, String(value)])),
  });
}

/** The header fields that select this variant. */
function fieldsOf({ variesOn }: EntrySummary): Record<string, string> {
  return Object.fromEntries(
    Object.entries(variesOn).flatMap(([name, value]) => (value === null ? [] : [[name, value]])),
  );
}

/** Tells the first, and then no more often than anybody could read. */
function paced<T>(tell: (value: T) => void): (value: T) => void {
  let last = Number.NEGATIVE_INFINITY;
  return (value) => {
    const now = performance.now();
    if (now - last < PACE) return;
    last = now;
    tell(value);
  };
}
