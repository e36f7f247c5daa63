import type { Core } from './core.ts';
import { edited } from './edit.ts';
import { decode, decodeMarker, fingerprint, type StoredResponse } from './entry.ts';
import type { DamagedEntry, Entries, Entry, EntryChange, EntryRef, EntrySummary } from './entry-face.ts';
import { Tally } from './measure.ts';
import { identityOf } from './negotiation.ts';
import { Paging, parseQuery } from './paging.ts';
import { confirmed } from './purge.ts';
import { damagedEntry, summaryOf, summaryOfStored } from './summary.ts';
import { milliseconds } from './values.ts';

/** How many keys a step of a walk over everything looks at. */
const STEP = 500;
/** Bytes of the largest body that is decoded, whatever a value claims: routes have limits of their own. */
const MAX_DECODED = 64 * 1024 * 1024;

/** What is stored, to be looked at and operated. @param limit bytes of the largest body. */
export function entriesOf({ store, clock }: Core, limit: number): Entries {
  return {
    async list(query = {}) {
      const paging = new Paging(parseQuery(query));
      const { tag, matches } = paging.query;
      while (!paging.done) {
        const survey = confirmed(await store.survey(paging.from, paging.count, tag, matches));
        const now = clock();
        paging.add(
          survey,
          survey.found.map((listed) => summaryOf(listed, now)),
        );
      }
      return paging.page();
    },
    async get(ref) {
      const place = placeOf(ref);
      const read = confirmed(await store.read(place));
      if (!read || decodeMarker(read.bytes)) return undefined;
      return entryOf(place, read.bytes, read.expiresIn, clock());
    },
    async purge(ref) {
      return confirmed(await store.purge(idOf(ref)));
    },
    async update(ref, change) {
      const place = placeOf(ref);
      const edit = editOf(change, limit);
      if (typeof ref.seen !== 'string')
        throw new TypeError('update takes what was `seen`, as `get` gives it');
      const seen = Buffer.from(ref.seen, 'base64url');
      const read = confirmed(await store.read(place));
      const stored = read && fingerprint(read.bytes).equals(seen) ? decode(read.bytes) : undefined;
      if (!stored) return false;
      const { tags } = stored;
      return confirmed(await store.replace({ ...place, seen, tags, ...edited(stored, edit, clock()) }));
    },
    async measure({ onProgress, signal } = {}) {
      signal?.throwIfAborted();
      const tally = new Tally(confirmed(await store.extent()));
      let from: Parameters<typeof store.survey>[0];
      do {
        const { found, scanned, next } = confirmed(await store.survey(from, STEP, undefined, () => true));
        signal?.throwIfAborted();
        const now = clock();
        for (const listed of found) tally.add(summaryOf(listed, now));
        tally.scanned(scanned);
        onProgress?.(tally.figures(next === undefined));
        from = next;
      } while (from);
      return tally.figures(true);
    },
  };
}

async function entryOf(
  place: EntryRef,
  bytes: Buffer,
  expiresIn: number,
  now: number,
): Promise<Entry | DamagedEntry> {
  const listed = { ...place, key: undefined, begin: bytes, length: bytes.length, expiresIn };
  const stored = decode(bytes);
  const body = stored && (await bodyOf(stored));
  if (!stored || !body) return damagedEntry({ ...listed, key: keyIn(place) });
  const { message, headers } = stored;
  const lines = headers.flatMap((name, i) =>
    i % 2 === 0 ? [headers[i + 1]!].flat().map((value) => [String(name), value] as const) : [],
  );
  const summary: EntrySummary = summaryOfStored(listed, stored, now);
  const seen = fingerprint(bytes).toString('base64url');
  // A client may have read it as a small part of a large buffer, and nobody may write into what is stored.
  return { ...summary, message, headers: lines, body: Buffer.from(body), seen };
}

/** As the app sent it; `undefined` for what the `compress` option has stored and cannot be decoded. */
async function bodyOf(stored: StoredResponse): Promise<Buffer | undefined> {
  const { body, encodings } = stored;
  if (!encodings) return body;
  return encodings.size > MAX_DECODED ? undefined : identityOf(stored, encodings).catch(() => undefined);
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

function editOf(change: EntryChange | undefined, limit: number): Parameters<typeof edited>[1] {
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
