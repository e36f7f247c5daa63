// node website/build.mjs     builds the site (guides, API reference, search, llms.txt) into site/

import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'vitepress';
import { llms, llmsFull } from './llms.mjs';
import { guides, ROOT } from './site-index.mjs';
import { PAGES, stage } from './stage.mjs';

stage();
const typedoc = fileURLToPath(import.meta.resolve('typedoc')).replace(/dist\/index\.js$/, 'bin/typedoc');
execFileSync(process.execPath, [typedoc, '--options', 'website/typedoc.mjs'], {
  cwd: ROOT,
  stdio: 'inherit',
});
// The addresses in llms.txt are those of the files in the package.
for (const path of ['README.md', ...guides().map((guide) => guide.path)]) {
  const copy = join(PAGES, 'public', path);
  mkdirSync(dirname(copy), { recursive: true });
  cpSync(join(ROOT, path), copy);
}
writeFileSync(join(PAGES, 'public/llms.txt'), llms());
writeFileSync(join(PAGES, 'public/llms-full.txt'), llmsFull());
await build(join(ROOT, 'website'));
