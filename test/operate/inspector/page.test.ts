import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import { brotliCompressSync, gzipSync } from 'node:zlib';
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import cors from 'cors';
import { Redis } from 'ioredis';
import type { Browser, BrowserContextOptions, Locator, Page } from 'playwright-core';
import { encode } from '../../../src/codec/format.ts';
import type { CacheMiddleware, CacheOptions, EntryRef } from '../../../src/index.ts';
import { type InspectorOptions, inspector } from '../../../src/inspector/index.ts';
import { express5app, type Handler, newCache, serve, untilTheEnd } from '../../support/app.ts';
import { startChromium } from '../../support/chromium.ts';
import { ask } from '../../support/client.ts';
import { listedEntries } from '../../support/entries.ts';
import { fieldsOf } from '../../support/envelope.ts';
import { sized } from '../../support/long.ts';
import { uniquePrefix } from '../../support/prefix.ts';
import { HEAD } from '../../support/stored-head.ts';
import * as inBrowser from './in-browser.cjs';

/* The page of the inspector in a real browser: every view, every action, and hostile data. */

const { addMarkup, attack, illegible, isFocused, unnamed, watched } = inBrowser;
const redis = process.env.TEST_REDIS_URL as string;
/** What is a lot to look through. */
const COUNT = sized(10_000, 100_000);
const MANY = COUNT.toLocaleString('en');

let browser: Browser;
beforeAll(async () => {
  browser = await startChromium();
}, 360_000);
afterAll(() => browser?.close());

/** Errors, dialogs and requests to other origins. A test fails if it leaves any. */
let complaints: string[] = [];
afterEach(() => {
  const seen = complaints;
  complaints = [];
  expect(seen).toEqual([]);
});

interface Site {
  readonly cache: CacheMiddleware;
  readonly port: number;
  readonly origin: string;
  readonly prefix: string;
  get(path: string, headers?: Record<string, string>): Promise<void>;
  open(view?: string, options?: BrowserContextOptions): Promise<Page>;
}

interface Setup extends Partial<InspectorOptions> {
  readonly cached?: CacheOptions;
  /** Whether the store is the memory of this process. */
  readonly inProcess?: boolean;
  readonly front?: Handler;
}

/** An app behind a cache, and its inspector at `/admin/cache`. */
async function site({ cached, inProcess, front = pass, ...options }: Setup, app: Handler): Promise<Site> {
  const prefix = uniquePrefix();
  const cache = newCache({ ...(!inProcess && { redis }), prefix, ...cached });
  const console = inspector(cache, { authorize: () => true, ...options });
  const mounted: Handler = (req, res, next) => {
    if (!req.url.startsWith('/admin/cache')) return next();
    const { url } = req;
    Object.assign(req, { originalUrl: url, url: url.slice('/admin/cache'.length) || '/' });
    console(req, res, next);
  };
  const port = await serve(express5app(front, mounted, cache as unknown as Handler, app));
  const origin = `http://127.0.0.1:${port}`;
  return {
    ...{ cache, port, origin, prefix },
    async get(path, headers = {}) {
      await ask(port, { path, headers: { Host: `127.0.0.1:${port}`, ...headers } });
      await cache.idle();
    },
    open: (view = '', opened) => openPage(`${origin}/admin/cache${view && `/${view}`}`, opened),
  };
}

const pass: Handler = (_, __, next) => next();

async function openPage(url: string, options?: BrowserContextOptions): Promise<Page> {
  const context = await browser.newContext({ locale: 'en-GB', ...options });
  untilTheEnd(() => context.close());
  context.setDefaultTimeout(8000);
  const page = await context.newPage();
  page.on('console', (message) => {
    if (message.type() === 'error' || message.type() === 'warning') complaints.push(message.text());
  });
  page.on('pageerror', (error) => complaints.push(String(error)));
  page.on('dialog', (dialog) => {
    complaints.push(`dialog: ${dialog.message()}`);
    void dialog.dismiss();
  });
  page.on('request', (request) => {
    if (new URL(request.url()).origin !== new URL(url).origin) complaints.push(`asked for ${request.url()}`);
  });
  await page.goto(url);
  return page;
}

const simple: Handler = (req, res) => {
  res.setHeader('Content-Type', 'text/plain; charset=utf-8');
  res.setHeader('Cache-Tag', `all, ${req.url.split('/')[1]!.slice(0, 20)}`);
  res.end(`body of ${req.url}`);
};

const rows = (page: Page): Locator => page.locator('#list tbody tr');
const says = (page: Page, place: string, text: string | RegExp): Promise<void> =>
  page.locator(place, { hasText: text }).waitFor();
// biome-ignore lint/performance/useDomNodeTextContent: as it is seen, without what is hidden.
const textOf = (place: Locator): Promise<string> => place.innerText();

/** Others may have stored much in the same Redis: then the page says how many keys it has looked at. */
const saysCount = (page: Page, count: number): Promise<void> =>
  says(
    page,
    '#list-status',
    new RegExp(`^${count} responses?(?:, [\\d,]+ keys scanned)?\\.(?: There are more\\.)?$`),
  );

async function storedIn(one: Site): Promise<string[]> {
  const paths = (await listedEntries(one.cache)).map(({ key }) => new URL(key!.split(' ')[1]!).pathname);
  return [...new Set(paths)].sort();
}

/** The paths of the listed keys, from the top down. */
async function keys(page: Page): Promise<string[]> {
  const texts = await rows(page).getByRole('link').allTextContents();
  return texts.map((text) => new URL(text.split(' ')[1]!).pathname);
}

async function openEntry(page: Page, name: string | RegExp): Promise<void> {
  await rows(page).getByRole('link', { name }).click();
  await page.locator('#entry .facts').first().waitFor();
}

describe('the live view', () => {
  test('updates figures and charts, and explains every reason', async () => {
    const one = await site({}, (req, res, next) => {
      if (req.url.startsWith('/private')) res.setHeader('Cache-Control', 'private');
      simple(req, res, next);
    });
    await one.get('/a');
    const page = await one.open();
    expect(page.url()).toBe(`${one.origin}/admin/cache/`);
    const requests = page.locator('#figures div', { hasText: 'Requests' }).locator('dd').first();
    await expectText(requests, '1');
    for (let i = 0; i < 8; i++) await one.get('/a');
    await one.get('/private');
    await expectText(requests, '10');
    await expectText(page.locator('#figures dd').first(), '80 %');
    const chart = page.getByRole('img', { name: /^Requests by outcome: / });
    expect(await chart.getAttribute('aria-label')).toBe('Requests by outcome: 8 hit, 2 miss');
    expect(await chart.locator('rect.hit').count()).toBeGreaterThan(0);
    expect(await page.locator('#chart-lookups polyline').count()).toBeGreaterThan(0);
    const refused = page.getByRole('table', { name: 'Not stored' });
    expect(await textOf(refused)).toContain(
      'The response has private: it is for a single user. RFC 9111 §5.2.2.7',
    );
    expect(await textOf(page.locator('#scope'))).toContain(`Figures of one process (`);
    expect(await textOf(page.locator('#scope'))).toContain(`pid ${process.pid}`);
  });

  test('keeps the figures of several processes apart, and lets the user choose one', async () => {
    const one = await site({}, simple);
    const page = await one.open('#responses');
    let pid = 0;
    await page.route('**/api/live', async (route) => {
      const response = await route.fetch();
      const { result } = await response.json();
      pid = (pid % 2) + 1;
      await route.fulfill({ response, json: { result: { ...result, process: { host: 'host', pid } } } });
    });
    await page.goto(`${one.origin}/admin/cache/?#live`);
    await says(page, '#scope', 'pid 1');
    await page.locator('#process').waitFor();
    expect(await textOf(page.locator('#scope'))).toContain('pid 1');
    await page.locator('#process').selectOption('host, 2');
    await says(page, '#scope', 'pid 2');
  });

  test('no longer offers a process that has not answered for five minutes', async () => {
    const one = await site({}, simple);
    const page = await one.open('#responses');
    await page.clock.install();
    let pid = 1;
    await page.route('**/api/live', async (route) => {
      const response = await route.fetch();
      const { result } = await response.json();
      await route.fulfill({ response, json: { result: { ...result, process: { host: 'host', pid } } } });
      pid = pid === 1 ? 2 : 3;
    });
    await page.goto(`${one.origin}/admin/cache/?#live`);
    await says(page, '#scope', 'pid 1');
    await page.clock.runFor(2500);
    await page.locator('#process option', { hasText: 'host, 2' }).waitFor({ state: 'attached' });
    await page.clock.fastForward(310_000);
    await page.locator('#process option', { hasText: 'host, 3' }).waitFor({ state: 'attached' });
    await says(page, '#scope', 'pid 3');
    expect(await page.locator('#process option').allInnerTexts()).not.toContain('host, 1');
  });

  test('shows that the user is not authorized any more, and continues when they are again', async () => {
    let allowed = true;
    const one = await site({ authorize: () => allowed }, simple);
    const page = await one.open();
    await page.locator('#figures dt').first().waitFor();
    allowed = false;
    await says(page, '#connection', 'You are not authorized. Log in again, then reload this page.');
    allowed = true;
    await says(page, '#connection', 'Connected again.');
    await page.locator('#connection').waitFor({ state: 'hidden' });
    // The browser logs the status 403.
    expect(complaints.splice(0).every((text) => text.includes('403'))).toBe(true);
  });
});

describe('the list of stored responses', () => {
  test('is paged, and filtered by key, status and tag', async () => {
    const one = await site({ cached: { ttl: { default: '1h', 404: '1h' } } }, (req, res, next) => {
      if (req.url === '/b/3') res.statusCode = 404;
      simple(req, res, next);
    });
    await Promise.all(Array.from({ length: 110 }, (_, i) => one.get(i < 100 ? `/a/${i}` : `/b/${i - 100}`)));
    const page = await one.open('#responses');
    const found = async (count: number): Promise<void> => {
      await saysCount(page, count);
      expect(await rows(page).count()).toBe(count);
    };
    await found(50);
    await page.locator('#more').press('Enter');
    await found(100);
    expect(await rows(page).nth(50).getByRole('link').evaluate(isFocused)).toBe(true);
    await page.locator('#more').click();
    await found(110);
    expect(await page.locator('#more').isVisible()).toBe(false);
    await page.fill('[name=search]', '/B/*7');
    await page.keyboard.press('Enter');
    await found(1);
    expect(await textOf(rows(page))).toMatch(/\/b\/7\s+200\s+text\/plain/);
    await page.fill('[name=search]', '');
    await page.fill('[name=status]', '404');
    await page.keyboard.press('Enter');
    await found(1);
    await page.fill('[name=status]', '');
    await page.fill('#search [name=tag]', 'b');
    await page.keyboard.press('Enter');
    await found(10);
    await page.fill('[name=search]', 'nowhere');
    await page.keyboard.press('Enter');
    await page.locator('#list-empty').waitFor();
  });

  test(`of ${MANY} entries is searched, measured and purged with progress`, async () => {
    const one = await site({ cached: { hashKeys: false } }, simple);
    await fill(one.prefix, COUNT);
    const page = await one.open('#responses');
    page.setDefaultTimeout(90_000);
    await says(page, '#list-status', '50 responses');
    const searching = await page.evaluateHandle(watched, 'list-status');
    await page.fill('[name=search]', `/n${COUNT - 1}`);
    await page.keyboard.press('Enter');
    await says(page, '#list-status', /^1 response, \d+,\d{3} keys scanned\.$/);
    const lines = await searching.jsonValue();
    expect(lines.filter((line) => line.endsWith('keys scanned so far…')).length).toBeGreaterThan(1);
    await page.click('summary');
    await page.click('#measure');
    await says(page, '#measure-status', new RegExp(`^${MANY} entries, `));
    expect(await textOf(page.getByRole('table', { name: 'By status' }))).toMatch(
      new RegExp(`200\\s+${MANY}`),
    );
    await page.goto(`${one.origin}/admin/cache/#operate`);
    const purging = await page.evaluateHandle(watched, 'purge-status');
    await page.locator('#purge select').selectOption('all');
    await page.locator('#purge').getByRole('button').click();
    await says(page, '#confirm-count', `${MANY} stored responses would be deleted.`);
    await page.locator('#confirm [name=word]').fill('all');
    await page.locator('#confirm').getByRole('button', { name: 'Delete' }).click();
    await page.locator('#purge progress').waitFor();
    await says(page, '#purge-status', `Purged ${MANY} stored responses.`);
    expect(await page.locator('#purge progress').isVisible()).toBe(false);
    const counts = (await purging.jsonValue()).flatMap(
      (line) => /^Purged ([\d,]+) so far…$/.exec(line)?.[1] ?? [],
    );
    const figures = counts.map((text) => Number(text.replaceAll(',', '')));
    expect(figures.length).toBeGreaterThan(1);
    expect(figures).toEqual([...figures].sort((a, b) => a - b));
  }, 240_000);

  test('opens bodies: JSON, text, bytes, and those with a content coding', async () => {
    const json = '{"id":12345678901234567890,"list":[],"a":[1.0,"x, {y}"]}';
    const bodies: Record<string, [string, Buffer | string, string?]> = {
      '/json': ['application/json', json],
      '/gzip': ['text/plain', gzipSync('as gzip'), 'gzip'],
      '/br': ['text/plain', brotliCompressSync('as br'), 'br'],
      '/broken': ['text/plain', 'no gzip', 'gzip'],
      '/bomb': ['text/plain', gzipSync('a'.repeat(20_000_000)), 'gzip'],
      '/image': ['image/png', Buffer.from([0x89, 0x50, 0x4e, 0x47, 0, 255])],
      '/latin': ['text/plain; charset=iso-8859-1', Buffer.from('Gr\xfc\xdfe', 'latin1')],
      '/empty': ['text/plain', ''],
    };
    const one = await site({}, (req, res) => {
      const [type, body, coding] = bodies[req.url]!;
      res.setHeader('Content-Type', type);
      if (coding) res.setHeader('Content-Encoding', coding);
      res.end(body);
    });
    for (const path of Object.keys(bodies)) await one.get(path);
    const page = await one.open('#responses');
    const shown = async (path: string): Promise<string> => {
      await openEntry(page, new RegExp(`${path}$`));
      const text = await textOf(page.locator('#entry .body'));
      await page.keyboard.press('Escape');
      return text;
    };
    expect(await shown('/json')).toContain(
      '{\n  "id": 12345678901234567890,\n  "list": [],\n  "a": [\n    1.0,\n    "x, {y}"\n  ]\n}',
    );
    expect(await shown('/gzip')).toMatch(/Decoded from gzip\.\s+as gzip/);
    expect(await shown('/br')).toMatch(/Decoded from br\.\s+as br/);
    expect(await shown('/broken')).toContain('The body is not valid gzip.');
    const bomb = await shown('/bomb');
    expect(bomb).toContain('Only the beginning is shown.');
    expect(bomb.length).toBeLessThan(300_000);
    expect(await shown('/image')).toContain('000000  89 50 4e 47 00 ff');
    expect(await shown('/latin')).toContain('Gr\xfc\xdfe');
    expect(await shown('/empty')).toContain('The body is empty.');
  });

  test('shows markup in keys, fields, tags and bodies as text', async () => {
    const markup = '<script>alert(1)</script><img src=x onerror=alert(2)>"\'><svg onload=alert(3)>';
    const one = await site(
      { cached: { key: (req) => ['</script><script>alert(4)</script>\u202egnp.exe', req.url ?? ''] } },
      (_, res) => {
        res.setHeader('Content-Type', 'text/html');
        res.setHeader('Cache-Tag', '<img/src=x/onerror=alert(5)>');
        res.setHeader('X-Markup', markup);
        res.end(`${markup}\u2028\u2029\u202e\u0007\u200b\u2066 javascript:alert(6)`);
      },
    );
    await one.get('/');
    const page = await one.open('#responses');
    await openEntry(page, /GET/);
    const body = await textOf(page.locator('#entry pre'));
    expect(body).toBe(`${markup}U+2028U+2029U+202EU+0007U+200BU+2066 javascript:alert(6)`);
    expect(await textOf(page.locator('#entry .key-line'))).toContain('alert(4)</script>U+202Egnp.exe');
    expect(await textOf(page.locator('#entry'))).toContain('<img/src=x/onerror=alert(5)>');
    expect(await page.locator('script, img, iframe, object, a[href^="javascript"]').count()).toBe(1);
    await page.getByRole('button', { name: 'Edit body' }).click();
    await page.keyboard.type('x');
    // The policy of the page also refuses markup.
    expect(await page.evaluate(addMarkup)).toBe('TypeError');
    expect(complaints.splice(0).every((text) => text.includes('TrustedHTML'))).toBe(true);
  });

  test('shows a damaged response, which can be purged', async () => {
    const one = await site({}, simple);
    await one.get('/a');
    const [{ id }] = (await listedEntries(one.cache)) as unknown as [EntryRef];
    const client = new Redis(redis);
    await client.hset(`${one.prefix}{${id}}`, '', 'nonsense');
    client.disconnect();
    const page = await one.open('#responses');
    await rows(page).getByRole('link').click();
    await says(page, '#entry .content', 'is damaged. The next request is a miss and replaces it.');
    await page.locator('#entry').getByRole('button', { name: 'Purge…' }).click();
    await page.locator('#confirm').getByRole('button', { name: 'Purge' }).click();
    await says(page, '#entry > .status', /^Purged \d stored responses?\.$/);
    expect(await rows(page).count()).toBe(0);
  });
});

describe('a stored response', () => {
  test('gets a new TTL and a new body, unless it has changed', async () => {
    const one = await site({}, simple);
    await one.get('/a');
    const page = await one.open('#responses');
    await openEntry(page, '/a');
    await page.fill('#entry [name=ttl]', 'soon');
    await page.getByRole('button', { name: 'Set', exact: true }).click();
    await says(
      page,
      '#ttl-status',
      '\u201csoon\u201d is no duration: write a number and its unit. For example 90s',
    );
    expect(await page.locator('#entry [name=ttl]').evaluate(isFocused)).toBe(true);
    for (const [text, shown] of [
      ['90s', '1 min'],
      ['1h', '59 min'],
      ['2 days', '1 d 23 h'],
      // As the page itself writes durations.
      ['2 d 23 h', '2 d 22 h'],
      ['1h30m', '1 h 29 min'],
    ] as const) {
      await page.fill('#entry [name=ttl]', text);
      expect(await textOf(page.locator('#ttl-status'))).toBe('');
      await page.getByRole('button', { name: 'Set', exact: true }).click();
      await says(page, '#entry > .status', /^It is fresh for .* from now\.$/);
      await says(page, '#entry .facts', `fresh for ${shown}`);
      // The list below shows it too.
      await says(page, '#list', `fresh for ${shown}`);
    }

    await page.getByRole('button', { name: 'Edit body' }).click();
    await page.locator('#entry textarea').fill('by hand \u20ac');
    await page.getByRole('button', { name: 'Save' }).click();
    await says(page, '#entry > .status', 'The body is saved.');
    await says(page, '#entry pre', 'by hand \u20ac');
    const answer = await ask(one.port, { path: '/a', headers: { Host: `127.0.0.1:${one.port}` } });
    expect(Buffer.from(answer.body, 'latin1').toString()).toBe('by hand \u20ac');

    await page.getByRole('button', { name: 'Edit body' }).click();
    await page.locator('#entry textarea').fill('too late');
    await one.cache.purge({ all: true });
    await one.get('/a');
    await page.getByRole('button', { name: 'Save' }).click();
    await says(
      page,
      '#entry .status',
      'The stored response has changed since you opened it. Nothing was changed.',
    );
    expect(await page.locator('#entry textarea').inputValue()).toBe('too late');
    expect(complaints.splice(0)).toEqual([expect.stringContaining('409')]);
    await page.getByRole('button', { name: 'Reload' }).click();
    await says(page, '#entry pre', 'body of /a');
  });

  test('is explained, refetched and purged', async () => {
    let runs = 0;
    const app: Handler = (req, res) => {
      res.setHeader('Content-Type', 'text/plain');
      res.setHeader('Vary', 'Accept-Language');
      res.end(`run ${++runs} for ${req.headers['accept-language']}`);
    };
    let listener: RequestListener = () => {};
    const warm = { app: (req: IncomingMessage, res: ServerResponse) => listener(req, res) };
    const one = await site({ warm }, app);
    listener = express5app(one.cache as unknown as Handler, app);
    await one.get('/a', { 'Accept-Language': 'de' });
    const page = await one.open('#responses');
    await openEntry(page, '/a');
    await page.locator('#entry').getByRole('button', { name: 'Explain' }).press('Enter');
    await says(page, '#entry .explanation', 'A stored response was sent; the request was not forwarded.');
    // An action does not take the focus from its button.
    expect(await page.evaluate(inBrowser.focused)).toBe('Explain');
    await page.getByRole('button', { name: 'Purge and refetch' }).click();
    await says(page, '#entry > .status', 'Purged and refetched.');
    await says(page, '#entry pre', 'run 2 for de');
    await page.locator('#entry').getByRole('button', { name: 'Purge…' }).click();
    await page.locator('#confirm').getByRole('button', { name: 'Cancel' }).click();
    expect(await storedIn(one)).toEqual(['/a']);
    await page.locator('#entry').getByRole('button', { name: 'Purge…' }).click();
    await page.locator('#confirm').getByRole('button', { name: 'Purge' }).click();
    await says(page, '#entry > .status', 'Purged 1 stored response.');
    expect(await storedIn(one)).toEqual([]);
    expect(await rows(page).count()).toBe(0);
  });
});

describe('who may have a response, and what selects it', () => {
  const headers: string[][] = [];
  const place: Handler = (req, res, next) => {
    headers.push(Object.keys(req.headers));
    if (req.url === '/lang') res.locals.lang = 'de';
    next();
  };
  const app: Handler = (req, res) => {
    res.setHeader('Content-Type', 'text/plain');
    if (req.url === '/public') res.setHeader('Cache-Control', 'public');
    res.end(req.url === '/lang' ? `in ${res.locals.lang}` : `body of ${req.url}`);
  };
  const fact = (page: Page, where: string, name: string): Promise<string> =>
    textOf(page.locator(`${where} dt`, { hasText: new RegExp(`^${name}$`) }).locator('+ dd'));

  test('is shown for a response and for a request', async () => {
    const one = await site({}, app);
    for (const path of ['/public', '/a']) await one.get(path);
    await one.get('/a', { Cookie: 'sid=a-session-of-24-characters' });
    const page = await one.open('#responses');
    await openEntry(page, '/public');
    expect(await fact(page, '#entry .facts', 'For')).toBe('everyone');
    expect(await fact(page, '#entry .facts', 'Selected by')).toBe('the key alone');
    await page.keyboard.press('Escape');
    await openEntry(page, /\/a$/);
    expect(await fact(page, '#entry .facts', 'For')).toBe(
      'requests without credentials and 1 kind of callers',
    );
    await page.keyboard.press('Escape');
    // The browser goes back in its own time, and would leave the next place again.
    await page.locator('#entry').waitFor({ state: 'hidden' });
    await page.waitForURL('**/#responses');
    await page.goto(`${one.origin}/admin/cache#operate`);
    await page.fill('#explain [name=url]', `${one.origin}/a`);
    const explain = async (field: string): Promise<string[]> => {
      await page.fill('#explain textarea', field);
      await page.locator('#explain').getByRole('button').click();
      await says(page, '#explain .explanation', field === '' ? 'none' : field.split(':')[0]!.toLowerCase());
      const facts = ['Credentials', 'For'].map((name) => fact(page, '#explain .explanation', name));
      return Promise.all(facts);
    };
    expect(await explain('')).toEqual([
      'none',
      'requests without credentials and 1 kind of callers. This request may have it.',
    ]);
    expect(await explain('Authorization: Basic s3cret')).toEqual([
      'authorization',
      'requests without credentials and 1 kind of callers. For this kind of callers, the app is asked first, and its response compared.',
    ]);
    expect(await textOf(page.locator('#explain .explanation'))).not.toContain('s3cret');
  });

  test('a response that placed values select is explained and refetched without fields of their names', async () => {
    let listener: RequestListener = () => {};
    const warm = { app: (req: IncomingMessage, res: ServerResponse) => listener(req, res) };
    const one = await site({ warm, front: place }, app);
    listener = express5app(place, one.cache as unknown as Handler, app);
    await one.get('/lang');
    const page = await one.open('#responses');
    await openEntry(page, '/lang');
    expect(await fact(page, '#entry .facts', 'Selected by')).toBe('res.locals.lang: "de"');
    await page.locator('#entry').getByRole('button', { name: 'Explain' }).click();
    await says(page, '#entry .explanation', 'fields of other stored variants');
    await page.getByRole('button', { name: 'Purge and refetch' }).click();
    await says(page, '#entry > .status', 'Purged and refetched.');
    await says(page, '#entry pre', 'in de');
    expect(headers.flat()).not.toContain('res.locals.lang');
  });
});

describe('the view of actions', () => {
  test('purges a URL, a tag, a prefix and everything, after a question', async () => {
    const one = await site({}, simple);
    for (const path of ['/a/1', '/a/2', '/b/1', '/c/1', '/c/2']) await one.get(path);
    const page = await one.open('#operate');
    const form = page.locator('#purge');
    const purge = async (what: string, value?: string): Promise<void> => {
      await form.locator('select').selectOption(what);
      if (value !== undefined) await form.locator('[name=value]').fill(value);
      await form.getByRole('button').click();
    };
    const yes = page.locator('#confirm').getByRole('button', { name: /Delete|Mark stale/ });
    await purge('url', `${one.origin}/a/1`);
    await says(page, '#confirm-text', `${one.origin}/a/1`);
    await yes.click();
    await says(page, '#purge .status', 'Purged 1 stored response.');
    expect(await storedIn(one)).toEqual(['/a/2', '/b/1', '/c/1', '/c/2']);
    await purge('tag', 'b');
    await yes.click();
    await says(page, '#purge .status', 'Purged 1 stored response.');
    await form.getByLabel('Mark stale').check();
    await purge('prefix', '/c');
    await says(page, '#confirm-count', '2 stored responses would be marked stale.');
    await yes.click();
    await says(page, '#purge .status', 'Marked 2 stored responses stale.');
    const entries = await listedEntries(one.cache);
    expect(entries.filter((entry) => entry.readable && entry.purged)).toHaveLength(2);
    await form.getByLabel('Delete').check();
    await purge('all');
    expect(await yes.isDisabled()).toBe(true);
    await page.locator('#confirm [name=word]').fill('al');
    expect(await yes.isDisabled()).toBe(true);
    await page.locator('#confirm [name=word]').fill('all');
    await yes.click();
    await says(page, '#purge .status', 'Purged 3 stored responses.');
    expect(await storedIn(one)).toEqual([]);
  });

  test('warms a list of URLs, lists the failures, and explains a request', async () => {
    let listener: RequestListener = () => {};
    const warm = { app: (req: IncomingMessage, res: ServerResponse) => listener(req, res) };
    const app: Handler = (req, res, next) => {
      if (req.url === '/bad') res.statusCode = 500;
      simple(req, res, next);
    };
    const one = await site({ warm }, app);
    listener = express5app(one.cache as unknown as Handler, app);
    const page = await one.open('#operate');
    await page.fill('#warm textarea', ['/a', '/b', '/bad'].map((path) => one.origin + path).join('\n'));
    await page.locator('#warm').getByRole('button', { name: 'Warm' }).click();
    await says(page, '#warm .status', '2 done, 1 failed.');
    expect(await textOf(page.locator('#warm .failures'))).toBe(`Line 3, ${one.origin}/bad: status 500`);
    expect(await storedIn(one)).toEqual(['/a', '/b']);
    await page.fill('#explain [name=url]', `${one.origin}/a`);
    await page.fill('#explain textarea', 'Cache-Control: no-cache');
    await page.locator('#explain').getByRole('button').click();
    await says(page, '#explain .explanation', 'fwd=request');
  });

  test('offers no action that changes anything when read-only', async () => {
    const one = await site({ readOnly: true, warm: { origins: ['http://a.example'] } }, simple);
    await one.get('/a');
    const page = await one.open('#operate');
    expect(await page.locator('#purge, #warm').count()).toBe(0);
    expect(await page.locator('#read-only').isVisible()).toBe(true);
    await page.getByRole('link', { name: 'Stored responses' }).click();
    await openEntry(page, '/a');
    const buttons = await page.locator('#entry button').allInnerTexts();
    expect(buttons).toEqual(['Close', 'Reload', 'Copy URL', 'Explain']);
    expect(await page.locator('#entry form').count()).toBe(0);
  });
});

describe('the address of the page', () => {
  test('keeps the response that is shown: back, forward, reload and a link', async () => {
    const one = await site({}, simple);
    for (const path of ['/a', '/b']) await one.get(path);
    const page = await one.open('#responses');
    await openEntry(page, '/a');
    const address = page.url();
    expect(address).toMatch(/#responses\?id=GET\+/);
    await page.goBack();
    await page.locator('#entry').waitFor({ state: 'hidden' });
    expect(page.url()).toBe(`${one.origin}/admin/cache/#responses`);
    await page.goForward();
    await says(page, '#entry pre', 'body of /a');
    await page.reload();
    await says(page, '#entry pre', 'body of /a');
    // Closing goes back to the list that was there before, and makes no new entry in the history.
    await page.keyboard.press('Escape');
    await page.waitForURL('**/#responses');
    await page.goForward();
    await says(page, '#entry pre', 'body of /a');
    const linked = await openPage(address);
    await says(linked, '#entry pre', 'body of /a');
    await linked.locator('#entry [data-close]').click();
    await linked.waitForURL('**/#responses');
    await linked.locator('#responses-title:focus').waitFor();
    expect(await rows(linked).count()).toBe(2);
  });

  test('of a variant leads to that variant, and of a response that is gone says so', async () => {
    const one = await site({}, (req, res) => {
      res.setHeader('Vary', 'Accept-Language');
      res.setHeader('Content-Type', 'text/plain');
      res.end(`in ${req.headers['accept-language']}`);
    });
    for (const language of ['de', 'fr']) await one.get('/a', { 'Accept-Language': language });
    const page = await one.open('#responses');
    await rows(page).filter({ hasText: 'accept-language: fr' }).getByRole('link').click();
    await says(page, '#entry pre', 'in fr');
    await page.reload();
    await says(page, '#entry pre', 'in fr');
    await one.cache.purge({ all: true });
    await page.reload();
    await says(page, '#entry > .status', 'This response is not stored any more.');
    await says(page, '#entry .key-line', '/a');
    expect(complaints.splice(0)).toEqual([expect.stringContaining('404')]);
  });

  test('keeps search, filters and order, also while another view or a response is shown', async () => {
    const one = await site({}, simple);
    for (const path of ['/a/1', '/a/2', '/b/1']) await one.get(path);
    const page = await one.open('#responses');
    await page.fill('[name=search]', '/a/');
    await page.fill('#search [name=tag]', 'a');
    await page.keyboard.press('Enter');
    await saysCount(page, 2);
    await page.getByRole('button', { name: 'Key' }).click();
    await page.getByRole('button', { name: 'Key' }).click();
    const address = page.url();
    expect(new URL(address).hash).toBe('#responses?search=%2Fa%2F&tag=a&sort=-key');
    const expectList = async (): Promise<void> => {
      await saysCount(page, 2);
      expect(await keys(page)).toEqual(['/a/2', '/a/1']);
      expect(await page.inputValue('[name=search]')).toBe('/a/');
    };
    await page.reload();
    await expectList();
    await openEntry(page, '/a/1');
    await page.keyboard.press('Escape');
    await page.waitForURL(address);
    await expectList();
    await page.getByRole('navigation').getByRole('link', { name: 'Live' }).click();
    await page.getByRole('navigation').getByRole('link', { name: 'Stored responses' }).click();
    expect(page.url()).toBe(address);
    await expectList();
    await page.getByRole('button', { name: 'Clear' }).click();
    await saysCount(page, 3);
    await page.goBack();
    await expectList();
  });

  test('stays the same after the link to the content, so that a reload shows the same view', async () => {
    const one = await site({}, simple);
    const page = await one.open('#operate');
    await page.keyboard.press('Tab');
    await page.keyboard.press('Enter');
    expect(await page.locator('#main').evaluate(isFocused)).toBe(true);
    expect(page.url()).toContain('#operate');
  });
});

describe('the order of the list', () => {
  const sizes: Handler = (req, res) => {
    res.setHeader('Content-Type', req.url === '/b' ? 'application/json' : 'text/plain');
    res.setHeader('Cache-Control', `max-age=${req.url === '/a' ? 3000 : req.url === '/b' ? 1000 : 2000}`);
    if (req.url === '/b') res.setHeader('Age', '500');
    res.end('x'.repeat(req.url === '/c' ? 10_000 : req.url === '/b' ? 200 : 30));
  };

  test.each([
    ['Key', 'key', ['/a', '/b', '/c']],
    ['Type', 'type', ['/b', '/a', '/c']],
    ['Age', '-age', ['/b', '/a', '/c']],
    ['Freshness', 'freshness', ['/b', '/c', '/a']],
    ['Size', '-size', ['/c', '/b', '/a']],
  ])('by %s is that of the column, which says so, and another click turns it', async (name, sort, sorted) => {
    const one = await site({}, sizes);
    // The younger one of those with the same type or age comes later.
    for (const path of ['/a', '/c', '/b']) await one.get(path);
    const page = await one.open(`#responses?sort=${sort}`);
    await saysCount(page, 3);
    const head = page.locator('#list th', { hasText: name });
    const first = await keys(page);
    // Rows of the same type, and of nearly the same age, have no order of their own.
    if (name === 'Type' || name === 'Age') expect(first[0]).toBe(sorted[0]);
    else expect(first).toEqual(sorted);
    const order = sort.startsWith('-') ? 'descending' : 'ascending';
    expect(await head.getAttribute('aria-sort')).toBe(order);
    if (name === 'Size') {
      await head.getByRole('button').click();
      expect(await keys(page)).toEqual([...sorted].reverse());
      expect(await head.getAttribute('aria-sort')).toBe('ascending');
      await head.getByRole('button').click();
      expect(await head.getAttribute('aria-sort')).toBe('none');
    }
  });

  test('is chosen in the form on a small screen, and is that of more than one page', async () => {
    const one = await site({}, simple);
    await Promise.all(Array.from({ length: 60 }, (_, i) => one.get(`/n/${String(i).padStart(2, '0')}`)));
    const page = await one.open('#responses', { viewport: { width: 375, height: 780 } });
    await says(page, '#list-status', /^50 responses.*\. There are more\.$/);
    expect(await page.getByRole('button', { name: 'Size' }).isVisible()).toBe(false);
    await page.getByLabel('Sort by').selectOption('key');
    await saysCount(page, 60);
    const all = await keys(page);
    expect(all).toEqual([...all].sort());
  });
});

describe('what the user types', () => {
  test.each([
    ['url', 'nonsense', /url must be absolute, such as 'https:\/\/example\.com\/leads', not "nonsense"/],
    ['prefix', 'nonsense', /prefix must be an absolute URL, or a path such as '\/leads', not "nonsense"/],
    ['url', '', /^URL is missing: write for example https:/],
    ['tag', ' ', /^Tag is missing: write for example leads/],
  ])(
    'for a purge by %s, as %j, is checked before the question, and the message goes',
    async (what, value, message) => {
      const one = await site({}, simple);
      await one.get('/a');
      const page = await one.open('#operate');
      await page.locator('#purge select').selectOption(what);
      const field = page.locator('#purge [name=value]');
      await field.fill(value);
      await page.locator('#purge').getByRole('button').click();
      await says(page, '#purge-status', message);
      expect(await page.locator('#confirm').isVisible()).toBe(false);
      expect([await field.getAttribute('aria-invalid'), await field.evaluate(isFocused)]).toEqual([
        'true',
        true,
      ]);
      await page.keyboard.type('x');
      expect(await textOf(page.locator('#purge-status'))).toBe('');
      expect(await field.getAttribute('aria-invalid')).toBe(null);
      complaints = complaints.filter((text) => !text.includes('400'));
    },
  );

  test('as the target of a purge is counted, and the question says so if counting fails', async () => {
    const one = await site({}, simple);
    const page = await one.open('#operate');
    await page.route('**/api/count-purge', (route) =>
      route.fulfill({
        contentType: 'application/x-ndjson',
        body: '{"progress":{"purged":3}}\n{"error":"Redis did not reply."}\n',
      }),
    );
    await page.locator('#purge [name=value]').fill('/a');
    await page.locator('#purge').getByRole('button').click();
    await says(page, '#confirm-count', 'Counting stopped after 3: Redis did not reply.');
  });

  test('as the target of a purge may match nothing, and the question says so', async () => {
    const one = await site({}, simple);
    const page = await one.open('#operate');
    await page.locator('#purge [name=value]').fill('/a');
    await page.locator('#purge').getByRole('button').click();
    await says(page, '#confirm-text', `${one.origin}/a`);
    await says(page, '#confirm-count', 'Nothing that is stored matches.');
    await page.keyboard.press('Escape');
    await page.locator('#confirm').waitFor({ state: 'hidden' });
    expect(await page.locator('#purge button').evaluate(isFocused)).toBe(true);
  });

  test('for a warm-up has a reason for each malformed line, and the other lines are requested', async () => {
    let listener: RequestListener = () => {};
    const warm = { app: (req: IncomingMessage, res: ServerResponse) => listener(req, res) };
    const one = await site({ warm }, simple);
    listener = express5app(one.cache as unknown as Handler, simple);
    const page = await one.open('#operate');
    await page.fill('#warm textarea', `/a\n\nnonsense\nftp://a.example/\n${one.origin}/b`);
    await page.locator('#warm').getByRole('button', { name: 'Warm' }).click();
    await says(page, '#warm-status', '2 done, 2 failed.');
    expect((await textOf(page.locator('#warm .failures'))).split('\n')).toEqual([
      'Line 3, nonsense: not an absolute URL: write the whole URL, such as https://api.example.com/leads',
      'Line 4, ftp://a.example/: the URL must begin with http:// or https://, not ftp:',
    ]);
    expect(await storedIn(one)).toEqual(['/a', '/b']);
    await page.locator('#warm textarea').press('x');
    expect(await textOf(page.locator('#warm-status'))).toBe('');
    expect(await page.locator('#warm .failures li').count()).toBe(0);
  });

  test('to be explained may be a path, must have header fields, and leads to the stored response', async () => {
    const one = await site({}, simple);
    await one.get('/a');
    const page = await one.open('#operate');
    const explain = page.locator('#explain').getByRole('button');
    await page.fill('#explain [name=url]', '/a');
    await page.fill('#explain textarea', 'Accept: a\nno field');
    await explain.click();
    await says(page, '#explain-status', 'Line 2 is no header field: write Name: value');
    expect(await page.locator('#explain textarea').evaluate(isFocused)).toBe(true);
    await page.fill('#explain textarea', 'Accept: a');
    expect(await textOf(page.locator('#explain-status'))).toBe('');
    await explain.press('Enter');
    await says(page, '#explain .explanation', `GET ${one.origin}/a`);
    await page.locator('#explain .explanation a').click();
    await says(page, '#entry pre', 'body of /a');
  });
});

describe('a user of a new cache', () => {
  test('is told what to do while there is no request, no hit and nothing stored', async () => {
    const one = await site({}, simple);
    const page = await one.open();
    await says(page, '#newcomer', 'No request has reached this cache yet.');
    await says(page, '#newcomer', `curl -i ${one.origin}/your/route`);
    await expectText(page.locator('#figures dd').first(), '\u2013');
    await page.getByRole('navigation').getByRole('link', { name: 'Stored responses' }).click();
    await says(page, '#list-empty', 'Nothing is stored yet.');
    await page.locator('#list-empty').getByRole('link', { name: 'Live' }).click();
    await one.get('/a');
    await says(page, '#newcomer', 'No response has come from the cache yet.');
    await one.get('/a');
    await page.locator('#newcomer').waitFor({ state: 'hidden' });
    await page.goto(`${one.origin}/admin/cache/#responses?search=nowhere`);
    await says(page, '#list-empty', 'No stored response matches.');
    await page.getByRole('button', { name: 'Show all' }).click();
    await saysCount(page, 1);
  });

  test('sees one request as a quarter of the chart, with a scale in whole requests', async () => {
    const one = await site({}, simple);
    const page = await one.open();
    await says(page, '#chart-requests', 'No request in the last 5 minutes');
    await one.get('/a');
    const bar = page.locator('#chart-requests rect');
    await bar.waitFor();
    expect(Number(await bar.getAttribute('height'))).toBe(30);
    expect(await page.locator('#chart-requests .scale span').allInnerTexts()).toEqual(['4', '2', '0']);
    expect(await page.locator('#chart-ratio .scale span').allInnerTexts()).toEqual(['100 %', '50 %', '0 %']);
    expect(await page.locator('#chart-ratio .dot').count()).toBe(1);
    expect(await textOf(page.locator('#chart-requests'))).not.toContain('No request');
    await says(page, '#figures', 'of 1 lookup');
  });

  test('is told how to allow warm-ups where the inspector has none', async () => {
    const page = await (await site({}, simple)).open('#operate');
    await says(page, '#view-operate', 'Warm-ups are off.');
  });
});

describe('a response under a key of the app', () => {
  test('says why it cannot be explained or refetched; its key is copied as a purge takes it', async () => {
    const warm = { app: (_: IncomingMessage, res: ServerResponse) => res.end() };
    const one = await site({ warm, cached: { key: (req) => ['page', req.url ?? ''] } }, simple);
    await one.get('/a?b=1');
    const page = await one.open('#responses', { permissions: ['clipboard-read', 'clipboard-write'] });
    await openEntry(page, '"page"');
    const buttons = await page.locator('#entry button').allInnerTexts();
    expect(buttons.filter((text) => /Explain|refetch/.test(text))).toEqual([]);
    await says(page, '#entry-limits', 'The key option of the app made this key');
    await says(page, '#entry .facts', `Path${one.origin}/a`);
    await page.getByRole('button', { name: 'Copy key' }).click();
    await says(page, '#entry > .status', 'The key is copied.');
    const copied = await page.evaluate(inBrowser.copied);
    expect(copied).toBe('["page","/a?b=1"]');
    await page.locator('#entry-limits a').click();
    await page.locator('#purge select').selectOption('key');
    await page.locator('#purge [name=value]').fill(copied);
    await page.locator('#purge').getByRole('button').click();
    await says(page, '#confirm-count', '1 stored response would be deleted.');
  });
});

test('a response is marked stale after a question, and its URL is copied', async () => {
  const one = await site({}, simple);
  await one.get('/a');
  const page = await one.open('#responses', { permissions: ['clipboard-read', 'clipboard-write'] });
  await openEntry(page, '/a');
  await page.getByRole('button', { name: 'Copy URL' }).click();
  await says(page, '#entry > .status', 'The URL is copied.');
  expect(await page.evaluate(inBrowser.copied)).toBe(`${one.origin}/a`);
  await page.getByRole('button', { name: 'Mark stale' }).click();
  await page.locator('#confirm').getByRole('button', { name: 'Mark stale' }).click();
  await says(page, '#entry > .status', 'Marked 1 stored response stale.');
  await says(page, '#list', 'stale (soft purge)');
  expect(await page.getByRole('button', { name: 'Mark stale' }).count()).toBe(0);
});

describe('the head of the page', () => {
  test('names the Redis of the cache, in every view and without its password', async () => {
    const { hostname, port } = new URL(redis);
    const client = new Redis({ host: hostname, port: Number(port), db: 0, connectionName: 'head' });
    Object.assign(client.options, { password: 's3cret' });
    untilTheEnd(async () => client.disconnect());
    const one = await site({ cached: { redis: client } }, simple);
    const page = await one.open('#operate');
    await expectText(page.locator('#store'), `Redis ${hostname}:${port}/0`);
    expect(await page.content()).not.toContain('s3cret');
    expect(await page.locator('.badge:visible').count()).toBe(0);
  });

  test('says that the store is the memory of the process, and that the cache is in shadow mode', async () => {
    const one = await site({ inProcess: true, cached: { mode: 'shadow' } }, simple);
    const page = await one.open();
    await expectText(page.locator('#store'), 'this process\u2019s memory');
    await says(page, '#badges', 'Shadow mode: the app answers every request');
  });

  test('says that there is no connection to the store, and takes it back', async () => {
    const { hostname, port } = new URL(redis);
    const client = new Redis({ host: hostname, port: Number(port), retryStrategy: null });
    untilTheEnd(async () => client.disconnect());
    const one = await site({ cached: { redis: client } }, simple);
    const page = await one.open();
    await page.locator('#store').waitFor();
    expect(await textOf(page.locator('#badges'))).toBe('');
    client.disconnect();
    await says(page, '#badges', 'No connection to the store: the app answers every request');
    await client.connect();
    await page.locator('#badges:empty').waitFor({ state: 'attached' });
  });
});

describe('the message of a lost connection', () => {
  test('is shown in every view, and ends when the server answers again', async () => {
    const one = await site({}, simple);
    const page = await one.open('#responses');
    await saysCount(page, 0);
    await page.route('**/api/**', (route) => route.abort());
    await page.getByRole('button', { name: 'Search' }).click();
    await says(page, '#list-status', 'The server cannot be reached.');
    await says(page, '#connection', 'The page tries again every 2 seconds.');
    await page.unroute('**/api/**');
    await says(page, '#connection', 'Connected again.');
    await page.locator('#connection').waitFor({ state: 'hidden' });
    complaints = complaints.filter((text) => !text.includes('ERR_FAILED'));
  });

  test('to the store says what to do', async () => {
    const one = await site({ cached: { redis: 'redis://127.0.0.1:1', timeout: 50 } }, simple);
    const page = await one.open('#responses');
    await says(page, '#list-status', /Is Redis up\? The faults under Live say more\.$/);
    complaints = complaints.filter((text) => !text.includes('503'));
  });

  test('after a redirect to a login says that the user is logged out', async () => {
    let allowed = true;
    const authorize = (_: IncomingMessage, res: ServerResponse): boolean => {
      if (!allowed) res.writeHead(302, { Location: '/login' }).end();
      return allowed;
    };
    const one = await site({ authorize }, simple);
    const page = await one.open('#operate');
    allowed = false;
    await page.fill('#explain [name=url]', '/a');
    await page.locator('#explain').getByRole('button').click();
    await says(page, '#explain-status', 'You are logged out. Reload this page to log in.');
  });
});

test('figures can be paused', async () => {
  const one = await site({}, simple);
  const page = await one.open();
  const requests = page.locator('#figures div', { hasText: 'Requests' }).locator('dd').first();
  await expectText(requests, '0');
  await page.getByRole('button', { name: 'Pause' }).click();
  await one.get('/a');
  const answered = page.waitForResponse('**/api/live');
  await answered;
  await (await page.waitForResponse('**/api/live')).finished();
  expect(await textOf(requests)).toBe('0');
  await page.getByRole('button', { name: 'Continue' }).click();
  await expectText(requests, '1');
});

test('nothing moves for a user who prefers reduced motion', async () => {
  const one = await site({}, simple);
  const still = await one.open('', { reducedMotion: 'reduce' });
  expect(await still.evaluate(inBrowser.moving)).toEqual([]);
  const other = await one.open('', { reducedMotion: 'no-preference' });
  expect((await other.evaluate(inBrowser.moving)).length).toBeGreaterThan(0);
});

test('a page of another site cannot purge or frame, even if the app allows CORS to everybody', async () => {
  const one = await site({ front: cors({ origin: true, credentials: true }) as unknown as Handler }, simple);
  await one.get('/a');
  const evil = await serve((_, res) =>
    res.setHeader('Content-Type', 'text/html').end('<!doctype html><body>'),
  );
  const page = await openPage(`http://localhost:${evil}/`);
  const outcomes = await page.evaluate(attack, one.origin);
  expect(outcomes).toEqual([403, 'refused', 403]);
  expect(await storedIn(one)).toEqual(['/a']);
  // The browser shows its own error page in the frame.
  for (const frame of page.frames()) expect(await frame.content()).not.toContain('Stored responses');
  complaints = [];
});

test('every view and action works by keyboard alone', async () => {
  const one = await site({}, simple);
  await one.get('/a');
  const page = await one.open();
  const press = async (...keys: string[]): Promise<void> => {
    for (const key of keys) await page.keyboard.press(key);
  };
  const focused = (): Promise<string> => page.evaluate(inBrowser.focused);
  await press('Tab');
  expect(await focused()).toBe('Skip to content');
  await press('Tab', 'Tab', 'Enter');
  await says(page, '#list-status', '1 response');
  expect(await textOf(page.locator('nav [aria-current=page]'))).toBe('Stored responses');
  while ((await focused()) !== 'Age') await press('Tab');
  await press('Enter');
  await page.waitForURL('**#responses?sort=age');
  while (!(await focused()).includes('/a')) await press('Tab');
  await press('Enter');
  await page.locator('#entry .facts').waitFor();
  expect(await focused()).toBe('Stored response');
  await press('Escape');
  await page.locator('#entry').waitFor({ state: 'hidden' });
  // The browser goes back in its own time.
  await page.waitForURL('**#responses?sort=age');
  await page.locator('#list :focus').waitFor();
  expect(await focused()).toContain('/a');
  await press('Enter');
  await page.locator('#entry .facts').waitFor();
  while ((await focused()) !== 'Purge…') await press('Tab');
  await press('Enter');
  expect(await focused()).toBe('Cancel');
  await press('Tab', 'Enter');
  await says(page, '#entry > .status', 'Purged 1 stored response.');
  expect(await focused()).toBe('Close');
  await press('Enter');
  await page.locator('#responses-title:focus').waitFor();
  expect(await storedIn(one)).toEqual([]);
  // Every control has a name.
  for (const view of ['live', 'responses', 'operate']) {
    await page.goto(`${one.origin}/admin/cache/#${view}`);
    expect(await page.evaluate(unnamed)).toEqual([]);
  }
});

describe.each(['light', 'dark'] as const)('in the %s scheme', (colorScheme) => {
  test('every text has enough contrast, and nothing is wider than a phone', async () => {
    const one = await site({ warm: { origins: ['http://a.example'] } }, (req, res, next) => {
      res.setHeader('X-Long', 'long-and-unbroken'.repeat(60));
      simple(req, res, next);
    });
    const long = `/${'long-and-unbroken'.repeat(20)}`;
    for (const path of ['/a', '/a', long]) await one.get(path);
    const page = await one.open('', { colorScheme, viewport: { width: 375, height: 780 } });
    await page.locator('#figures dt').first().waitFor();
    await legible(page);
    await page.goto(`${one.origin}/admin/cache/#responses`);
    await says(page, '#list-status', '2 responses');
    await legible(page);
    await openEntry(page, /long/);
    await legible(page);
    await page.keyboard.press('Escape');
    // The browser goes back in its own time, and would leave the next place again.
    await page.locator('#entry').waitFor({ state: 'hidden' });
    await page.waitForURL('**/#responses');
    await page.goto(`${one.origin}/admin/cache/#operate`);
    await page.locator('#purge').waitFor();
    await legible(page);
    await page.locator('#purge').getByRole('button').click();
    await says(page, '#purge-status', 'URL is missing');
    await page.fill('#warm textarea', long.slice(1));
    await page.locator('#warm').getByRole('button', { name: 'Warm' }).click();
    await page.locator('#warm .failures li').waitFor();
    await legible(page);
    await page.fill('#purge [name=value]', long);
    await page.locator('#purge').getByRole('button').click();
    await says(page, '#confirm-count', '1 stored response would be deleted.');
    await legible(page);
  });
});

/** WCAG, AA: contrast, and no scrolling in two directions. */
async function legible(page: Page): Promise<void> {
  expect(await page.evaluate(illegible)).toEqual([]);
}

async function expectText(place: Locator, text: string): Promise<void> {
  await place.filter({ hasText: new RegExp(`^${text}$`) }).waitFor();
}

/** Stores responses in the form in which fills store them. */
async function fill(prefix: string, count: number): Promise<void> {
  const client = new Redis(redis);
  for (let from = 0; from < count; from += 2000) {
    const pipeline = client.pipeline();
    for (let i = from; i < from + 2000; i++) {
      const key = `GET http://test.example/n${i}`;
      const bytes = encode({ ...HEAD, key, bornAt: Date.now(), tags: [] }, [Buffer.from('body')]);
      pipeline
        .hset(`${prefix}{${key}}`, ...fieldsOf('', bytes, 600_000))
        .pexpire(`${prefix}{${key}}`, 600_000);
    }
    await pipeline.exec();
  }
  client.disconnect();
}
