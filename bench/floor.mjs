// The least that a cache in Redis can do: one GET, one head, one body. It decides nothing, guards nothing, and
// waits for a Redis that hangs.

import { fieldsOf, resource } from './app.mjs';

const TTL_MS = 3_600_000;

/** @param send answers on a miss, and gives what it has answered with. */
export function floor(redis, prefix, send) {
  return async (req, res) => {
    const { label, kind } = resource(req);
    const key = `${prefix}${req.url} ${label}`;
    const body = await redis.getBuffer(key);
    if (body) return replay(req, res, body);
    const made = await send(req, res);
    if (made && kind !== 'private') await redis.set(key, made.bytes, 'PX', TTL_MS);
  };
}

function replay(req, res, body) {
  const fields = [...fieldsOf({ ...resource(req), bytes: body }), ['X-Run', '1']];
  const { range, 'if-none-match': known } = req.headers;
  if (known !== undefined && known === fields[1][1]) {
    res.writeHead(304, fields.slice(1).flat());
    return res.end();
  }
  const asked = range && /^bytes=(\d+)-(\d+)$/.exec(range);
  if (asked) {
    const [first, last] = asked.slice(1).map(Number);
    const part = body.subarray(first, last + 1);
    const span = `bytes ${first}-${last}/${body.length}`;
    fields.push(['Content-Range', span], ['Content-Length', String(part.length)]);
    res.writeHead(206, fields.flat());
    return res.end(part);
  }
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
