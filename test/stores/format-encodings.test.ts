import { describe, expect, test } from '@jest/globals';
import { decode, encode } from '../../src/codec/format.ts';
import type { StoredHead } from '../../src/codec/stored-response.ts';
import { forge, HEAD, metadata } from '../support/stored-head.ts';

/* The binary form of a response that is stored in encodings. */

const ENCODED: StoredHead = {
  ...HEAD,
  encodings: {
    size: 100,
    list: [
      ['br', 3],
      ['gzip', 4],
    ],
  },
};
const BODY = [Buffer.from('one'), Buffer.from('four')];

/** Metadata with this at its end, before so many bytes, in a value that says that it is encoded. */
function forged(encodings: unknown, length = 7): Buffer {
  const bytes = forge([...metadata(), encodings], 'onefour'.slice(0, length));
  bytes[1] = 2;
  return bytes;
}

test('a response with encodings is decoded as it was encoded, also after a soft purge', () => {
  const bytes = encode(ENCODED, BODY);
  expect(decode({ bytes })).toEqual({ ...ENCODED, body: Buffer.from('onefour'), purged: false });
  expect(decode({ bytes, staleSince: HEAD.bornAt + 5000 })).toMatchObject({
    encodings: ENCODED.encodings,
    purged: true,
  });
  expect(decode({ bytes: forged([100, ENCODED.encodings?.list]) })).toEqual(decode({ bytes }));
});

test.each([
  ['one without encodings that says it has some', forge(metadata()), 2],
  ['one with encodings that does not say so', forge([...metadata(), [100, [['br', 4]]]], 'four'), 0],
  ['another version', forged([100, [['br', 7]]]), 3],
])('%s is not decoded', (_what, bytes, flag) => {
  bytes[1] = flag as number;
  expect(decode({ bytes: bytes as Buffer })).toBeUndefined();
});

describe('a response with forged encodings is not decoded', () => {
  test.each<[string, unknown, number?]>([
    ['nothing', null],
    ['a number', 100],
    ['no list', [100]],
    ['more', [100, [['br', 7]], 1]],
    ['an object', { size: 100, list: [['br', 7]] }],
    ['no encoding', [100, []], 0],
    ['a coding that nobody knows', [100, [['deflate', 7]]]],
    ['a coding that is none', [100, [['identity', 7]]]],
    ['a coding that is no text', [100, [[['br'], 7]]]],
    [
      'a coding twice',
      [
        100,
        [
          ['br', 3],
          ['br', 4],
        ],
      ],
    ],
    ['no lengths', [100, [['br']]]],
    ['too short lengths', [100, [['br', 6]]]],
    ['too long lengths', [100, [['br', 8]]]],
    [
      'lengths below zero',
      [
        100,
        [
          ['br', 8],
          ['gzip', -1],
        ],
      ],
    ],
    [
      'an empty encoding',
      [
        100,
        [
          ['br', 7],
          ['gzip', 0],
        ],
      ],
    ],
    [
      'broken lengths',
      [
        100,
        [
          ['br', 3.5],
          ['gzip', 3.5],
        ],
      ],
    ],
    ['a length as text', [100, [['br', '7']]]],
    ['no size', [null, [['br', 7]]]],
    ['a size of nothing', [0, [['br', 7]]]],
    ['a size below zero', [-5, [['br', 7]]]],
    ['a broken size', [1.5, [['br', 7]]]],
    ['a size as text', ['100', [['br', 7]]]],
  ])('forged encodings: %s', (_what, encodings, length = 7) => {
    expect(decode({ bytes: forged(encodings, length) })).toBeUndefined();
  });
});
