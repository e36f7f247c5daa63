import type { Case } from './matrix.ts';
import { slowly } from './stream-cases.ts';

/** Responses that reach the client as they are and are not stored. */

const cap = { maxBodySize: 1000 } as const;

function under(cacheControl: string): Case['handler'] {
  return (_req, res) => res.setHeader('Cache-Control', cacheControl).end('x');
}

const refused: Case[] = [
  { name: 'Set-Cookie', handler: (_req, res) => res.setHeader('Set-Cookie', ['a=1', 'b=2']).end('x') },
  {
    name: 'Set-Cookie in writeHead',
    handler: (_req, res) => res.writeHead(200, { 'set-cookie': 'a=1' }).end('x'),
  },
  { name: 'Cache-Control: private', handler: under('private, max-age=60') },
  { name: 'Cache-Control: no-store', handler: under('no-store') },
  { name: 'Cache-Control: no-cache', handler: under('no-cache') },
  { name: 'Cache-Control: max-age=0', handler: under('public, max-age=0') },
  { name: 'Vary: *', handler: (_req, res) => res.setHeader('Vary', '*').end('x') },
  { name: 'Vary: Accept, *', handler: (_req, res) => res.setHeader('Vary', 'Accept, *').end('x') },
  { name: 'Expires in the past', handler: (_req, res) => res.setHeader('Expires', '0').end('x') },
  { name: 'a 302', handler: (_req, res) => res.writeHead(302, { Location: '/there' }).end() },
  { name: 'a 304 of its own', handler: (_req, res) => res.writeHead(304, { ETag: '"a"' }).end() },
  {
    name: 'a 206',
    handler: (_req, res) => res.writeHead(206, { 'Content-Range': 'bytes 0-0/9' }).end('x'),
  },
  { name: 'a 500', handler: (_req, res) => res.writeHead(500).end('broken') },
  {
    name: 'no permission to share what a credential got',
    asked: { headers: { authorization: 'Basic YTpi' } },
    options: { guard: 'off' },
    handler: (_req, res) => res.end('mine'),
  },
  {
    name: 'a request that says no-store',
    asked: { headers: { 'cache-control': 'no-store' } },
    handler: (_req, res) => res.end('x'),
  },
];

const oversize: Case[] = [
  {
    name: 'one byte over maxBodySize at once',
    options: cap,
    handler: (_req, res) => res.end('x'.repeat(1001)),
  },
  {
    name: 'one byte over maxBodySize in parts',
    options: cap,
    handler(_req, res) {
      res.write('x'.repeat(1000));
      res.end('y');
    },
  },
  {
    name: 'fewer characters but more bytes than maxBodySize',
    options: cap,
    handler: (_req, res) => res.end('\u20ac'.repeat(334)),
  },
  { name: 'a stream over maxBodySize', options: cap, handler: (_req, res) => slowly(5).pipe(res) },
];

const broken: Case[] = [
  {
    name: 'a Content-Length that is too long',
    handler: (_req, res) => res.setHeader('Content-Length', 10).end('short'),
  },
  {
    name: 'a Content-Length that is too short',
    handler: (_req, res) => res.setHeader('Content-Length', 3).end('longer'),
  },
  {
    name: 'a Content-Length that its parts do not make up',
    handler(_req, res) {
      res.setHeader('Content-Length', 10);
      res.write('abc');
      res.end('d');
    },
  },
  {
    name: 'a Content-Length that strict checking refuses',
    handler(_req, res, note) {
      res.strictContentLength = true;
      res.setHeader('Content-Length', 3);
      try {
        res.end('longer');
      } catch (error) {
        note((error as { code?: string }).code);
        res.socket?.end();
      }
    },
  },
];

export const passedCases: readonly Case[] = [...refused, ...oversize, ...broken];

export const expressPassedCases: readonly Case[] = [
  { name: 'res.cookie', handler: (_req, res) => res.cookie('a', '1').send('x') },
  { name: 'res.redirect(302)', handler: (_req, res) => res.redirect('/there') },
];
