import { type Choice, CODINGS, type Coding } from '../http/content-coding.ts';

/** The encodings of a stored body. A body that was compressed is stored as its encodings, one after the other. */
export interface Encodings {
  /** Length of the identity body in bytes. The identity body itself is not stored. */
  readonly size: number;
  /** Each encoding with its length in bytes, in the order in which they are stored: the preferred one first. */
  readonly list: readonly (readonly [coding: Coding, length: number])[];
}

/** The selected representation of a stored response (RFC 9110 §3.2): the encoding that answers one request. */
export interface SelectedRepresentation {
  readonly coding: Choice;
  /** Empty where the body is not sent: to HEAD, or to a client that already has it. */
  readonly body: Buffer;
}

/** Encodings as they are written into the metadata. */
export type StoredEncodings = readonly [size: number, list: Encodings['list']];

/** Whether a value from the metadata describes the encodings of a stored body of `bodyLength` bytes. */
export function isStoredEncodings(value: unknown, bodyLength: number): value is StoredEncodings {
  if (!Array.isArray(value) || value.length !== 2 || !Array.isArray(value[1])) return false;
  const [size, list] = value;
  const codings = new Set<unknown>();
  let sum = 0;
  for (const item of list) {
    if (!Array.isArray(item) || item.length !== 2) return false;
    const [coding, length] = item;
    if (!CODINGS.includes(coding) || codings.has(coding)) return false;
    if (!Number.isSafeInteger(length) || length < 1) return false;
    codings.add(coding);
    sum += length;
  }
  return Number.isSafeInteger(size) && size > 0 && codings.size > 0 && sum === bodyLength;
}

/** The length of the identity body in bytes. */
export function identitySize({
  body,
  encodings,
}: {
  readonly body: Buffer;
  readonly encodings?: Encodings | undefined;
}): number {
  return encodings ? encodings.size : body.length;
}

/** The bytes of one encoding within a stored body. @throws {TypeError} for a coding that is not stored. */
export function encodingIn(body: Buffer, { list }: Encodings, coding: Coding): Buffer {
  let at = 0;
  for (const [name, length] of list) {
    if (name === coding) return body.subarray(at, at + length);
    at += length;
  }
  throw new TypeError(`The stored response has no ${coding} encoding`);
}
