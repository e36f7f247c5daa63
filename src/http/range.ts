/** Ranges of a stored representation (RFC 9110 §14). */

import { members } from './cache-control.ts';
import type { Validators } from './conditional.ts';
import { parseHttpDate } from './date.ts';

/** Bytes `first` to `last`, both included. */
export interface ByteRange {
  readonly first: number;
  readonly last: number;
}

/** A range, and the size of the whole representation in bytes. */
export interface Part extends ByteRange {
  readonly size: number;
}

/** A request for more ranges, or for more bytes than the representation has, is answered with the whole (§14.2). */
const MAX_RANGES = 16;

/**
 * The ranges that a `Range` field requests of a representation of `size` bytes, in its order; `'unsatisfiable'`; or
 * `'whole'` when the field must be ignored. "A server MUST ignore a Range header field ... that contains a range
 * unit it does not understand", and may ignore an invalid one (§14.2).
 */
export function rangesOf(field: string, size: number): readonly ByteRange[] | 'unsatisfiable' | 'whole' {
  const unit = /^bytes=(.*)$/is.exec(field.trim());
  if (!unit) return 'whole';
  const specs = members(unit[1] as string);
  if (specs.length === 0 || specs.length > MAX_RANGES) return 'whole';
  const ranges: ByteRange[] = [];
  for (const spec of specs) {
    const parts = /^(\d*)-(\d*)$/.exec(spec);
    if (!parts || (parts[1] === '' && parts[2] === '')) return 'whole';
    const range = resolve(parts[1] as string, parts[2] as string, size);
    if (range === 'invalid') return 'whole';
    if (range) ranges.push(range);
  }
  if (ranges.length === 0) return 'unsatisfiable';
  const requested = ranges.reduce((sum, { first, last }) => sum + last - first + 1, 0);
  // Ranges that add up to more than the size overlap. A server may ignore such a field (§14.2).
  return ranges.length > 1 && requested > size ? 'whole' : ranges;
}

/** One `first-last`, `first-` or `-suffix`; `undefined` when it begins after the end (§14.1.2). */
function resolve(from: string, to: string, size: number): ByteRange | 'invalid' | undefined {
  if (from === '') {
    const length = Math.min(Number(to), size);
    return length === 0 ? undefined : { first: size - length, last: size - 1 };
  }
  const first = Number(from);
  // "An int-range is invalid if the last-pos value is present and less than first-pos" (§14.1.1).
  if (to !== '' && Number(to) < first) return 'invalid';
  if (first >= size) return undefined;
  return { first, last: to === '' ? size - 1 : Math.min(Number(to), size - 1) };
}

/**
 * Whether `If-Range` lets the range apply to this representation: "if the validator given ... matches", by strong
 * comparison for an entity tag, exactly for a date, and only where the date is a strong validator (§13.1.5).
 */
export function ifRangeHolds(field: string, { etag, lastModified, date }: Validators, now: number): boolean {
  const wanted = field.trim();
  if (wanted.startsWith('"')) return wanted === etag;
  if (wanted.startsWith('W/')) return false;
  const since = parseHttpDate(wanted, now);
  const modified = parseHttpDate(lastModified, now);
  // `Last-Modified` is strong when it is at least a second older than the response (§8.8.2.2).
  const sent = parseHttpDate(date, now);
  return since !== undefined && since === modified && sent !== undefined && sent - modified >= 1000;
}

/** The `Content-Range` value for a range (§14.4). */
export function contentRange({ first, last }: ByteRange, size: number): string {
  return `bytes ${first}-${last}/${size}`;
}

/** The range in a `Content-Range` field; `undefined` for another unit, an unknown length or a malformed value. */
export function parseContentRange(field: string | undefined): Part | undefined {
  const parts = /^bytes (\d{1,15})-(\d{1,15})\/(\d{1,15})$/i.exec(field?.trim() ?? '');
  if (!parts) return undefined;
  const [first, last, size] = [Number(parts[1]), Number(parts[2]), Number(parts[3])];
  return first <= last && last < size ? { first, last, size } : undefined;
}
