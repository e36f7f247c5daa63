import { type FieldValue, joined } from '../http/cache-control.ts';
import type { Difference } from '../observe/shadow-stats.ts';

/** An answer of the app, as far as two of them are compared. */
export interface Answer {
  readonly status: number;
  field(name: string): FieldValue;
  /** The body as the app sent it, in one piece or in several. */
  readonly chunks: readonly Uint8Array[];
}

/** Fields that describe the body. Dates, ages and ids differ from response to response and make none of them another. */
const SIGNIFICANT = [
  ...['content-type', 'content-encoding', 'content-language', 'content-disposition', 'content-range'],
  ...['location', 'link', 'vary'],
] as const;

export function differenceOf(a: Answer, b: Answer): Difference {
  return {
    status: a.status !== b.status,
    headers: SIGNIFICANT.some((name) => (joined(a.field(name)) ?? '') !== (joined(b.field(name)) ?? '')),
    body: !sameBytes(a.chunks, b.chunks),
  };
}

export function isSameAnswer(a: Answer, b: Answer): boolean {
  const { status, headers, body } = differenceOf(a, b);
  return !status && !headers && !body;
}

function sameBytes(a: readonly Uint8Array[], b: readonly Uint8Array[]): boolean {
  const length = (chunks: readonly Uint8Array[]): number =>
    chunks.reduce((sum, chunk) => sum + chunk.length, 0);
  return length(a) === length(b) && Buffer.concat(a).equals(Buffer.concat(b));
}
