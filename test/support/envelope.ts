import { headLength } from '../../src/codec/format.ts';

/* The form of values in Redis, as the documentation of the envelope has it. */

const RESPONSE = 3;

/** A stored response as a fill would have left it in its field. */
export function enveloped(bytes: Buffer, version = 'version'): Buffer {
  const envelope = Buffer.alloc(10);
  envelope[0] = RESPONSE;
  envelope[9] = version.length;
  return Buffer.concat([envelope, Buffer.from(version), bytes]);
}

/** Where the bytes begin that were stored. */
export function payloadAt(raw: Buffer): number {
  return 10 + (raw[9] as number);
}

/** The bytes that were stored. */
export function payloadOf(raw: Buffer): Buffer {
  return raw.subarray(payloadAt(raw));
}

export function versionIn(raw: Buffer): string {
  return raw.toString('latin1', 10, payloadAt(raw));
}

/** All fields of a stored response, for HSET: the value, and what scripts need to know of it. */
export function fieldsOf(variant: string, bytes: Buffer, ttlMs: number): (string | Buffer)[] {
  const record = `R${Date.now() + ttlMs} ${headLength(bytes)} version`;
  return [variant, enveloped(bytes), `!${variant}`, record];
}
