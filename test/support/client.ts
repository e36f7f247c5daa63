import { once } from 'node:events';
import {
  type ClientHttp2Session,
  connect as connectHttp2,
  type IncomingHttpHeaders,
  type IncomingHttpStatusHeader,
} from 'node:http2';
import { connect, type Socket } from 'node:net';

/*
 * Clients that hide nothing: they send any bytes, and an answer is what came over the socket, line by line.
 * (`node:http` would merge header lines, lose interim responses and swallow what comes after a message.)
 */

export type Line = readonly [name: string, value: string];

export interface Asked {
  readonly method?: string;
  readonly path?: string;
  /** `Host` is added where it is missing, and the length of a body. */
  readonly headers?: Readonly<Record<string, string>> | readonly Line[];
  readonly body?: string | Buffer;
  readonly version?: '1.0' | '1.1';
}

interface Head {
  readonly status: number;
  readonly message: string;
  readonly lines: readonly Line[];
}

export interface Answer extends Head {
  /** As Latin-1: a character for each byte. */
  readonly body: string;
  readonly bytes: Buffer;
  readonly trailers: readonly Line[];
  readonly interim: readonly Head[];
  /** Whether the message is whole by its own account: its length, or its last chunk. */
  readonly complete: boolean;
  /** What came after the message. */
  readonly rest: Buffer;
  /** `Cache-Status` without the default name of the cache; empty when there is no such field. */
  readonly cacheStatus: string;
  /** The values of all lines of a field, joined; `undefined` when there is none. */
  header(name: string): string | undefined;
}

/** Sends a request and gives its answer, by whatever version of HTTP. */
export type Client = (asked: Asked) => Promise<Answer>;

/** One connection, kept alive. */
export class Connection {
  readonly socket: Socket;
  #chunks: Buffer[] = [];
  #closed = false;
  #last = false;
  #wake: () => void = () => {};

  constructor(port: number) {
    this.socket = connect(port, '127.0.0.1');
    this.socket.on('data', (bytes) => {
      this.#chunks.push(bytes);
      this.#wake();
    });
    // A reset is one of the ways in which an answer ends.
    this.socket.on('error', () => {});
    this.socket.on('close', () => {
      this.#closed = true;
      this.#wake();
    });
  }

  /** Whether no more requests can be sent. */
  get closed(): boolean {
    return this.#closed || this.#last;
  }

  /** What has arrived and was not taken as an answer. */
  get text(): string {
    return this.#bytes.toString('latin1');
  }

  get #bytes(): Buffer {
    if (this.#chunks.length !== 1) this.#chunks = [Buffer.concat(this.#chunks)];
    return this.#chunks[0] as Buffer;
  }

  send(asked: Asked = {}): this {
    this.socket.write(serialized(asked));
    return this;
  }

  ask(asked: Asked): Promise<Answer> {
    return this.send(asked).answer(asked.method);
  }

  /** The next answer on the connection, to a request of this method. */
  async answer(method = 'GET'): Promise<Answer> {
    for (;;) {
      const answer = parsed(this.#bytes, method, this.#closed);
      if (answer) {
        this.#chunks = [answer.rest];
        this.#last = /\bclose\b/i.test(answer.header('connection') ?? '');
        return answer;
      }
      if (this.#closed) throw new Error(`the connection ended in ${JSON.stringify(this.text)}`);
      await this.#more();
    }
  }

  /** The answer, once the server has closed the connection. */
  async lastAnswer(method = 'GET'): Promise<Answer> {
    while (!this.#closed) await this.#more();
    return this.answer(method);
  }

  /** Resolves once this text has arrived. */
  async until(text: string): Promise<void> {
    while (!this.text.includes(text)) {
      if (this.#closed) throw new Error(`the connection ended before ${text}:\n${this.text}`);
      await this.#more();
    }
  }

  close(): void {
    this.socket.destroy();
  }

  #more(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve;
    });
  }
}

/** The answer to one request on a connection of its own. */
export async function ask(port: number, asked: Asked | string = {}): Promise<Answer> {
  const connection = new Connection(port);
  try {
    return await connection.ask(typeof asked === 'string' ? { path: asked } : asked);
  } finally {
    connection.close();
  }
}

/** Sends a request that is the last on its connection, and does not wait for the answer. */
export function begin(port: number, asked: Asked = {}): Connection {
  return new Connection(port).send(closing(asked));
}

/** As `ask`, with all that comes until the server closes the connection. */
export function askOnce(port: number, asked: Asked | string = {}): Promise<Answer> {
  const one = typeof asked === 'string' ? { path: asked } : asked;
  return begin(port, one).lastAnswer(one.method);
}

const CLOSE: Line = ['connection', 'close'];

/** With `Connection: close`, unless it says something of the connection itself. */
function closing(asked: Asked): Asked {
  return says(asked, 'connection') ? asked : { ...asked, headers: [...linesOfFields(asked.headers), CLOSE] };
}

/** The answers to several requests sent at once over one connection. */
export async function pipeline(port: number, asked: readonly Asked[]): Promise<Answer[]> {
  const connection = new Connection(port);
  asked.forEach((one, i) => {
    connection.send(i === asked.length - 1 ? closing(one) : one);
  });
  while (!connection.closed) await once(connection.socket, 'close');
  const answers: Answer[] = [];
  for (const { method } of asked) answers.push(await connection.answer(method));
  return answers;
}

export function http1(port: number): Client {
  return (asked) => ask(port, asked);
}

/** HTTP/2: one connection for all requests. */
export class Http2Client {
  readonly session: ClientHttp2Session;

  constructor(origin: string, options: { ca?: string } = {}) {
    this.session = connectHttp2(origin, options);
    // A reset is one of the ways in which an answer ends.
    this.session.on('error', () => {});
  }

  readonly ask: Client = async ({ method = 'GET', path = '/', headers, body }) => {
    const given = Object.fromEntries(linesOfFields(headers));
    const asked = { ':authority': HOST, ':method': method, ':path': path, ...given };
    const stream = this.session.request(asked, { endStream: body === undefined });
    const chunks: Buffer[] = [];
    stream.on('data', (chunk) => chunks.push(chunk));
    const answered = once(stream, 'response');
    if (body !== undefined) stream.end(body);
    // What Node makes of the fields joins those that are there twice.
    const [fields, , raw] = (await answered) as [
      IncomingHttpHeaders & IncomingHttpStatusHeader,
      number,
      string[],
    ];
    if (!stream.closed) await once(stream, 'close');
    const lines: Line[] = [];
    for (let i = 0; i < raw.length; i += 2) if (raw[i] !== ':status') lines.push([raw[i]!, raw[i + 1]!]);
    const head = { status: fields[':status'] ?? 0, message: '', lines };
    const complete = stream.rstCode === 0;
    return answerOf(head, [], { bytes: Buffer.concat(chunks), trailers: [], complete, rest: NOTHING });
  };

  async close(): Promise<void> {
    if (this.session.destroyed) return;
    const closed = once(this.session, 'close');
    this.session.destroy();
    await closed;
  }
}

/** The host that requests name, by whatever version. */
const HOST = 'test.example';
const NOTHING = Buffer.alloc(0);

export function serialized(asked: Asked): Buffer {
  const { method = 'GET', path = '/', headers, body, version = '1.1' } = asked;
  const lines = [...linesOfFields(headers)];
  if (!says(asked, 'host')) lines.push(['Host', HOST]);
  if (body !== undefined && !says(asked, 'content-length') && !says(asked, 'transfer-encoding'))
    lines.push(['Content-Length', String(Buffer.byteLength(body))]);
  const head = lines.map(([name, value]) => `${name}: ${value}\r\n`).join('');
  const text = Buffer.from(`${method} ${path} HTTP/${version}\r\n${head}\r\n`, 'latin1');
  return body === undefined ? text : Buffer.concat([text, Buffer.from(body as string)]);
}

function linesOfFields(headers: Asked['headers'] = []): readonly Line[] {
  return Array.isArray(headers) ? headers : Object.entries(headers);
}

function says({ headers }: Asked, name: string): boolean {
  return linesOfFields(headers).some(([other]) => other.toLowerCase() === name);
}

/** The first message in these bytes; nothing while it is not whole, unless there is no more to come. */
function parsed(bytes: Buffer, method: string, closed: boolean): Answer | undefined {
  const interim: Head[] = [];
  for (let from = 0; ; ) {
    const end = bytes.indexOf('\r\n\r\n', from);
    if (end < 0) return undefined;
    const head = headOf(bytes.toString('latin1', from, end));
    from = end + 4;
    if (head.status < 200) {
      interim.push(head);
      continue;
    }
    const body = bodyOf(bytes, from, method, head, closed);
    return body.complete || closed ? answerOf(head, interim, body) : undefined;
  }
}

interface Body {
  readonly bytes: Buffer;
  readonly trailers: readonly Line[];
  readonly complete: boolean;
  readonly rest: Buffer;
}

function answerOf(head: Head, interim: readonly Head[], body: Body): Answer {
  const header = (name: string): string | undefined => fieldOf(head.lines, name);
  const status = header('cache-status') ?? '';
  return {
    ...head,
    ...body,
    interim,
    header,
    body: body.bytes.toString('latin1'),
    cacheStatus: status.replace(/^redis-response-cache; /, ''),
  };
}

function fieldOf(lines: readonly Line[], name: string): string | undefined {
  const values = lines.filter(([other]) => other.toLowerCase() === name.toLowerCase());
  return values.length === 0 ? undefined : values.map(([, value]) => value).join(', ');
}

function bodyOf(bytes: Buffer, from: number, method: string, { status, lines }: Head, closed: boolean): Body {
  if (method === 'HEAD' || status === 204 || status === 304) return sized(bytes, from, 0);
  if (fieldOf(lines, 'transfer-encoding') === 'chunked') return dechunked(bytes, from);
  const stated = fieldOf(lines, 'content-length');
  // Without a length it goes on until the connection ends.
  if (stated === undefined) return { ...sized(bytes, from, bytes.length - from), complete: closed };
  return sized(bytes, from, Number(stated));
}

function sized(bytes: Buffer, from: number, length: number): Body {
  const body = bytes.subarray(from, from + length);
  return { bytes: body, trailers: [], complete: body.length === length, rest: bytes.subarray(from + length) };
}

function dechunked(bytes: Buffer, start: number): Body {
  const chunks: Buffer[] = [];
  for (let from = start; ; ) {
    const eol = bytes.indexOf('\r\n', from);
    if (eol < 0) return { bytes: Buffer.concat(chunks), trailers: [], complete: false, rest: NOTHING };
    const size = Number.parseInt(bytes.toString('latin1', from, eol), 16);
    from = eol + 2;
    if (size > 0) {
      chunks.push(bytes.subarray(from, from + size));
      from += size + 2;
      continue;
    }
    const end = bytes.indexOf('\r\n', from) === from ? from : bytes.indexOf('\r\n\r\n', from) + 2;
    const complete = end >= from;
    const trailers = complete ? linesOf(bytes.toString('latin1', from, end)) : [];
    const rest = complete ? bytes.subarray(end + 2) : NOTHING;
    return { bytes: Buffer.concat(chunks), trailers, complete, rest };
  }
}

function headOf(text: string): Head {
  const [first = '', ...lines] = text.split('\r\n');
  const [, status, message = ''] = /^HTTP\/1\.1 (\d{3}) ?(.*)$/.exec(first) ?? [];
  if (status === undefined) throw new Error(`no status line: ${first}`);
  return { status: Number(status), message, lines: linesOf(lines.join('\r\n')) };
}

function linesOf(text: string): Line[] {
  const lines = text.split('\r\n').filter(Boolean);
  return lines.map((line) => {
    const colon = line.indexOf(':');
    return [line.slice(0, colon), line.slice(colon + 1).trim()];
  });
}
