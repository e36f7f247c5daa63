import { gunzipSync } from 'node:zlib';
import { describe, expect, test } from '@jest/globals';
import compression from 'compression';
import { type Case, cacheWith, expectHit, expectReplayed } from '../responses/support/matrix.ts';
import { stage } from '../responses/support/stage.ts';
import { slowly } from '../responses/support/stream-cases.ts';
import { frameworks, type Handler, type Layer } from '../support/app.ts';
import { type Answer, askOnce } from '../support/client.ts';

/* Compression in front of the cache, which then stores plain bytes, and behind it. */

const TEXT = 'compress me '.repeat(500);
const GZIP = { 'accept-encoding': 'gzip' };
const squeeze = compression() as unknown as Layer;

const text: Handler = (_req, res) =>
  res.writeHead(200, { 'Content-Type': 'text/plain', ETag: '"v1"' }).end(TEXT);

const compressed: Case[] = [
  { name: 'end', asked: { headers: GZIP }, handler: (req, res) => text(req, res, () => {}) },
  {
    name: 'write x n',
    asked: { headers: GZIP },
    handler(_req, res) {
      res.setHeader('Content-Type', 'text/plain');
      for (let i = 0; i < 50; i++) res.write(TEXT);
      res.end();
    },
  },
  {
    name: 'a pipe',
    asked: { headers: GZIP },
    handler: (_req, res) => slowly(10, 20_000).pipe(res.setHeader('Content-Type', 'text/css')),
  },
  {
    name: 'a body below its threshold',
    asked: { headers: GZIP },
    handler: (_req, res) => res.setHeader('Content-Type', 'text/plain').end('small'),
  },
  {
    name: 'what cannot be compressed',
    asked: { headers: GZIP },
    handler: (_req, res) => res.setHeader('Content-Type', 'image/png').end(Buffer.alloc(2000, 7)),
  },
  {
    name: 'no-transform',
    asked: { headers: GZIP },
    handler: (_req, res) =>
      res
        .writeHead(200, { 'Content-Type': 'text/plain', 'Cache-Control': 'max-age=9, no-transform' })
        .end(TEXT),
  },
];

describe.each(frameworks)('$name', (framework) => {
  describe('compression in front', () => {
    test.each(compressed)('$name is compressed anew for a hit', async (one) => {
      const server = await stage(framework, [squeeze, cacheWith()], (req, res) =>
        one.handler(req, res, () => {}),
      );
      const answers: Answer[] = [];
      for (const headers of [GZIP, GZIP, {}]) {
        answers.push(await askOnce(server.port, { headers }));
        await cacheWith().idle();
      }
      const [miss, hit, plain] = answers as [Answer, Answer, Answer];
      for (const answer of [hit, plain]) expectHit(answer);
      expect(hit.header('content-encoding')).toBe(miss.header('content-encoding'));
      expect(hit.header('vary')).toBe(miss.header('vary'));
      expect(hit.bytes.equals(miss.bytes)).toBe(true);
      const unzipped = miss.header('content-encoding') === 'gzip' ? gunzipSync(miss.bytes) : miss.bytes;
      expect(plain.header('content-encoding')).toBeUndefined();
      expect(plain.bytes.equals(unzipped)).toBe(true);
      expect(server.runs()).toBe(1);
    });

    test('a 304 for a hit and for a fill has no body', async () => {
      const server = await stage(framework, [squeeze, cacheWith()], text);
      for (let i = 0; i < 2; i++) {
        const answer = await askOnce(server.port, { headers: { ...GZIP, 'if-none-match': '"v1"' } });
        expect([answer.status, answer.rest.length, answer.header('content-encoding')]).toEqual([
          304,
          0,
          undefined,
        ]);
        await cacheWith().idle();
      }
      expect(server.runs()).toBe(1);
    });
  });

  describe('compression behind', () => {
    test.each(compressed)('$name is stored as it was compressed', (one) =>
      expectReplayed(framework, { ...one, inside: [compression() as unknown as Layer] }),
    );

    test('each coding is a variant of its own', async () => {
      const server = await stage(framework, [cacheWith(), squeeze], text);
      for (const headers of [GZIP, {}]) {
        await askOnce(server.port, { headers });
        await cacheWith().idle();
      }
      const [zipped, plain] = [await askOnce(server.port, { headers: GZIP }), await askOnce(server.port)];
      expectHit(zipped);
      expectHit(plain);
      expect(String(gunzipSync(zipped.bytes))).toBe(TEXT);
      expect(plain.body).toBe(TEXT);
      expect(server.runs()).toBe(2);
    });
  });
});
