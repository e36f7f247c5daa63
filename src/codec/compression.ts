import { promisify } from 'node:util';
import * as zlib from 'node:zlib';
import type { Coding } from '../http/content-coding.ts';
import type { Encodings } from './encodings.ts';

/** Content codings of stored bodies: a body is encoded once, when it is stored. */

/** Which codings to store a body in (the `compress` option, parsed). */
export interface Compression {
  readonly codings: readonly (readonly [coding: Coding, level: number])[];
  /** In bytes. */
  readonly threshold: number;
}

type Convert = (bytes: Buffer, options: object) => Promise<Buffer>;
type Callback = (bytes: Buffer, options: object, done: (error: Error | null, bytes: Buffer) => void) => void;

// Node's types are those of its oldest version here.
const { zstdCompress, zstdDecompress } = zlib as { zstdCompress?: Callback; zstdDecompress?: Callback };
const { BROTLI_PARAM_QUALITY, BROTLI_PARAM_SIZE_HINT } = zlib.constants;
const unzip = (decompress: Callback): Convert => promisify(decompress);

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
  br: unzip(zlib.brotliDecompress),
  gzip: unzip(zlib.gunzip),
  zstd: zstdDecompress && unzip(zstdDecompress),
};

/** A coding that leaves more of the body than this is not worth decoding at the client. */
const WORTH = 0.9;

/**
 * The body in each coding that makes it smaller, as long as all of them together are no larger than it was; `undefined`
 * where none is worth it, or other bodies kept it waiting too long.
 * @param patience how many milliseconds it may wait for its turn.
 */
export async function encodings(
  { codings, threshold }: Compression,
  chunks: readonly Buffer[],
  patience: number,
): Promise<{ readonly encodings: Encodings; readonly chunks: readonly Buffer[] } | undefined> {
  const length = chunks.reduce((sum, chunk) => sum + chunk.length, 0);
  if (length === 0 || length < threshold || !(await turn(patience))) return undefined;
  try {
    const body = Buffer.concat(chunks);
    const list: [Coding, number][] = [];
    const made: Buffer[] = [];
    let left = length;
    for (const [coding, level] of codings) {
      const bytes = await ENCODERS[coding]?.(body, level);
      if (!bytes || bytes.length > length * WORTH || bytes.length > left) continue;
      list.push([coding, bytes.length]);
      made.push(bytes);
      left -= bytes.length;
    }
    return list.length > 0 ? { encodings: { size: length, list }, chunks: made } : undefined;
  } finally {
    pass();
  }
}

/**
 * The body again. It is never longer than this many bytes while it is made.
 * @throws what `node:zlib` does for bytes that are not in this coding, and for more of them.
 */
export async function decoded(coding: Coding, bytes: Buffer, length: number): Promise<Buffer> {
  const decode = DECODERS[coding];
  if (!decode) throw new TypeError(`Node ${process.version} has no ${coding}`);
  const body = await decode(bytes, { maxOutputLength: length });
  if (body.length !== length) throw new TypeError(`${body.length} bytes in place of ${length}`);
  return body;
}

/** So many bodies are encoded at once in a process: half of Node's threads, which look up names and read files too. */
const AT_ONCE = 2;
let running = 0;
const waiting = new Set<() => void>();

/** Resolves to whether it is time, within so many milliseconds. */
function turn(patience: number): Promise<boolean> | boolean {
  if (running < AT_ONCE) {
    running++;
    return true;
  }
  return new Promise((resolve) => {
    const go = (): void => {
      clearTimeout(timer);
      resolve(true);
    };
    const timer = setTimeout(() => resolve(!waiting.delete(go)), patience).unref();
    waiting.add(go);
  });
}

/** Gives the turn to who waits longest. */
function pass(): void {
  const [next] = waiting;
  if (!next) {
    running--;
    return;
  }
  waiting.delete(next);
  next();
}
