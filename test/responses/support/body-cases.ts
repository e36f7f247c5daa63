import type { Case } from './matrix.ts';
import { thrown } from './thrown.ts';

/** Every way in which Node's own methods make a body, for all frameworks. All of these are stored. */

const BINARY = Buffer.from(Array.from({ length: 1024 }, (_, i) => (i * 7) % 256));

const endings: Case[] = [
  { name: 'end(string)', handler: (_req, res) => res.end('hello') },
  { name: 'end(buffer)', handler: (_req, res) => res.end(BINARY) },
  { name: 'end(typed array)', handler: (_req, res) => res.end(new Uint8Array([0, 255, 10, 13])) },
  { name: 'end() alone', handler: (_req, res) => res.end() },
  { name: "end('')", handler: (_req, res) => res.end('') },
  { name: 'end(undefined) with an encoding', handler: (_req, res) => res.end(undefined, 'utf8') },
  { name: 'end(cb)', handler: (_req, res, note) => res.end(() => note('done')) },
  { name: 'end(chunk, cb)', handler: (_req, res, note) => res.end('hello', () => note('done')) },
  {
    name: 'end(chunk, encoding, cb)',
    handler: (_req, res, note) => res.end('aGk=', 'base64', () => note('done')),
  },
  { name: 'end(hex)', handler: (_req, res) => res.end('00ff7f80', 'hex') },
  { name: 'end(latin1)', handler: (_req, res) => res.end('caf\xe9', 'latin1') },
  { name: 'end(utf16le)', handler: (_req, res) => res.end('h\xe9', 'utf16le') },
  { name: 'end(utf8 of several bytes)', handler: (_req, res) => res.end('\u20ac \u{1f600}') },
  { name: 'end() that returns the response', handler: (_req, res, note) => note(res.end('a') === res) },
];

const writes: Case[] = [
  {
    name: 'write x n and end()',
    handler(_req, res, note) {
      for (const part of ['one', 'two', 'three']) note(res.write(part));
      res.end();
    },
  },
  {
    name: 'write and end(chunk)',
    handler(_req, res) {
      res.write('head ');
      res.end('tail');
    },
  },
  {
    name: 'write in all encodings',
    handler(_req, res, note) {
      note(res.write('00ff', 'hex'));
      note(res.write('\xe9', 'latin1'));
      note(res.write('aGVsbG8=', 'base64'));
      note(res.write('h\xe9', 'utf16le'));
      res.end('\u20ac', 'utf8');
    },
  },
  {
    name: 'write with callbacks',
    handler(_req, res, note) {
      res.write('a', () => note('a'));
      res.write('b', 'utf8', () => note('b'));
      res.write(Buffer.from('c'), () => {
        note('c');
        res.end('d', () => note('d'));
      });
    },
  },
  {
    name: 'one buffer, used again after its callback',
    handler(_req, res) {
      const buffer = Buffer.from('aaaa');
      res.write(buffer, () => {
        buffer.fill('b');
        res.end(buffer, () => buffer.fill('c'));
      });
    },
  },
  {
    name: 'writes at later ticks',
    handler(_req, res) {
      res.write('one');
      setImmediate(() => {
        res.write('two');
        setImmediate(() => res.end('three'));
      });
    },
  },
  {
    name: 'cork and uncork',
    handler(_req, res) {
      res.cork();
      res.write('one');
      res.write('two');
      process.nextTick(() => {
        res.uncork();
        res.end('three');
      });
    },
  },
  {
    name: 'an empty write',
    handler(_req, res, note) {
      note(res.write(''));
      res.end('after');
    },
  },
  {
    name: 'a write of the wrong type, which throws, and a right one',
    handler(_req, res, note) {
      note(thrown(() => res.write(42)));
      res.end('fine');
    },
  },
  {
    name: 'an end of the wrong type, which throws, and right ones',
    handler(_req, res, note) {
      note(thrown(() => res.end(42)));
      res.write('fi');
      res.end('ne');
    },
  },
  {
    name: 'write x n under its own Content-Length',
    handler(_req, res) {
      res.setHeader('Content-Length', 6);
      res.write('abc');
      res.end('def');
    },
  },
  {
    name: 'write x n under its own Transfer-Encoding',
    handler(_req, res) {
      res.setHeader('Transfer-Encoding', 'chunked');
      res.write('abc');
      res.end('def');
    },
  },
  {
    name: 'flushHeaders and then write',
    handler(_req, res) {
      res.setHeader('Content-Type', 'text/plain');
      res.flushHeaders();
      setImmediate(() => {
        res.write('late');
        res.end();
      });
    },
  },
];

const sizes: Case[] = [
  {
    name: 'exactly maxBodySize at once',
    options: { maxBodySize: 1000 },
    handler: (_req, res) => res.end('x'.repeat(1000)),
  },
  {
    name: 'exactly maxBodySize in parts',
    options: { maxBodySize: 1000 },
    handler(_req, res) {
      res.write('x'.repeat(999));
      res.end('y');
    },
  },
  {
    name: 'a megabyte in parts',
    handler(_req, res) {
      for (let i = 0; i < 16; i++) res.write(Buffer.alloc(65_536, i));
      res.end();
    },
  },
];

export const bodyCases: readonly Case[] = [...endings, ...writes, ...sizes];
