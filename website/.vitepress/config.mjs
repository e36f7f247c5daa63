import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { defineConfig } from 'vitepress';
import { groups, read } from '../site-index.mjs';
import { PAGES, slugify, urlOf } from '../stage.mjs';

const { name, description } = JSON.parse(read('package.json'));

const item = ({ path, title, pages }) => ({
  text: title,
  link: urlOf(path),
  ...(pages.length > 0 && { items: pages.map(item), collapsed: true }),
});

const guides = groups().map(({ title, pages }) => ({ text: title, items: pages.map(item) }));

export default defineConfig({
  title: name,
  description,
  lang: 'en-US',
  base: process.env.SITE_BASE ?? '/',
  srcDir: PAGES,
  // Files of the site as they are, not pages.
  srcExclude: ['public/**'],
  outDir: '../site',
  cacheDir: '../node_modules/.cache/vitepress',
  lastUpdated: false,
  // A link to a page that does not exist fails the build.
  ignoreDeadLinks: false,
  head: [['link', { rel: 'icon', href: `${process.env.SITE_BASE ?? '/'}icon.svg`, type: 'image/svg+xml' }]],
  markdown: {
    // The anchors that GitHub gives headings, so that a link works there and here.
    anchor: { slugify },
    theme: { light: 'github-light-high-contrast', dark: 'github-dark-default' },
  },
  vite: { logLevel: 'warn', build: { chunkSizeWarningLimit: 4000 } },
  themeConfig: {
    search: { provider: 'local' },
    outline: [2, 3],
    externalLinkIcon: true,
    nav: [
      { text: 'Guides', link: urlOf('docs/README.md') },
      { text: 'Options', link: urlOf('docs/options.md') },
      { text: 'API', link: '/api/' },
      { text: 'Changes', link: urlOf('CHANGELOG.md') },
    ],
    sidebar: { '/': guides, '/api/': apiSidebar() },
    docFooter: { prev: 'Previous', next: 'Next' },
  },
});

/** The entry of the package as a user names it. */
function entryName(entry) {
  return entry === 'index' ? name : `${name}/${entry.replace(/^.*\//, '')}`;
}

/** Entries of the package, kinds, names: the folders that typedoc writes. */
function apiSidebar() {
  const folder = join(PAGES, 'api');
  const foldersIn = (path) =>
    existsSync(path)
      ? readdirSync(path, { withFileTypes: true })
          .filter((entry) => entry.isDirectory())
          .map((entry) => entry.name)
      : [];
  const entries = [
    ...foldersIn(folder),
    ...foldersIn(join(folder, 'observe')).map((entry) => `observe/${entry}`),
  ];
  const withPage = entries.filter((entry) => existsSync(join(folder, entry, 'index.md')));
  return withPage.map((entry) => ({
    text: entryName(entry),
    link: `/api/${entry}/`,
    items: foldersIn(join(folder, entry)).map((kind) => ({
      text: kind.replaceAll('-', ' ').replace(/^./, (first) => first.toUpperCase()),
      collapsed: kind !== 'functions' && kind !== 'classes',
      items: readdirSync(join(folder, entry, kind)).map((file) => {
        const symbol = file.replace(/\.md$/, '');
        return { text: symbol, link: `/api/${entry}/${kind}/${symbol}` };
      }),
    })),
  }));
}
