import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type express from 'express';
import type { CacheMiddleware, CacheOptions } from '../../src/index.ts';
import { bare, type Handler, newCache, serve } from '../support/app.ts';
import { type Answer, ask, Connection } from '../support/client.ts';
import { expresses } from '../support/expresses.ts';
import { Gate } from '../support/gate.ts';
import { everywhere } from '../support/stores.ts';
import { until } from '../support/until.ts';

/* Files by `express.static` and `res.sendFile`, of which players and resumed downloads ask for parts. */

let folder: string;
const SMALL = 'abcdefghijklmnopqrstuvwxyz';
const LARGE = 'x'.repeat(5_000_000);
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'ranges-'));
  writeFileSync(join(folder, 'small.txt'), SMALL);
  writeFileSync(join(folder, 'film.mp4'), LARGE);
});
afterAll(() => rmSync(folder, { recursive: true }));

everywhere((open) => {
  describe.each(expresses)('%s', (_name, make) => {
    const mounts: [
      string,
      (cache: CacheMiddleware, files: express.Handler) => Parameters<typeof serve>[0],
    ][] = [
      ['app.use', (cache, files) => make().use(cache as unknown as express.Handler, files)],
      ['the front door', (cache, files) => cache.before(make().use(files)) as Parameters<typeof serve>[0]],
    ];
    describe.each(mounts)('behind %s', (_mount, mount) => {
      const site = async (options: CacheOptions = {}) => {
        const cache = newCache({ ttl: '1h', ...open(), ...options });
        const seen: (string | undefined)[] = [];
        const files = make.static(folder, { maxAge: '1h' });
        const port = await serve(
          mount(cache, (req, res, next) => {
            seen.push(req.headers.range);
            files(req, res, next);
          }),
        );
        const get = async (path: string, range?: string, headers = {}): Promise<Answer> => {
          const answer = await ask(port, {
            path,
            headers: { Host: 'a', ...(range && { Range: range }), ...headers },
          });
          await cache.idle();
          return answer;
        };
        return { cache, seen, get };
      };

      test('the first request for a range gets the range, also of what is too large to store', async () => {
        const { seen, get } = await site();
        for (let i = 0; i < 2; i++) {
          const { status, body, header } = await get('/film.mp4', 'bytes=0-1');
          expect([status, body, header('content-range')]).toEqual([206, 'xx', `bytes 0-1/${LARGE.length}`]);
        }
        // The part is stored. The whole is not asked for, since it does not fit.
        expect(seen).toEqual(['bytes=0-1']);
      });

      test('the whole is asked for behind the answer where it fits, and answers every later range', async () => {
        const { seen, get } = await site();
        expect(await get('/small.txt', 'bytes=0-1')).toMatchObject({ status: 206, body: 'ab' });
        expect(seen).toEqual(['bytes=0-1', undefined]);
        const later = await get('/small.txt', 'bytes=20-');
        expect(later).toMatchObject({ status: 206, body: 'uvwxyz' });
        expect(later.cacheStatus).toMatch(/^hit/);
        expect((await get('/small.txt')).body).toBe(SMALL);
        expect(seen).toHaveLength(2);
      });

      test('the whole is asked for also where an option is a function that returns a promise', async () => {
        const { seen, get } = await site({ tags: async () => ['files'] });
        await get('/small.txt', 'bytes=0-1');
        expect(seen).toEqual(['bytes=0-1', undefined]);
        expect((await get('/small.txt', 'bytes=20-')).cacheStatus).toMatch(/^hit/);
      });

      test('the whole is not asked for where such a function refuses the part', async () => {
        const { seen, get } = await site({ storeWhen: async () => false });
        await get('/small.txt', 'bytes=0-1');
        expect(seen).toEqual(['bytes=0-1']);
      });

      test('a range of a stale file that has not changed is answered from what is stored', async () => {
        const { seen, get } = await site();
        await get('/small.txt');
        const { status, body } = await get('/small.txt', 'bytes=0-1', { 'Cache-Control': 'no-cache' });
        expect([status, body]).toEqual([206, 'ab']);
        expect(seen).toEqual([undefined, 'bytes=0-1']);
      });

      test('a range that cannot be satisfied is answered by the app and not stored', async () => {
        const { get } = await site();
        expect(await get('/small.txt', 'bytes=100-')).toMatchObject({ status: 416 });
        expect(await get('/small.txt')).toMatchObject({ status: 200, body: SMALL });
      });

      test('a range of a file that is not there is as the app answers it', async () => {
        const { get } = await site();
        expect((await get('/none.txt', 'bytes=0-1')).status).toBe(404);
      });
    });
  });
});

test('the whole is not asked for after the client has disconnected, since its address is not known any more', async () => {
  const cache = newCache({ ttl: '1h' });
  const seen: unknown[] = [];
  const closed = new Gate();
  const handler: Handler = async (req, res) => {
    seen.push(req.headers.range);
    res.setHeader('Cache-Control', 'max-age=3600');
    if (!req.headers.range) return void res.end(SMALL);
    res.writeHead(206, { 'Content-Range': `bytes 0-1/${SMALL.length}`, 'Content-Length': 2 });
    res.flushHeaders();
    res.once('close', closed.open);
    await closed.opened;
    res.end('ab');
  };
  const port = await serve(bare(cache as unknown as Handler, handler));
  const connection = new Connection(port);
  connection.socket.write('GET /a HTTP/1.1\r\nHost: a\r\nRange: bytes=0-1\r\n\r\n');
  await until(() => seen.length === 1);
  connection.socket.destroy();
  await closed.opened;
  await cache.idle();
  expect(seen).toEqual(['bytes=0-1']);
});
