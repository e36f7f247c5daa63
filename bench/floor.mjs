// The floor: the least that a cache in Redis can do. A hit is one GET, one head and one body. On a miss the handler
// runs, its response is copied on its way to the client, and one SET stores it. The floor has no policy and no
// protection, and it waits for a Redis that hangs.

import { promisify } from 'node:util';
import { brotliCompress } from 'node:zlib';
import { fieldsOf, resourceOf } from './app.mjs';

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
