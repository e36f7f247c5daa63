import { createReadStream } from 'node:fs';
import { pipeline, Readable } from 'node:stream';
import { pipeline as piped } from 'node:stream/promises';
import type { Case } from './matrix.ts';

/** Responses that come from a stream, and what passes beside a response. All of these are stored. */

const FILE = require.resolve('typescript/package.json');

/** Parts that come one by one, each some turns of the event loop after the one before. */
export function slowly(parts: number, bytes = 1000): Readable {
  return Readable.from(
    (async function* () {
      for (let i = 0; i < parts; i++) {
        for (let turn = 0; turn < 3; turn++) await new Promise(setImmediate);
        yield Buffer.alloc(bytes, i);
      }
    })(),
    { objectMode: false },
  );
}

export const streamCases: readonly Case[] = [
  {
    name: 'pipe from a file',
    handler: (_req, res) => createReadStream(FILE, { highWaterMark: 512 }).pipe(res),
  },
  { name: 'pipe from a slow source', handler: (_req, res) => slowly(20).pipe(res) },
  {
    name: 'stream.pipeline from a file',
    handler: (_req, res, note) =>
      pipeline(createReadStream(FILE, { highWaterMark: 512 }), res, (error) => note('piped', error)),
  },
  {
    name: 'stream.pipeline from a slow source',
    handler: (_req, res, note) => pipeline(slowly(20), res, (error) => note('piped', error)),
  },
  {
    name: 'the promise of stream.pipeline',
    async handler(_req, res, note) {
      await piped(slowly(5), res);
      note('piped', res.writableFinished);
    },
  },
  {
    name: 'pipe of strings with an encoding',
    handler: (_req, res) => Readable.from(['caf\xe9', ' \u20ac']).pipe(res),
  },
  {
    name: 'pipe of an empty source',
    handler: (_req, res) => Readable.from([]).pipe(res),
  },
  {
    name: 'pipe under a known length',
    handler(_req, res) {
      res.setHeader('Content-Length', 20_000);
      slowly(20).pipe(res);
    },
  },
  {
    name: 'pipe that ends the response itself',
    handler(_req, res) {
      const source = slowly(5);
      source.pipe(res, { end: false });
      source.once('end', () => res.end('the end'));
    },
  },
  {
    name: 'a stream to an HTTP/1.0 client',
    asked: { version: '1.0' },
    handler: (_req, res) => slowly(5).pipe(res),
  },
  {
    name: 'a stream with trailers',
    dropped: ['trailer'],
    handler(_req, res) {
      res.setHeader('Trailer', 'X-Sum, X-Count');
      res.write('body');
      res.addTrailers({ 'X-Sum': 'abc', 'X-Count': '4' });
      res.end();
    },
  },
  {
    name: 'early hints before it',
    handler(_req, res, note) {
      res.writeEarlyHints({ link: ['</a.css>; rel=preload', '</b.css>; rel=preload'] }, () => note('hinted'));
      res.setHeader('Link', '</a.css>; rel=preload');
      res.end('styled');
    },
  },
  {
    name: '102 before it',
    handler(_req, res) {
      res.writeProcessing();
      res.end('processed');
    },
  },
];
