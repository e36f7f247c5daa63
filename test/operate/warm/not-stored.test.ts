import { describe, expect, test } from '@jest/globals';
import { notStoredReason } from '../../../src/warm/not-stored.ts';
import { newCache } from '../../support/app.ts';

describe('the reason why a response is not stored', () => {
  test.each<[string, string | undefined, string | undefined]>([
    ['no field', undefined, 'no Cache-Status'],
    ['a malformed field', ';;;', 'no Cache-Status'],
    ['a hit', 'a; hit; ttl=9', undefined],
    ['a stored miss', 'a; fwd=uri-miss; stored', undefined],
    ['a collapsed miss', 'a; fwd=uri-miss; collapsed', undefined],
    ['a miss of unknown length', 'a; fwd=uri-miss', undefined],
    ['a refusal', 'a; fwd=uri-miss; detail=set-cookie', 'set-cookie'],
    ['a refusal with particulars', 'a; fwd=uri-miss; detail="varies: req.nonce"', 'varies'],
    ['a bypass without a detail', 'a; fwd=bypass', 'bypass'],
    [
      'a refusal that a cache in front has stored',
      'a; fwd=uri-miss; detail=private, b; fwd=uri-miss; stored',
      undefined,
    ],
    ['refusals of two caches', 'a; fwd=uri-miss; detail=private, b; fwd=uri-miss; detail=timeout', 'private'],
  ])('of %s: %s', (_what, field, reason) => {
    expect(notStoredReason(field)).toBe(reason);
  });

  test('is counted for at most 100 words, and as other beyond', async () => {
    const urls = Array.from({ length: 103 }, (_, i) => `http://a.example/${i}`);
    const { notStored } = await newCache().warm(urls, {
      app: (req, res) => {
        res.setHeader('Cache-Status', `b; fwd=bypass; detail=word-${req.url?.slice(1)}`);
        res.end();
      },
    });
    expect(Object.keys(notStored)).toHaveLength(101);
    expect(notStored).toMatchObject({ 'word-0': 1, other: 3 });
  });
});
