import type { StoredHead, StoredResponse } from '../codec/stored-response.ts';
import type { ResponseForm } from '../exchange/replay.ts';
import { joined } from '../http/cache-control.ts';
import { conditionsOf, notModified, type Validators } from '../http/conditional.ts';
import { isWorthEncoding } from '../http/content-coding.ts';
import { field } from '../http/headers.ts';
import { ifRangeHolds, type Part, parseContentRange, rangesOf } from '../http/range.ts';
import type { Fields } from '../http/vary.ts';

/** In which form a stored response answers a request: whole, in part, as a 304 or as a 416. Pure functions. */

/** The request, as far as the form depends on it. */
interface Request {
  readonly method: string;
  readonly headers: Fields;
  /** Whether middleware in front may encode the body of the response. */
  readonly isEncodedInFront?: boolean;
}

const WHOLE: ResponseForm = { kind: 'whole' };

/**
 * Conditions first, then ranges (RFC 9110 §13.2.2). "A recipient MUST ignore all received preconditions if its
 * response to the same request without those conditions would have been a status code other than a 2xx or 412"
 * (§13.2.1); ranges are of a 200's content, and defined for GET only (§14.2).
 */
export function formFor(request: Request, stored: StoredResponse, now: number): ResponseForm {
  const part = partOf(stored);
  if (stored.status !== 200 && !part) return WHOLE;
  const conditions = conditionsOf(request.headers);
  if (conditions && notModified(conditions, validatorsOf(stored), now)) return { kind: 'not-modified' };
  const ranges = requestedRanges(request, stored, part?.size ?? stored.body.length, now);
  if (typeof ranges !== 'string') return { kind: 'partial', ranges, part };
  return ranges === 'whole' ? WHOLE : { kind: 'unsatisfiable' };
}

/**
 * Whether the stored bytes can answer the request: a stored part answers one range that lies within it, and "MUST NOT"
 * be used for anything else (RFC 9111 §3.3).
 */
export function suffices(request: Request, stored: StoredResponse, now: number): boolean {
  if (stored.status !== 206) return true;
  const part = partOf(stored);
  const ranges = part && requestedRanges(request, stored, part.size, now);
  if (!part || !ranges || typeof ranges === 'string' || ranges.length !== 1) return false;
  return ranges.every(({ first, last }) => first >= part.first && last <= part.last);
}

/** Which part of a representation a stored 206 is; `undefined` for any other response. */
function partOf({ status, headers }: Pick<StoredHead, 'status' | 'headers'>): Part | undefined {
  return status === 206 ? parseContentRange(field(headers, 'content-range')) : undefined;
}

export function validatorsOf({ headers, bornAt }: StoredResponse): Validators {
  return {
    etag: field(headers, 'etag'),
    lastModified: field(headers, 'last-modified'),
    date: field(headers, 'date') ?? new Date(bornAt).toUTCString(),
  };
}

function requestedRanges(
  { method, headers, isEncodedInFront }: Request,
  stored: StoredResponse,
  size: number,
  now: number,
): ReturnType<typeof rangesOf> {
  const range = joined(headers.range);
  if (method !== 'GET' || range === undefined) return 'whole';
  // A part of a representation must not be encoded by itself: it would be a part of no representation (§14.4).
  if (isEncodedInFront && stored.status === 200 && isWorthEncoding(stored.headers)) return 'whole';
  const ifRange = joined(headers['if-range']);
  // "A validator is weak if it is shared by two or more representations" (§8.8.1): a date is, an entity tag is not.
  const validators = stored.selected ? { etag: validatorsOf(stored).etag } : validatorsOf(stored);
  if (ifRange !== undefined && !ifRangeHolds(ifRange, validators, now)) return 'whole';
  return rangesOf(range, size);
}
