import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import type { CacheDetail, CacheOutcome } from '../../src/observe/outcome.ts';
import { DETAILS, FORWARDED, reasonOf, reasonsOf } from '../../src/observe/reasons.ts';

const SRC = join(__dirname, '../../src');

/** The source of everything but the observe room, without comments and comparisons: a word there is given, not read. */
function sourceWithoutTable(): string {
  const files = readdirSync(SRC, { recursive: true, encoding: 'utf8' });
  return files
    .filter((file) => file.endsWith('.ts') && !/^(?:observe|cli|inspector)\//.test(file))
    .map((file) => readFileSync(join(SRC, file), 'utf8'))
    .join('\n')
    .replace(/\/\*.*?\*\//gs, '')
    .replace(/\/\/.*$/gm, '')
    .replace(/[=!]==\s*'[^']*'|\.(?:has|startsWith)\('[^']*'\)/g, '');
}

describe('the words of Cache-Status', () => {
  test('every word of the table is given somewhere in the code', () => {
    const source = sourceWithoutTable();
    const given = (word: string): boolean =>
      source.includes(`'${word}'`) || source.includes(`\`${word}: \${`);
    // It stands for every code, and codes are parsed from the replies of Redis. A purge passes on the word it was sent.
    const passedOn = ['redis-error', 'invalidate', 'invalidate-all'];
    expect(Object.keys(DETAILS).filter((word) => !given(word) && !passedOn.includes(word))).toEqual([]);
  });

  test('every meaning is a sentence, with a section of an RFC if it has one', () => {
    for (const [says, see] of [...Object.values(DETAILS), ...Object.values(FORWARDED)]) {
      expect(says).toMatch(/^[A-Z`].*\.$/);
      if (see !== undefined) expect(see).toMatch(/^RFC (?:9110|9111|9112|9211|5861) §\d+(?:\.\d+)*$/);
    }
  });

  test('docs/cache-status.md has the same words and sentences', () => {
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

describe('the reason of a detail', () => {
  test.each<[CacheDetail, says: RegExp, see: string | undefined]>([
    ['no-store', /^The response has `no-store`/, 'RFC 9111 §5.2.2.5'],
    ['depends-on-credentials: req.user', /^The app read data of the caller/, 'RFC 9111 §7.3'],
    ['depends-on-credentials', /or was seen to give requests with such credentials another/, 'RFC 9111 §7.3'],
    ['varies: req.session', /^The app read values that middleware in front has set/, 'RFC 9111 §4.1'],
    ['shadow: uri-miss; private', /^With `mode: 'shadow'`/, undefined],
    ['OOM', /is the code of an error that Redis replied with/, undefined],
  ])('%s has the sentence of its word, and keeps its particulars', (detail, says, see) => {
    const reason = reasonOf(detail);
    expect(reason).toMatchObject({ word: detail, says: expect.stringMatching(says) });
    expect(reason.see).toBe(see);
  });

  test.each(['other', 'toString', ''])(
    'a word that is not in the table is said to be unknown: %j',
    (word) => {
      expect(reasonOf(word)).toEqual({ word, says: 'This version has no such word.' });
    },
  );
});

describe('the reasons of an outcome', () => {
  test.each<[CacheOutcome, words: string[]]>([
    [{ kind: 'hit', ttlMs: 1 }, ['hit']],
    [{ kind: 'hit', ttlMs: -1, detail: 'stale-while-revalidate' }, ['hit', 'stale-while-revalidate']],
    [{ kind: 'forward', fwd: 'uri-miss' }, ['uri-miss']],
    [{ kind: 'forward', fwd: 'bypass', detail: 'LOADING' }, ['bypass', 'LOADING']],
    [{ kind: 'invalidated', detail: 'invalidate-all' }, ['invalidate-all']],
  ])('%j: the most general comes first', (outcome, words) => {
    expect(reasonsOf(outcome).map(({ word }) => word)).toEqual(words);
  });
});
