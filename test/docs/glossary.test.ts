import { readFileSync } from 'node:fs';
import { expect, test } from '@jest/globals';

/* docs/glossary.md is a dictionary. */

test('docs/glossary.md is in alphabetical order and has each word once', () => {
  const [, ...rows] = readFileSync('docs/glossary.md', 'utf8').match(/^\| [^-].* \|$/gm) ?? [];
  const words = rows.map((row) => row.split('|')[1]?.trim() ?? '');
  expect(words.length).toBeGreaterThan(40);
  expect(words).toEqual([...new Set(words)].sort((a, b) => a.localeCompare(b, 'en')));
});
