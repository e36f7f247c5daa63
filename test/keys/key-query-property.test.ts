import { isDeepStrictEqual } from 'node:util';
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { defaultKey, normalizeQuery } from '../../src/key/cache-key.ts';
import type { QueryRule } from '../../src/options/types.ts';
import { sized } from '../support/long.ts';
import { READERS, type Reader } from './support/parsers.ts';

/* No two requests that an app could tell apart have one key: random ones, made of what parsers stumble over. */

const runs = { numRuns: sized(500, 2000), seed: 9111 };

const name = fc.constantFrom(
  'a',
  'b',
  'ab',
  'a[]',
  'a[0]',
  'a[b]',
  'a%5Bb%5D',
  'a.b',
  'a.',
  '%61',
  'A',
  'a+b',
);
const odd = fc.constantFrom(
  '',
  '[a]',
  '.a',
  '?a',
  '%3Fa',
  'a[',
  'a]',
  '[]',
  '%',
  '%zz',
  '%ff',
  '__proto__',
  'x%3Dy',
  '+',
);
const value = fc.constantFrom(
  '1',
  '2',
  '3',
  '',
  '1',
  '2',
  '=',
  '?',
  '%26',
  '%',
  '1,2',
  ']=1',
  'y[z]=1',
  ';a=3',
  '#',
  '&',
  '%5D=',
  'a',
);
const parameter = fc
  .tuple(fc.oneof({ weight: 12, arbitrary: name }, odd), fc.constantFrom('=', '=', '=', ''), value)
  .map((parts) => parts.join(''));
const junk = fc.string({ unit: fc.constantFrom(...'ab[].?%25;=&#+_'), maxLength: 12 });
const query = fc.oneof(
  { weight: 4, arbitrary: fc.array(parameter, { maxLength: 5 }).map((list) => list.join('&')) },
  junk,
);
const url = fc
  .tuple(fc.constantFrom('/', '/a', '/a/'), query)
  .map(([path, q]) => (q === '' ? path : `${path}?${q}`));

/** A URL and one that is likely to have the same key: its parameters in another order, or more or fewer. */
const twins = fc.oneof(
  fc.tuple(url, url),
  fc
    .tuple(fc.array(parameter, { minLength: 1, maxLength: 5 }), parameter)
    .chain(([list, extra]) =>
      fc
        .tuple(
          fc.shuffledSubarray(list, { minLength: list.length }),
          fc.shuffledSubarray([...list, extra], { minLength: list.length }),
        )
        .map((both) => both.map((some) => `/?${some.join('&')}`) as [string, string]),
    ),
);

describe.each(Object.entries(READERS))('read by %s', (_name, read: Reader) => {
  test('two queries with the same key are equal', () => {
    let equal = 0;
    fc.assert(
      fc.property(twins, ([a, b]) => {
        if (normalizeQuery(a, true) !== normalizeQuery(b, true)) return true;
        equal++;
        return isDeepStrictEqual(read(a), read(b));
      }),
      runs,
    );
    expect(equal).toBeGreaterThan(runs.numRuns / 20);
  });

  const rules: QueryRule[] = [['a', 'x*'], { except: ['a'] }, { except: ['b', 'x*'] }];
  test.each(rules)('two queries with the same key are equal in the parameters that %j includes', (rule) => {
    const given = Array.isArray(rule) ? rule : (rule as { except: string[] }).except;
    const named = (root: string): boolean =>
      given.some((g) => (g.endsWith('*') ? root.startsWith(g.slice(0, -1)) : root === g));
    const letsIn = (parsed: string): boolean =>
      named(parsed.split(/[[.]/)[0] as string) === Array.isArray(rule);
    const seen = (target: string): unknown =>
      Object.fromEntries(Object.entries(read(target)).filter(([n]) => letsIn(n)));
    fc.assert(
      fc.property(twins, ([a, b]) => {
        return normalizeQuery(a, rule) !== normalizeQuery(b, rule) || isDeepStrictEqual(seen(a), seen(b));
      }),
      runs,
    );
  });
});

describe('the default key', () => {
  const request = fc.record({
    method: fc.constantFrom('GET', 'HEAD', 'POST', 'P'),
    scheme: fc.constantFrom('http', 'https'),
    host: fc.constantFrom('a', 'a:1', 'a.b', '[::1]', '[::1]:80'),
    url,
  });

  test('is equal for two requests only if method, scheme, host and path are equal', () => {
    const parts = (r: { method: string; scheme: string; host: string; url: string }): unknown[] => [
      r.method === 'HEAD' ? 'GET' : r.method,
      r.scheme,
      r.host,
      r.url.split('?')[0],
    ];
    fc.assert(
      fc.property(request, request, (a, b) => {
        const same = defaultKey(a.method, a, true) === defaultKey(b.method, b, true);
        return !same || isDeepStrictEqual(parts(a), parts(b));
      }),
      runs,
    );
  });

  test('is equal for two orders of parameters that keep the order within each name', () => {
    const plain = fc.tuple(fc.constantFrom('a', 'b', 'c[x]', 'c[y]', 'd.e'), fc.constantFrom('1', '2'));
    const root = ([n]: [string, string]): string => n.split(/[[.]/)[0] as string;
    const shuffled = fc
      .array(plain, { minLength: 2, maxLength: 8 })
      .chain((list) =>
        fc
          .shuffledSubarray([...new Set(list.map(root))], { minLength: new Set(list.map(root)).size })
          .map((order) => [list, order.flatMap((r) => list.filter((p) => root(p) === r))]),
      );
    fc.assert(
      fc.property(shuffled, (orders) => {
        const [a, b] = orders.map((list) =>
          normalizeQuery(`/?${list.map((p) => p.join('=')).join('&')}`, true),
        );
        return a === b;
      }),
    );
  });

  test('is not changed by normalizing the URL twice', () => {
    fc.assert(
      fc.property(url, (u) => normalizeQuery(normalizeQuery(u, true), true) === normalizeQuery(u, true)),
      runs,
    );
  });
});
