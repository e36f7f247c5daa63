import * as zlib from 'node:zlib';
import { describe, expect, test } from '@jest/globals';
import { parsePolicy, refinePolicy } from '../../src/options/parse.ts';
import type { PolicyOptions } from '../../src/options/types.ts';
import { refuses, thrownBy } from './support/refusal.ts';

/* The `compress` option: what its values mean, and which are refused. */

const parse = (compress: unknown) => parsePolicy({ compress } as PolicyOptions).compress;
const hasZstd = 'zstdCompress' in zlib;

test.each([undefined, false])('%j is off', (value) => {
  expect(parse(value)).toBeUndefined();
});

test.each<[unknown, [string, number][], number]>([
  [
    true,
    [
      ['br', 6],
      ['gzip', 6],
    ],
    1024,
  ],
  [
    {},
    [
      ['br', 6],
      ['gzip', 6],
    ],
    1024,
  ],
  [{ br: { quality: 11 }, gzip: false, threshold: '4kb' }, [['br', 11]], 4096],
  [
    { br: { quality: 0 }, gzip: { level: 9 }, threshold: 0 },
    [
      ['br', 0],
      ['gzip', 9],
    ],
    0,
  ],
  [
    { br: {}, gzip: {}, zstd: false },
    [
      ['br', 6],
      ['gzip', 6],
    ],
    1024,
  ],
  [{ br: false, gzip: true, zstd: undefined }, [['gzip', 6]], 1024],
])('%j means these codings and threshold', (value, codings, threshold) => {
  expect(parse(value)).toEqual({ codings, threshold });
});

describe('a bad value is refused', () => {
  test.each<[unknown, string, unknown, string]>([
    [null, 'compress', null, 'an object { br, gzip, zstd, threshold }'],
    ['br', 'compress', 'br', 'an object { br, gzip, zstd, threshold }'],
    [['br'], 'compress', ['br'], 'an object { br, gzip, zstd, threshold }'],
    [{ br: 6 }, 'compress.br', 6, 'a boolean or { quality }'],
    [{ br: null }, 'compress.br', null, 'a boolean or { quality }'],
    [{ br: { quality: 12 } }, 'compress.br.quality', 12, 'a whole number from 0 to 11'],
    [{ br: { quality: 1.5 } }, 'compress.br.quality', 1.5, 'a whole number from 0 to 11'],
    [{ gzip: { level: 0 } }, 'compress.gzip.level', 0, 'a whole number from 1 to 9'],
    [{ gzip: { level: '6' } }, 'compress.gzip.level', '6', 'a whole number from 1 to 9'],
    [{ zstd: 3 }, 'compress.zstd', 3, 'true or false'],
    [{ threshold: '1' }, 'compress.threshold', '1', 'a size'],
    [
      { br: false, gzip: false },
      'compress',
      { br: false, gzip: false },
      'false, or use at least one of br, gzip and zstd',
    ],
  ])('%j', (value, option, shown, accepted) => {
    refuses(() => parse(value), option, JSON.stringify(shown), accepted);
  });

  test.each<[unknown, string, string]>([
    [{ brotli: true }, 'compress.brotli', '"compress" takes { br, gzip, zstd, threshold }.'],
    [{ br: { level: 6 } }, 'compress.br.level', '"compress.br" takes { quality }.'],
  ])('%j, with what is accepted', (value, option, advice) => {
    expect(thrownBy(() => parse(value)).message).toBe(`Unknown option "${option}". ${advice}`);
  });
});

test('zstd is accepted where Node has it, and refused with the reason elsewhere', () => {
  if (hasZstd)
    expect(parse({ zstd: true })?.codings.map(([coding]) => coding)).toEqual(['br', 'zstd', 'gzip']);
  else refuses(() => parse({ zstd: true }), 'compress.zstd', 'true', 'zstd needs Node 22.15, 23.8 or newer');
});

test('an override of a route keeps the cache keys', () => {
  const base = parsePolicy({ compress: true });
  const policy = refinePolicy(base, { compress: { gzip: false } });
  expect(policy.compress?.codings).toEqual([['br', 6]]);
  expect(policy.identity).toBe(base.identity);
});
