import { connect, type Socket } from 'node:net';

/* A client that hides nothing: it sends any bytes, and gives what came over the socket line by line. */

export type Line = readonly [name: string, value: string];

export interface Asked {
  readonly method?: string;
  readonly path?: string;
  /** `Host` is added where it is missing, and the length of a body. */
  readonly headers?: Readonly<Record<string, string>> | readonly Line[];
  readonly body?: string;
}

export interface Answer {
  readonly status: number;
  readonly message: string;
  readonly lines: readonly Line[];
  readonly body: string;
  /** Whether it is whole by its own account: its length, or its last chunk. */
  readonly complete: boolean;
  /** The values of all lines of a field, joined; `undefined` when there is none. */
  header(name: string): string | undefined;
}

/** One connection, kept alive. */
export class Session {
  readonly socket: Socket;
  #bytes: Buffer = Buffer.alloc(0);
  #closed = false;
  #wake: () => void = () => {};

  constructor(port: number) {
    this.socket = connect(port, '127.0.0.1');
    this.socket.on('data', (bytes) => {
      this.#bytes = Buffer.concat([this.#bytes, bytes]);
      this.#wake();
    });
    // A reset is one of the ways in which an answer ends.
    this.socket.on('error', () => {});
    this.socket.on('close', () => {
      this.#closed = true;
      this.#wake();
    });
  }

  get closed(): boolean {
    return this.#closed;
  }

  async ask(asked: Asked): Promise<Answer> {
    this.socket.write(serialized(asked), 'latin1');
    return this.answer(asked.method);
  }

  /** The next answer on the connection, to a request of this method. */
  async answer(method = 'GET'): Promise<Answer> {
    for (;;) {
      const [answer, length] = parsed(this.#bytes, method, this.#closed);
      if (answer) {
        this.#bytes = this.#bytes.subarray(length);
        return answer;
      }
      if (this.#closed) throw new Error(`the connection ended in ${JSON.stringify(String(this.#bytes))}`);
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  hangUp(): void {
    this.socket.destroy();
  }
}

/** The answer to one request on a connection of its own. */
export async function ask(port: number, asked: Asked | string = {}): Promise<Answer> {
  const session = new Session(port);
  try {
    return await session.ask(typeof asked === 'string' ? { path: asked } : asked);
  } finally {
    session.hangUp();
  }
}

export function serialized({ method = 'GET', path = '/', headers = [], body }: Asked): string {
  const given: readonly Line[] = Array.isArray(headers) ? headers : Object.entries(headers);
  const names = new Set(given.map(([name]) => name.toLowerCase()));
  const lines = [...given];
  if (!names.has('host')) lines.push(['Host', 'test.example']);
  if (body !== undefined && !names.has('content-length') && !names.has('transfer-encoding'))
    lines.push(['Content-Length', String(Buffer.byteLength(body))]);
  const head = lines.map(([name, value]) => `${name}: ${value}\r\n`).join('');
  return `${method} ${path} HTTP/1.1\r\n${head}\r\n${body ?? ''}`;
}

/** The first message in these bytes and its length; nothing while it is not whole, unless there is no more to come. */
function parsed(bytes: Buffer, method: string, closed: boolean): [Answer | undefined, number] {
  let from = 0;
  for (;;) {
    const end = bytes.indexOf('\r\n\r\n', from);
    if (end < 0) return [undefined, 0];
    const [first = '', ...rest] = bytes.toString('latin1', from, end).split('\r\n');
    from = end + 4;
    const [, code, message = ''] = /^HTTP\/1\.1 (\d{3}) ?(.*)$/.exec(first) ?? [];
    if (code === undefined) throw new Error(`no status line: ${first}`);
    const status = Number(code);
    if (status < 200) continue;
    const lines = rest.map((line): Line => {
      const colon = line.indexOf(':');
      return [line.slice(0, colon), line.slice(colon + 1).trim()];
    });
    const header = (name: string): string | undefined => {
      const values = lines.filter(([other]) => other.toLowerCase() === name.toLowerCase());
      return values.length === 0 ? undefined : values.map(([, value]) => value).join(', ');
    };
    const body = bodyOf(bytes, from, method, status, header);
    if (!body.complete && !closed) return [undefined, 0];
    return [{ status, message, lines, header, body: body.text, complete: body.complete }, body.end];
  }
}

interface Body {
  readonly text: string;
  readonly end: number;
  readonly complete: boolean;
}

function bodyOf(bytes: Buffer, from: number, method: string, status: number, header: Answer['header']): Body {
  if (method === 'HEAD' || status === 204 || status === 304) return { text: '', end: from, complete: true };
  if (header('transfer-encoding') === 'chunked') return dechunked(bytes, from);
  const stated = header('content-length');
  // Without a length it goes on until the connection ends.
  const end = stated === undefined ? Number.POSITIVE_INFINITY : from + Number(stated);
  return {
    text: bytes.toString('latin1', from, end),
    end: Math.min(end, bytes.length),
    complete: end <= bytes.length,
  };
}

function dechunked(bytes: Buffer, start: number): Body {
  let text = '';
  for (let from = start; ; ) {
    const eol = bytes.indexOf('\r\n', from);
    if (eol < 0) return { text, end: bytes.length, complete: false };
    const size = Number.parseInt(bytes.toString('latin1', from, eol), 16);
    if (size === 0) {
      const end = bytes.indexOf('\r\n', eol + 2);
      return { text, end: end + 2, complete: end >= 0 };
    }
    text += bytes.toString('latin1', eol + 2, eol + 2 + size);
    from = eol + 2 + size + 2;
  }
}
