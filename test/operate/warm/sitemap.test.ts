import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { gzipSync } from 'node:zlib';
import { afterAll, describe, expect, test } from '@jest/globals';
import { ArgumentError, fromSitemap, SourceError } from '../../../src/index.ts';
import { newCache, serve } from '../../support/app.ts';
import { sized } from '../../support/long.ts';

const folder = mkdtempSync(join(tmpdir(), 'rrc-sitemap-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const HEAD = '<?xml version="1.0" encoding="UTF-8"?>\n';
const NS = 'xmlns="http://www.sitemaps.org/schemas/sitemap/0.9"';

function urlset(...locations: string[]): string {
  const urls = locations.map(
    (url) => `  <url>\n    <loc>${url}</loc>\n    <priority>0.5</priority>\n  </url>\n`,
  );
  return `${HEAD}<urlset ${NS}>\n${urls.join('')}</urlset>\n`;
}

function index(...locations: string[]): string {
  const maps = locations.map((url) => `<sitemap><loc>${url}</loc><lastmod>2025-01-01</lastmod></sitemap>`);
  return `${HEAD}<sitemapindex ${NS}>${maps.join('\n')}</sitemapindex>`;
}

function file(name: string, content: string | Buffer): string {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
}

/** All URLs of a source, and the error that it throws at the end. */
async function drained(source: AsyncIterable<string>): Promise<{ urls: string[]; error?: Error }> {
  const urls: string[] = [];
  try {
    for await (const url of source) urls.push(url);
  } catch (error) {
    return { urls, error: error as Error };
  }
  return { urls };
}

/** Serves a text for each path; `{}` in it becomes the origin of the server. Records the requests. */
async function site(pages: Record<string, string | Buffer>): Promise<{ origin: string; asked: string[] }> {
  const asked: string[] = [];
  let origin = '';
  const port = await serve((req, res) => {
    asked.push(req.url!);
    const page = pages[req.url!];
    if (page === undefined) return res.writeHead(404).end('<html>none</html>');
    if (page === '') return res.destroy();
    res.end(typeof page === 'string' ? page.replaceAll('{}', origin) : page);
  });
  origin = `http://127.0.0.1:${port}`;
  return { origin, asked };
}

const TWO = ['https://a.example/', 'https://a.example/b'];

describe('a sitemap', () => {
  test('is read from a text, a file or a URL, with and without gzip', async () => {
    const text = urlset(...TWO);
    const { origin } = await site({ '/sitemap.xml': text, '/sitemap.xml.gz': gzipSync(text) });
    const plain = file('plain.xml', text);
    const sources = [
      text,
      `\n  ${text}`,
      plain,
      pathToFileURL(plain),
      pathToFileURL(plain).href,
      file('packed.xml.gz', gzipSync(text)),
      `${origin}/sitemap.xml`,
      new URL(`${origin}/sitemap.xml.gz`),
    ];
    for (const source of sources) expect(await drained(fromSitemap(source))).toEqual({ urls: TWO });
  });

  test('is read with a Content-Encoding, after a redirect, one byte at a time', async () => {
    const port = await serve(async (req, res) => {
      if (req.url === '/old') return res.writeHead(301, { Location: '/new' }).end();
      res.writeHead(200, { 'Content-Encoding': 'gzip' });
      for (const byte of gzipSync(urlset(...TWO))) {
        res.write(Buffer.of(byte));
        if (byte % 16 === 0) await new Promise(setImmediate);
      }
      res.end();
    });
    expect(await drained(fromSitemap(`http://127.0.0.1:${port}/old`))).toEqual({ urls: TWO });
  });

  test('decodes entities and CDATA in locations, and trims them', async () => {
    const text = urlset(
      'https://a.example/?a=1&amp;b=2',
      '\n      https://a.example/&#39;&#x41;&lt;&gt;&quot;&apos;\n    ',
      '<![CDATA[https://a.example/?a=1&b=<2>&amp;]]>',
      'https://a.example/<!-- not this -->x',
      'https://a.example/?forgotten&escape=1&copy;&#xffffff;',
      'https://a.example/caf\u00e9',
    );
    expect((await drained(fromSitemap(text))).urls).toEqual([
      'https://a.example/?a=1&b=2',
      "https://a.example/'A<>\"'",
      'https://a.example/?a=1&b=<2>&amp;',
      'https://a.example/x',
      'https://a.example/?forgotten&escape=1&copy;&#xffffff;',
      'https://a.example/caf\u00e9',
    ]);
  });

  test('yields the locations of pages, not those of images, videos and comments', async () => {
    const text = `\ufeff${HEAD}<?xml-stylesheet type="text/xsl" href="/sitemap.xsl"?>
      <!-- <urlset><url><loc>https://a.example/comment</loc></url></urlset> -->
      <!DOCTYPE urlset [<!ENTITY x SYSTEM "file:///etc/passwd">]>
      <urlset ${NS} xmlns:image="http://www.google.com/schemas/sitemap-image/1.1"
        xmlns:xhtml="http://www.w3.org/1999/xhtml" xmlns:video="v">
        <url>
          <loc>https://a.example/page</loc>
          <image:image><image:loc>https://a.example/a.jpg</image:loc></image:image>
          <video:video><video:content_loc>https://a.example/a.mp4</video:content_loc></video:video>
          <xhtml:link rel="alternate" hreflang="de" href="https://a.example/de"/>
          <location>https://a.example/location</location>
        </url>
        <url><loc  id="1">https://a.example/&x;</loc></url>
        <url><loc/></url><url><loc></loc></url>
      </urlset>`;
    expect(await drained(fromSitemap(file('extended.xml', text)))).toEqual({
      urls: ['https://a.example/page', 'https://a.example/&x;'],
    });
    const prefixed = `<s:urlset xmlns:s="x"><s:url><s:loc>https://a.example/</s:loc><loc>no</loc></s:url></s:urlset>`;
    expect((await drained(fromSitemap(prefixed))).urls).toEqual(['https://a.example/']);
  });

  test('is read as a list of one URL per line', async () => {
    const list = file('list.txt', `\ufeffhttps://a.example/\r\n\r\nno URL\n  https://a.example/b  \n`);
    expect(await drained(fromSitemap(list))).toEqual({ urls: TWO });
  });

  test.each<[string, string, string[]]>([
    ['cut off in a location', urlset(...TWO).replace(/b<.*/s, ''), TWO.slice(0, 1)],
    ['cut off in a tag', urlset(...TWO).replace(/b<\/lo.*/s, 'b</lo'), TWO.slice(0, 1)],
    ['cut off in a comment', urlset(...TWO).replace(/<\/urlset.*/s, '<!-- '), TWO],
    [
      'with locations that are not closed',
      '<urlset><url><loc>https://a.example/<url><loc>https://a.example/b</url>',
      TWO,
    ],
    [
      'with tags crossed',
      '<urlset><loc><url>https://a.example/x</loc></url><loc>https://a.example/</loc>',
      TWO.slice(0, 1),
    ],
    ['of nothing', '<urlset/>', []],
  ])('%s yields the locations that can be read', async (_how, text, urls) => {
    expect(await drained(fromSitemap(text))).toEqual({ urls });
  });

  test.each<[string, string]>([
    ['a page', '<!doctype html><html><body><loc>https://a.example/</loc></body></html>'],
    ['a feed', `${HEAD}<rss version="2.0"><channel><link>https://a.example/</link></channel></rss>`],
    ['JSON', '{"urls":["https://a.example/"]}'],
    ['empty', ''],
    ['an open bracket', '<'],
  ])('that is %s is reported by its name', async (_what, text) => {
    const path = file('none.xml', text);
    const { urls, error } = await drained(fromSitemap(path));
    expect(urls).toEqual([]);
    expect(error?.message).toBe(`sitemap ${path}: is not a sitemap`);
  });

  test('that cannot be read is reported by its name', async () => {
    const { origin } = await site({ '/breaks': '' });
    const cut = gzipSync(urlset(...TWO)).subarray(0, 40);
    const cases: [string, RegExp][] = [
      [join(folder, 'missing.xml'), /ENOENT/],
      [folder, /EISDIR/],
      [`${origin}/missing`, /status 404$/],
      [`${origin}/breaks`, /closed/],
      ['http://127.0.0.1:1/', /bad port|ECONNREFUSED/],
      [file('cut.gz', cut), /unexpected end of file/],
    ];
    for (const [source, reason] of cases) {
      const { error } = await drained(fromSitemap(source));
      expect(error?.message).toMatch(reason);
      expect(error?.message.startsWith(`sitemap ${source}: `)).toBe(true);
    }
  });

  test('at a URL with credentials is reported without them', async () => {
    const { error } = await drained(fromSitemap('https://user:word@a.example/sitemap.xml'));
    expect(error?.message).toMatch(
      /^sitemap https:\/\/a\.example\/sitemap\.xml: the URL must not contain credentials/,
    );
  });

  test('of more than 50 MB, compressed or not, is reported and not read to its end', async () => {
    const bomb = file('bomb.gz', gzipSync(Buffer.alloc(60 * 1024 * 1024, ' ')));
    expect((await drained(fromSitemap(bomb))).error?.message).toBe(`sitemap ${bomb}: is larger than 50 MB`);
    let sent = 0;
    const port = await serve((_req, res) => {
      const write = (): void => {
        while (!res.destroyed && res.write(Buffer.alloc(1 << 20, ' '))) sent++;
      };
      res.on('drain', write);
      write();
    });
    const { error } = await drained(fromSitemap(`http://127.0.0.1:${port}/`));
    expect(error?.message).toContain('is larger than 50 MB');
    expect(sent).toBeLessThan(80);
  });

  test.each([
    ['quotes', '<a "'],
    ['brackets', '<'],
    ['comments', '<!--'],
    ['sections', '<loc><![CDATA['],
    ['locations', '<loc>'],
    ['ampersands', '<loc>&#&#x'],
  ])('of unclosed %s is parsed in linear time', async (_what, piece) => {
    const text = `<urlset>${piece.repeat(sized(200_000, 1_000_000) / piece.length)}`;
    const startedAt = performance.now();
    await drained(fromSitemap(text));
    expect(performance.now() - startedAt).toBeLessThan(5000);
  });

  test.each([5, undefined, null, {}])('%p is rejected with an ArgumentError', (source) => {
    expect(() => fromSitemap(source as never)).toThrow(ArgumentError);
  });

  test('fromSitemap accepts no option but signal', () => {
    expect(() => fromSitemap('<urlset/>', { depth: 3 } as never)).toThrow(/fromSitemap\.depth/);
  });
});

describe('a sitemap index', () => {
  test('yields the URLs of its sitemaps, each read once', async () => {
    const { origin, asked } = await site({
      '/index.xml': index('{}/a.xml', '{}/b.xml?x=1&amp;y=2', '{}/a.xml', '{}/index.xml', '/c.xml.gz'),
      '/a.xml': urlset('https://a.example/a'),
      '/b.xml?x=1&y=2': urlset('https://a.example/b'),
      '/c.xml.gz': gzipSync(urlset('https://a.example/c')),
    });
    const all = ['https://a.example/a', 'https://a.example/b', 'https://a.example/c'];
    expect(await drained(fromSitemap(`${origin}/index.xml`))).toEqual({ urls: all });
    expect(asked).toEqual(['/index.xml', '/a.xml', '/b.xml?x=1&y=2', '/c.xml.gz']);
  });

  test('in a file is followed over HTTP, and never to other files', async () => {
    const { origin } = await site({ '/a.xml': urlset('https://a.example/a') });
    const secret = file('secret.xml', urlset('https://a.example/secret'));
    const path = file(
      'index.xml',
      index(`${origin}/a.xml`, secret, pathToFileURL(secret).href, 'secret.xml'),
    );
    const { urls, error } = await drained(fromSitemap(path));
    expect(urls).toEqual(['https://a.example/a']);
    expect(error).toBeInstanceOf(SourceError);
    expect(((error as SourceError).cause as AggregateError).errors.map(({ message }) => message)).toEqual([
      `sitemap ${path}: names ${secret}, which is not an http:// or https:// URL`,
      `sitemap ${path}: names ${pathToFileURL(secret).href}, which is not an http:// or https:// URL`,
      `sitemap ${path}: names secret.xml, which is not an http:// or https:// URL`,
    ]);
  });

  test('is followed to a depth of 3', async () => {
    const { origin, asked } = await site({
      '/1': index('{}/2', '{}/urls'),
      '/2': index('{}/3', '{}/urls2'),
      '/3': index('{}/4'),
      '/4': urlset('https://a.example/deep'),
      '/urls': urlset('https://a.example/1'),
      '/urls2': urlset('https://a.example/2'),
    });
    const { urls, error } = await drained(fromSitemap(`${origin}/1`));
    expect(urls).toEqual(['https://a.example/2', 'https://a.example/1']);
    expect(error?.message).toBe(`sitemap ${origin}/3: is an index at depth 3, and deeper ones are not read`);
    expect(asked).not.toContain('/4');
  });

  test('yields the URLs of the readable sitemaps, then throws for the others', async () => {
    const { origin } = await site({
      '/index': index('{}/missing', '{}/page', '{}/urls'),
      '/page': '<html></html>',
      '/urls': urlset('https://a.example/1'),
    });
    const { urls, error } = await drained(fromSitemap(`${origin}/index`));
    expect(urls).toEqual(['https://a.example/1']);
    expect(error?.message).toBe(`sitemap ${origin}/missing: status 404 (and 1 more)`);
  });
});

test('fromSitemap ends with the reason of its signal while a sitemap is downloaded', async () => {
  const controller = new AbortController();
  const port = await serve((_req, res) => {
    res.write('<urlset>');
    setTimeout(() => controller.abort(new Error('enough')), 10);
  });
  const { error } = await drained(fromSitemap(`http://127.0.0.1:${port}/`, { signal: controller.signal }));
  expect(error?.message).toBe('enough');
});

test('cache.warm requests the URLs of fromSitemap, and rejects with its error', async () => {
  const cache = newCache();
  const app = createServer((req, res) => cache(req, res, () => res.end()));
  expect(await cache.warm(fromSitemap(urlset(...TWO)), { app })).toMatchObject({ done: 2, failed: 0 });
  await expect(cache.warm(fromSitemap(file('no.xml', 'x')), { app })).rejects.toThrow('is not a sitemap');
});
