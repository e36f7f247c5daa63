import { identityBody } from '../codec/compression.ts';
import { decodeMarker, versionOf } from '../codec/format.ts';
import type { StoredResponse } from '../codec/stored-response.ts';
import type { StoredFields } from '../http/headers.ts';
import { milliseconds } from '../options/units.ts';
import { confirmed } from '../store/confirmed.ts';
import type { Storage } from '../store/storage.ts';
import type { PurgeMode } from '../store/store.ts';
import { Tally } from './census.ts';
import { type Edit, edited } from './edit.ts';
import { Paging, parseQuery } from './paging.ts';
import { damagedEntry, summaryOfStored } from './summary.ts';
import { summaries } from './survey.ts';
import type { Entries, Entry, EntryChange, EntryRef, EntrySummary } from './types.ts';

/** How many keys a step of a walk over everything looks at. */
const STEP = 500;

/** A compressed body that is larger is not shown, unless `maxBodySize` is. */
const SHOWN = 64 * 1024 * 1024;

/** What is stored, to be looked at and operated. @param limit bytes of the largest body. */
export function entriesOf(core: Storage, limit: number): Entries {
  const { store, keyring, clock } = core;
  const { entries } = store;
  return {
    async list(query = {}) {
      const paging = new Paging(parseQuery(query));
      const { tag, id, matches, accepts } = paging.query;
      if (id !== undefined) {
        const found = await summaries(core, [idOf({ id })], matches);
        return { entries: found.filter(accepts), cursor: undefined, scanned: 1 };
      }
      while (!paging.done) {
        const step = confirmed(await entries.survey(paging.from, paging.count, tag));
        paging.add(step, await summaries(core, step.ids, matches));
      }
      return paging.page();
    },
    async get(ref) {
      const place = placeOf(ref);
      const read = confirmed(await entries.read(place));
      if (!read || decodeMarker(read.bytes)) return undefined;
      const { bytes, expiresIn } = read;
      const listed = { ...place, key: keyIn(place), begin: bytes, length: bytes.length, expiresIn };
      const stored = keyring.decode(place.id, bytes);
      const body = stored && (await sentBody(stored, limit));
      if (!body) return damagedEntry(keyring, listed);
      const { message, headers } = stored;
      const seen = versionOf(bytes).toString('base64url');
      const summary: EntrySummary = summaryOfStored(listed, stored, clock());
      // A client may have read it as a small part of a large buffer, and nobody may write into what is stored.
      return { ...summary, message, headers: linesOf(headers), body: Buffer.from(body), seen };
    },
    async purge(ref, { soft = false } = {}) {
      const mode: PurgeMode = soft ? { staleSince: clock() } : 'delete';
      return confirmed(await store.purge(idOf(ref), mode));
    },
    async update(ref, change) {
      const place = placeOf(ref);
      const edit = editOf(change, limit);
      if (typeof ref.seen !== 'string')
        throw new TypeError('update takes what was `seen`, as `get` gives it');
      const seen = Buffer.from(ref.seen, 'base64url');
      const read = confirmed(await entries.read(place));
      if (!read || !versionOf(read.bytes).equals(seen)) return false;
      const stored = keyring.decode(place.id, read.bytes);
      const sent = edit.body === undefined ? stored?.body : stored && (await sentBody(stored, limit));
      if (!stored || !sent) return false;
      const { tags } = stored;
      return confirmed(
        await entries.replace({ ...place, seen, tags, ...edited(stored, sent, edit, clock()) }),
      );
    },
    async measure({ onProgress, signal } = {}) {
      signal?.throwIfAborted();
      const tally = new Tally(confirmed(await entries.extent()));
      let from: Parameters<typeof entries.survey>[0];
      do {
        const { ids, scanned, next } = confirmed(await entries.survey(from, STEP, undefined));
        const found = await summaries(core, ids);
        signal?.throwIfAborted();
        for (const entry of found) tally.add(entry);
        tally.scanned(scanned);
        onProgress?.(tally.figures(next === undefined));
        from = next;
      } while (from);
      return tally.figures(true);
    },
  };
}

/** The body as the app sent it; `undefined` where it is damaged, or larger than it can have been. */
async function sentBody(stored: StoredResponse, limit: number): Promise<Buffer | undefined> {
  const { body, encodings } = stored;
  if (!encodings) return body;
  if (encodings.size > Math.max(limit, SHOWN)) return undefined;
  return identityBody(stored, encodings).catch(() => undefined);
}

function linesOf(headers: StoredFields): Entry['headers'] {
  return headers.flatMap((name, i) =>
    i % 2 === 0 ? [headers[i + 1]!].flat().map((value) => [String(name), value] as const) : [],
  );
}

/** The key of an id that is no hash. */
function keyIn({ id }: EntryRef): string | undefined {
  return id.startsWith('#') ? undefined : id;
}

/** What could name another key of the store than that of an id is refused: refs may come from anywhere. */
function idOf(ref: Partial<EntryRef> | undefined): string {
  const id = ref?.id;
  if (typeof id !== 'string' || /^@|[{}]/.test(id))
    throw new TypeError('an entry has an `id`, as `list` gives it');
  return id;
}

function placeOf(ref: Partial<EntryRef> | undefined): EntryRef {
  const id = idOf(ref);
  const variant = ref?.variant;
  if (typeof variant !== 'string' || /^[!@]/.test(variant))
    throw new TypeError('an entry has an `id` and a `variant`, as `list` gives them');
  return { id, variant };
}

function editOf(change: EntryChange | undefined, limit: number): Edit {
  const { ttl, body } = change ?? {};
  if (ttl === undefined && body === undefined) throw new TypeError('update takes a `ttl` or a `body`');
  const ms = ttl === undefined ? undefined : milliseconds(ttl);
  if (ttl !== undefined && ms === undefined)
    throw new TypeError("a ttl is milliseconds, or a string with a unit such as '30s' or '1h'");
  if (body === undefined) return { ttl: ms, body };
  if (typeof body !== 'string' && !(body instanceof Uint8Array))
    throw new TypeError('a body is a string or bytes');
  if (Buffer.byteLength(body) > limit) throw new TypeError(`a body may have ${limit} bytes at most`);
  return { ttl: ms, body: typeof body === 'string' ? body : Buffer.from(body) };
}
