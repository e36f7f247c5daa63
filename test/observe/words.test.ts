import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { DETAILS, FORWARDED, ruleOf, rulesOf } from '../../src/observe/reasons.ts';

const SRC = join(__dirname, '../../src');
/** Of values, entries and commands: they never answer a request. */
const ELSEWHERE =
  /^(?:cli|store\/(?!guard)|warm|asking|sitemap|access-log|values?\b|value-store|words|metrics|otel|prometheus|entry-face|measure)/;

/** Every word that the code gives as a `detail`, by where it stands. */
function wordsInCode(): Map<string, string> {
  const words = new Map<string, string>();
  const files = readdirSync(SRC, { recursive: true, encoding: 'utf8' });
  for (const file of files.filter((file) => file.endsWith('.ts') && !ELSEWHERE.test(file))) {
    const code = readFileSync(join(SRC, file), 'utf8')
      .replace(/\/\*.*?\*\//gs, '')
      .replace(/\/\/.*$/gm, '');
    const add = (text: string): void => {
      // What is only compared is not said.
      for (const [, word] of text
        .replace(/[=!]==\s*'[^']*'|\.has\('[^']*'\)/g, '')
        .matchAll(/'([a-z][a-z-]*)'/g)) {
        words.set(word!, file);
      }
    };
    for (const [, text] of code.matchAll(/\b(?:detail|refused|reason)\b\s*(?::|\?\?=|=)\s*([^;,}]*)/g))
      add(text!);
    for (const [, text] of code.matchAll(/\bbypass\(([^)]*)\)/g)) add(text!);
    for (const [, text] of code.matchAll(/type Refusal =([^;]*);/g)) add(text!);
    for (const [, text] of code.matchAll(/new Fault\(([^,]*),/g)) add(text!);
    if (/^(?:fill|storing|validation|identity|http\/storable)\.ts/.test(file)) {
      for (const [, text] of code.matchAll(/\breturn ([^;]*);/g)) add(text!);
      for (const [, text] of code.matchAll(/Promise\.resolve\(([^)]*)\)/g)) add(text!);
    }
  }
  return words;
}

/** What the search above meets beside them: kinds, steps and results. */
const KINDS = ['store', 'result', 'forward', 'stale', 'stored', 'failed', 'refused', 'nothing', 'hit'];
const NOT_DETAILS = new Set([...KINDS, 'replace', 'keep', 'pass']);

describe('the table of words', () => {
  test('has every word that the code says', () => {
    const words = wordsInCode();
    for (const word of [
      'when',
      'no-store',
      'purged',
      'target',
      'timeout',
      'origin-timeout',
      'too-large',
      'route',
    ])
      expect([...words.keys()]).toContain(word);
    const missing = [...words].filter(([word]) => !(word in DETAILS) && !NOT_DETAILS.has(word));
    expect(missing).toEqual([]);
  });

  test('has no word that the code does not say', () => {
    const words = wordsInCode();
    // What was read, and what was asked for, is put together or passed on.
    const made = ['personal', 'shadow', 'redis-error', 'invalidate', 'invalidate-all'];
    expect(Object.keys(DETAILS).filter((word) => !words.has(word) && !made.includes(word))).toEqual([]);
  });

  test('explains in sentences, with sections of RFCs that exist', () => {
    for (const [says, see] of [...Object.values(DETAILS), ...Object.values(FORWARDED)]) {
      expect(says).toMatch(/^[A-Z`].*\.$/);
      if (see !== undefined) expect(see).toMatch(/^RFC (?:9110|9111|9112|9211|5861) §\d+(?:\.\d+)*$/);
    }
    expect(ruleOf('personal: req.user').see).toBe('RFC 9111 §7.1');
    expect(ruleOf('OOM').says).toContain('code of an error');
    expect(ruleOf('never-heard-of').says).toBe('Unknown to this version.');
    expect(
      rulesOf({ kind: 'hit', ttl: -1, detail: 'stale-while-revalidate' }).map(({ word }) => word),
    ).toEqual(['hit', 'stale-while-revalidate']);
  });

  test('is what the documentation says', () => {
    const rows = readFileSync('docs/cache-status.md', 'utf8')
      .split('\n')
      .filter((line) => line.startsWith('| `'));
    const row = (name: string, [says, see = '']: readonly [string, string?]): string => {
      return `| \`${name}\` | ${says} | ${see} |`;
    };
    const expected = [
      ...Object.entries(FORWARDED).map(([word, entry]) => row(`fwd=${word}`, entry)),
      ...Object.entries(DETAILS).map(([word, entry]) => row(`detail=${word}`, entry)),
    ];
    expect(rows.filter((line) => /^\| `(?:fwd|detail)=[a-z-]+`/.test(line))).toEqual(expected);
  });
});
