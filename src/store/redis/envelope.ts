import { decodeSpecs } from '../marker.ts';
import type { NewValue, Specs, StoredValue, ToStore } from '../store.ts';
import { MARKER_VERSION, STALE_MARK } from '../version.ts';

/**
 * The envelope of a value in Redis. It belongs to the store: scripts write it and read it, and the bytes behind it are
 * opaque to them.
 *
 *   0      1      kind: RESPONSE or MARKER. In version 0.1.0, which had no envelope, values begin with 1 or 2.
 *   1      4      time of a soft purge in seconds since 1970; zero without one
 *   5      4      the same with every bit inverted; zero without one
 *   9      1      length of the version
 *   10     ...    version: the token of the fill, or a UUID; printable ASCII
 *   ...    ...    the bytes that were stored; of a marker, its sets of field names as text
 *
 * So one read of one field brings a value with its version and its mark.
 */
const RESPONSE = 3;
const MARKER = 4;
const MARK_AT = 1;
const MARK_BYTES = 8;
const LENGTH_AT = MARK_AT + MARK_BYTES;
const VERSION_AT = LENGTH_AT + 1;

/**
 * Defines, for scripts: `RESPONSE` and `MARKER`; `enclosedMarker(specs)`; `envelopeLength(value)`, or nil;
 * `versionIn(value)`, the version of a value, empty if it has no envelope; `isMarked(value)`; `withMark(value, mark)`.
 */
export const ENVELOPE: string = /* lua */ `
local RESPONSE, MARKER, STALE, NO_MARK = '\\${RESPONSE}', '\\${MARKER}', '${STALE_MARK}', string.rep('\\0', ${MARK_BYTES})
local function enclosedMarker(specs) return MARKER .. NO_MARK .. '\\${MARKER_VERSION.length}${MARKER_VERSION}' .. specs end
local function envelopeLength(value)
  local kind, length = string.sub(value, 1, 1), string.byte(value, ${LENGTH_AT + 1})
  if (kind ~= RESPONSE and kind ~= MARKER) or not length or #value < ${VERSION_AT} + length then return nil end
  return ${VERSION_AT} + length
end
local function isMarked(value) return string.sub(value, ${MARK_AT + 1}, ${LENGTH_AT}) ~= NO_MARK end
local function withMark(value, mark) return string.sub(value, 1, ${MARK_AT}) .. mark .. string.sub(value, ${LENGTH_AT + 1}) end
local function versionIn(value)
  local length = envelopeLength(value)
  if not length then return '' end
  return string.sub(value, ${VERSION_AT + 1}, length) .. (isMarked(value) and STALE or '')
end
`;

/**
 * The value in the bytes of a field; `undefined` for a value of version 0.1.0, which counts as none. Nothing is copied, and
 * nothing is decoded before it is needed.
 */
export function parseValue(raw: Buffer): StoredValue | undefined {
  const kind = raw[0];
  return kind === 1 || kind === 2 ? undefined : new EnvelopedValue(raw);
}

/**
 * A response in its envelope, as it is stored. The envelope is written in front of the bytes if there is room.
 * @param version at most 255 ASCII characters.
 */
export function enclose(
  { bytes, headroom = 0 }: Pick<ToStore<NewValue>, 'bytes' | 'headroom'>,
  version: string,
  staleSince?: number,
): Buffer {
  const end = VERSION_AT + version.length;
  const hasRoom = headroom >= end;
  const value = hasRoom
    ? Buffer.from(bytes.buffer, bytes.byteOffset - end, end + bytes.length)
    : Buffer.allocUnsafe(end + bytes.length);
  value[0] = RESPONSE;
  if (staleSince === undefined) value.fill(0, MARK_AT, LENGTH_AT);
  else staleMark(staleSince).copy(value, MARK_AT);
  value[LENGTH_AT] = version.length;
  value.write(version, VERSION_AT, 'latin1');
  if (!hasRoom) value.set(bytes, end);
  return value;
}

/** The mark of a value that is stale since an instant (milliseconds since 1970). */
export function staleMark(staleSince: number): Buffer {
  const mark = Buffer.alloc(MARK_BYTES);
  const seconds = Math.floor(staleSince / 1000) >>> 0;
  mark.writeUInt32BE(seconds, 0);
  mark.writeUInt32BE(~seconds >>> 0, 4);
  return mark;
}

/** A value in its envelope. Bytes without an envelope are damage. */
export class EnvelopedValue implements StoredValue {
  readonly #raw: Buffer;
  /** Where the envelope ends; 0 where there is none. */
  readonly #end: number;
  readonly #isMarkValid: boolean;
  readonly staleSince: number | undefined;
  #bytes: Buffer | undefined;
  #specs: Specs | undefined;

  constructor(raw: Buffer) {
    const end = raw.length < VERSION_AT ? 0 : VERSION_AT + (raw[LENGTH_AT] as number);
    const isKnown = raw[0] === RESPONSE || raw[0] === MARKER;
    const hasEnvelope = isKnown && end > 0 && end <= raw.length;
    this.#raw = raw;
    this.#end = hasEnvelope ? end : 0;
    const seconds = hasEnvelope ? raw.readUInt32BE(MARK_AT) : 0;
    const inverted = hasEnvelope ? raw.readUInt32BE(MARK_AT + 4) : 0;
    const isMarked = seconds !== 0 || inverted !== 0;
    this.#isMarkValid = !isMarked || inverted === ~seconds >>> 0;
    this.staleSince = isMarked ? seconds * 1000 : undefined;
  }

  get bytes(): Buffer {
    const { length } = this.#raw;
    const isResponse = this.#end > 0 && this.#raw[0] === RESPONSE && this.#isMarkValid;
    this.#bytes ??= this.#raw.subarray(isResponse ? this.#end : length, length);
    return this.#bytes;
  }

  get version(): string {
    if (this.#end === 0) return '';
    const version = this.#raw.toString('latin1', VERSION_AT, this.#end);
    return this.staleSince === undefined ? version : version + STALE_MARK;
  }

  get specs(): Specs | undefined {
    if (this.#end === 0 || this.#raw[0] !== MARKER) return undefined;
    this.#specs ??= decodeSpecs(this.#raw.toString('latin1', this.#end));
    return this.#specs;
  }

  equals(other: EnvelopedValue): boolean {
    return this.#raw.equals(other.#raw);
  }

  copy(): StoredValue {
    return new EnvelopedValue(Buffer.from(this.#raw));
  }
}
