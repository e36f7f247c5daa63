import { execFile } from 'node:child_process';
import { cpSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import ts from 'typescript';
import { Project } from '../frameworks/support/project.ts';
import { uniquePrefix } from '../support/prefix.ts';
import { type Snippet, snippets } from './support/snippets.ts';

/*
 * The JavaScript in the README and in docs/ runs, or parses where it is another package's. Whole programs: programs.test.ts,
 * parts with requests: recipes.test.ts.
 */

const parts = snippets.filter(({ mark, requests }) => mark === '' && requests.length === 0);
const project = new Project();
afterAll(() => project.close());

/** What each part threw, by its file. */
let threw: Record<string, string>;

beforeAll(async () => {
  const files = parts.map((part) => {
    const own = part.code.replace('redis://localhost:6379', process.env.TEST_REDIS_URL as string);
    writeFileSync(join(project.folder, fileOf(part)), own);
    return fileOf(part);
  });
  writeFileSync(join(project.folder, 'access.log'), '::1 - - [x] "GET /leads HTTP/1.1" 200 2\n');
  cpSync(join(__dirname, 'support/stage.mjs'), join(project.folder, 'stage.mjs'));
  const secrets = { CACHE_KEY: Buffer.alloc(32, 7).toString('base64'), PURGE_SECRET: 'sixteen letters!' };
  const env = { ...process.env, ...secrets, PREFIX: uniquePrefix() };
  const { stdout } = await promisify(execFile)(process.execPath, ['stage.mjs', ...files], {
    cwd: project.folder,
    env,
  });
  threw = JSON.parse(stdout);
}, 60_000);

function fileOf({ page, line }: Snippet): string {
  return `${page.replaceAll(/\W/g, '-')}-${line}.mjs`;
}

describe('the parts of programs', () => {
  test.each(parts)('$page:$line runs', (part) => {
    expect(threw[fileOf(part)]).toBeUndefined();
  });

  test('are found, on every page that has any', () => {
    expect(parts.length).toBeGreaterThan(20);
    expect(new Set(parts.map(({ page }) => page))).toContain('docs/security.md');
  });
});

test.each(snippets.filter(({ mark }) => mark === 'parse'))('$page:$line parses', ({ code }) => {
  const options = { module: ts.ModuleKind.ESNext, allowJs: true };
  const { diagnostics } = ts.transpileModule(code, {
    compilerOptions: options,
    fileName: 'part.js',
    reportDiagnostics: true,
  });
  expect(diagnostics?.map(({ messageText }) => messageText)).toEqual([]);
});
