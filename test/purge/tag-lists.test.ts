import type { IncomingMessage, ServerResponse } from 'node:http';
import { describe, expect, test } from '@jest/globals';
import { Exchange } from '../../src/exchange/exchange.ts';
import { groupsOf, invalidatedGroups, statedTags } from '../../src/http/cache-tags.ts';
import type { Fields } from '../../src/http/vary.ts';
import { idOfTag, invalidatedTags, tagsOf } from '../../src/key/tags.ts';
import { areTags } from '../../src/options/tags.ts';

describe('the tags that a response states', () => {
  test.each<[Fields, string[]]>([
    [{}, []],
    [{ 'cache-tag': '' }, []],
    [{ 'cache-tag': 'one' }, ['one']],
    [{ 'cache-tag': 'one,two, three' }, ['one', 'two', 'three']],
    [{ 'cache-tag': ' one \t,, two ,' }, ['one', 'two']],
    [{ 'cache-tag': 'two words' }, ['two words']],
    [{ 'cache-tag': 'Case,case' }, ['Case', 'case']],
    [{ 'cache-tag': ['one', 'two,three'] }, ['one', 'two', 'three']],
    [{ 'cache-tag': 5 }, ['5']],
    [{ 'cache-tag': '5" nails,tools' }, ['5" nails', 'tools']],
    [{ 'surrogate-key': '' }, []],
    [{ 'surrogate-key': 'one two  three\tfour ' }, ['one', 'two', 'three', 'four']],
    [{ 'surrogate-key': 'one,two' }, ['one,two']],
    [{ 'surrogate-key': ['one two', 'three'] }, ['one', 'two', 'three']],
    [{ 'cache-tag': 'one, two', 'surrogate-key': 'two three' }, ['one', 'two', 'two', 'three']],
    [{ 'Cache-Tag': 'other case of the field' }, []],
  ])('%j: %j', (headers, expected) => {
    expect(statedTags(headers)).toEqual(expected);
  });
});

describe.each([
  ['Cache-Groups', groupsOf, 'cache-groups'],
  ['Cache-Group-Invalidation', invalidatedGroups, 'cache-group-invalidation'],
] as const)('RFC 9875, "a List of Strings": %s', (_name, read, field) => {
  test.each<[string, Fields[string], string[]]>([
    ['one', '"one"', ['one']],
    ['several', '"one", "two"', ['one', 'two']],
    ['in several lines', ['"one"', '"two"'], ['one', 'two']],
    ['"character-by-character, case-sensitively"', '"One","one"', ['One', 'one']],
    ['with escapes', '"a \\"b\\" \\\\ c"', ['a "b" \\ c']],
    ['with commas and spaces', '"a, b"', ['a, b']],
    ['with parameters, which say nothing', '"one";a=1;b', ['one']],
    ['that are no Strings are passed over', '"one", two, 3, ?1, :YQ==:, ("four")', ['one']],
    ['an empty one', '"", "one"', ['one']],
    ['an empty List', '', []],
    ['a List that cannot be parsed', '"one", "two', []],
    ['a List with too many commas', '"one",,"two"', []],
    ['a List that ends in a comma', '"one",', []],
    ['not ASCII', '"caf\xe9"', []],
    ['none', undefined, []],
  ])('%s', (_what, value, expected) => {
    expect(read({ [field]: value })).toEqual(expected);
  });

  test('are read from no other field', () => {
    const other = field === 'cache-groups' ? 'cache-group-invalidation' : 'cache-groups';
    expect(read({ [other]: '"one"' })).toEqual([]);
  });
});

describe('a list of tags', () => {
  const many = (count: number): string[] => Array.from({ length: count }, (_, i) => `tag ${i}`);

  test.each<[string, unknown]>([
    ['none', []],
    ['one', ['a']],
    ['any characters', ['\u00e9', ' ', 'a b', '{}', '\n', 'a,b']],
    ['the same twice', ['a', 'a']],
    ['as many as may be', many(128)],
    ['one as long as may be', ['x'.repeat(256)]],
  ])('is valid: %s', (_what, tags) => {
    expect(areTags(tags)).toBe(true);
  });

  test.each<[string, unknown]>([
    ['undefined', undefined],
    ['null', null],
    ['text', 'tag'],
    ['a Set', new Set(['a'])],
    ['something like a list', { length: 1, 0: 'a' }],
    ['an empty tag', ['a', '']],
    ['a number', ['a', 1]],
    ['null inside', [null]],
    ['a list inside', [['a']]],
    ['a hole', Object.assign(['a'], { 2: 'b' })],
    ['too many', many(129)],
    ['one that is too long', ['x'.repeat(257)]],
  ])('is invalid: %s', (_what, tags) => {
    expect(areTags(tags)).toBe(false);
  });
});

/** An exchange as far as its target goes. */
function to(host: string, encrypted = false): Exchange {
  const req = { headers: { host }, url: '/', socket: { encrypted } } as unknown as IncomingMessage;
  return new Exchange(req, {} as ServerResponse, () => {});
}

describe('the tag ids of a response', () => {
  test.each<[string, Fields, unknown, string[]]>([
    ['none', {}, [], []],
    ['of the option', {}, ['a', 'b'], ['a', 'b']],
    ['of the response', { 'cache-tag': 'a,b', 'surrogate-key': 'c' }, [], ['a', 'b', 'c']],
    ['of both, each once', { 'cache-tag': 'b,c' }, ['a', 'b'], ['a', 'b', 'c']],
    ['a group, for itself and for its origin', { 'cache-groups': '"g"' }, [], ['g', '@http://h g']],
    [
      'groups beside others',
      { 'cache-groups': '"g", "h"', 'cache-tag': 'g' },
      ['a'],
      ['a', 'g', 'h', '@http://h g', '@http://h h'],
    ],
  ])('%s', (_what, headers, own, expected) => {
    expect(tagsOf(to('h'), headers, own)).toEqual(expected);
  });

  test.each<[string, Fields, unknown]>([
    ['the option gives no list', {}, 'a'],
    ['the option gives nothing', {}, undefined],
    ['the option gives null', { 'cache-tag': 'a' }, null],
    ['one of the option is no text', {}, [5]],
    ['one of the option is empty', {}, ['']],
    ['one of the response is too long', { 'cache-tag': 'x'.repeat(257) }, []],
    ['a group is too long', { 'cache-groups': `"${'x'.repeat(257)}"` }, []],
    ['there are too many together', { 'cache-tag': 'a,b' }, Array.from({ length: 127 }, (_, i) => `${i}`)],
  ])('are undefined, so that the response is not stored, when %s', (_what, headers, own) => {
    expect(tagsOf(to('h'), headers, own)).toBeUndefined();
  });

  test('may be 128, not counting those of groups of an origin', () => {
    const own = Array.from({ length: 126 }, (_, i) => `${i}`);
    expect(tagsOf(to('h'), { 'cache-groups': '"g"', 'cache-tag': 'a' }, own)).toHaveLength(129);
  });

  test('are hashes of long tags and of tags with special characters, and differ for different tags', () => {
    const odd = ['a{b}', 'caf\u00e9', 'cafe\u0301', 'x'.repeat(201), `${'x'.repeat(200)}y`, 'new\nline'];
    const stored = odd.map(idOfTag);
    for (const tag of stored) expect(tag).toMatch(/^#[0-9a-f]{40}$/);
    expect(new Set(stored).size).toBe(odd.length);
    expect(idOfTag('plain, but spaced')).toBe('plain, but spaced');
    expect(idOfTag('x'.repeat(200))).toBe('x'.repeat(200));
  });

  test('of a group without a target have no group of an origin', () => {
    expect(tagsOf(to(''), { 'cache-groups': '"g"' }, [])).toEqual(['g']);
  });
});

describe('the groups that an unsafe request invalidates', () => {
  const origin = (scheme: string, host: string) => ({ scheme, host, url: '/' });

  test('are groups of its own origin, with the ids that responses of that origin are tagged with', () => {
    const invalidated = invalidatedTags(origin('http', 'h'), { 'cache-group-invalidation': '"g", "h"' });
    expect(invalidated).toEqual(['@http://h g', '@http://h h']);
    expect(tagsOf(to('h'), { 'cache-groups': '"g"' }, [])).toContain(invalidated[0]);
  });

  test.each([origin('https', 'h'), origin('http', 'other'), origin('http', 'h:8080')])(
    'are not groups of the origin %j',
    (other) => {
      const invalidated = invalidatedTags(other, { 'cache-group-invalidation': '"g"' });
      expect(tagsOf(to('h'), { 'cache-groups': '"g"' }, [])).not.toContain(invalidated[0]);
    },
  );

  test('are none without a target, and never those that only `Cache-Groups` names', () => {
    expect(invalidatedTags(undefined, { 'cache-group-invalidation': '"g"' })).toEqual([]);
    expect(invalidatedTags(origin('http', 'h'), { 'cache-groups': '"g"' })).toEqual([]);
  });
});
