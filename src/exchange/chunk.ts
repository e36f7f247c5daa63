/** The arguments of `write` and `end`, as far as they are a chunk of the body. */
type Arguments = readonly unknown[];

/** How many bytes it has. */
export function sizeOf([chunk, encoding]: Arguments): number {
  if (typeof chunk === 'string') return Buffer.byteLength(chunk, encodingOf(encoding));
  return chunk instanceof Uint8Array ? chunk.length : 0;
}

/** A private copy of a chunk: the handler may use its buffer again later. */
export function bytesOf([chunk, encoding]: Arguments): Buffer {
  if (typeof chunk === 'string') return Buffer.from(chunk, encodingOf(encoding));
  return chunk instanceof Uint8Array ? Buffer.from(chunk) : Buffer.alloc(0);
}

function encodingOf(encoding: unknown): BufferEncoding {
  return typeof encoding === 'string' ? (encoding as BufferEncoding) : 'utf8';
}
