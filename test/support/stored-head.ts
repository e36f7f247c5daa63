import { crc32 } from 'node:zlib';
import type { StoredHead } from '../../src/codec/stored-response.ts';

/** A stored response's head with something in every field. */
export const HEAD: StoredHead = {
  key: 'GET http://h/a?b=c',
  variant: '["",[],[]]',
  status: 200,
  message: 'Fine',
  headers: ['Content-Type', 'text/plain', 'Link', ['<a>', '<b>'], 'X-Latin', 'caf\xe9\t\xff'],
  removedFields: ['x-powered-by'],
  bornAt: 1_700_000_000_123,
  lifetime: 3_600_000,
  validateAlways: false,
  neverStale: true,
  staleIfError: 60_000,
  staleWhileRevalidate: 30_000,
  originMs: 1234,
  tags: ['leads'],
  locals: { user: { id: 1, tags: ['a'] } },
  cacheLevel: 1,
  selectors: ['accept', 'res.locals.lang'],
  audience: { same: ['', 'a'], different: [['b', 1_700_000_600_123]] },
};

/** The metadata of that head as it is stored, with one of its places taken by something else. */
export function metadata(place = -1, value?: unknown): unknown[] {
  const { key, variant, status, message, headers, removedFields, tags, locals, selectors, audience } = HEAD;
  const all: unknown[] = [key, variant, status, message, headers, removedFields, ageing(), tags, locals];
  all.push(selectors, audience && [audience.same, audience.different]);
  return place < 0 ? all : all.with(place, value);
}

/** How that head ages, as it is stored, with one of its places taken by something else. */
export function ageing(place = -1, value?: unknown): unknown[] {
  const all: unknown[] = [HEAD.bornAt, HEAD.lifetime, 2, HEAD.staleIfError, 30_000, 1234];
  return place < 0 ? all : all.with(place, value);
}

/** Bytes that are in order as far as lengths and sum tell, whatever metadata they have. */
export function forge(meta: unknown, body = 'body', first = 1): Buffer {
  const text = Buffer.isBuffer(meta)
    ? meta
    : Buffer.from(typeof meta === 'string' ? meta : JSON.stringify(meta));
  const bytes = Buffer.concat([Buffer.alloc(16), text, Buffer.from(body)]);
  bytes[0] = first;
  bytes.writeUInt32BE(text.length, 8);
  bytes.writeUInt32BE(Buffer.byteLength(body), 12);
  bytes.writeUInt32BE(crc32(bytes.subarray(8)), 4);
  return bytes;
}
