import { describe, expect, test } from '@jest/globals';
import { cacheStatus } from '../../src/observe/cache-status.ts';
import type { CacheDetail, CacheOutcome, ForwardReason } from '../../src/observe/outcome.ts';

describe('RFC 9211 2, "The Cache-Status HTTP Response Header Field"', () => {
  test.each<[string, CacheOutcome, string]>([
    ['2.1 hit', { kind: 'hit' }, 'hit'],
    ['2.4 ttl', { kind: 'hit', ttlMs: 376_000 }, 'hit; ttl=376'],
    ['2.4 ttl of 0', { kind: 'hit', ttlMs: 0 }, 'hit; ttl=0'],
    ['2.4 "may be negative"', { kind: 'hit', ttlMs: -412_000 }, 'hit; ttl=-412'],
    ['2.2 fwd', { kind: 'forward', fwd: 'uri-miss' }, 'fwd=uri-miss'],
    ['2.3 fwd-status', { kind: 'forward', fwd: 'stale', fwdStatus: 304 }, 'fwd=stale; fwd-status=304'],
    ['2.5 stored', { kind: 'forward', fwd: 'uri-miss', stored: true }, 'fwd=uri-miss; stored'],
    ['2.5 not stored', { kind: 'forward', fwd: 'uri-miss', stored: false }, 'fwd=uri-miss'],
    ['2.6 collapsed', { kind: 'forward', fwd: 'uri-miss', collapsed: true }, 'fwd=uri-miss; collapsed'],
    ['2.6 not collapsed', { kind: 'forward', fwd: 'uri-miss', collapsed: false }, 'fwd=uri-miss'],
    ['2.8 detail', { kind: 'forward', fwd: 'bypass', detail: 'timeout' }, 'fwd=bypass; detail=timeout'],
    [
      '504',
      { kind: 'unsatisfied', fwd: 'stale', detail: 'only-if-cached' },
      'fwd=stale; detail=only-if-cached',
    ],
    [
      'all at once',
      {
        kind: 'forward',
        fwd: 'vary-miss',
        fwdStatus: 200,
        ttlMs: 60_000,
        stored: true,
        collapsed: true,
        detail: 'tags',
      },
      'fwd=vary-miss; fwd-status=200; ttl=60; stored; collapsed; detail=tags',
    ],
  ])('%s', (_section, outcome, expected) => {
    expect(cacheStatus('rrc', outcome)).toBe(`rrc; ${expected}`);
  });

  test.each<ForwardReason>(['bypass', 'method', 'uri-miss', 'vary-miss', 'request', 'stale', 'partial'])(
    '2.2: %s is a reason to forward',
    (fwd) => {
      expect(cacheStatus('rrc', { kind: 'forward', fwd })).toBe(`rrc; fwd=${fwd}`);
    },
  );

  test.each<[ttlMs: number, seconds: number]>([
    [999, 0],
    [1999.5, 1],
    [-1, -1],
    [-1001, -2],
  ])('2.4: a ttl of %d ms is %d whole seconds', (ttlMs, seconds) => {
    expect(cacheStatus('rrc', { kind: 'hit', ttlMs })).toBe(`rrc; hit; ttl=${seconds}`);
  });

  test.each<CacheDetail>(['OOM', 'set-cookie', 'fill-under-way', 'ECONNREFUSED'])(
    '2.8: the detail %s is a Token',
    (detail) => {
      expect(cacheStatus('rrc', { kind: 'hit', detail })).toBe(`rrc; hit; detail=${detail}`);
    },
  );

  test.each<[CacheDetail, string]>([
    ['depends-on-credentials: req.user, cookie sid', '"depends-on-credentials: req.user, cookie sid"'],
    ['shadow: hit', '"shadow: hit"'],
    ['varies: say "no"', '"varies: say \\"no\\""'],
    ['varies: back\\slash', '"varies: back\\\\slash"'],
    ['varies: a\r\nX: b', '"varies: a??X: b"'],
    ['varies: caf\xe9', '"varies: caf?"'],
  ])('2.8: the detail %j is a String', (detail, expected) => {
    expect(cacheStatus('rrc', { kind: 'hit', detail })).toBe(`rrc; hit; detail=${expected}`);
  });

  test.each<[string, string]>([
    ['GET http://h/a?b=c', '"GET http://h/a?b=c"'],
    ['token', '"token"'],
    ['', '""'],
    ['GET {"a":"b"}', '"GET {\\"a\\":\\"b\\"}"'],
    ['\ud83d\ude00\n', '"???"'],
  ])('2.7: the key %j is a String', (key, expected) => {
    expect(cacheStatus('rrc', { kind: 'hit', ttlMs: 5000 }, key)).toBe(`rrc; hit; ttl=5; key=${expected}`);
  });

  test('2.7: a long key is cut, and ends in its length', () => {
    const shown = (key: string): string => cacheStatus('rrc', { kind: 'hit' }, key);
    expect(shown('"'.repeat(512))).toBe(`rrc; hit; key="${'\\"'.repeat(512)}"`);
    expect(shown('x'.repeat(513))).toBe(`rrc; hit; key="${'x'.repeat(512)}... (513 characters)"`);
    const detail = `varies: ${'cookie a, '.repeat(1000)}` as const;
    expect(cacheStatus('rrc', { kind: 'forward', detail })).toHaveLength(
      'rrc; detail=""'.length + 512 + '... (10008 characters)'.length,
    );
  });

  test('2: key and detail are parameters of one member', () => {
    const outcome: CacheOutcome = { kind: 'forward', fwd: 'uri-miss', detail: 'varies: a, b' };
    expect(cacheStatus('rrc', outcome, 'k')).toBe('rrc; fwd=uri-miss; key="k"; detail="varies: a, b"');
  });
});
