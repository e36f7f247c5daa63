import { once } from 'node:events';
import {
  type ClientHttp2Session,
  connect,
  type IncomingHttpHeaders,
  type IncomingHttpStatusHeader,
} from 'node:http2';
import { type Answer, type Asked, ask, type Line } from '../../support/socket.ts';

/* The same requests by HTTP/1.1 and by HTTP/2. */

export type Client = (asked: Asked) => Promise<Answer>;

export function http1(port: number): Client {
  return (asked) => ask(port, asked);
}

/** One connection for all requests. The host they name is `test.example` for both clients. */
export class Http2Client {
  readonly session: ClientHttp2Session;

  constructor(origin: string, options: { ca?: string } = {}) {
    this.session = connect(origin, options);
    // A reset is one of the ways in which an answer ends.
    this.session.on('error', () => {});
  }

  readonly ask: Client = async ({ method = 'GET', path = '/', headers = {}, body }) => {
    const given = Object.fromEntries(Array.isArray(headers) ? headers : Object.entries(headers));
    const asked = { ':authority': 'test.example', ':method': method, ':path': path, ...given };
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
    const status = fields[':status'] ?? 0;
    const lines: Line[] = [];
    for (let i = 0; i < raw.length; i += 2) if (raw[i] !== ':status') lines.push([raw[i]!, raw[i + 1]!]);
    const header = (name: string): string | undefined => fields[name.toLowerCase()]?.toString();
    const complete = stream.rstCode === 0;
    return { status, message: '', lines, header, body: Buffer.concat(chunks).toString('latin1'), complete };
  };

  async close(): Promise<void> {
    if (this.session.destroyed) return;
    const closed = once(this.session, 'close');
    this.session.destroy();
    await closed;
  }
}
