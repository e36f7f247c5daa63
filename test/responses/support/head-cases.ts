import type { ServerResponse } from 'node:http';
import type { Case } from './matrix.ts';
import { thrown } from './thrown.ts';

/** Every way in which Node's own methods make a head, for all frameworks. All of these are stored. */
export const headCases: readonly Case[] = [
  { name: 'writeHead(status)', handler: (_req, res) => res.writeHead(404).end('none') },
  {
    name: 'writeHead(status, object)',
    handler: (_req, res) => res.writeHead(200, { 'X-One': 1, 'x-two': ['a', 'b'] }).end('x'),
  },
  {
    name: 'writeHead(status, flat array)',
    bare: true,
    handler: (_req, res) => res.writeHead(200, ['X-One', '1', 'Link', '<a>', 'Link', '<b>']).end('x'),
  },
  {
    name: 'writeHead(status, array of pairs) with a repeated Link',
    bare: true,
    handler: (_req, res) =>
      res.writeHead(200, pairs(['Link', '<a>'], ['X-One', '1'], ['Link', '<b>'])).end('x'),
  },
  { name: 'writeHead(status, message)', handler: (_req, res) => res.writeHead(200, 'Quite Fine').end('x') },
  {
    name: 'writeHead(status, message, object)',
    handler: (_req, res) => res.writeHead(203, 'From Afar', { 'X-One': '1' }).end('x'),
  },
  {
    name: 'writeHead(status, message, flat array)',
    bare: true,
    handler: (_req, res) => res.writeHead(200, 'OK!', ['Link', '<a>', 'Link', '<b>']).end('x'),
  },
  {
    name: 'writeHead(status, message, array of pairs)',
    bare: true,
    handler: (_req, res) => res.writeHead(200, 'OK!', pairs(['Link', '<a>'], ['Link', '<b>'])).end('x'),
  },
  {
    name: 'writeHead(status, undefined, object)',
    handler: (_req, res) => res.writeHead(200, undefined, { 'X-One': '1' }).end('x'),
  },
  {
    name: 'writeHead(status, object, undefined)',
    handler: (_req, res) => loose(res).writeHead(200, { 'X-One': '1' }, undefined).end('x'),
  },
  {
    name: 'writeHead over fields that were set before',
    handler(_req, res) {
      res.setHeader('X-One', 'before');
      res.setHeader('X-Two', 'kept');
      res.writeHead(200, { 'X-One': 'after' });
      res.end('x');
    },
  },
  {
    name: 'writeHead and write x n',
    handler(_req, res) {
      res.writeHead(200, { 'Content-Type': 'text/plain' });
      res.write('a');
      res.end('b');
    },
  },
  {
    name: 'writeHead twice, of which the second throws',
    handler(_req, res, note) {
      res.writeHead(200, { 'X-One': '1' });
      note(thrown(() => res.writeHead(500, { 'X-One': '2' })));
      res.end('x');
    },
  },
  {
    name: 'statusMessage',
    handler(_req, res) {
      res.statusMessage = 'In Its Own Words';
      res.end('x');
    },
  },
  {
    name: 'repeated fields, in its own case',
    handler(_req, res) {
      res.setHeader('LINK', ['<a>; rel=next', '<b>; rel=prev']);
      res.setHeader('vary', ['Accept', 'Accept-Language']);
      res.setHeader('x-MiXeD', 'Case');
      res.appendHeader('X-Many', 'one');
      res.appendHeader('X-Many', 'two');
      res.end('x');
    },
  },
  {
    name: 'fields of numbers, of nothing and of Latin-1',
    handler(_req, res) {
      res.setHeader('X-Number', 7);
      res.setHeader('X-Empty', '');
      res.setHeader('X-Latin', 'caf\xe9');
      // A string would make Node send the head as UTF-8 too.
      res.end(Buffer.from('x'));
    },
  },
  {
    name: 'a field of one connection',
    dropped: ['x-hop'],
    handler(_req, res) {
      res.setHeader('Connection', 'close, X-Hop');
      res.setHeader('X-Hop', 'once');
      res.end('x');
    },
  },
  {
    name: 'a field set after the head, which throws',
    handler(_req, res, note) {
      res.write('a');
      note(thrown(() => res.setHeader('X-Late', '1')));
      note(res.headersSent);
      res.end();
    },
  },
  {
    name: 'fields that it took back',
    handler(_req, res) {
      res.setHeader('X-One', '1');
      res.removeHeader('X-One');
      res.end('x');
    },
  },
  {
    name: 'a Date of its own',
    handler: (_req, res) => res.setHeader('Date', new Date().toUTCString()).end('x'),
  },
  { name: 'a 204', handler: (_req, res) => res.writeHead(204).end() },
  { name: 'a 204 with a body that Node drops', handler: (_req, res) => res.writeHead(204).end('dropped') },
  { name: 'a 301', handler: (_req, res) => res.writeHead(301, { Location: '/there' }).end() },
  {
    name: 'a 308 with a body',
    handler: (_req, res) => res.writeHead(308, { Location: '/there' }).end('there'),
  },
  { name: 'a 410', handler: (_req, res) => res.writeHead(410).end('gone') },
];

/** Node takes pairs, its types do not. */
function pairs(...list: [string, string][]): string[] {
  return list as unknown as string[];
}

/** Node takes more than its types say. */
function loose(res: object): { writeHead(...args: unknown[]): ServerResponse } {
  return res as { writeHead(...args: unknown[]): ServerResponse };
}
