// node website/llms.mjs     writes llms.txt (https://llmstxt.org): the guides with a line each, for the package and the site

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { groups, guides, ROOT, read, summaryOf } from './site-index.mjs';

if (import.meta.url === pathToFileURL(process.argv[1]).href) writeFileSync(join(ROOT, 'llms.txt'), llms());

/** Links are relative: `docs/` stands beside the file in the package, and on the site. */
export function llms() {
  const { name, description } = JSON.parse(read('package.json'));
  const start = { title: 'Start here', pages: [{ title: name, path: 'README.md', pages: [] }] };
  const sections = [start, ...groups()].map(
    ({ title, pages }) => `## ${title}\n\n${pages.flatMap(lines).join('\n')}\n`,
  );
  return `# ${name}\n\n> ${description}\n\n${sections.join('\n')}`;
}

/** The README and all guides, one after the other. */
export function llmsFull() {
  const paths = ['README.md', ...guides().map(({ path }) => path)];
  return paths.map((path) => `<!-- ${path} -->\n\n${read(path).trim()}\n`).join('\n');
}

function lines({ title, path, pages }) {
  return [`- [${title}](${path}): ${summaryOf(path)}`, ...pages.flatMap(lines)];
}
