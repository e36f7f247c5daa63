import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { expect, test } from '@jest/globals';
import { main } from '../../../src/cli/main.ts';

test('warm requests more URLs than it reads ahead, and shows no total', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'rrc-command-'));
  const list = join(folder, 'many.xml');
  const COUNT = 100_002;
  writeFileSync(
    list,
    `<urlset>${Array.from({ length: COUNT }, (_, i) => `<loc>${i}</loc>`).join('')}</urlset>`,
  );
  const said: string[] = [];
  const drawn: string[] = [];
  const code = await main(['warm', '--sitemap', list, '--json'], {
    input: Readable.from([]),
    env: {},
    out: { isTTY: true, write: (text: string) => void said.push(text) },
    err: { isTTY: true, write: (text: string) => void drawn.push(text) },
    signal: new AbortController().signal,
    version: '0',
  });
  rmSync(folder, { recursive: true });
  expect(code).toBe(1);
  expect(JSON.parse(said.join(''))).toMatchObject({ done: 0, failed: COUNT, problems: [] });
  // Neither a bar nor `done/total`.
  expect(drawn.join('')).not.toMatch(/\[\d|\[#|\//);
});
