import { describe, expect, test } from '@jest/globals';
import { frameworks, guardEvents, type Handler, newCache, serve } from '../support/app.ts';
import { ask } from '../support/client.ts';
import { cookieParser, type Known, logger, passport } from './support/people.ts';

/* Handlers that read nothing of the caller: what they give strangers is for callers too, once it was seen to be the same. */

const ALICE = { headers: { Cookie: 'sid=the-session-of-alice-0123456789' } };
const BOB = { headers: { Cookie: 'sid=the-session-of-bob-0123456789' } };

const impersonal: readonly (readonly [string, Handler])[] = [
  ['reads nothing', (_req, res) => res.end('for all')],
  ['reads other fields', (req, res) => res.end(`for all ${req.headers.accept}`.slice(0, 7))],
  [
    'holds the parsed cookies and asks for none',
    (req, res) => {
      const { cookies } = req as unknown as Known;
      res.end(typeof cookies === 'object' ? 'for all' : '');
    },
  ],
  [
    'asks for property after property of the request',
    (req, res) => {
      res.end(req.url && req.method && req.httpVersion && req.socket && !('nothing' in req) ? 'for all' : '');
    },
  ],
  [
    'sets something of the person and reads it not',
    (req, res) => {
      (req as unknown as Known).session = { seen: true };
      res.end('for all');
    },
  ],
];

describe.each(frameworks)('on $name', ({ app }) => {
  test.each(impersonal)(
    'a handler that %s: callers of one kind share what strangers get',
    async (_name, handler) => {
      const cache = newCache();
      const events = guardEvents(cache);
      const port = await serve(app(cookieParser(), passport, cache, handler));
      const miss = await ask(port, ALICE);
      expect(miss.header('cache-status')).toMatch(/fwd=uri-miss; detail=verifying$/);
      await cache.idle();
      const hit = await ask(port, BOB);
      expect(hit.header('cache-status')).toMatch(/; hit;/);
      expect(hit.body).toBe('for all');
      expect(events).toEqual([]);
    },
  );

  test('a copy of all fields is stored where none of them is personal', async () => {
    const cache = newCache();
    const port = await serve(app(cache, (req, res) => res.end(JSON.stringify({ ...req.headers }))));
    const miss = await ask(port, { headers: { Accept: 'text/plain' } });
    expect(miss.header('cache-status')).toMatch(/stored/);
    expect(miss.body).toContain('text/plain');
  });

  test('a log in front reads who it was when the response is out', async () => {
    const cache = newCache();
    const lines: string[] = [];
    const port = await serve(app(logger(lines), passport, cache, (_req, res) => res.end('for all')));
    await ask(port, ALICE);
    await cache.idle();
    expect((await ask(port, BOB)).header('cache-status')).toMatch(/; hit;/);
    // The second is that of the cache's own request, as a stranger.
    expect(lines).toEqual([
      expect.stringContaining(ALICE.headers.Cookie),
      'undefined undefined undefined',
      expect.stringContaining(BOB.headers.Cookie),
    ]);
  });
});
