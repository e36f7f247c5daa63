import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type Fields, flat, lineOf } from './fields.ts';

/** What the origin answers. */
export interface Reply {
  readonly status?: number;
  readonly reason?: string;
  readonly headers?: Fields;
  readonly body?: string;
  /** `Date` is the origin's clock unless the fields have one; `false`: none. */
  readonly date?: false;
  /** Interim responses sent before. */
  readonly interim?: readonly { readonly status: 102 | 103; readonly headers?: Fields }[];
  readonly trailers?: Record<string, string>;
  /** Seconds that pass on the clock between the request and the head. */
  readonly takes?: number;
  /** The connection is closed before the head, or after half of the body. */
  readonly dies?: 'at-once' | 'midway';
}

/** What the origin was asked. */
export interface Asked {
  readonly method: string;
  readonly url: string;
  readonly rawHeaders: readonly string[];
  readonly body: string;
}

/** An origin that says what it is told to, byte for byte, and keeps what it was asked. */
export class Origin {
  reply: Reply = {};
  readonly asked: Asked[] = [];
  readonly #server: Server;
  readonly #clock: { now: number };

  constructor(clock: { now: number }) {
    this.#clock = clock;
    this.#server = createServer((req, res) => void this.#answer(req, res));
  }

  async listen(): Promise<number> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
    return (this.#server.address() as AddressInfo).port;
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  async #answer(req: IncomingMessage, res: ServerResponse): Promise<void> {
    const { reply } = this;
    let body = '';
    for await (const chunk of req) body += chunk;
    this.asked.push({ method: req.method ?? '', url: req.url ?? '', rawHeaders: req.rawHeaders, body });
    if (reply.dies === 'at-once') return void res.destroy();
    for (const { status, headers } of reply.interim ?? []) {
      const fields = flat(headers).map((text, i) => (i % 2 === 0 ? `${text}: ` : `${text}\r\n`));
      res.socket?.write(`HTTP/1.1 ${status} Interim\r\n${fields.join('')}\r\n`);
    }
    this.#clock.now += (reply.takes ?? 0) * 1000;
    this.#send(req, res, reply);
  }

  #send(req: IncomingMessage, res: ServerResponse, reply: Reply): void {
    const { status = 200, reason = '', body = '', dies, trailers } = reply;
    const fields = flat(reply.headers, this.#clock.now);
    const has = (name: string): boolean => lineOf(fields, name) !== undefined;
    if (reply.date !== false && !has('date')) fields.push('Date', new Date(this.#clock.now).toUTCString());
    const bodiless = req.method === 'HEAD' || status === 204 || status === 304;
    if (dies && !has('content-length') && !has('transfer-encoding'))
      fields.push('Content-Length', String(body.length));
    if (trailers) fields.push('Trailer', Object.keys(trailers).join(', '), 'Transfer-Encoding', 'chunked');
    res.sendDate = false;
    // Node takes repeated names in a flat list, its types don't know.
    if (reason) res.writeHead(status, reason, fields as string[]);
    else res.writeHead(status, fields as string[]);
    if (bodiless) return void res.end();
    if (!dies) {
      if (trailers) res.addTrailers(trailers);
      return void res.end(body);
    }
    res.write(body.slice(0, body.length / 2), () => setTimeout(() => res.destroy(), 20));
  }
}
