// The app of every target. Its handler does as little as possible, so that the cost of the cache in front shows. The
// app counts the runs of its handler, and each run sends its number in a header field.

import { Readable } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import { trafficFields, trafficResource } from './traffic.mjs';

const MEGABYTE = 1024 * 1024;
const SIZES = { '1k': 1024, '50k': 50 * 1024, '500k': 500 * 1024 };
const STREAM_CHUNKS = 50 * 16;
const SLOW_MS = 50;
const WAIT_MS = 20;

/** JSON of exactly `size` bytes. */
const jsonOf = (size, label) => {
  const open = `{"label":"${label}","items":[`;
  const item = '{"id":48151623,"name":"Benchmark","tags":["a","b"]},';
  return `${(open + item.repeat(Math.ceil(size / item.length))).slice(0, size - 4)}"}]}`;
};

const bodies = new Map();

/** A body as text and as bytes. */
function bodyFor(size, label) {
  const name = `${size} ${label}`;
  if (!bodies.has(name)) {
    const text = jsonOf(SIZES[size], label);
    bodies.set(name, { text, bytes: Buffer.from(text) });
  }
  return bodies.get(name);
}

/** The resource at a path: `/1k`, `/private/1k`, `/vary/1k`, `/slow/1k`, `/wait/1k`, `/stream`, `/t/any/1`. */
export function resourceOf(req) {
  const [path] = req.url.split('?', 1);
  if (path.startsWith('/t/')) return trafficResource(path);
  const [size, kind] = path.slice(1).split('/').reverse();
  const label = kind === 'vary' ? (req.headers['accept-encoding'] ?? 'identity') : 'plain';
  return { kind, label, streams: size === 'stream', ...(SIZES[size] && bodyFor(size, label)) };
}

/** The header fields of a usual API. */
export const fieldsOf = ({ kind, bytes, label }) => [
  ['Content-Type', 'application/json; charset=utf-8'],
  ['ETag', `"${bytes.length}-${label}"`],
  ['Last-Modified', 'Thu, 01 Jan 2026 00:00:00 GMT'],
  ['Content-Language', 'en'],
  ...(kind === 'vary' ? [['Vary', 'Accept-Encoding']] : []),
  ...(kind === 'private' ? [['Cache-Control', 'private']] : []),
];

/** @returns the handler as written for node:http and for Express, and the number of runs of both. */
export function createApp(extraFields = []) {
  const app = { runs: 0 };

  const begin = async (req, res) => {
    app.runs++;
    const resource = resourceOf(req);
    if (resource.kind === 'slow') await delay(SLOW_MS);
    if (resource.kind === 'wait' || (resource.kind === 'traffic' && req.url.includes('?')))
      await delay(WAIT_MS);
    res.setHeader('X-Run', String(app.runs));
    for (const [name, value] of extraFields) res.setHeader(name, value);
    if (resource.streams) {
      res.setHeader('Content-Type', 'application/octet-stream');
      Readable.from(chunks()).pipe(res);
      return undefined;
    }
    const fields = resource.kind === 'traffic' ? trafficFields(resource) : fieldsOf(resource);
    for (const [name, value] of fields) res.setHeader(name, value);
    return resource;
  };

  app.node = async (req, res) => {
    const resource = await begin(req, res);
    if (!resource) return undefined;
    const bytes = resource.bytes ?? Buffer.from(resource.text);
    res.setHeader('Content-Length', bytes.length).end(bytes);
    return resource;
  };
  app.express = async (req, res) => {
    const resource = await begin(req, res);
    resource && res.send(resource.text);
    return resource;
  };
  return app;
}

function* chunks() {
  const chunk = Buffer.alloc(MEGABYTE / 16, 'stream ');
  for (let i = 0; i < STREAM_CHUNKS; i++) yield chunk;
}

export const STREAM_BYTES = STREAM_CHUNKS * (MEGABYTE / 16);
