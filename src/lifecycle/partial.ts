import type { StoredHead, StoredResponse } from '../codec/stored-response.ts';
import { field, freshened } from '../http/headers.ts';
import { contentRange, type Part, parseContentRange } from '../http/range.ts';
import type { Fields } from '../http/vary.ts';

/**
 * Parts of representations: 206 responses, which an origin sends to who asked for a range while nothing was stored.
 * A part answers requests for what lies within it, is put together with parts of the same representation, and is
 * never taken for the whole (RFC 9111 §3.3, §3.4).
 */

type Sent = Pick<StoredHead, 'status' | 'message' | 'headers' | 'removedFields'> & {
  readonly vary: Fields['vary'];
};

/**
 * What to store of a 206 and the part that is stored already: both as one where they "share the same strong validator"
 * and meet (RFC 9110 §15.3.7.3), a 200 where that is all there is; the new one alone otherwise; nothing where its
 * bytes are not as many as it says.
 */
export function pieced(
  stored: StoredResponse | undefined,
  sent: Sent,
  body: Buffer,
  limit: number,
): { readonly head: Sent; readonly body: Buffer } | undefined {
  const fresh = partOf(sent);
  if (!fresh || body.length !== fresh.last - fresh.first + 1) return undefined;
  const old = stored && partOf(stored);
  const same = stored && sameStrong(field(sent.headers, 'etag'), field(stored.headers, 'etag'));
  const meet = old && old.size === fresh.size && old.first <= fresh.last + 1 && fresh.first <= old.last + 1;
  const first = Math.min(fresh.first, meet ? old.first : fresh.first);
  const last = Math.max(fresh.last, meet ? old.last : fresh.last);
  const joinable = same && meet && last - first + 1 <= limit;
  if (!joinable) return whole(fresh) ? { head: asWhole(sent, body.length), body } : { head: sent, body };

  const bytes = Buffer.allocUnsafe(last - first + 1);
  stored.body.copy(bytes, old.first - first);
  body.copy(bytes, fresh.first - first);
  const part = { first, last, size: fresh.size };
  const head = { ...sent, headers: freshened(stored.headers, sent.headers) };
  return { head: whole(part) ? asWhole(head, bytes.length) : asPart(head, part), body: bytes };
}

/** Which part a stored response is; `undefined` when it is none. */
export function partOf({ status, headers }: Pick<StoredHead, 'status' | 'headers'>): Part | undefined {
  return status === 206 ? parseContentRange(field(headers, 'content-range')) : undefined;
}

/** Strong comparison (RFC 9110 §8.8.3.2). */
function sameStrong(a: string | undefined, b: string | undefined): boolean {
  return a !== undefined && a === b && a.startsWith('"');
}

function whole({ first, last, size }: Part): boolean {
  return first === 0 && last === size - 1;
}

function asWhole(head: Sent, length: number): Sent {
  return { ...head, status: 200, message: '', headers: [...unsized(head), 'Content-Length', String(length)] };
}

function asPart(head: Sent, part: Part): Sent {
  const length = String(part.last - part.first + 1);
  return {
    ...head,
    headers: [...unsized(head), 'Content-Length', length, 'Content-Range', contentRange(part, part.size)],
  };
}

function unsized({ headers }: Sent): StoredHead['headers'] {
  const size = /^content-(?:length|range)$/i;
  return headers.filter((_, i) => !size.test(headers[i - (i % 2)] as string));
}
