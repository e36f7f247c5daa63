import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { decode, decodeHead, encode, headLength } from '../../src/codec/format.ts';
import type { StoredResponse } from '../../src/codec/stored-response.ts';
import { sized } from '../support/long.ts';
import { forge, HEAD } from '../support/stored-head.ts';

/* The binary form of a stored response: what goes in comes out, and what is damaged or forged never does. */

const SEED = { seed: 9111 };
const TOKEN_CHARS = "!#$%&'*+-.^_`|~09azAZ";
const token = fc.string({ unit: fc.constantFrom(...TOKEN_CHARS), minLength: 1, maxLength: 20 });
const latin1 = fc.string({
  unit: fc
    .integer({ min: 0, max: 0xff })
    .filter((c) => c === 9 || (c >= 32 && c !== 127))
    .map((c) => String.fromCharCode(c)),
});
const headers = fc
  .array(fc.tuple(token, fc.oneof(latin1, fc.array(latin1, { maxLength: 4 }))), { maxLength: 8 })
  .map((fields) => fields.flat() as (string | string[])[]);
const head = fc.record({
  key: fc.string({ unit: 'binary' }),
  variant: fc.string({ unit: 'binary' }),
  status: fc.integer({ min: 200, max: 999 }),
  message: latin1,
  headers,
  removedFields: fc.array(token),
  bornAt: fc.integer(),
  lifetime: fc.nat(),
  validateAlways: fc.boolean(),
  neverStale: fc.boolean(),
  staleIfError: fc.nat(),
  staleWhileRevalidate: fc.nat(),
  originMs: fc.nat(),
  tags: fc.array(fc.string()),
  locals: fc.oneof(fc.constant(null), fc.dictionary(fc.string(), fc.jsonValue())),
  cacheLevel: fc.nat({ max: 9 }),
  selectors: fc.array(fc.string()),
  audience: fc.option(
    fc.record({ same: fc.array(fc.string()), different: fc.array(fc.tuple(fc.string(), fc.nat())) }),
    { nil: undefined },
  ),
});
const chunks = fc.array(fc.uint8Array({ maxLength: 300 }), { maxLength: 4 });

describe('encode and decode', () => {
  test('return the same stored response', () => {
    fc.assert(
      fc.property(head, chunks, (stored, body) => {
        const decoded = decode({ bytes: encode(stored, body) });
        const locals = JSON.parse(JSON.stringify(stored.locals));
        expect(decoded).toEqual({ ...stored, locals, body: Buffer.concat(body), purged: false });
      }),
      { ...SEED, numRuns: sized(200, 500) },
    );
  });

  test.each<[string, Uint8Array[]]>([
    ['no chunks', []],
    ['empty chunks', [new Uint8Array(0), Buffer.alloc(0)]],
    ['bytes that read like another entry', [encode(HEAD, [Buffer.from('inner')])]],
    ['a megabyte', [Buffer.alloc(2 ** 20, 7)]],
  ])('keep a body of %s', (_what, body) => {
    const { body: kept, purged: _, ...head } = decode({ bytes: encode(HEAD, body) }) as StoredResponse;
    expect(head).toEqual(HEAD);
    expect(kept.equals(Buffer.concat(body))).toBe(true);
  });

  test('copy the chunks, which the caller may reuse', () => {
    const chunk = Buffer.from('body');
    const bytes = encode(HEAD, [chunk]);
    chunk.fill(0);
    expect(decode({ bytes })?.body.toString()).toBe('body');
  });

  test('keep keys with lone surrogates distinct', () => {
    for (const key of ['\ud800', '\ud801', '\ufffd'])
      expect(decode({ bytes: encode({ ...HEAD, key }, []) })?.key).toBe(key);
  });

  test('refuse values that JSON cannot represent', () => {
    for (const bad of [{ bornAt: Number.NaN }, { lifetime: Number.POSITIVE_INFINITY }])
      expect(decode({ bytes: encode({ ...HEAD, ...bad }, []) })).toBeUndefined();
    expect(() => encode({ ...HEAD, locals: { n: 1n } }, [])).toThrow(TypeError);
  });
});

describe('damaged bytes are not decoded', () => {
  const sample = encode(HEAD, [Buffer.from('a body\0\xff', 'latin1')]);

  test('with any single bit flipped', () => {
    for (let i = 0; i < sample.length * 8; i++) {
      const bytes = Buffer.from(sample);
      bytes[i >> 3] = (bytes[i >> 3] as number) ^ (1 << (i & 7));
      expect(decode({ bytes })).toBeUndefined();
    }
  });

  test('with any single byte changed to any other', () => {
    const bytes = Buffer.from(sample);
    let decoded = 0;
    for (let i = 0; i < bytes.length; i++) {
      for (let flip = 1; flip < 256; flip++) {
        bytes[i] = (sample[i] as number) ^ flip;
        if (decode({ bytes })) decoded++;
      }
      bytes[i] = sample[i] as number;
    }
    expect(decoded).toBe(0);
    expect(decode({ bytes })).toBeDefined();
  });

  test('cut off at the end', () => {
    for (let length = 0; length < sample.length; length++)
      expect(decode({ bytes: sample.subarray(0, length) })).toBeUndefined();
  });

  test('cut off at the beginning', () => {
    for (let from = 1; from <= sample.length; from++)
      expect(decode({ bytes: sample.subarray(from) })).toBeUndefined();
  });

  test('with bytes appended', () => {
    for (const more of [Buffer.alloc(1), sample])
      expect(decode({ bytes: Buffer.concat([sample, more]) })).toBeUndefined();
  });

  test('with wrong lengths', () => {
    for (const [metaLength, bodyLength] of [
      [0xffffffff, 0],
      [0, 0xffffffff],
      [0xffffffff, 0xffffffff],
      [0, 0],
    ] as const) {
      const bytes = Buffer.from(sample);
      bytes.writeUInt32BE(metaLength, 8);
      bytes.writeUInt32BE(bodyLength, 12);
      expect(decode({ bytes })).toBeUndefined();
    }
  });

  test('when they are random, and nothing throws', () => {
    const anything = fc.oneof(
      fc.uint8Array({ maxLength: 200 }),
      fc.uint8Array({ maxLength: 60 }).map((rest) => Uint8Array.from([1, 0, 0, 0, ...rest])),
      fc.uint8Array({ maxLength: 60 }).map((rest) => Uint8Array.from([2, ...rest])),
    );
    fc.assert(
      fc.property(anything, (bytes) => {
        expect(decode({ bytes: Buffer.from(bytes) })).toBeUndefined();
      }),
      { ...SEED, numRuns: sized(1000, 5000) },
    );
  });

  test('when only the checksum is right, and nothing throws', () => {
    const meta = fc.oneof(
      fc.string(),
      fc.jsonValue().map((value) => JSON.stringify(value)),
      fc.uint8Array().map((b) => Buffer.from(b)),
    );
    fc.assert(
      fc.property(meta, (m) => {
        expect(decode({ bytes: forge(m) })).toBeUndefined();
      }),
      { ...SEED, numRuns: sized(500, 2000) },
    );
  });
});

describe('the head', () => {
  const bytes = encode(HEAD, [Buffer.from('the body')]);

  test('alone is decoded as the response without its body', () => {
    const { body, ...head } = decodeHead({
      head: bytes.subarray(0, headLength(bytes)),
      length: bytes.length,
    }) as StoredResponse;
    expect([head, body.length]).toEqual([{ ...HEAD, purged: false }, 0]);
  });

  test('is not decoded with a byte less, or with another length', () => {
    const head = bytes.subarray(0, headLength(bytes));
    expect(decodeHead({ head: head.subarray(0, -1), length: bytes.length })).toBeUndefined();
    for (const length of [head.length, bytes.length - 1, bytes.length + 1])
      expect(decodeHead({ head, length })).toBeUndefined();
  });
});

describe('a soft purge', () => {
  const bytes = encode(HEAD, [Buffer.from('body')]);
  const lifetimeSince = (staleSince: number) => decode({ bytes, staleSince })?.lifetime;

  test('ends the lifetime, and makes the response stale whatever the clock says', () => {
    expect(decode({ bytes, staleSince: HEAD.bornAt + 5000 })).toMatchObject({ purged: true, lifetime: 5000 });
    expect(decode({ bytes, staleSince: undefined })).toMatchObject({
      purged: false,
      lifetime: HEAD.lifetime,
    });
  });

  test('never makes the lifetime longer, nor less than nothing', () => {
    expect(lifetimeSince(HEAD.bornAt + HEAD.lifetime + 1)).toBe(HEAD.lifetime);
    expect(lifetimeSince(HEAD.bornAt - 1)).toBe(0);
  });
});
