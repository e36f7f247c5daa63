import { describe, expect, test } from '@jest/globals';
import { DecodeCache, Decoded } from '../../src/codec/decode-cache.ts';
import { encode } from '../../src/codec/format.ts';
import { Keyring } from '../../src/codec/keyring.ts';
import type { StoredResponse } from '../../src/codec/stored-response.ts';
import { enclose, parseValue } from '../../src/store/redis/envelope.ts';
import type { StoredValue } from '../../src/store/store.ts';
import { HEAD } from '../support/stored-head.ts';

/* What is decoded once and used again: the response is always that of the value that was read. */

interface Parts {
  readonly body?: string;
  readonly etag?: string;
  readonly version?: string;
  readonly staleSince?: number;
}

function rawOf({ body = 'body', etag = '"1"', version = 'v1', staleSince }: Parts = {}): Buffer {
  const headers = ['Content-Type', 'text/plain', 'ETag', etag];
  const bytes = encode({ ...HEAD, headers }, [Buffer.from(body)]);
  return Buffer.from(enclose({ bytes }, version, staleSince));
}

const valueWith = (parts?: Parts): StoredValue => parseValue(rawOf(parts)) as StoredValue;

function caching(): { decode(value: StoredValue): StoredResponse | undefined } {
  const cache = new DecodeCache(new Keyring([], 'rrc:', () => {}));
  const decoded = new Decoded();
  return { decode: (value) => cache.decode(decoded, 'id', value) };
}

const shown = (stored: StoredResponse | undefined): unknown =>
  stored && { etag: stored.headers[3], body: stored.body.toString(), purged: stored.purged };

describe('values that are read one after the other are decoded as themselves', () => {
  const rows: [string, Parts[]][] = [
    ['the same value', [{}, {}, {}, {}]],
    [
      'another body of the same length',
      [{ body: 'aaaa' }, { body: 'aaaa' }, { body: 'bbbb' }, { body: 'aaaa' }],
    ],
    ['another body under the same head', [{}, { body: 'a longer body' }, { body: '' }, {}]],
    ['another head with the same body', [{}, {}, { etag: '"2"' }, { etag: '"2"' }, {}]],
    ['another version of the same bytes', [{}, {}, { version: 'v2' }, { version: 'v3' }]],
    ['a value that was marked stale, and the one before', [{}, {}, { staleSince: 1_700_000_001_000 }, {}]],
    ['a mark that has moved', [{ staleSince: 1_700_000_001_000 }, { staleSince: 1_700_000_002_000 }, {}]],
    [
      'a large body',
      [{ body: 'x'.repeat(2_000_000) }, { body: 'x'.repeat(2_000_000) }, { body: 'y'.repeat(2_000_000) }],
    ],
    ['a large head', [{ etag: `"${'e'.repeat(9000)}"` }, { etag: `"${'f'.repeat(9000)}"` }, {}]],
  ];
  test.each(rows)('%s', (_what, sequence) => {
    const { decode } = caching();
    for (const parts of sequence)
      expect(shown(decode(valueWith(parts)))).toEqual(shown(caching().decode(valueWith(parts))));
  });
});

describe('a damaged value', () => {
  test.each([
    ['in its last byte', (raw: Buffer) => raw.length - 1],
    ['in its metadata', (raw: Buffer) => raw.indexOf('text/plain')],
  ])('%s is no response, however often it was decoded before', (_where, at) => {
    const { decode } = caching();
    for (let reads = 0; reads < 4; reads++) {
      expect(shown(decode(valueWith()))).toMatchObject({ body: 'body' });
      const raw = rawOf();
      const byte = at(raw);
      raw[byte] = (raw[byte] as number) ^ 1;
      expect(decode(parseValue(raw) as StoredValue)).toBeUndefined();
    }
  });
});

test('a value that is read twice is decoded no more', () => {
  const { decode } = caching();
  const [first, second, third] = [decode(valueWith()), decode(valueWith()), decode(valueWith())];
  expect(second).not.toBe(first);
  expect(third).toBe(second);
});

test('what is kept does not change with the buffer that it was read into', () => {
  const { decode } = caching();
  const read = rawOf();
  decode(valueWith());
  expect(shown(decode(parseValue(read) as StoredValue))).toMatchObject({ body: 'body' });
  read.fill(0);
  expect(shown(decode(valueWith()))).toMatchObject({ body: 'body', etag: '"1"' });
});

test('a body of 900 kB at each of 100 variants takes about 32 MB', () => {
  const cache = new DecodeCache(new Keyring([], 'rrc:', () => {}));
  const variants = Array.from({ length: 100 }, () => new Decoded());
  const value = (i: number): StoredValue => valueWith({ body: String(i).padEnd(900_000) });
  for (let round = 0; round < 2; round++)
    variants.forEach((decoded, i) => void cache.decode(decoded, 'id', value(i)));
  const kept = variants.filter(({ whole }) => whole !== undefined);
  expect(kept.length).toBeGreaterThan(25);
  expect(kept.length).toBeLessThan(40);
});
