import type { Server } from 'node:http';
import { Socket } from 'node:net';
import type { Answer } from './history.ts';

/** What has happened since the process began, as a number: while it stays the same, everything is at rest. */
export const activity = { count: 0 };

/** The server's end of a connection for one request. It is no connection of the system, so a turn of the loop is a turn of it. */
class Wire extends Socket {
  text = '';

  override _read(): void {}

  override _write(chunk: Buffer | string, _encoding: unknown, written: () => void): void {
    activity.count++;
    // A head is Latin-1 text, and bodies are ASCII.
    this.text += textOf(chunk);
    setImmediate(written);
  }

  override _writev(chunks: { chunk: Buffer | string }[], written: () => void): void {
    activity.count++;
    for (const { chunk } of chunks) this.text += textOf(chunk);
    setImmediate(written);
  }

  override _final(ended: () => void): void {
    activity.count++;
    ended();
  }
}

/** Sends a request to a server of this process. Resolves with nothing when the connection ends without an answer. */
export function send(
  server: Server,
  method: string,
  path: string,
  fields: readonly (readonly [string, string])[],
  onSent: (leave: () => void) => void,
): Promise<Answer | undefined> {
  return new Promise((resolve) => {
    const wire = new Wire();
    Object.assign(wire, { server });
    wire.once('close', () => {
      activity.count++;
      resolve(parsed(wire.text));
    });
    wire.on('error', () => {});
    onSent(() => wire.destroy());
    server.emit('connection', wire);
    const lines = fields.map(([name, value]) => `${name}: ${value}\r\n`).join('');
    wire.push(`${method} ${path} HTTP/1.1\r\nhost: model.example\r\nconnection: close\r\n${lines}\r\n`);
  });
}

function textOf(chunk: Buffer | string): string {
  return typeof chunk === 'string' ? chunk : chunk.toString('latin1');
}

/** Every body has a `Content-Length`, so it is what comes after the head. */
function parsed(text: string): Answer | undefined {
  const end = text.indexOf('\r\n\r\n');
  if (end < 0) return undefined;
  const [first = '', ...lines] = text.slice(0, end).split('\r\n');
  const field = (name: string): string | undefined =>
    lines.find((line) => line.toLowerCase().startsWith(`${name}: `))?.slice(name.length + 2);
  return {
    status: Number(first.split(' ')[1]),
    body: text.slice(end + 4),
    cacheStatus: (field('cache-status') ?? '').replace(/^redis-response-cache; /, ''),
    run: Number(field('x-run') ?? -1),
  };
}
