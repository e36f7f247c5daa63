import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { encode, HEADROOM } from '../../src/codec/format.ts';
import { MAX_SPECS } from '../../src/store/marker.ts';
import { enclose, parseValue, staleMark } from '../../src/store/redis/envelope.ts';
import { enveloped, payloadAt } from '../support/envelope.ts';
import { HEAD } from '../support/stored-head.ts';

/* The envelope of values in Redis: the store and its scripts write it, and nothing that is read back is trusted. */

const BYTES = encode(HEAD, [Buffer.from('a body\0\xff', 'latin1')]);
const RAW = enveloped(BYTES, 'a-token');

function marked(raw: Buffer, staleSince: number): Buffer {
  const copy = Buffer.from(raw);
  staleMark(staleSince).copy(copy, 1);
  return copy;
}

function marker(text: string): Buffer {
  return Buffer.concat([Buffer.from([4, 0, 0, 0, 0, 0, 0, 0, 0, 1]), Buffer.from(`*${text}`, 'latin1')]);
}

const DAMAGE = { length: 0, version: '', staleSince: undefined, specs: undefined };

function seen(raw: Buffer) {
  const value = parseValue(raw);
  return value && { length: value.bytes.length, ...pick(value) };
}

function pick({ version, staleSince, specs }: NonNullable<ReturnType<typeof parseValue>>) {
  return { version, staleSince, specs };
}

describe('a stored response', () => {
  test('has its bytes and its version', () => {
    expect(parseValue(RAW)?.bytes).toEqual(BYTES);
    expect(seen(RAW)).toEqual({ ...DAMAGE, length: BYTES.length, version: 'a-token' });
  });

  test('has another version once a soft purge has marked it, and the time in whole seconds', () => {
    const value = parseValue(marked(RAW, 1_700_000_000_999));
    expect(value?.bytes).toEqual(BYTES);
    expect(value).toMatchObject({ version: 'a-token~', staleSince: 1_700_000_000_000 });
  });

  test('may have no bytes, and a version of any length', () => {
    for (const version of ['', 'v', 'v'.repeat(255)]) {
      expect(seen(enveloped(Buffer.alloc(0), version))).toEqual({ ...DAMAGE, version });
      expect(parseValue(enveloped(BYTES, version))?.bytes).toEqual(BYTES);
    }
  });

  test('equals the same bytes with the same version and mark alone', () => {
    const value = parseValue(RAW);
    const same = (raw: Buffer) => value?.equals(parseValue(raw)!);
    expect(same(Buffer.from(RAW))).toBe(true);
    expect(same(enveloped(BYTES, 'another'))).toBe(false);
    expect(same(marked(RAW, 1.7e12))).toBe(false);
    expect(same(enveloped(Buffer.concat([BYTES, BYTES]), 'a-token'))).toBe(false);
  });

  test('is copied out of the buffer that a client has read', () => {
    const large = Buffer.concat([RAW, Buffer.alloc(100_000)]);
    const value = parseValue(large.subarray(0, RAW.length));
    const copy = value?.copy();
    large.fill(0);
    expect([copy?.bytes, copy?.version]).toEqual([BYTES, 'a-token']);
    expect(value?.bytes.length === 0 || value?.bytes[0] === 0).toBe(true);
  });
});

describe('enclose', () => {
  const SINCE = 1.7e12;

  test.each([undefined, SINCE])('puts the envelope in front, stale since %p', (staleSince) => {
    const expected = staleSince === undefined ? RAW : marked(RAW, staleSince);
    expect(enclose({ bytes: BYTES }, 'a-token', staleSince)).toEqual(expected);
  });

  test('writes it into the headroom that encode has left, without a copy, and touches nothing else', () => {
    const neighbors = Array.from({ length: 50 }, (_, i) => encode(HEAD, [Buffer.from(`body ${i}`)]));
    const before = neighbors.map((bytes) => Buffer.from(bytes));
    for (const [i, bytes] of neighbors.entries()) {
      const raw = enclose({ bytes, headroom: HEADROOM }, 'a-token', SINCE);
      expect(raw.buffer).toBe(bytes.buffer);
      expect(raw).toEqual(marked(enveloped(before[i] as Buffer, 'a-token'), SINCE));
    }
    expect(neighbors).toEqual(before);
  });

  test('copies where the headroom is too small for the version', () => {
    const version = 'v'.repeat(HEADROOM);
    const raw = enclose({ bytes: BYTES, headroom: HEADROOM }, version);
    expect(raw.buffer).not.toBe(BYTES.buffer);
    expect(raw).toEqual(enveloped(BYTES, version));
  });
});

describe('damage', () => {
  test('cut off within the envelope has no bytes and no version', () => {
    for (let length = 0; length < payloadAt(RAW); length++)
      expect(seen(RAW.subarray(0, length))).toEqual(DAMAGE);
  });

  test.each([0, 5, 9, 0x7b, 255])('of kind %d has no bytes and no version', (kind) => {
    expect(seen(Buffer.concat([Buffer.from([kind]), RAW.subarray(1)]))).toEqual(DAMAGE);
  });

  test('of any bit of a mark has no bytes', () => {
    for (const raw of [RAW, marked(RAW, 1.7e12)]) {
      for (let bit = 8; bit < 72; bit++) {
        const bytes = Buffer.from(raw);
        bytes[bit >> 3]! ^= 1 << (bit & 7);
        expect(parseValue(bytes)?.bytes.length).toBe(0);
      }
    }
  });

  test('that is random is never more than what is behind an envelope, and nothing throws', () => {
    const head = fc.uint8Array({ maxLength: 12 });
    fc.assert(
      fc.property(fc.constantFrom(3, 4, 5), head, fc.uint8Array({ maxLength: 60 }), (kind, head, rest) => {
        const raw = Buffer.from([kind, ...head, ...rest]);
        const value = parseValue(raw);
        expect(value?.bytes.length).toBeLessThanOrEqual(Math.max(0, raw.length - 10));
        for (const name of value?.specs?.flat() ?? []) expect(name).toMatch(/^[!#-'*+\-.0-9A-Z^-z|~]+$/);
      }),
      { seed: 9111, numRuns: 500 },
    );
  });
});

describe('a value of version 0.1.0', () => {
  test.each([
    ['response', BYTES],
    ['marker', Buffer.from('\x02accept')],
  ])('(a %s) is none', (_what, bytes) => {
    expect(parseValue(bytes)).toBeUndefined();
  });
});

describe('a marker', () => {
  test.each<[string, string[][]]>([
    ['', [[]]],
    ['a', [['a']]],
    ['a,b\nc', [['a', 'b'], ['c']]],
    ['\na', [[], ['a']]],
    ['a\n\nb,c', [['a'], [], ['b', 'c']]],
  ])('%j lists %j', (text, specs) => {
    expect(seen(marker(text))).toEqual({ ...DAMAGE, version: '*', specs });
  });

  test.each(['a,,b', ',a', 'a,', 'a b', 'a\r', '\n\n\0', 'a:b', '\xe9', '{}'])('%j is damaged', (text) => {
    expect(seen(marker(text))).toEqual({ ...DAMAGE, version: '*' });
  });

  test('with more sets than are ever written is damaged', () => {
    const names = Array.from({ length: MAX_SPECS + 1 }, (_, i) => `x-${i}`);
    expect(seen(marker(names.join('\n')))?.specs).toBeUndefined();
    expect(seen(marker(names.slice(1).join('\n')))?.specs).toEqual(names.slice(1).map((name) => [name]));
  });

  test('is no response, whatever it lists', () => {
    const raw = Buffer.from(RAW);
    raw[0] = 4;
    expect(parseValue(raw)?.bytes.length).toBe(0);
  });
});
