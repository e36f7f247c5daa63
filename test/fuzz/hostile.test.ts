import { describe, expect, test } from '@jest/globals';
import type { FaultEvent } from '../../src/index.ts';
import { bare, type Handler, newCache, serve } from '../support/app.ts';
import { ask, Connection } from '../support/client.ts';

/* An origin that means harm, at one URL of many: it harms its own response and no other. */

const many = (n: number, one: (i: number) => string): string =>
  Array.from({ length: n }, (_, i) => one(i)).join(',');

/** Taken beforehand: a response that has ended has no socket. */
function hangUpOf({ socket }: Parameters<Handler>[1]): () => void {
  return () => socket?.end();
}

const hostile: readonly (readonly [string, Handler])[] = [
  [
    'two thousand fields',
    (_req, res) => {
      for (let i = 0; i < 2000; i++) res.setHeader(`X-${i}`, 'x'.repeat(20));
      res.end('evil');
    },
  ],
  ['one field of a megabyte', (_req, res) => res.setHeader('X-Long', 'x'.repeat(1_000_000)).end('evil')],
  [
    'ten thousand lines of one field',
    (_req, res) => res.setHeader('X-Lines', Array(10_000).fill('x')).end('evil'),
  ],
  [
    'ten thousand names in Vary',
    (_req, res) =>
      res
        .setHeader(
          'Vary',
          many(10_000, (i) => `x-${i}`),
        )
        .end('evil'),
  ],
  [
    'ten thousand directives',
    (_req, res) =>
      res
        .setHeader(
          'Cache-Control',
          many(10_000, (i) => `x${i}=${i}`),
        )
        .end('evil'),
  ],
  [
    'ten thousand private fields',
    (_req, res) => {
      res.setHeader('Cache-Control', `max-age=60, private="${many(10_000, (i) => `x-${i}`)}"`).end('evil');
    },
  ],
  [
    'ten thousand names in Connection',
    (_req, res) =>
      res
        .setHeader(
          'Connection',
          many(10_000, (i) => `x-${i}`),
        )
        .end('evil'),
  ],
  [
    'a lifetime beyond all numbers',
    (_req, res) => res.setHeader('Cache-Control', `max-age=${'9'.repeat(400)}`).end('evil'),
  ],
  ['an age beyond all numbers', (_req, res) => res.setHeader('Age', '9'.repeat(400)).end('evil')],
  [
    'everything that contradicts',
    (_req, res) => {
      const said =
        'public, private, no-store, no-cache, max-age=0, max-age=99, s-maxage=-1, must-understand, immutable';
      res
        .setHeader('Cache-Control', said)
        .setHeader('Expires', '0')
        .setHeader('Pragma', 'no-cache')
        .end('evil');
    },
  ],
  [
    'less than it promises',
    (_req, res) => {
      const hangUp = hangUpOf(res);
      res.setHeader('Content-Length', 100).write('evil', hangUp);
    },
  ],
  [
    'more than it promises',
    (_req, res) => {
      const hangUp = hangUpOf(res);
      res.setHeader('Content-Length', 2);
      res.end('evil HTTP/1.1 200 OK\r\n\r\n', hangUp);
    },
  ],
  [
    'a length that is none',
    (_req, res) => {
      const hangUp = hangUpOf(res);
      res.setHeader('Content-Length', '4x');
      res.end('evil', hangUp);
    },
  ],
  [
    'two lengths',
    (_req, res) => {
      const hangUp = hangUpOf(res);
      res.writeHead(200, ['Content-Length', '4', 'Content-Length', '2']).end('evil', hangUp);
    },
  ],
  [
    'a coding and a length',
    (_req, res) => {
      const hangUp = hangUpOf(res);
      res.writeHead(200, { 'Content-Length': 4, 'Transfer-Encoding': 'chunked' }).end('evil', hangUp);
    },
  ],
  [
    'a body under a status that has none',
    (_req, res) => res.writeHead(204, { 'Content-Length': '4' }).end('evil'),
  ],
  [
    'a head that is refused, and then another',
    (_req, res) => {
      try {
        res.writeHead(200, { 'X-Bad': 'a\r\nSet-Cookie: evil=1' });
      } catch {
        res.end('evil');
      }
    },
  ],
  [
    'a status that is none',
    (_req, res) => {
      try {
        res.writeHead(1000);
      } catch {
        res.writeHead(999).end('evil');
      }
    },
  ],
  [
    'an end without end',
    (_req, res) => {
      res.end('evil');
      res.end('evil');
      res.write('evil', () => {});
      res.on('error', () => {});
    },
  ],
];

describe.each(['verify', 'reads', 'off'] as const)('with guard: %j, an origin that sends', (guard) => {
  test.each(hostile)('%s', async (_name, evil) => {
    const cache = newCache({ guard });
    const faults: FaultEvent[] = [];
    cache.on('fault', (fault) => faults.push(fault));
    let runs = 0;
    const good: Handler = (_req, res) => res.setHeader('Cache-Control', 'max-age=60').end(`good ${++runs}`);
    const port = await serve(
      bare(cache, (req, res, next) => (req.url === '/evil' ? evil : good)(req, res, next)),
    );
    const session = new Connection(port);
    await session.ask({ path: '/good' });
    await cache.idle();
    const startedAt = performance.now();
    for (let i = 0; i < 2; i++) {
      const answer = await ask(port, '/evil').catch(() => undefined);
      if (answer?.header('cache-status')?.includes('hit')) {
        expect(answer.complete).toBe(true);
        if (answer.status !== 204) expect(answer.header('content-length')).toBe(String(answer.body.length));
      }
      await cache.idle();
    }
    expect(performance.now() - startedAt).toBeLessThan(3000);
    const hit = await session.ask({ path: '/good' });
    expect([hit.body, hit.header('set-cookie')]).toEqual(['good 1', undefined]);
    expect(hit.header('cache-status')).toMatch(/; hit;/);
    expect(faults).toEqual([]);
    session.close();
  });
});
