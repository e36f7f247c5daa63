import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from '@jest/globals';
import { POLICY } from '../../src/options/policy.ts';

const ROOT = join(__dirname, '../..');
const page = readFileSync(join(ROOT, 'docs/options.md'), 'utf8');

test('docs/options.md is what the types say: npm run docs writes it', async () => {
  const script = ['scripts/options.mjs', '--print'];
  const { stdout } = await promisify(execFile)(process.execPath, script, { cwd: ROOT });
  expect(page).toBe(stdout);
});

test('docs/options.md marks what cache.with takes', () => {
  const rows = [...page.matchAll(/^\| \[`(\w+)`\]\(#\w+\) \| .* \| (yes)? \| .*\|$/gm)];
  expect(rows.length).toBeGreaterThan(30);
  const marked = rows.filter(([, , yes]) => yes).map(([, name]) => name);
  expect(marked.sort()).toEqual([...POLICY].sort());
});
