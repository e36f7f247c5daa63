import { readFileSync } from 'node:fs';
import { describe, expect, test } from '@jest/globals';
import {
  CREDENTIALS,
  isCredential,
  isNoise,
  NAMES_CALLER,
  NOISE,
  NOISE_COOKIES,
  ROUTING,
} from '../../src/sharing/fields.ts';
import { NOISE_NAMES } from '../../src/sharing/placed.ts';

/* The lists of names in docs/security.md are those of the code. */

const page = readFileSync('docs/security.md', 'utf8');

/** The names in the tables of a section, in the order of the page. */
function listed(heading: string): string[] {
  const [, section = ''] = page.split(`### ${heading}\n`);
  const [text = ''] = section.split(/^#/m);
  const rows = text.match(/^\|.*\|$/gm) ?? [];
  return rows.flatMap((row) => {
    // The first of two columns says what kind of names they are.
    const cell = row.split('|').at(-2) ?? '';
    return [...cell.matchAll(/`([^`]+)`/g)].map(([, name = '']) => name);
  });
}

const sorted = (names: Iterable<string>): string[] => [...names].sort();

describe('docs/security.md lists', () => {
  test.each([
    ['Credentials', CREDENTIALS],
    ['Header fields that are ignored', [...NOISE, ...ROUTING]],
    ['Values that are ignored', NOISE_NAMES],
    ['Cookies that are ignored', NOISE_COOKIES],
  ])('%s', (heading, names) => {
    expect(sorted(listed(heading))).toEqual(sorted(names));
  });

  test('the words by which a name is that of a credential', () => {
    const words = listed('Credentials by a word in their name');
    expect(words.filter((word) => !isCredential(`x-${word}-own`))).toEqual([]);
    const [, alternatives = ''] = /\(\?:(user[^)]*)\)/.exec(NAMES_CALLER.source) ?? [];
    const patterns = alternatives.split('|').map((word) => new RegExp(`^${word}$`));
    expect(patterns.length).toBeGreaterThan(20);
    expect(patterns.filter((pattern) => !words.some((word) => pattern.test(word)))).toEqual([]);
    expect(words.filter((word) => !patterns.some((pattern) => pattern.test(word)))).toEqual([]);
  });

  test('no field as both a credential and ignored', () => {
    expect(
      listed('Header fields that are ignored').filter((name) => !name.endsWith('*') && isCredential(name)),
    ).toEqual([]);
    expect(listed('Credentials').filter((name) => !name.endsWith('*') && isNoise(name))).toEqual([]);
  });
});
