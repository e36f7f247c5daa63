import { describe, expect, test } from '@jest/globals';
import { cacheStatus } from '../../src/observe/cache-status.ts';
import type { ForwardReason, Outcome } from '../../src/observe/outcome.ts';

describe('RFC 9211 2, "The Cache-Status HTTP Response Header Field"', () => {
  test.each<[string, Outcome, string]>([
    ['2.1 hit', { kind: 'hit' }, 'hit'],
    ['2.4 ttl', { kind: 'hit', ttl: 376 }, 'hit; ttl=376'],
    ['2.4 ttl of 0', { kind: 'hit', ttl: 0 }, 'hit; ttl=0'],
    ['2.4 "may be negative"', { kind: 'hit', ttl: -412 }, 'hit; ttl=-412'],
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
        ttl: 60,
        stored: true,
        collapsed: true,
        detail: 'a',
      },
      'fwd=vary-miss; fwd-status=200; ttl=60; stored; collapsed; detail=a',
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

  test.each(['OOM', 'set-cookie', 'fill-under-way', 'ECONNREFUSED'])(
    '2.8: the detail %s is a token',
    (detail) => {
      expect(cacheStatus('rrc', { kind: 'hit', detail })).toBe(`rrc; hit; detail=${detail}`);
    },
  );

  test.each<[string, string]>([
    ['personal: req.user, cookie sid', '"personal: req.user, cookie sid"'],
    ['', '""'],
    ['5xx', '"5xx"'],
    ['-a', '"-a"'],
    ['say "no"', '"say \\"no\\""'],
    ['back\\slash here', '"back\\\\slash here"'],
    ['a\r\nX: b', '"a??X: b"'],
    ['caf\xe9', '"caf?"'],
  ])('2.8: the detail %j is "a String or a Token"', (detail, expected) => {
    expect(cacheStatus('rrc', { kind: 'hit', detail })).toBe(`rrc; hit; detail=${expected}`);
  });

  test.each<[string, string]>([
    ['GET http://h/a?b=c', '"GET http://h/a?b=c"'],
    ['token', '"token"'],
    ['', '""'],
    ['GET {"a":"b"}', '"GET {\\"a\\":\\"b\\"}"'],
    ['\ud83d\ude00\n', '"???"'],
  ])('2.7: the key %j is "a String"', (key, expected) => {
    expect(cacheStatus('rrc', { kind: 'hit', ttl: 5 }, key)).toBe(`rrc; hit; ttl=5; key=${expected}`);
  });

  test('2: key and detail are parameters of one member', () => {
    const outcome: Outcome = { kind: 'forward', fwd: 'uri-miss', detail: 'a, b' };
    expect(cacheStatus('rrc', outcome, 'k')).toBe('rrc; fwd=uri-miss; key="k"; detail="a, b"');
  });
});
