import { type Choice, CODINGS, type Coding } from '../http/content-coding.ts';

/** The encodings that a response is stored in, when its body was compressed at store time. */
export interface Encodings {
  /** Length of the body without any, in bytes. It is not stored in that form. */
  readonly size: number;
  /** Which ones, the preferred one first, and how many bytes each has: the stored body is these, one after the other. */
  readonly list: readonly (readonly [coding: Coding, length: number])[];
}

/** The representation that answers a request, of those that a stored response can be sent in. */
export interface Chosen {
  readonly coding: Choice;
  /** Empty where none of it will be sent: to a HEAD, or to a client that has it already. */
  readonly body: Buffer;
}

/** As it stands in the metadata. */
export type StoredEncodings = readonly [size: number, list: Encodings['list']];

/** Whether this tells how a stored body of so many bytes is made up. */
export function isStoredEncodings(value: unknown, stored: number): value is StoredEncodings {
  if (!Array.isArray(value) || value.length !== 2 || !Array.isArray(value[1])) return false;
  const [size, list] = value;
  const known = new Set<unknown>();
  let sum = 0;
  for (const one of list) {
    if (!Array.isArray(one) || one.length !== 2) return false;
    const [coding, length] = one;
    if (!CODINGS.includes(coding) || known.has(coding)) return false;
    if (!Number.isSafeInteger(length) || length < 1) return false;
    known.add(coding);
    sum += length;
  }
  return Number.isSafeInteger(size) && size > 0 && known.size > 0 && sum === stored;
}

/** The length of the body as the app sent it, in bytes. */
export function sizeOf({
  body,
  encodings,
}: {
  readonly body: Buffer;
  readonly encodings?: Encodings | undefined;
}): number {
  return encodings ? encodings.size : body.length;
}

/** The bytes of one of the encodings in a stored body. */
export function encodingIn(body: Buffer, { list }: Encodings, coding: Coding): Buffer {
  let at = 0;
  for (const [name, length] of list) {
    if (name === coding) return body.subarray(at, at + length);
    at += length;
  }
  throw new TypeError(`not stored in ${coding}`);
}
