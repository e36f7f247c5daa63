import { promisify } from 'node:util';
import * as zlib from 'node:zlib';
import type { Coding } from '../http/content-coding.ts';
import { type Encodings, encodingIn } from './encodings.ts';
import { Semaphore } from './semaphore.ts';

/**
 * Compression of stored bodies: a body is encoded once, when it is stored, and decoded for clients without a coding.
 */

/** Which content codings to store a body in (the `compress` option, parsed). */
export interface Compression {
  readonly codings: readonly (readonly [coding: Coding, level: number])[];
  /** Smaller bodies are not compressed, in bytes. */
  readonly threshold: number;
}

type Convert = (bytes: Buffer, options: object) => Promise<Buffer>;
type Callback = (bytes: Buffer, options: object, done: (error: Error | null, bytes: Buffer) => void) => void;

// @types/node describes the oldest supported Node, which has no zstd.
const { zstdCompress, zstdDecompress } = zlib as { zstdCompress?: Callback; zstdDecompress?: Callback };
const { BROTLI_PARAM_QUALITY, BROTLI_PARAM_SIZE_HINT } = zlib.constants;
const decoder = (decompress: Callback): Convert => promisify(decompress);

/** Whether this Node has zstd: 22.15, 23.8 and newer. */
export const HAS_ZSTD: boolean = zstdCompress !== undefined;

const ENCODERS: Record<Coding, ((bytes: Buffer, level: number) => Promise<Buffer>) | undefined> = {
  br: (bytes, quality) => {
    const params = { [BROTLI_PARAM_QUALITY]: quality, [BROTLI_PARAM_SIZE_HINT]: bytes.length };
    return promisify<Buffer, object, Buffer>(zlib.brotliCompress)(bytes, { params });
  },
  gzip: (bytes, level) => promisify<Buffer, object, Buffer>(zlib.gzip)(bytes, { level }),
  zstd: zstdCompress && ((bytes) => promisify(zstdCompress)(bytes, {})),
};
const DECODERS: Record<Coding, Convert | undefined> = {
  br: decoder(zlib.brotliDecompress),
  gzip: decoder(zlib.gunzip),
  zstd: zstdDecompress && decoder(zstdDecompress),
};

/** An encoding larger than this fraction of the identity body is not stored: decoding would cost the client more. */
const MAX_RATIO = 0.9;

/** At most 2 bodies are encoded at once: half of Node's default thread pool, which DNS and file reads need as well. */
const encoders = new Semaphore(2);

/**
 * The body in each coding that makes it smaller, as long as all encodings together are no larger than the identity
 * body. `undefined` when no encoding is worth storing, or when other bodies are still being encoded after `maxWaitMs`.
 * @param maxWaitMs how many milliseconds to wait for a free encoder.
 */
export async function encodeBody(
  { codings, threshold }: Compression,
  chunks: readonly Buffer[],
  maxWaitMs: number,
): Promise<{ readonly encodings: Encodings; readonly chunks: readonly Buffer[] } | undefined> {
  const size = chunks.reduce((sum, chunk) => sum + chunk.length, 0);
  if (size === 0 || size < threshold || !(await encoders.acquire(maxWaitMs))) return undefined;
  try {
    const body = Buffer.concat(chunks);
    const list: [Coding, number][] = [];
    const encoded: Buffer[] = [];
    let bytesLeft = size;
    for (const [coding, level] of codings) {
      const bytes = await ENCODERS[coding]?.(body, level);
      if (!bytes || bytes.length > size * MAX_RATIO || bytes.length > bytesLeft) continue;
      list.push([coding, bytes.length]);
      encoded.push(bytes);
      bytesLeft -= bytes.length;
    }
    return list.length > 0 ? { encodings: { size, list }, chunks: encoded } : undefined;
  } finally {
    encoders.release();
  }
}

/**
 * The identity body of an encoding.
 * @param size length of the identity body in bytes. Decoding stops once the output is longer.
 * @throws what `node:zlib` throws for damaged bytes, and {TypeError} for a body of another length.
 */
export async function decodeBody(coding: Coding, bytes: Buffer, size: number): Promise<Buffer> {
  const decode = DECODERS[coding];
  if (!decode) throw new TypeError(`Node ${process.version} cannot decode ${coding}`);
  const body = await decode(bytes, { maxOutputLength: size });
  if (body.length !== size)
    throw new TypeError(`The ${coding} encoding has ${body.length} bytes, not ${size}`);
  return body;
}

/** Stored responses that are being decoded. Requests for the same one share the result. */
const decoding = new WeakMap<{ readonly body: Buffer }, Promise<Buffer>>();

/** The identity body of a stored response with encodings. Rejects when it is damaged. */
export function decodeIdentity(stored: { readonly body: Buffer }, encodings: Encodings): Promise<Buffer> {
  const running = decoding.get(stored);
  if (running) return running;
  // Gzip, the fastest to decode, comes last wherever it is stored.
  const [coding] = encodings.list.at(-1) as Encodings['list'][number];
  const body = decodeBody(coding, encodingIn(stored.body, encodings, coding), encodings.size);
  const done = body.finally(() => decoding.delete(stored));
  decoding.set(stored, done);
  return done;
}
