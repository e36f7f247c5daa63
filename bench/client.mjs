// A client as cheap as one can be: keep-alive HTTP/1.1 over bare sockets, one request at a time on each, no answer
// kept. Answers are compared while they arrive, so that to check them costs next to nothing.

import { connect } from 'node:net';

const HEAD_END = Buffer.from('\r\n\r\n');
const NOTHING = Buffer.alloc(0);
// One read at a time is under way in this process.
const scratch = Buffer.allocUnsafe(256 * 1024);

/** The bytes of a request. `Host` may be given, so that several processes are asked for the same. */
export function requestBytes({ method = 'GET', path, headers = {} }, port) {
  const lines = Object.entries({ Host: `127.0.0.1:${port}`, ...headers }).map(
    ([name, value]) => `${name}: ${value}`,
  );
  return Buffer.from(`${method} ${path} HTTP/1.1\r\n${lines.join('\r\n')}\r\n\r\n`);
}

/** A head as parsed once; the same bytes are not parsed again. */
export class Heads {
  #known = new Map();

  of(text) {
    const known = this.#known.get(text);
    if (known) return known;
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
    // Misses have heads of their own.
    if (this.#known.size < 1000) this.#known.set(text, head);
    return head;
  }
}

/**
 * One connection. `ask(bytes, isHead, sink)` sends a request; the sink is told `head(head)`, `body(buffer, from, to)`
 * and `done(error)`.
 */
export class Connection {
  #port;
  #heads;
  #socket;
  #sink;
  #isHead = false;
  #pending = NOTHING;
  #head;
  /** Bytes of the body, or of the chunk, that are yet to come. */
  #left = 0;

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
        this.#lost(error);
      });
      socket.once('close', () => this.#lost(new Error('closed')));
    });
  }

  ask(bytes, isHead, sink) {
    this.#sink = sink;
    this.#isHead = isHead;
    this.#head = undefined;
    this.#socket.write(bytes);
  }

  close() {
    this.#sink = undefined;
    this.#socket.destroy();
  }

  get alive() {
    return !this.#socket.destroyed;
  }

  #lost(error) {
    const sink = this.#sink;
    this.#sink = undefined;
    sink?.done(error);
  }

  #read(size) {
    let bytes = scratch.subarray(0, size);
    if (this.#pending.length > 0) {
      bytes = Buffer.concat([this.#pending, bytes]);
      this.#pending = NOTHING;
    }
    this.#parse(bytes);
    return true;
  }

  #parse(bytes) {
    let at = 0;
    while (at < bytes.length && this.#sink) {
      if (!this.#head) {
        const end = bytes.indexOf(HEAD_END, at);
        if (end < 0) break;
        this.#head = this.#heads.of(bytes.latin1Slice(at, end));
        at = end + 4;
        this.#sink.head(this.#head);
        const { status, length, chunked } = this.#head;
        const empty = this.#isHead || status === 304 || status === 204;
        this.#left = empty ? 0 : (length ?? 0);
        if (empty || (!chunked && this.#left === 0)) this.#done();
        continue;
      }
      if (this.#left === 0) {
        const next = this.#chunk(bytes, at);
        if (next === undefined) break;
        at = next;
        continue;
      }
      const to = Math.min(bytes.length, at + this.#left);
      this.#sink.body(bytes, at, to);
      this.#left -= to - at;
      at = to;
      if (this.#left === 0 && !this.#head.chunked) this.#done();
    }
    if (this.#sink && at < bytes.length) this.#pending = Buffer.from(bytes.subarray(at));
  }

  /** Where a chunk's bytes begin; `undefined` while its size has not arrived whole. */
  #chunk(bytes, from) {
    // The line end of the chunk before.
    const at = bytes[from] === 13 && bytes[from + 1] === 10 ? from + 2 : from;
    const end = bytes.indexOf('\r\n', at);
    if (end < 0) return undefined;
    this.#left = Number.parseInt(bytes.latin1Slice(at, end), 16);
    if (this.#left > 0) return end + 2;
    if (bytes.length < end + 4) {
      this.#left = 0;
      return undefined;
    }
    this.#done();
    return end + 4;
  }

  #done() {
    const sink = this.#sink;
    const { closes } = this.#head;
    this.#sink = undefined;
    this.#head = undefined;
    if (closes) this.#socket.destroy();
    sink.done();
  }
}
