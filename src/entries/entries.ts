import { decodeIdentity } from '../codec/compression.ts';
import type { StoredResponse } from '../codec/stored-response.ts';
import { ArgumentError, OptionError, show } from '../errors.ts';
import type { StoredFields } from '../http/headers.ts';
import {
  abortSignal,
  callable,
  DURATION,
  flag,
  objectOf,
  optional,
  ownMember,
  ownMembers,
} from '../options/parsers.ts';
import { milliseconds } from '../options/units.ts';
import type { GuardedStore } from '../store/guarded-store.ts';
import { isHashed } from '../store/ids.ts';
import { orThrow } from '../store/or-throw.ts';
import type { PurgeMode, ScanPosition } from '../store/store.ts';
import { EntryCensus } from './census.ts';
import { applyEdit, type Edit } from './edit.ts';
import { PageBuilder, parseQuery } from './paging.ts';
import type { Storage } from './storage.ts';
import { summaries, summarizeStored, summarizeUnreadable } from './summary.ts';
import type { Entries, Entry, EntryChange, EntryRef, StoreFigures } from './types.ts';

/** How many keys `measure` looks at in one step. */
const MEASURE_STEP = 500;

/** A compressed body is decoded up to this many bytes, or up to `maxBodySize` where that is larger. */
const MAX_DECODED_BYTES = 64 * 1024 * 1024;

/**
 * Creates `cache.entries`.
 * @param maxBodySize bytes of the largest body that `update` accepts.
 */
export function createEntries(storage: Storage, maxBodySize: number): Entries {
  const { store, keyring, clock } = storage;
  const { responses, inventory } = store;
  return {
    async list(query = {}) {
      const builder = new PageBuilder(parseQuery(query));
      const { tag, id, matches, accepts } = builder.query;
      if (id !== undefined) {
        const variants = await summaries(storage, [parseId({ id })], matches);
        return { entries: variants.filter(accepts), cursor: undefined, scanned: 1 };
      }
      while (!builder.done) {
        const step = orThrow(
          await inventory.scan(builder.position, builder.stepSize, tag),
          'list the entries',
        );
        builder.add(step, await summaries(storage, step.ids, matches));
      }
      return builder.page();
    },

    async get(ref) {
      const place = parseRef(ref);
      const read = orThrow(await inventory.read(place), 'read the entry');
      if (!read || read.value.specs) return undefined;
      const { value, length, expiresInMs } = read;
      const { bytes, staleSince } = value;
      const description = {
        ...place,
        key: undefined,
        head: bytes,
        length,
        staleSince,
        expiresInMs,
      };
      const stored = keyring.decode(place.id, value);
      const body = stored && (await identityBody(stored, maxBodySize));
      if (!body || body === 'too-large') {
        const key = stored?.key ?? (await storedKey(store, place));
        return summarizeUnreadable({ ...description, key }, body ?? keyring.unreadable(description));
      }
      return {
        ...summarizeStored(description, stored, clock()),
        message: stored.message,
        headers: headerLines(stored.headers),
        // A copy: the client may have read the value into a large shared buffer, and the caller may write to this one.
        body: Buffer.from(body),
        version: value.version,
      };
    },

    async purge(ref, options = {}) {
      const { soft } = parsePurgeOptions('purge', options);
      const mode: PurgeMode = soft ? { staleSince: clock() } : 'delete';
      return orThrow(await responses.purge(parseId(ref), mode), 'confirm the purge');
    },

    async update(ref, change) {
      const place = parseRef(ref);
      const edit = parseChange(change, maxBodySize);
      if (typeof ref.version !== 'string')
        throw new ArgumentError(
          `update() needs the version of the entry, as entries.get() returns it; not ${show(ref.version)}.`,
        );
      const { version } = ref;
      const read = orThrow(await inventory.read(place), 'read the entry');
      if (!read || read.value.version !== version) return false;
      const { value } = read;
      const stored = keyring.decode(place.id, value);
      if (!stored) return false;
      const body = edit.body === undefined ? stored.body : await identityBody(stored, maxBodySize);
      if (!body || body === 'too-large') return false;
      const { bytes, ttlMs } = applyEdit(stored, body, edit, clock());
      // A new TTL makes a soft-purged response fresh again.
      const staleSince = edit.ttlMs === undefined ? value.staleSince : undefined;
      const replacement = { ...place, version, tags: stored.tags, bytes, staleSince, ttlMs };
      return orThrow(await responses.replace(replacement), 'confirm the update');
    },

    async measure(options = {}) {
      const { onProgress, signal } = parseMeasureOptions('measure', options);
      signal?.throwIfAborted();
      const census = new EntryCensus(orThrow(await inventory.count(), 'count the keys'));
      let position: ScanPosition | undefined;
      do {
        const step = orThrow(await inventory.scan(position, MEASURE_STEP, undefined), 'list the entries');
        const found = await summaries(storage, step.ids);
        signal?.throwIfAborted();
        for (const entry of found) census.add(entry);
        census.addScanned(step.scanned);
        onProgress?.(census.figures(step.next === undefined));
        position = step.next;
      } while (position);
      return census.figures(true);
    },
  };
}

const parsePurgeOptions = objectOf({ soft: { default: false, parse: flag } });

const parseMeasureOptions = objectOf({
  onProgress: { default: undefined, parse: optional(callable<(figures: StoreFigures) => void>) },
  signal: { default: undefined, parse: optional(abortSignal) },
});

/** The body as the app sent it; `undefined` for a damaged body. */
async function identityBody(
  stored: StoredResponse,
  maxBodySize: number,
): Promise<Buffer | 'too-large' | undefined> {
  const { body, encodings } = stored;
  if (!encodings) return body;
  if (encodings.size > Math.max(maxBodySize, MAX_DECODED_BYTES)) return 'too-large';
  return decodeIdentity(stored, encodings).catch(() => undefined);
}

function headerLines(headers: StoredFields): Entry['headers'] {
  const lines: (readonly [name: string, value: string])[] = [];
  for (let i = 0; i < headers.length; i += 2) {
    const name = headers[i] as string;
    for (const value of [headers[i + 1]!].flat()) lines.push([name, value]);
  }
  return lines;
}

/** The cache key of an entry, where this process can read it. @throws {StoreError} */
async function storedKey(
  { inventory }: GuardedStore,
  { id, variant }: EntryRef,
): Promise<string | undefined> {
  if (!isHashed(id)) return id;
  const variants = orThrow(await inventory.describe([id]), 'read the entry');
  return variants.find((one) => one.variant === variant)?.key;
}

/** Refs may come from anywhere, so an id that could name another kind of key in Redis is refused. */
function parseId(ref: Partial<EntryRef> | undefined): string {
  const id = partOf(ref, 'id');
  if (typeof id !== 'string' || /^@|[{}]/.test(id))
    throw new ArgumentError(`An entry needs an id, as entries.list() returns it; not ${show(id)}.`);
  return id;
}

function partOf(ref: Partial<EntryRef> | undefined, name: keyof EntryRef): unknown {
  return typeof ref === 'object' && ref !== null ? ownMember(ref, name) : undefined;
}

function parseRef(ref: Partial<EntryRef> | undefined): EntryRef {
  const id = parseId(ref);
  const variant = partOf(ref, 'variant');
  if (typeof variant !== 'string' || /^[!@]/.test(variant))
    throw new ArgumentError(
      `An entry needs a variant beside its id, as entries.list() returns both; not ${show(variant)}.`,
    );
  return { id, variant };
}

function parseChange(change: EntryChange | undefined, maxBodySize: number): Edit {
  const { ttl, body } = ownMembers<EntryChange>('update', change ?? {}, ['ttl', 'body']);
  if (ttl === undefined && body === undefined)
    throw new OptionError('update', 'update() needs a ttl or a body.');
  const ttlMs = ttl === undefined ? undefined : milliseconds(ttl);
  if (ttl !== undefined && ttlMs === undefined)
    throw new OptionError('update.ttl', ttl, `a duration: ${DURATION}`);
  if (body === undefined) return { ttlMs, body };
  if (typeof body !== 'string' && !(body instanceof Uint8Array))
    throw new OptionError('update.body', body, 'a string or a Uint8Array');
  const size = Buffer.byteLength(body);
  if (size > maxBodySize)
    throw new ArgumentError(
      `The body has ${size} bytes, but may have at most ${maxBodySize}: raise the option "maxBodySize".`,
    );
  return { ttlMs, body: typeof body === 'string' ? body : Buffer.from(body) };
}
