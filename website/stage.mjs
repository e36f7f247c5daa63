// The pages of the site, made of the Markdown files of the repository.

import { cpSync, existsSync, mkdirSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname, extname, join, relative } from 'node:path/posix';
import { fileURLToPath } from 'node:url';
import { ROOT, read, titleOf, unlisted } from './site-index.mjs';

export const PAGES = fileURLToPath(new URL('pages', import.meta.url));

/** Pages beside docs/, each with its place on the site. */
const PAPERS = {
  'README.md': 'index.md',
  'CHANGELOG.md': 'changelog.md',
  'CONTRIBUTING.md': 'contributing.md',
  'SECURITY.md': 'security-policy.md',
  'CODE_OF_CONDUCT.md': 'code-of-conduct.md',
  'RELEASING.md': 'releasing.md',
  'ARCHITECTURE.md': 'architecture.md',
  'bench/README.md': 'benchmark.md',
  'bench/RESULTS.md': 'results.md',
};
const LANGUAGES = { '.mjs': 'js', '.json': 'json' };
const IMAGES = ['.png', '.svg'];

/** All files that have a page, and where: `docs/purging.md` at `guides/purging.md`. */
const placed = new Map([
  ...Object.entries(PAPERS).filter(([path]) => existsSync(join(ROOT, path))),
  ...below('docs')
    .filter((path) => path.endsWith('.md'))
    .map((path) => [path, asIndex(path.replace(/^docs\//, 'guides/'))]),
  ...below('examples')
    .filter((path) => !path.startsWith('examples/demo/') && !path.includes('node_modules'))
    .filter(
      (path) => path.endsWith('.md') || (extname(path) in LANGUAGES && path !== 'examples/package.json'),
    )
    .map((path) => [path, asIndex(path.endsWith('.md') ? path : path.replace(/\.\w+$/, '.md'))]),
]);

/** Where the page of a file is on the site: `/guides/purging`. */
export function urlOf(path) {
  const place = placed.get(path);
  if (!place) throw new Error(`${path} has no page`);
  return `/${place.replace(/(?:^|(?<=\/))index\.md$|\.md$/, '')}`;
}

/** The anchor that GitHub gives a heading. */
export function slugify(heading) {
  return heading
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{N} _-]/gu, '')
    .trim()
    .replaceAll(' ', '-');
}

/** Writes the pages. Throws where a link leads nowhere, or a page of docs/ is not in the index. */
export function stage() {
  const missing = unlisted();
  if (missing.length > 0) throw new Error(`docs/README.md does not list ${missing.join(', ')}`);
  rmSync(PAGES, { recursive: true, force: true });
  for (const [path, place] of placed) write(place, path.endsWith('.md') ? page(path) : program(path));
  cpSync(join(ROOT, 'src/inspector/page/icon.svg'), join(PAGES, 'public/icon.svg'));
}

function page(path) {
  const linked = relink(path, read(path));
  if (path === 'README.md') return home(linked);
  return path === 'docs/README.md' ? questions(linked) : linked;
}

/** The index, as lists of questions that are links: on the site, pages have no file names. */
function questions(markdown) {
  return markdown
    .replaceAll(/^\| (?:question|from) \| page \|\n\|[-|]+\n/gm, '')
    .replaceAll(/^\| (.*?) \| \[[^\]]*\]\(([^)]*)\) \|$/gm, '- [$1]($2)')
    .replaceAll(/^\| (.*?) \| (.*) \|$/gm, '- $1 $2');
}

/** The README, with its heading and first paragraph as the head of the home page. */
function home(markdown) {
  const [, name, tagline, rest] = /^# (.*)\n+([\s\S]*?)\n{2,}([\s\S]*)$/.exec(markdown);
  const hero = {
    name,
    tagline: tagline.replaceAll('\n', ' ').replaceAll(/\[([^\]]*)\]\([^)]*\)|[*`]/g, '$1'),
    actions: [
      { theme: 'brand', text: 'Try it in a minute', link: urlOf('examples/minute/README.md') },
      { theme: 'alt', text: 'All guides', link: urlOf('docs/README.md') },
      { theme: 'alt', text: 'Why is this not cached?', link: urlOf('docs/why-not-cached.md') },
    ],
  };
  // JSON is YAML.
  return `---\nlayout: home\nhero: ${JSON.stringify(hero)}\n---\n\n${rest}`;
}

/** A page that shows a program, with the comment at its top as it is. */
function program(path) {
  const name = path.replace(/^examples\//, '');
  return `# ${name}\n\n\`\`\`\`${LANGUAGES[extname(path)]}\n${read(path).trim()}\n\`\`\`\`\n`;
}

/**
 * Links to files that have a page lead to it, and those to images to a copy. A link to another file of the repository becomes
 * plain text: it is not on the site.
 */
function relink(path, markdown) {
  const here = dirname(placed.get(path));
  // Not in blocks of code, and not in code within a line.
  return markdown.replaceAll(
    /^```[\s\S]*?^```|`[^`\n]+`(?!\])|(!?)\[((?:[^\][]|\[[^\]]*\])*)\]\(([^)\s]+)\)/gm,
    (whole, image, text, link) => {
      if (link === undefined || /^(?:https?:|mailto:|#)/.test(link)) return whole;
      const [file, anchor] = link.split('#');
      const target = join(dirname(path), file);
      if (!existsSync(join(ROOT, target))) throw new Error(`${path} links ${link}, which does not exist`);
      if (IMAGES.includes(extname(target))) {
        const copy = join(here, target.replaceAll('/', '-'));
        mkdirSync(dirname(join(PAGES, copy)), { recursive: true });
        cpSync(join(ROOT, target), join(PAGES, copy));
        return `${image}[${text}](./${relative(here, copy)})`;
      }
      const isFolder = statSync(join(ROOT, target)).isDirectory();
      const place = placed.get(isFolder ? join(target, 'README.md') : target);
      if (!place) return text;
      const to = relative(here, place);
      // The name of a file says less on the site than the title of its page.
      const label = /^`?[\w./-]+\.md`?$/.test(text) ? titleOf(target) : text;
      return `${image}[${label}](${to.startsWith('.') ? to : `./${to}`}${anchor ? `#${anchor}` : ''})`;
    },
  );
}

function write(place, text) {
  const file = join(PAGES, place);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, text);
}

/** A README.md is the index of its folder. */
function asIndex(place) {
  return place.replace(/README\.md$/, 'index.md');
}

function below(folder) {
  return readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' }).map(
    (file) => `${folder}/${file}`,
  );
}
