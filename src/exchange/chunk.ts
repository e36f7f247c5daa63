import { type Piece, TextPiece } from '../codec/piece.ts';

/** Body chunks: the first two arguments of `write` and `end`, as far as they are a chunk and its encoding. */
type Arguments = readonly unknown[];

/** The size of the chunk in bytes; 0 without one. */
export function chunkSize([chunk, encoding]: Arguments): number {
  if (typeof chunk === 'string') return Buffer.byteLength(chunk, encodingOf(encoding));
  return chunk instanceof Uint8Array ? chunk.length : 0;
}

/** A copy of the chunk, because the handler may reuse its buffer. */
export function chunkBytes([chunk, encoding]: Arguments): Buffer {
  if (typeof chunk === 'string') return Buffer.from(chunk, encodingOf(encoding));
  return chunk instanceof Uint8Array ? Buffer.from(chunk) : NOTHING;
}

const NOTHING = Buffer.alloc(0);

/** The chunk without a copy, which is the handler's own; `undefined` without one. */
function chunkPiece([chunk, encoding]: Arguments): Piece | undefined {
  if (chunk instanceof Uint8Array) return chunk;
  if (typeof chunk !== 'string') return undefined;
  const name = encodingOf(encoding);
  return TextPiece.of(chunk, name) ?? Buffer.from(chunk, name);
}

function encodingOf(encoding: unknown): BufferEncoding {
  return typeof encoding === 'string' ? (encoding as BufferEncoding) : 'utf8';
}

/**
 * The body of a response that the handler has ended. What it gave to `end` is still the handler's own, which may reuse the
 * buffer as soon as `end` returns: until then the body is written to where it is stored, or `copy` is called.
 */
export class CapturedBody {
  readonly #written: Buffer[];
  #last: Piece | undefined;
  #isOver = false;

  /** @param written copies of what the handler has written before. @param end the arguments of `end`. */
  constructor(written: Buffer[], end: Arguments) {
    this.#written = written;
    this.#last = chunkPiece(end);
  }

  /**
   * The body without a copy, to be used before `end` returns.
   * @throws {TypeError} later, unless `copy` was called before.
   */
  get pieces(): readonly Piece[] {
    this.#check();
    return this.#last ? [...this.#written, this.#last] : this.#written;
  }

  /**
   * The body in chunks that stay. What is the handler's own is copied at the first call.
   * @throws {TypeError} where the first call comes after `end` has returned.
   */
  copy(): readonly Buffer[] {
    this.#check();
    const last = this.#last;
    if (last) this.#written.push(last instanceof TextPiece ? last.toBytes() : Buffer.from(last));
    this.#last = undefined;
    return this.#written;
  }

  /** `end` has returned: whatever was not copied is the handler's again. */
  release(): void {
    this.#isOver = this.#last !== undefined;
    this.#last = undefined;
  }

  #check(): void {
    if (this.#isOver) throw new TypeError('the body was not copied before the handler got its buffer back');
  }
}
