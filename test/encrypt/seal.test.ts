import { createSecretKey, webcrypto } from 'node:crypto';
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { isSealed, keyIdOf, open, type SealingKey, seal } from '../../src/codec/encryption.ts';
import { encode } from '../../src/codec/format.ts';
import { HEAD } from '../support/stored-head.ts';

/* The sealed form: another implementation of AES-GCM agrees with it, and what was touched or moved is not opened. */

const SEED = { seed: 9111 };
const RAW = Buffer.from(Array.from({ length: 32 }, (_, i) => i));
const KEY: SealingKey = { id: '2026-11', key: createSecretKey(RAW) };
const OTHER: SealingKey = { id: '2026-11', key: createSecretKey(Buffer.alloc(32, 7)) };
const PLACE = 'rrc:{GET http://h/a?b=c}';
const PLAIN = encode(HEAD, [Buffer.from('the body')]);

/** `sealed in 2026`, sealed then. */
const FROZEN = 'AQEAAEHjiOvcSVfCXPXqmQcyMDI2LTEx68sOpBzYuPxw9KD+QfJZmVLcAXDpnsRnVsKp6xLy';

/** Where the parts of a frame are, as the documentation of the form has it. */
function partsOf(frame: Buffer) {
  const at = 17 + (frame[16] as number);
  return {
    nonce: frame.subarray(4, 16),
    beside: (place: string) =>
      Buffer.concat([frame.subarray(0, 4), frame.subarray(16, at), Buffer.from(place)]),
    sealed: frame.subarray(at),
  };
}

const gcm = (iv: Buffer, additionalData: Buffer) => ({ name: 'AES-GCM', iv, additionalData, tagLength: 128 });
const imported = (): Promise<webcrypto.CryptoKey> =>
  webcrypto.subtle.importKey('raw', RAW, 'AES-GCM', false, ['encrypt', 'decrypt']);

describe('a sealed value', () => {
  test('is decrypted by Web Cryptography as AES-256-GCM', async () => {
    const { nonce, beside, sealed } = partsOf(seal(KEY, PLACE, PLAIN));
    const opened = await webcrypto.subtle.decrypt(gcm(nonce, beside(PLACE)), await imported(), sealed);
    expect(Buffer.from(opened)).toEqual(PLAIN);
  });

  test('that Web Cryptography has encrypted is opened', async () => {
    const frame = Buffer.concat([Buffer.alloc(16), Buffer.from('\x072026-11')]);
    frame[0] = frame[1] = 1;
    frame.fill(0xab, 4, 8).fill(0xcd, 8, 16);
    const { nonce, beside } = partsOf(frame);
    const sealed = await webcrypto.subtle.encrypt(gcm(nonce, beside(PLACE)), await imported(), PLAIN);
    expect(open(KEY, PLACE, Buffer.concat([frame, Buffer.from(sealed)]))).toEqual(PLAIN);
  });

  test('that an earlier version has sealed is opened', () => {
    const frame = Buffer.from(FROZEN, 'base64');
    expect(keyIdOf(frame)).toBe('2026-11');
    expect(open(KEY, PLACE, frame)?.toString()).toBe('sealed in 2026');
  });

  test('contains nothing of the plain value, and no two are equal', () => {
    const frames = Array.from({ length: 100 }, () => seal(KEY, PLACE, PLAIN));
    expect(frames.some((frame) => frame.includes('body'))).toBe(false);
    expect(new Set(frames.map((frame) => frame.toString('hex', 4, 16))).size).toBe(100);
  });

  test('is opened to the plain value, for every value and location', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), fc.string({ unit: 'binary' }), (plain, place) => {
        const frame = seal(KEY, place, plain);
        expect(isSealed(frame)).toBe(true);
        expect(open(KEY, place, frame)).toEqual(Buffer.from(plain));
      }),
      { ...SEED, numRuns: 200 },
    );
  });
});

describe('a sealed value is not opened', () => {
  const frame = seal(KEY, PLACE, PLAIN);

  test('with any bit flipped', () => {
    const opened = new Set<number>();
    for (let bit = 0; bit < frame.length * 8; bit++) {
      const byte = bit >> 3;
      const flipped = Buffer.from(frame);
      flipped[byte] = (flipped[byte] as number) ^ (1 << (bit & 7));
      if (open(KEY, PLACE, flipped)) opened.add(byte);
    }
    expect([...opened]).toEqual([]);
  });

  test('with bytes removed or added', () => {
    for (let length = 0; length < frame.length; length++) {
      expect(open(KEY, PLACE, frame.subarray(0, length))).toBeUndefined();
      expect(open(KEY, PLACE, frame.subarray(length + 1))).toBeUndefined();
    }
    expect(open(KEY, PLACE, Buffer.concat([frame, Buffer.alloc(1)]))).toBeUndefined();
  });

  test('at another location', () => {
    fc.assert(
      fc.property(fc.string(), (place) => {
        fc.pre(place !== PLACE);
        expect(open(KEY, place, frame)).toBeUndefined();
      }),
      SEED,
    );
    // What ends one part and what begins the next cannot be told apart by a longer id.
    const short = seal({ ...KEY, id: 'a' }, `b${PLACE}`, PLAIN);
    expect(open({ ...KEY, id: 'ab' }, PLACE, short)).toBeUndefined();
  });

  test('with another key, whether its id is the same or not', () => {
    expect(open(OTHER, PLACE, frame)).toBeUndefined();
    expect(open({ ...KEY, id: '2027-01' }, PLACE, frame)).toBeUndefined();
    expect(open(KEY, PLACE, frame)).toEqual(PLAIN);
  });

  test('when it is no sealed value', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        expect(open(KEY, PLACE, Buffer.from(bytes))).toBeUndefined();
        expect(open(KEY, PLACE, Buffer.from([1, 1, 0, 0, ...bytes]))).toBeUndefined();
      }),
      { ...SEED, numRuns: 500 },
    );
  });
});

describe('the id of the key', () => {
  test.each<[string, Buffer]>([
    ['nothing', Buffer.alloc(0)],
    ['a marker', Buffer.from('\x02accept')],
    ['a head alone', Buffer.concat([Buffer.from([1, 1]), Buffer.alloc(14)])],
    ['an empty id', frameWith('')],
    ['an id with a space', frameWith('a b')],
    ['an id that is too long', frameWith('x'.repeat(33))],
    ['an id that is no text', frameWith('\x00\x01')],
    ['an unsealed response', PLAIN],
  ])('is undefined for %s', (_name, bytes) => {
    expect(keyIdOf(bytes)).toBeUndefined();
  });

  test('has 1 to 32 printable characters', () => {
    for (const id of ['!', '~', 'x'.repeat(32)]) expect(keyIdOf(frameWith(id))).toBe(id);
  });
});

function frameWith(id: string): Buffer {
  const head = Buffer.alloc(17);
  head[0] = head[1] = 1;
  head[16] = id.length;
  return Buffer.concat([head, Buffer.from(id, 'latin1'), Buffer.alloc(40)]);
}
