import { describe, expect, test } from '@jest/globals';
import { PurgeError } from '../../src/errors.ts';
import { type PurgeOptions, type PurgeTarget, redisCache } from '../../src/index.ts';
import { urlPrefixMatcher } from '../../src/key/key-ids.ts';

/* What a purge names: the keys that a prefix is meant for, and the targets that name nothing. */

describe('a prefix that is a URL', () => {
  test.each<[prefix: string, key: string, expected: boolean]>([
    ['http://h/a', 'GET http://h/a', true],
    ['http://h/a', 'GET http://h/a?b=c', true],
    ['http://h/a', 'GET http://h/a/b', true],
    ['http://h/a', 'GET http://h/ab', true],
    ['http://h/a', 'POST http://h/a', true],
    ['http://h/a', 'M-SEARCH http://h/a', true],
    ['http://h/a/', 'GET http://h/a', false],
    ['http://h/a', 'GET http://h/b', false],
    ['http://h/a', 'GET http://h/A', false],
    ['http://h/a', 'GET http://h/', false],
    ['http://h/a', 'GET https://h/a', true],
    ['http://h/a', 'GET http://other/a', false],
    ['http://h/a', 'GET http://h:8080/a', false],
    ['http://h/a', 'GET http://x/?u=http://h/a', false],
    ['http://h', 'GET http://h/', true],
    ['http://h', 'GET http://h/a', true],
    ['http://h', 'GET http://h.example/a', false],
    ['http://h', 'GET http://host/a', false],
    ['http://h/', 'GET http://h/a', true],
    ['http://h?a', 'GET http://h/?a=1', true],
    ['http://h/a?b=', 'GET http://h/a?b=c', true],
    ['http://h/a?b=', 'GET http://h/a?c=b', false],
    ['HTTP://H/a', 'GET http://h/a', true],
    ['http://h:80/a', 'GET http://h/a', true],
    ['https://h:443/a', 'GET https://h/a', true],
    ['http://h:443/a', 'GET http://h:443/a', true],
    ['http://h:8080', 'GET http://h:8080/a', true],
    ['http://[::1]:8080/a', 'GET http://[::1]:8080/a', true],
    ['http://h/a#b', 'GET http://h/a', true],
    ['http://h/a', 'GET "http://h/a"', false],
    ['http://h/a', 'VALUE "http://h/a"', false],
    ['http://h/a', 'GET {"url":"http://h/a"}', false],
    ['http://h/a', 'http://h/a', false],
    ['http://h/a', '', false],
  ])('the prefix %s matches the key %s: %s', (prefix, key, expected) => {
    expect(urlPrefixMatcher(prefix)(key)).toBe(expected);
  });
});

describe('a prefix that is a path', () => {
  test.each<[prefix: string, key: string, expected: boolean]>([
    ['/', 'GET http://h/', true],
    ['/', 'GET https://other:8080/a?b', true],
    ['/api/leads', 'GET http://h/api/leads', true],
    ['/api/leads', 'GET http://h/api/leads?page=2', true],
    ['/api/leads', 'GET http://h/api/leadsheet', true],
    ['/api/leads', 'GET https://other/api/leads', true],
    ['/api/leads', 'GET http://h/v2/api/leads', false],
    ['/api/leads', 'GET http://h/api', false],
    ['/api/leads?page=', 'GET http://h/api/leads?page=2', true],
    ['//h/a', 'GET http://h/a', false],
    ['//h/a', 'GET http://x//h/a', true],
    ['/', 'GET ["http://h/"]', false],
    ['/', 'GET "/"', false],
    ['/', 'VALUE "http://h/"', false],
    ['/a\nb', 'GET http://h/a\nb', true],
  ])('the prefix %j matches the key %j: %s', (prefix, key, expected) => {
    expect(urlPrefixMatcher(prefix)(key)).toBe(expected);
  });
});

test.each<[unknown]>([
  [''],
  ['api'],
  ['h/a'],
  ['http'],
  ['http://'],
  ['http:///a'],
  ['ftp://h/a'],
  ['http:/h'],
  [' /a'],
  ['*'],
  [undefined],
  [null],
  [5],
  [['/a']],
  [{}],
])('the prefix %j is refused', (prefix) => {
  expect(() => urlPrefixMatcher(prefix)).toThrow(PurgeError);
});

describe('a purge target', () => {
  const cyclic: unknown[] = [];
  cyclic.push(cyclic);

  test.each<[string, unknown]>([
    ['undefined', undefined],
    ['null', null],
    ['text', '/a'],
    ['a function', () => 'key'],
    ['a list', [{ all: true }]],
    ['nothing', {}],
    ['nothing but how', { soft: true }],
    ['two at once', { key: 'a', url: 'http://h/a' }],
    ['a tag and tags', { tag: 'a', tags: ['b'] }],
    ['everything and a part of it', { all: true, prefix: '/a' }],
    ['a name that is unknown', { keys: ['a'] }],
    ['a name that is unknown beside a good one', { url: 'http://h/a', recursive: true }],
    ['a name in another case', { URL: 'http://h/a' }],
    ['an option of its second argument', { key: 'a', soft: true }],
    ['all: false', { all: false }],
    ['all: 1', { all: 1 }],
    ['all: null', { all: null }],
    ['all: "true"', { all: 'true' }],
    ['a key that is undefined', { key: undefined }],
    ['a key that is a number, but none', { key: Number.NaN }],
    ['a key that is a Date', { key: new Date(0) }],
    ['a key that is a function', { key: () => 'a' }],
    ['a key with a part that is undefined', { key: ['a', undefined] }],
    ['a key that is a cycle', { key: cyclic }],
    ['a URL that is undefined', { url: undefined }],
    ['a URL that is a path', { url: '/a' }],
    ['a URL that is empty', { url: '' }],
    ['a URL that is null', { url: null }],
    ['a URL of another scheme', { url: new URL('ftp://h/a') }],
    ['a URL that is a number', { url: 5 }],
    ['a tag that is undefined', { tag: undefined }],
    ['a tag that is a number', { tag: 5 }],
    ['a tag that is empty', { tag: '' }],
    ['a tag that is null', { tag: null }],
    ['a tag that is a list', { tag: ['a'] }],
    ['a tag that is too long', { tag: 'x'.repeat(257) }],
    ['tags that are text', { tags: 'a' }],
    ['tags that are null', { tags: null }],
    ['tags of which one is empty', { tags: ['a', ''] }],
    ['too many tags', { tags: Array.from({ length: 129 }, (_, i) => `${i}`) }],
    ['a prefix that is empty', { prefix: '' }],
    ['a prefix that is neither URL nor path', { prefix: 'api' }],
    ['a prefix that is a URL object', { prefix: new URL('http://h/a') }],
    ['a prefix that is null', { prefix: null }],
    ['a prefix that is a bigint', { prefix: 1n }],
    ['a prefix that is a cycle', { prefix: cyclic }],
    ['a URL that is null', { url: null }],
    ['a URL that is a bigint', { url: 1n }],
    ['a URL that is an object without text', { url: Object.create(null) }],
  ])('is refused: %s', async (_what, target) => {
    const purged = redisCache().purge(target as PurgeTarget);
    await expect(purged).rejects.toThrow(PurgeError);
    await expect(purged).rejects.toMatchObject({ code: 'ERR_RRC_PURGE', name: 'PurgeError' });
  });

  test.each<[string, unknown]>([
    ['soft that is a number', 1],
    ['soft that is text', 'false'],
    ['soft that is null', null],
  ])('is refused: %s', async (_what, soft) => {
    const purged = redisCache().purge({ key: 'a' }, { soft } as PurgeOptions);
    await expect(purged).rejects.toMatchObject({ code: 'ERR_RRC_OPTION', option: 'purge.soft' });
  });

  test.each<[string, PurgeTarget, PurgeOptions]>([
    ['a key that is null', { key: null }, {}],
    ['a key that is empty', { key: '' }, {}],
    ['a URL object', { url: new URL('https://h/a') }, {}],
    ['no tags', { tags: [] }, {}],
    ['soft or not', { key: 'a' }, { soft: false }],
    ['softly everything', { all: true }, { soft: true }],
    ['undefined others', { tag: 'a', key: undefined } as unknown as PurgeTarget, { soft: undefined }],
  ])('is accepted: %s', async (_what, target, options) => {
    expect(await redisCache().purge(target, options)).toBe(0);
  });
});
