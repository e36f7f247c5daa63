// What every target serves. The handler is as cheap as one can be, so that what stands in front of it shows;
// each of its runs is counted, and told apart by a field of its answer.

import { Readable } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';

const MEGABYTE = 1024 * 1024;
const SIZES = { '1k': 1024, '50k': 50 * 1024, '500k': 500 * 1024 };
const STREAM_CHUNKS = 50 * 16;
const SLOW_MS = 50;

/** JSON, as an API sends it, of exactly so many bytes. */
const text = (size, label) => {
  const open = `{"label":"${label}","items":[`;
  const item = '{"id":48151623,"name":"Benchmark","tags":["a","b"]},';
  return `${(open + item.repeat(Math.ceil(size / item.length))).slice(0, size - 4)}"}]}`;
};

const bodies = new Map();

/** The body of a path, as text and as bytes. */
function bodyFor(size, label) {
  const name = `${size} ${label}`;
  if (!bodies.has(name)) {
    const made = text(SIZES[size], label);
    bodies.set(name, { text: made, bytes: Buffer.from(made) });
  }
  return bodies.get(name);
}

/** `/1k`, `/private/1k`, `/vary/1k`, `/slow/1k`, `/stream`: what a path means. */
export function resource(req) {
  const [path] = req.url.split('?', 1);
  const [size, kind] = path.slice(1).split('/').reverse();
  const label = kind === 'vary' ? (req.headers['accept-encoding'] ?? 'identity') : 'plain';
  return { kind, label, streams: size === 'stream', ...(SIZES[size] && bodyFor(size, label)) };
}

/** The fields that every answer has: those of a usual API. */
export const fieldsOf = ({ kind, bytes, label }) => [
  ['Content-Type', 'application/json; charset=utf-8'],
  ['ETag', `"${bytes.length}-${label}"`],
  ['Last-Modified', 'Thu, 01 Jan 2026 00:00:00 GMT'],
  ['Content-Language', 'en'],
  ...(kind === 'vary' ? [['Vary', 'Accept-Encoding']] : []),
  ...(kind === 'private' ? [['Cache-Control', 'private']] : []),
];

/** @returns the handler as one writes it for node:http and for Express, and how often either has run. */
export function createApp(extraFields = []) {
  const app = { runs: 0 };

  const begin = async (req, res) => {
    app.runs++;
    const asked = resource(req);
    if (asked.kind === 'slow') await delay(SLOW_MS);
    res.setHeader('X-Run', String(app.runs));
    for (const [name, value] of extraFields) res.setHeader(name, value);
    if (asked.streams) {
      res.setHeader('Content-Type', 'application/octet-stream');
      Readable.from(chunks()).pipe(res);
      return undefined;
    }
    for (const [name, value] of fieldsOf(asked)) res.setHeader(name, value);
    return asked;
  };

  app.node = async (req, res) => {
    const asked = await begin(req, res);
    asked && res.setHeader('Content-Length', asked.bytes.length).end(asked.bytes);
    return asked;
  };
  app.express = async (req, res) => {
    const asked = await begin(req, res);
    asked && res.send(asked.text);
    return asked;
  };
  return app;
}

function* chunks() {
  const chunk = Buffer.alloc(MEGABYTE / 16, 'stream ');
  for (let i = 0; i < STREAM_CHUNKS; i++) yield chunk;
}

export const STREAM_BYTES = STREAM_CHUNKS * (MEGABYTE / 16);
