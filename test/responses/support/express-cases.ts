import { createReadStream } from 'node:fs';
import type { Case } from './matrix.ts';

/** Express's own ways of answering. All of these are stored. */

const FILE = require.resolve('typescript/package.json');
const BINARY = Buffer.from(Array.from({ length: 512 }, (_, i) => (i * 5) % 256));

export const expressCases: readonly Case[] = [
  { name: 'res.send(string)', handler: (_req, res) => res.send('<p>hello</p>') },
  { name: 'res.send(string of several bytes)', handler: (_req, res) => res.type('text').send('\u20ac') },
  { name: 'res.send(buffer)', handler: (_req, res) => res.send(BINARY) },
  { name: 'res.send(object)', handler: (_req, res) => res.send({ a: [1, null, '\u20ac'] }) },
  { name: 'res.send() alone', handler: (_req, res) => res.send() },
  { name: "res.send('')", handler: (_req, res) => res.send('') },
  { name: 'res.json(object)', handler: (_req, res) => res.json({ a: 1 }) },
  { name: 'res.json(null)', handler: (_req, res) => res.json(null) },
  { name: 'res.status(404).json', handler: (_req, res) => res.status(404).json({ error: 'none' }) },
  { name: 'res.sendStatus(204)', handler: (_req, res) => res.sendStatus(204) },
  { name: 'res.status(204).send(body)', handler: (_req, res) => res.status(204).send('dropped') },
  { name: 'res.sendStatus(410)', handler: (_req, res) => res.sendStatus(410) },
  { name: 'res.redirect(301)', handler: (_req, res) => res.redirect(301, '/there?a=1') },
  { name: 'res.redirect(308)', handler: (_req, res) => res.redirect(308, 'https://there.example/') },
  { name: 'res.jsonp', asked: { path: '/?callback=run' }, handler: (_req, res) => res.jsonp({ a: 1 }) },
  { name: 'res.type(binary).end', handler: (_req, res) => res.type('png').end(BINARY) },
  { name: 'res.set(ETag) and send', handler: (_req, res) => res.set('ETag', '"v1"').send('x') },
  {
    name: 'res.sendFile with maxAge',
    handler: (_req, res, note) => res.sendFile(FILE, { maxAge: '1h' }, (error) => note('sent', error)),
  },
  {
    name: 'res.sendFile without Cache-Control',
    handler: (_req, res) => res.sendFile(FILE, { cacheControl: false, lastModified: false }),
  },
  { name: 'res.download', handler: (_req, res) => res.download(FILE, 'a name.json', { maxAge: '1h' }) },
  {
    name: 'res.attachment and pipe',
    handler: (_req, res) => createReadStream(FILE).pipe(res.attachment('a.json')),
  },
  {
    name: 'res.links, vary, location, append',
    handler(_req, res) {
      res.links({ next: '/2', last: '/9' }).vary('Accept').vary('Accept-Language').location('/1');
      res.append('X-Many', 'one');
      res.append('X-Many', 'two');
      res.json({});
    },
  },
  {
    name: 'res.format',
    asked: { headers: { accept: 'application/json' } },
    handler: (_req, res) => res.format({ html: () => res.send('<p>'), json: () => res.json({ a: 1 }) }),
  },
  {
    name: 'an async handler',
    async handler(_req, res) {
      await new Promise(setImmediate);
      res.json({ late: true });
    },
  },
];
