import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';

/* docs/http.md names functions and cases; both must be there. */

const ROOT = join(__dirname, '../..');
const ROW = /^\| ([^|]+) \| [^|]+ \| `([^`]+)` (\w+) \| ([\w-]+) \|$/;
const lines = readFileSync(join(ROOT, 'docs/http.md'), 'utf8').split('\n');
const rows = lines.filter((line) => /^\| \d/.test(line));

function read(file: string): string {
  return existsSync(join(ROOT, file)) ? readFileSync(join(ROOT, file), 'utf8') : '';
}

describe('docs/http.md', () => {
  test.each(rows)('%s', (row) => {
    const [, section = '', file, name, cases] = ROW.exec(row) ?? [];
    expect(read(`src/${file}`)).toMatch(
      new RegExp(`(?:function|class|const) ${name}\\b|^ {2}#?${name}\\(`, 'm'),
    );
    const described = section.includes(' ') || /^\d{4}$/.test(section) ? `RFC ${section}` : `§${section}`;
    // A subsection may be a case under its section's title.
    const title = described.replace(/(§5\.2\.[12])\.\d+$/, '$1');
    expect(read(`test/rfc/${cases}.test.ts`)).toContain(title);
  });

  test('leaves no section out', () => {
    const sections = [
      '3.1',
      '3.2',
      '3.3',
      '3.4',
      '3.5',
      '4.1',
      '4.2.1',
      '4.2.2',
      '4.2.3',
      '4.2.4',
      '4.3.1',
      '4.3.2',
    ];
    const more = ['4.3.3', '4.3.4', '4.3.5', '4.4', '5.1', '5.3', '5.4', '5.5', '5.2.3'];
    const ofRequests = [1, 2, 3, 4, 5, 6, 7].map((n) => `5.2.1.${n}`);
    const ofResponses = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10].map((n) => `5.2.2.${n}`);
    const listed = rows.map((row) => row.split('|')[1]?.trim());
    expect([...sections, ...more, ...ofRequests, ...ofResponses].filter((s) => !listed.includes(s))).toEqual(
      [],
    );
  });
});
