import { connect, type Socket } from 'node:net';

/*
 * A client that hides nothing: what came over the socket, byte for byte. `node:http` would merge header lines,
 * lose interim responses and swallow what comes after a message.
 */

export type Line = readonly [name: string, value: string];

export interface Asked {
  readonly method?: string;
  readonly path?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Buffer;
  readonly version?: '1.0' | '1.1';
}

interface Head {
  readonly status: number;
  readonly message: string;
  readonly lines: readonly Line[];
}

export interface Answer extends Head {
  readonly body: Buffer;
  readonly trailers: readonly Line[];
  readonly interim: readonly Head[];
  /** Whether the message is whole by its own account: its length, or the last chunk. */
  readonly complete: boolean;
  /** What came after the message. */
  readonly rest: Buffer;
  /** The values of all lines of a field, in order; `undefined` when there is none. */
  header(name: string): string | undefined;
}

/** One request on a connection of its own, while its answer arrives. */
export class Conversation {
  readonly socket: Socket;
  readonly #method: string;
  #bytes: Buffer[] = [];
  readonly #ended: Promise<void>;

  constructor(port: number, asked: Asked = {}) {
    this.#method = asked.method ?? 'GET';
    this.socket = connect(port, '127.0.0.1');
    this.socket.on('data', (bytes) => this.#bytes.push(bytes));
    // A reset is one of the ways in which an answer ends.
    this.socket.on('error', () => {});
    this.#ended = new Promise((resolve) => this.socket.once('close', () => resolve()));
    this.socket.write(serialized(asked));
  }

  /** What has arrived so far. */
  get text(): string {
    return Buffer.concat(this.#bytes).toString('latin1');
  }

  /** Resolves once this text has arrived. */
  async until(text: string): Promise<void> {
    while (!this.text.includes(text)) {
      if (this.socket.destroyed) throw new Error(`the connection ended before ${text}:\n${this.text}`);
      await new Promise<void>((resolve) => {
        this.socket.once('data', () => resolve());
        this.socket.once('close', () => resolve());
      });
    }
  }

  hangUp(): void {
    this.socket.destroy();
  }

  /** The whole answer, when the server has closed the connection. */
  async answer(): Promise<Answer> {
    await this.#ended;
    return parsed(Buffer.concat(this.#bytes), this.#method);
  }
}

/** The answer to one request. */
export function ask(port: number, asked: Asked | string = {}): Promise<Answer> {
  return new Conversation(port, typeof asked === 'string' ? { path: asked } : asked).answer();
}

/** The answers to several requests sent at once over one connection. */
export async function pipeline(port: number, asked: readonly Asked[]): Promise<Answer[]> {
  const socket = connect(port, '127.0.0.1');
  const bytes: Buffer[] = [];
  socket.on('data', (chunk) => bytes.push(chunk));
  asked.forEach((one, i) => {
    const connection = i === asked.length - 1 ? 'close' : 'keep-alive';
    socket.write(serialized({ ...one, headers: { connection, ...one.headers } }));
  });
  await new Promise((resolve, reject) => socket.once('close', resolve).once('error', reject));
  let rest: Buffer = Buffer.concat(bytes);
  return asked.map(({ method = 'GET' }) => {
    const answer = parsed(rest, method);
    rest = answer.rest;
    return answer;
  });
}

function serialized({ method = 'GET', path = '/', headers, body, version = '1.1' }: Asked): Buffer {
  const fields = {
    host: 'test.example',
    connection: 'close',
    ...(body !== undefined && { 'content-length': String(Buffer.byteLength(body)) }),
    ...headers,
  };
  const lines = Object.entries(fields).map(([name, value]) => `${name}: ${value}\r\n`);
  const head = `${method} ${path} HTTP/${version}\r\n${lines.join('')}\r\n`;
  return Buffer.concat([Buffer.from(head, 'latin1'), Buffer.from(body ?? '')]);
}

function parsed(bytes: Buffer, method: string): Answer {
  const interim: Head[] = [];
  let head: Head;
  let from = 0;
  for (;;) {
    const end = bytes.indexOf('\r\n\r\n', from);
    if (end < 0) throw new Error(`no head in ${bytes.length} bytes: ${bytes.toString('latin1', 0, 200)}`);
    head = headOf(bytes.toString('latin1', from, end));
    from = end + 4;
    if (head.status >= 200) break;
    interim.push(head);
  }
  const { lines } = head;
  const header = (name: string): string | undefined => {
    const values = lines.filter(([other]) => other.toLowerCase() === name.toLowerCase());
    return values.length === 0 ? undefined : values.map(([, value]) => value).join(', ');
  };
  const bodiless = method === 'HEAD' || head.status === 204 || head.status === 304;
  const length = header('content-length');
  const chunked = header('transfer-encoding') === 'chunked';
  const body = bodiless
    ? sized(bytes, from, 0)
    : chunked
      ? dechunked(bytes, from)
      : sized(bytes, from, length === undefined ? bytes.length - from : Number(length));
  return { ...head, interim, header, ...body };
}

type Body = Pick<Answer, 'body' | 'trailers' | 'complete' | 'rest'>;

function sized(bytes: Buffer, from: number, length: number): Body {
  const body = bytes.subarray(from, from + length);
  return { body, trailers: [], complete: body.length === length, rest: bytes.subarray(from + length) };
}

function dechunked(bytes: Buffer, start: number): Body {
  const chunks: Buffer[] = [];
  let from = start;
  const part = { body: Buffer.alloc(0), trailers: [], complete: false, rest: Buffer.alloc(0) };
  for (;;) {
    const eol = bytes.indexOf('\r\n', from);
    if (eol < 0) return { ...part, body: Buffer.concat(chunks) };
    const size = Number.parseInt(bytes.toString('latin1', from, eol), 16);
    from = eol + 2;
    if (size === 0) break;
    chunks.push(bytes.subarray(from, from + size));
    from += size + 2;
  }
  const end = bytes.indexOf('\r\n', from) === from ? from : bytes.indexOf('\r\n\r\n', from) + 2;
  const trailers = linesOf(bytes.toString('latin1', from, end));
  return { body: Buffer.concat(chunks), trailers, complete: end >= from, rest: bytes.subarray(end + 2) };
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
