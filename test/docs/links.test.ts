import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { expect, test } from '@jest/globals';
import { deadLinks, markdownBelow } from './support/links.ts';
import { PAGES } from './support/snippets.ts';

/* Every link of the documentation to another page, or into one, leads somewhere. */

const atRoot = readdirSync('.').filter((file) => file.endsWith('.md'));
const inFolders = ['.github', 'bench', 'examples'].flatMap((folder) =>
  existsSync(folder) ? markdownBelow(folder).map((file) => `${folder}/${file}`) : [],
);
const pages = [...new Set([...PAGES, ...atRoot, ...inFolders])];

test.each(pages)('the links of %s lead to files and headings that exist', (page) => {
  expect(deadLinks('.', page)).toEqual([]);
});

test('docs/README.md leads to every page of docs/, so that the site and llms.txt do', () => {
  const program =
    "import('./website/site-index.mjs').then(({ unlisted }) => console.log(unlisted().join(' ')))";
  expect(execFileSync(process.execPath, ['-e', program], { encoding: 'utf8' }).trim()).toBe('');
});
