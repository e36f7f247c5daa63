import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import type { Browser, Page } from 'playwright-core';
import { illegible } from '../operate/inspector/in-browser.cjs';
import { startChromium } from '../support/chromium.ts';

/* examples/minute, run in the checkout as its README says, and its page in a browser. */

const MISS = /^\d+ ms: the handler ran\nCache-Status: redis-response-cache; fwd=uri-miss; stored$/;
const HIT = /^\d+ ms: from the cache\nCache-Status: redis-response-cache; hit; ttl=\d+$/;

const program = spawn(process.execPath, ['examples/minute/index.mjs'], {
  env: { ...process.env, PORT: '0' },
  stdio: ['ignore', 'pipe', 'inherit'],
});
let browser: Browser;
let url: string;
beforeAll(async () => {
  const [line] = await once(createInterface(program.stdout), 'line');
  url = line;
  browser = await startChromium();
}, 360_000);
afterAll(async () => {
  program.kill();
  await browser?.close();
});

const complaints: string[] = [];
afterEach(() => {
  const seen = complaints.splice(0);
  expect(seen).toEqual([]);
});

async function openPage(colorScheme: 'light' | 'dark', width: number): Promise<Page> {
  const page = await browser.newPage({ colorScheme, viewport: { width, height: 800 } });
  page.on('console', (message) => complaints.push(message.text()));
  page.on('pageerror', (error) => complaints.push(String(error)));
  page.on('request', (request) => {
    if (!request.url().startsWith(url)) complaints.push(`asked for ${request.url()}`);
  });
  await page.goto(url);
  return page;
}

/** A row of the page, once it is there. The first one is the oldest, which is shown last. */
async function row(page: Page, number: number): Promise<string> {
  const rows = page.locator('#log li');
  await rows.nth(number - 1).waitFor();
  // biome-ignore lint/performance/useDomNodeTextContent: as it is seen, line by line.
  return rows.nth(-number).innerText();
}

describe('the page of examples/minute', () => {
  test('shows a miss, a hit, and a miss after a purge', async () => {
    const page = await openPage('light', 1280);
    expect(await row(page, 1)).toMatch(MISS);
    expect(await row(page, 2)).toMatch(HIT);
    await page.getByRole('button', { name: 'Purge it' }).click();
    expect(await row(page, 3)).toBe('Purged\ncache.purge({ all: true }) removed 1');
    await page.getByRole('button', { name: 'Get the report' }).click();
    expect(await row(page, 4)).toMatch(MISS);
    await page.getByRole('button', { name: 'Get the report' }).click();
    expect(await row(page, 5)).toMatch(HIT);
    await page.close();
  });

  test.each([
    ['light', 375],
    ['light', 1280],
    ['dark', 375],
    ['dark', 1280],
  ] as const)('is legible in the %s color scheme at %d px', async (scheme, width) => {
    const page = await openPage(scheme, width);
    await row(page, 2);
    await page.locator('button:disabled').first().waitFor({ state: 'detached' });
    expect(await page.evaluate(illegible)).toEqual([]);
    const folder = process.env.SCREENSHOTS;
    if (folder) await page.screenshot({ path: `${folder}/minute-${scheme}-${width}.png` });
    await page.close();
  });
});

describe('examples/minute/README.md', () => {
  const readme = readFileSync('examples/minute/README.md', 'utf8');
  const [, json = ''] = /```json\n([\s\S]*?)```/.exec(readme) ?? [];

  test('names the versions that are current', () => {
    const own = JSON.parse(readFileSync('package.json', 'utf8'));
    const { dependencies, scripts, type } = JSON.parse(json);
    expect(dependencies[own.name]).toBe(`^${own.version}`);
    expect(own.devDependencies.express.split('.')[0]).toBe(dependencies.express.split('.')[0].slice(1));
    expect([scripts.start, type]).toEqual(['node index.mjs', 'module']);
  });
});
