import { describe, expect, test } from '@jest/globals';
import { parsePolicy } from '../../src/options/policy.ts';

/* Good values of the options that choose between rules of HTTP. */

describe.each<['directives' | 'setCookie' | 'guard', readonly string[]]>([
  ['directives', ['follow', 'ignore', 'override']],
  ['setCookie', ['refuse', 'strip', 'store']],
  ['guard', ['refuse', 'warn', 'off']],
])('%s', (option, values) => {
  test.each(values)('%j is taken as it is', (value) => {
    expect(parsePolicy({ [option]: value })[option]).toBe(value);
  });
});

describe('targeted', () => {
  test.each<[string[], string[]]>([
    [[], []],
    [['CDN-Cache-Control'], ['cdn-cache-control']],
    [
      ['My-Cache-Control', 'cdn-cache-control'],
      ['my-cache-control', 'cdn-cache-control'],
    ],
  ])('%j is obeyed as %j', (targeted, expected) => {
    expect(parsePolicy({ targeted }).targeted).toEqual(expected);
  });
});
