// What docs/README.md lists, for the sidebar of the site and for llms.txt: the one list of the guides.

import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path/posix';
import { fileURLToPath } from 'node:url';

export const ROOT = fileURLToPath(new URL('..', import.meta.url));
const INDEX = 'docs/README.md';

/**
 * The groups of the index: `{ title, pages: [{ path, title, question, pages }] }`. A folder's README.md has the pages that it
 * links below it.
 */
export function groups() {
  const sections = read(INDEX).split(/^## /m).slice(1);
  return sections
    .map((section) => {
      const rows = section.match(/^\| .*\]\(.*$/gm) ?? [];
      return { title: section.slice(0, section.indexOf('\n')).trim(), pages: rows.flatMap(pagesOf) };
    })
    .filter(({ pages }) => pages.length > 0);
}

/** All pages that the index leads to, each once. */
export function guides() {
  const all = groups().flatMap(({ pages }) => pages.flatMap((page) => [page, ...page.pages]));
  return [...new Map(all.map((page) => [page.path, page])).values()];
}

/** The pages of docs/ that the index does not lead to. */
export function unlisted() {
  const listed = guides().map(({ path }) => path);
  const pages = readdirSync(join(ROOT, 'docs'), { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.md'))
    .map((file) => `docs/${file}`);
  return pages.filter((path) => path !== INDEX && !listed.includes(path));
}

/** The first heading, as plain text. */
export function titleOf(path) {
  const [, title] = /^# (.*)$/m.exec(read(path)) ?? [];
  if (!title) throw new Error(`${path} has no heading of the first level`);
  return plain(title);
}

/** The first sentence of the first paragraph, as plain text. */
export function summaryOf(path) {
  const text = read(path)
    .replaceAll(/^```[\s\S]*?^```/gm, '')
    .replaceAll(/<!--[\s\S]*?-->/g, '');
  const paragraph = text.split(/\n{2,}/).find((block) => /^[^#|<>!\s-]/.test(block)) ?? '';
  const [sentence] = plain(paragraph.replaceAll('\n', ' ')).split(/(?<=[.:])\s/);
  return sentence.replace(/:$/, '.');
}

export function read(path) {
  return readFileSync(join(ROOT, path), 'utf8');
}

/** Pages of docs/ and examples/ that a row `| question | [page](link) |` links. */
function pagesOf(row) {
  const question = plain(row.split('|')[1]);
  return linksOf(INDEX, row).map((path) => {
    const pages = path.endsWith('/README.md') ? linksOf(path, read(path)).filter(isBelow(path)) : [];
    return {
      path,
      title: titleOf(path),
      question,
      pages: [...new Set(pages)].map((below) => ({
        path: below,
        title: titleOf(below),
        question: '',
        pages: [],
      })),
    };
  });
}

const isBelow = (path) => (other) => other !== path && other.startsWith(`${dirname(path)}/`);

/** The Markdown files that a text of the page at `path` links. */
function linksOf(path, text) {
  return [...text.matchAll(/\]\(([^)\s#]+)[^)]*\)/g)]
    .map(([, link]) => join(dirname(path), link))
    .filter((target) => target.endsWith('.md') && existsSync(join(ROOT, target)));
}

function plain(markdown) {
  return markdown
    .replaceAll(/\[([^\]]*)\]\([^)]*\)/g, '$1')
    .replaceAll(/[*`]/g, '')
    .trim();
}
