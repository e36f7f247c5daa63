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
  return chunk instanceof Uint8Array ? Buffer.from(chunk) : Buffer.alloc(0);
}

function encodingOf(encoding: unknown): BufferEncoding {
  return typeof encoding === 'string' ? (encoding as BufferEncoding) : 'utf8';
}
