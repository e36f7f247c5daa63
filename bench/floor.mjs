// The least that a cache in Redis can do: one GET, one head, one body; on a miss the handler behind it, what it sends
// kept on its way through, and one SET. It decides nothing, guards nothing, and waits for a Redis that hangs.

import { promisify } from 'node:util';
import { brotliCompress } from 'node:zlib';
import { fieldsOf, resource } from './app.mjs';

const TTL_MS = 3_600_000;
const brotli = promisify(brotliCompress);

/** @param coding `br`: bodies are kept compressed, as what answers clients that take it. */
export function floor(redis, prefix, { coding } = {}) {
  const storing = new Set();
  const store = async (key, bytes) => {
    await redis.set(key, coding ? await brotli(bytes) : bytes, 'PX', TTL_MS);
  };
  const middleware = async (req, res, next) => {
    const asked = resource(req);
    const key = `${prefix}${req.url} ${asked.label}`;
    const body = await redis.getBuffer(key);
    if (body) return replay(req, res, body, asked, coding);
    if (asked.kind !== 'private' && !asked.streams) {
      writeThrough(res, (bytes) => {
        const stored = store(key, bytes).finally(() => storing.delete(stored));
        storing.add(stored);
      });
    }
    return next();
  };
  return Object.assign(middleware, { idle: () => Promise.all(storing) });
}

/** Of a response of one piece. */
function writeThrough(res, keep) {
  const { end } = res;
  res.end = (chunk, encoding, ...rest) => {
    res.end = end;
    const ended = res.end(chunk, encoding, ...rest);
    if (chunk !== undefined) keep(typeof chunk === 'string' ? Buffer.from(chunk, encoding) : chunk);
    return ended;
  };
}

function replay(req, res, body, asked, coding) {
  const fields = [...fieldsOf(asked), ['X-Run', '1']];
  const { range, 'if-none-match': known } = req.headers;
  if (known !== undefined && known === fields[1][1]) {
    res.writeHead(304, fields.slice(1).flat());
    return res.end();
  }
  const span = range && /^bytes=(\d+)-(\d+)$/.exec(range);
  if (span) {
    const [first, last] = span.slice(1).map(Number);
    const part = body.subarray(first, last + 1);
    const spanned = `bytes ${first}-${last}/${body.length}`;
    fields.push(['Content-Range', spanned], ['Content-Length', String(part.length)]);
    res.writeHead(206, fields.flat());
    return res.end(part);
  }
  if (coding) fields.push(['Content-Encoding', coding]);
  fields.push(['Content-Length', String(body.length)]);
  res.writeHead(200, fields.flat());
  return req.method === 'HEAD' ? res.end() : res.end(body);
}

/** Holds back what is written in one turn of the event loop, and writes it at its end in one go. */
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
