// A client that costs little: HTTP/1.1 with keep-alive over plain sockets, one request at a time on each. No answer is
// kept in memory; each is compared while it arrives.

import { connect } from 'node:net';

const HEAD_END = Buffer.from('\r\n\r\n');
const EMPTY = Buffer.alloc(0);
// One buffer for all sockets: reads of one process never overlap.
const scratch = Buffer.allocUnsafe(256 * 1024);

/** The bytes of a request. A `Host` among the headers lets several processes share their cache keys. */
export function requestBytes({ method = 'GET', path, headers = {} }, port) {
  const lines = Object.entries({ Host: `127.0.0.1:${port}`, ...headers }).map(
    ([name, value]) => `${name}: ${value}`,
  );
  return Buffer.from(`${method} ${path} HTTP/1.1\r\n${lines.join('\r\n')}\r\n\r\n`);
}

/** Parsed heads of answers: equal bytes are parsed once. */
export class HeadParser {
  #parsed = new Map();

  parse(text) {
    const parsed = this.#parsed.get(text);
    if (parsed) return parsed;
    const [first, ...lines] = text.split('\r\n');
    const fields = lines.map((line) => {
      const colon = line.indexOf(':');
      return [line.slice(0, colon), line.slice(colon + 1).trim()];
    });
    const get = (name) => fields.find(([other]) => other.toLowerCase() === name)?.[1];
    const head = {
      status: Number(first.slice(9, 12)),
      reason: first.slice(13),
      fields,
      get,
      length: get('content-length') === undefined ? undefined : Number(get('content-length')),
      chunked: get('transfer-encoding') === 'chunked',
      closes: get('connection') === 'close',
    };
    // The heads of misses are all different, so the number that is kept has a bound.
    if (this.#parsed.size < 1000) this.#parsed.set(text, head);
    return head;
  }
}

/**
 * One connection. `send(bytes, isHead, listener)` sends a request; the listener's `head(head)`,
 * `body(buffer, from, to)` and `done(error)` are called as the answer arrives.
 */
export class Connection {
  #port;
  #heads;
  #socket;
  #listener;
  #isHead = false;
  #pending = EMPTY;
  #head;
  /** Bytes of the body, or of the chunk, that have not arrived yet. */
  #remaining = 0;

  constructor(port, heads) {
    this.#port = port;
    this.#heads = heads;
  }

  open() {
    return new Promise((resolve, reject) => {
      const socket = connect({
        port: this.#port,
        host: '127.0.0.1',
        noDelay: true,
        onread: { buffer: scratch, callback: (size) => this.#read(size) },
      });
      this.#socket = socket;
      socket.once('connect', resolve);
      socket.once('error', (error) => {
        reject(error);
        this.#fail(error);
      });
      socket.once('close', () => this.#fail(new Error('closed')));
    });
  }

  send(bytes, isHead, listener) {
    this.#listener = listener;
    this.#isHead = isHead;
    this.#head = undefined;
    this.#socket.write(bytes);
  }

  close() {
    this.#listener = undefined;
    this.#socket.destroy();
  }

  get alive() {
    return !this.#socket.destroyed;
  }

  #fail(error) {
    const listener = this.#listener;
    this.#listener = undefined;
    listener?.done(error);
  }

  #read(size) {
    let bytes = scratch.subarray(0, size);
    if (this.#pending.length > 0) {
      bytes = Buffer.concat([this.#pending, bytes]);
      this.#pending = EMPTY;
    }
    this.#parse(bytes);
    return true;
  }

  #parse(bytes) {
    let at = 0;
    while (at < bytes.length && this.#listener) {
      if (!this.#head) {
        const end = bytes.indexOf(HEAD_END, at);
        if (end < 0) break;
        this.#head = this.#heads.parse(bytes.latin1Slice(at, end));
        at = end + 4;
        this.#listener.head(this.#head);
        const { status, length, chunked } = this.#head;
        const empty = this.#isHead || status === 304 || status === 204;
        this.#remaining = empty ? 0 : (length ?? 0);
        if (empty || (!chunked && this.#remaining === 0)) this.#done();
        continue;
      }
      if (this.#remaining === 0) {
        const next = this.#chunk(bytes, at);
        if (next === undefined) break;
        at = next;
        continue;
      }
      const to = Math.min(bytes.length, at + this.#remaining);
      this.#listener.body(bytes, at, to);
      this.#remaining -= to - at;
      at = to;
      if (this.#remaining === 0 && !this.#head.chunked) this.#done();
    }
    if (this.#listener && at < bytes.length) this.#pending = Buffer.from(bytes.subarray(at));
  }

  /** The offset of a chunk's bytes; `undefined` until its whole size line has arrived. */
  #chunk(bytes, from) {
    // The line end of the previous chunk.
    const at = bytes[from] === 13 && bytes[from + 1] === 10 ? from + 2 : from;
    const end = bytes.indexOf('\r\n', at);
    if (end < 0) return undefined;
    this.#remaining = Number.parseInt(bytes.latin1Slice(at, end), 16);
    if (this.#remaining > 0) return end + 2;
    if (bytes.length < end + 4) {
      this.#remaining = 0;
      return undefined;
    }
    this.#done();
    return end + 4;
  }

  #done() {
    const listener = this.#listener;
    const { closes } = this.#head;
    this.#listener = undefined;
    this.#head = undefined;
    if (closes) this.#socket.destroy();
    listener.done();
  }
}
