import { describe, expect, test } from '@jest/globals';
import { defaultKey, normalizeQuery } from '../../src/key/cache-key.ts';
import type { QueryRule } from '../../src/options/types.ts';

/* The default key as tables; key-custom.test.ts has the `key` option, key-*property.test.ts the proofs. */

const keyOf = (url: string, rule: QueryRule = true): string =>
  defaultKey('GET', { scheme: 'http', host: 'h', url }, rule);

describe('the default key', () => {
  test('has method, scheme, host and URL', () => {
    const target = { scheme: 'https', host: 'example.com:8443', url: '/a/b?c=d' };
    expect(defaultKey('GET', target, true)).toBe('GET https://example.com:8443/a/b?c=d');
    expect(defaultKey('POST', target, true)).toBe('POST https://example.com:8443/a/b?c=d');
  });

  test('is the same for HEAD and GET', () => {
    const target = { scheme: 'http', host: 'h', url: '/' };
    expect(defaultKey('HEAD', target, true)).toBe(defaultKey('GET', target, true));
  });

  const target = { scheme: 'http', host: 'h', url: '/a?b=c' };
  test.each([
    ['GET', { ...target, scheme: 'https' }],
    ['GET', { ...target, host: 'h:80' }],
    ['GET', { ...target, host: 'h.' }],
    ['GET', { ...target, url: '/A?b=c' }],
    ['GET', { ...target, url: '/a/?b=c' }],
    ['GET', { ...target, url: '//a?b=c' }],
    ['GET', { ...target, url: '/%61?b=c' }],
    ['GET', { ...target, url: '/./a?b=c' }],
    ['GET', { ...target, url: '/a%3Fb=c' }],
    ['GET', { ...target, url: '/a?B=c' }],
    ['GET', { ...target, url: '/a?b=C' }],
    ['GET', { ...target, url: '/a?b=%63' }],
    ['GET', { ...target, url: '/a' }],
    ['GET', { ...target, url: '/a?' }],
    ['POST', target],
  ])('differs for another target: %s %j', (method, other) => {
    expect(defaultKey(method, other, true)).not.toBe(defaultKey('GET', target, true));
  });
});

describe('the query in the key', () => {
  test.each([
    ['sorted by name', '/?b=1&a=2', '/?a=2&b=1'],
    ['sorted by decoded name', '/?%62=1&a=2', '/?a=2&%62=1'],
    ['repeated names keep their order', '/?b=1&a=2&b=0', '/?a=2&b=1&b=0'],
    ['the order of values counts', '/?a=2&a=1', '/?a=2&a=1'],
    ['brackets belong to their root', '/?b=1&a[]=1&a[0]=2', '/?a[]=1&a[0]=2&b=1'],
    ['brackets keep their order', '/?a[0]=2&b=1&a[]=1', '/?a[0]=2&a[]=1&b=1'],
    ['encoded brackets belong to their root', '/?b&a%5B%5D=1&a%5b0%5d=2', '/?a%5B%5D=1&a%5b0%5d=2&b'],
    ['dots belong to their root', '/?b&a.y=1&a.x=2&a=3', '/?a.y=1&a.x=2&a=3&b'],
    ['a plus is a space in a name', '/?b&a+b=1&a%20b=2', '/?a+b=1&a%20b=2&b'],
    ['a name without a value', '/?b&a', '/?a&b'],
    ['empty parameters come first', '/?b&&a&', '/?&&a&b'],
    ['a second question mark is data', '/?b=?&a=?', '/?a=?&b=?'],
    ['a malformed value is data', '/?b=%&a=%zz', '/?a=%zz&b=%'],
    ['unicode sorts by its code units', '/?%C3%A9=1&z=2', '/?z=2&%C3%A9=1'],
    ['names of the prototype are names', '/?b&__proto__=1&constructor=2', '/?__proto__=1&b&constructor=2'],
  ])('%s', (_rule, url, expected) => {
    expect(keyOf(url)).toBe(`GET http://h${expected}`);
  });

  test.each([
    ['an empty query', '/?'],
    ['one parameter', '/?b=1'],
    ['a name that is not UTF-8', '/?b=1&%ff=2&a=3'],
    ['a malformed percent in a name', '/?b=1&%zz=2&a=3'],
    ['a name that begins with a bracket', '/?b=1&[a]=2&a=3'],
    ['a name that begins with an encoded bracket', '/?b=1&%5Ba]=2&a=3'],
    ['a name that begins with a dot', '/?b=1&.a=2&a=3'],
    ['a name that begins with a question mark', '/??b=1&a=2'],
    ['a semicolon, where some parsers split', '/?b=1;a=2&a=3'],
    ['a late `]=`, where some parsers end the name', '/?x=y[z]=1&a=3'],
    ['a late encoded `]=`', '/?x=y%5Bz%5D=1&a=3'],
    ['a fragment', '/?b=1#&a=2'],
    ['more than 256 parameters', `/?${Array.from({ length: 257 }, (_, i) => `p${256 - i}`).join('&')}`],
  ])('%s: the query is not changed', (_why, url) => {
    expect(keyOf(url)).toBe(`GET http://h${url}`);
  });

  test('256 parameters are sorted', () => {
    const names = Array.from({ length: 256 }, (_, i) => `p${255 - i}`);
    expect(keyOf(`/?${names.join('&')}`)).toBe(`GET http://h/?${[...names].sort().join('&')}`);
  });

  test('a query of a megabyte is normalized in linear time', () => {
    const startedAt = performance.now();
    for (const part of ['&', 'a&', '%5B', 'a[', '?', ';', '=', ']=', '%zz&', 'a=1&b=2&']) {
      normalizeQuery(`/?${part.repeat(2 ** 20 / part.length)}`, true);
    }
    expect(performance.now() - startedAt).toBeLessThan(5000);
  });
});

describe('vary.query', () => {
  const allow = ['page', 'filter', 'sort_*'];
  test.each<[string, QueryRule, string, string]>([
    ['true keeps all', true, '/?b&a', '/?a&b'],
    ['false drops all', false, '/?b&a', '/'],
    ['false drops an empty query', false, '/?', '/'],
    ['a list keeps what it names', allow, '/?utm=1&page=2', '/?page=2'],
    ['a list keeps one parameter', allow, '/?page=2', '/?page=2'],
    ['a list drops one parameter', allow, '/?utm=2', '/'],
    ['a list drops an empty query', allow, '/?', '/'],
    ['an empty list drops all', [], '/?a=1&b=2', '/'],
    ['a list keeps the repetitions of a name', allow, '/?page=2&x&page=1', '/?page=2&page=1'],
    ['a list keeps the brackets of a name', allow, '/?x&filter[b]=1&filter.a=2', '/?filter[b]=1&filter.a=2'],
    ['a list knows encoded names', allow, '/?x&p%61ge=1', '/?p%61ge=1'],
    ['a list is case-sensitive', allow, '/?Page=1', '/'],
    ['a star stands for any rest', allow, '/?sort_by=1&sort_=2&sort=3', '/?sort_=2&sort_by=1'],
    ['a star alone stands for any name', ['*'], '/?b&a', '/?a&b'],
    ['except keeps what it does not name', { except: ['utm_*'] }, '/?utm_id=1&b=1&a=2', '/?a=2&b=1'],
    ['except drops the last parameter', { except: ['utm_*'] }, '/?utm_id=1', '/'],
    ['except drops encoded names', { except: ['utm_*'] }, '/?utm%5Fid=1&a', '/?a'],
    ['except drops the brackets of a name', { except: ['t'] }, '/?t[a]=1&t.b=2&ta=3', '/?ta=3'],
    ['an empty except keeps all', { except: [] }, '/?b&a', '/?a&b'],
    ['except of a star drops all', { except: ['*'] }, '/?b&a', '/'],
    ['a path without query stays', allow, '/a', '/a'],
  ])('%s', (_meaning, rule, url, expected) => {
    expect(normalizeQuery(url, rule)).toBe(expected);
  });

  test.each<[string, string]>([
    ['a malformed name', '/?page=1&%zz=1'],
    ['a name some parsers read otherwise', '/?page=1&[page]=2'],
    ['a question mark that some parsers skip', '/??page=1'],
    ['a semicolon', '/?utm=1;page=2'],
    ['a late `]=`', '/?utm=1[page]=2'],
    ['a fragment', '/?page=1&utm=2#&filter=3'],
    ['too many parameters', `/?${'utm&'.repeat(300)}page=1`],
  ])('drops no parameter of a query with %s', (_why, url) => {
    expect(normalizeQuery(url, allow)).toBe(url);
    expect(normalizeQuery(url, { except: ['utm'] })).toBe(url);
  });
});
