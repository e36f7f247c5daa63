/** Ranges of a stored representation (RFC 9110 §14). */

import { members } from './cache-control.ts';
import type { Validators } from './conditional.ts';
import { parseHttpDate } from './date.ts';

/** Bytes `first` to `last`, both included. */
export interface ByteRange {
  readonly first: number;
  readonly last: number;
}

/** A range of a representation of so many bytes. */
export interface Part extends ByteRange {
  readonly size: number;
}

/** More ranges than this, or ranges that ask for more than there is, are answered with the whole (§14.2). */
const MAX_RANGES = 16;

/**
 * What a `Range` field asks of a representation of `size` bytes: ranges in its order, `'unsatisfiable'`, or
 * `'whole'` when the field is to be ignored. "A server MUST ignore a Range header field ... that contains a range
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
  const asked = ranges.reduce((sum, { first, last }) => sum + last - first + 1, 0);
  // "A client that is requesting multiple ranges SHOULD NOT ask for overlapping ones": more bytes than there are.
  return ranges.length > 1 && asked > size ? 'whole' : ranges;
}

/** One `first-last`, `first-` or `-suffix`; `undefined` when it lies beyond the end (§14.1.2). */
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
  // A `Last-Modified` is strong once the representation is a second older than the response (§8.8.2.2).
  const sent = parseHttpDate(date, now);
  return since !== undefined && since === modified && sent !== undefined && sent - modified >= 1000;
}

/** A `Content-Range` value for a range of a representation (§14.4). */
export function contentRange({ first, last }: ByteRange, size: number): string {
  return `bytes ${first}-${last}/${size}`;
}

/** What a 206 carries, where its `Content-Range` says so; `undefined` for another unit or an unknown length. */
export function parseContentRange(field: string | undefined): Part | undefined {
  const parts = /^bytes (\d{1,15})-(\d{1,15})\/(\d{1,15})$/i.exec(field?.trim() ?? '');
  if (!parts) return undefined;
  const [first, last, size] = [Number(parts[1]), Number(parts[2]), Number(parts[3])];
  return first <= last && last < size ? { first, last, size } : undefined;
}
