import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import type { AddressInfo, Server } from 'node:net';
import { dirname, join } from 'node:path/posix';
import { promisify } from 'node:util';
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import express from 'express';
import type { Browser, BrowserContextOptions, Page } from 'playwright-core';
import { illegible, isFocused } from '../operate/inspector/in-browser.cjs';
import { startChromium } from '../support/chromium.ts';

/*
 * The site that `npm run docs` builds: its links, and in a real browser its search, its copy buttons and its layout. With
 * SCREENSHOTS=FOLDER, pictures of the pages are left there.
 */

const SITE = 'site';
/** A page of each kind. */
const PAGES = {
  home: '/',
  index: '/guides/',
  options: '/guides/options.html',
  security: '/guides/security.html',
  inspector: '/guides/inspector.html',
  example: '/examples/frameworks/nest.html',
  api: '/api/index/interfaces/CacheMiddleware.html',
};

let server: Server;
let origin: string;
let browser: Browser;
beforeAll(async () => {
  await promisify(execFile)(process.execPath, ['website/build.mjs']);
  server = express().use(express.static(SITE)).listen(0, '127.0.0.1');
  await once(server, 'listening');
  origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  browser = await startChromium();
}, 600_000);
afterAll(async () => {
  await browser?.close();
  server?.close();
});

/** Errors, and requests to other origins. A test fails if it leaves any. */
let complaints: string[] = [];
afterEach(() => {
  const seen = complaints;
  complaints = [];
  expect(seen).toEqual([]);
});

async function openPage(path: string, options?: BrowserContextOptions): Promise<Page> {
  const context = await browser.newContext(options);
  const page = await context.newPage();
  page.on('console', (message) => {
    if (message.type() === 'error' || message.type() === 'warning') complaints.push(message.text());
  });
  page.on('pageerror', (error) => complaints.push(String(error)));
  page.on('request', (request) => {
    if (!request.url().startsWith(origin)) complaints.push(`asked for ${request.url()}`);
  });
  await page.goto(origin + path, { waitUntil: 'networkidle' });
  // From then on the page listens.
  await page.waitForFunction("'__vue_app__' in document.querySelector('#app')");
  return page;
}

const files = (): string[] =>
  readdirSync(SITE, { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.html'));

/** The file that a path on the site is served from. */
function fileOf(path: string): string {
  return join(SITE, path.endsWith('/') ? `${path}index.html` : path);
}

test('every link of the site leads to a file, and every anchor to an element', () => {
  const pages = new Map(files().map((file) => [join(SITE, file), readFileSync(join(SITE, file), 'utf8')]));
  expect(pages.size).toBeGreaterThan(60);
  const dead: string[] = [];
  for (const [file, html] of pages) {
    for (const [, link = ''] of html.matchAll(/<a [^>]*?href="([^"]*)"/g)) {
      if (/^(?:https?|mailto):/.test(link)) continue;
      const [path = '', anchor = ''] = link.split('#');
      const at = path.startsWith('/') ? path : join(dirname(file).slice(SITE.length), '/', path);
      const target = path === '' ? file : fileOf(at);
      const id = decodeURIComponent(anchor).replaceAll('&amp;', '&');
      const hasAnchor = anchor === '' || pages.get(target)?.includes(` id="${id}"`);
      if (!existsSync(target) || !hasAnchor) dead.push(`${file}: ${link}`);
    }
  }
  expect([...new Set(dead)]).toEqual([]);
});

test('llms.txt links files that are on the site', () => {
  const links = [...readFileSync(join(SITE, 'llms.txt'), 'utf8').matchAll(/\]\(([^)]+)\)/g)];
  expect(links.length).toBeGreaterThan(15);
  expect(links.map(([, link = '']) => link).filter((link) => !existsSync(join(SITE, link)))).toEqual([]);
});

test('search finds an option, and leads to its page', async () => {
  const page = await openPage('/');
  await page.keyboard.press('Control+k');
  await page.locator('#localsearch-input').fill('maxBodySize');
  const result = page.locator('#localsearch-list a').first();
  await result.waitFor();
  await page.keyboard.press('Enter');
  await page.waitForURL(/\/(?:guides|api)\//);
  await page.context().close();
});

test('the copy button of a snippet copies its text', async () => {
  const permissions = ['clipboard-read', 'clipboard-write'];
  const page = await openPage('/', { permissions });
  const block = page.locator('div[class*="language-"]').nth(1);
  await block.hover();
  await block.locator('button.copy').click();
  await block.locator('button.copied').waitFor();
  const copied = await page.evaluate('navigator.clipboard.readText()');
  expect(copied).toBe((await block.locator('code').textContent())?.trimEnd());
  expect(copied).toContain("import { redisCache } from 'redis-response-cache';");
  await page.context().close();
});

test('the keyboard reaches the content past the navigation, and shows where it is', async () => {
  const page = await openPage(PAGES.options);
  await page.keyboard.press('Tab');
  const skip = page.getByRole('link', { name: 'Skip to content' });
  expect(await skip.evaluate(isFocused)).toBe(true);
  expect((await skip.boundingBox())?.width).toBeGreaterThan(50);
  await page.keyboard.press('Tab');
  expect(await page.evaluate('getComputedStyle(document.activeElement).outlineStyle')).not.toBe('none');
  await page.context().close();
});

describe.each(['light', 'dark'] as const)('in the %s color scheme', (colorScheme) => {
  describe.each([375, 1280])('at %d px', (width) => {
    test.each(Object.entries(PAGES))('%s is legible and no wider than the window', async (name, path) => {
      const page = await openPage(path, { colorScheme, viewport: { width, height: 900 } });
      const folder = process.env.SCREENSHOTS;
      if (folder) await page.screenshot({ path: `${folder}/${name}-${colorScheme}-${width}.png` });
      expect(await page.evaluate(illegible)).toEqual([]);
      await page.context().close();
    });
  });
});
