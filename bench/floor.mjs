// The floor: the least that a cache in Redis can do. A hit is one GET, one head and one body. On a miss the handler
// runs, its response is copied on its way to the client, and one SET stores it. The floor has no policy and no
// protection, and it waits for a Redis that hangs.

import { promisify } from 'node:util';
import { brotliCompress } from 'node:zlib';
import { fieldsOf, resourceOf } from './app.mjs';
import { codingOf, trafficFields } from './traffic.mjs';

const TTL_MS = 3_600_000;
const brotli = promisify(brotliCompress);

/** @param coding `br`: bodies are stored and sent in Brotli. */
export function floor(redis, prefix, { coding } = {}) {
  const pending = new Set();
  const store = async (key, bytes) => {
    await redis.set(key, coding ? await brotli(bytes) : bytes, 'PX', TTL_MS);
  };
  const middleware = async (req, res, next) => {
    const resource = resourceOf(req);
    const key = `${prefix}${req.url} ${resource.label}`;
    const body = await redis.getBuffer(key);
    if (body) return replay(req, res, body, resource, coding);
    if (resource.kind !== 'private' && !resource.streams) {
      copyBody(res, (bytes) => {
        const stored = store(key, bytes).finally(() => pending.delete(stored));
        pending.add(stored);
      });
    }
    return next();
  };
  return Object.assign(middleware, { idle: () => Promise.all(pending) });
}

/**
 * The floor of traffic, as lean as one writes it by hand: a callback in place of a promise, and the fields of each URL
 * prepared. What was not asked for before is copied on its way, and stored by one SET.
 */
export function leanFloor(redis, prefix) {
  const heads = new Map();
  const pending = new Set();
  const middleware = (req, res, next) => {
    const key = `${prefix}${req.url} ${codingOf(req.headers['accept-encoding'])}`;
    redis.getBuffer(key, (_, body) => {
      if (body) {
        res.writeHead(200, headOf(heads, req.url));
        return void res.end(body);
      }
      copyBody(res, (bytes) => {
        const stored = redis.set(key, bytes, 'PX', TTL_MS).finally(() => pending.delete(stored));
        pending.add(stored);
      });
      next();
    });
  };
  return Object.assign(middleware, { idle: () => Promise.all(pending) });
}

/** The floor of a near cache: a Map of prepared responses, which says `Age` and `Cache-Status`. */
export function mapFloor() {
  const stored = new Map();
  const heads = new Map();
  return (req, res, next) => {
    const key = `${req.url} ${codingOf(req.headers['accept-encoding'])}`;
    const known = stored.get(key);
    if (known) {
      const age = Date.now() - known.at;
      const left = Math.floor((TTL_MS - age) / 1000);
      const status = `floor; hit; ttl=${left}`;
      res.writeHead(200, [...known.head, 'Age', String(Math.floor(age / 1000)), 'Cache-Status', status]);
      return res.end(known.body);
    }
    copyBody(res, (body) => stored.set(key, { head: headOf(heads, req.url), body, at: Date.now() }));
    return next();
  };
}

/** The fields of a URL as a flat list. */
function headOf(heads, url) {
  const [path] = url.split('?', 1);
  let head = heads.get(path);
  if (!head) {
    const resource = resourceOf({ url: path, headers: {} });
    const isTraffic = resource.kind === 'traffic';
    const fields = isTraffic ? trafficFields(resource) : fieldsOf(resource);
    const length = isTraffic ? resource.size : resource.bytes.length;
    head = [...fields, ['X-Run', '1'], ['Content-Length', String(length)]].flat();
    heads.set(path, head);
  }
  return head;
}

/** Of a response that is sent by one call of `end`. */
function copyBody(res, keep) {
  const { end } = res;
  res.end = (chunk, encoding, ...rest) => {
    res.end = end;
    const ended = res.end(chunk, encoding, ...rest);
    if (chunk !== undefined) keep(typeof chunk === 'string' ? Buffer.from(chunk, encoding) : chunk);
    return ended;
  };
}

function replay(req, res, body, resource, coding) {
  const fields = [...fieldsOf(resource), ['X-Run', '1']];
  const { range, 'if-none-match': validator } = req.headers;
  if (validator !== undefined && validator === fields[1][1]) {
    res.writeHead(304, fields.slice(1).flat());
    return res.end();
  }
  const span = range && /^bytes=(\d+)-(\d+)$/.exec(range);
  if (span) {
    const [first, last] = span.slice(1).map(Number);
    const part = body.subarray(first, last + 1);
    const contentRange = `bytes ${first}-${last}/${body.length}`;
    fields.push(['Content-Range', contentRange], ['Content-Length', String(part.length)]);
    res.writeHead(206, fields.flat());
    return res.end(part);
  }
  if (coding) fields.push(['Content-Encoding', coding]);
  fields.push(['Content-Length', String(body.length)]);
  res.writeHead(200, fields.flat());
  return req.method === 'HEAD' ? res.end() : res.end(body);
}

/** Sends all commands of one turn of the event loop in one write. */
export function cork(redis) {
  const { sendCommand } = redis;
  let corked;
  const uncork = () => {
    corked.uncork();
    corked = undefined;
  };
  redis.sendCommand = (...args) => {
    if (!corked && redis.stream?.writable) {
      corked = redis.stream;
      corked.cork();
      setImmediate(uncork);
    }
    return sendCommand.apply(redis, args);
  };
  return redis;
}
