import { Agent, request } from 'node:http';
import { type Fields, flat } from './fields.ts';

/** An answer as it came. */
export interface Answer {
  readonly status: number;
  readonly reason: string;
  readonly rawHeaders: readonly string[];
  readonly body: string;
  readonly trailers: NodeJS.Dict<string>;
  /** Status codes of the interim responses before it. */
  readonly interim: readonly number[];
  /** Whether the body ended where it should. */
  readonly complete: boolean;
}

const agent = new Agent({ keepAlive: true });

/** Sends one request and reads the answer to its end, however that comes. */
export function ask(
  port: number,
  path: string,
  {
    method = 'GET',
    headers,
    body = '',
    now = 0,
  }: { method?: string; headers?: Fields; body?: string; now?: number },
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const interim: number[] = [];
    const req = request({ host: '127.0.0.1', port, path, method, agent });
    const list = flat(headers, now);
    for (let i = 0; i < list.length; i += 2) req.appendHeader(list[i] as string, list[i + 1] as string);
    if (body) req.setHeader('Content-Length', String(Buffer.byteLength(body)));
    req.on('information', ({ statusCode }) => interim.push(statusCode));
    req.on('error', reject);
    req.on('response', (res) => {
      let text = '';
      const done = (complete: boolean): void =>
        resolve({
          status: res.statusCode ?? 0,
          reason: res.statusMessage ?? '',
          rawHeaders: res.rawHeaders,
          body: text,
          trailers: res.trailers,
          interim,
          complete,
        });
      res.setEncoding('utf8').on('data', (chunk) => {
        text += chunk;
      });
      res.on('end', () => done(true)).on('error', () => done(false));
    });
    req.end(body);
  });
}

export function hangUpAll(): void {
  agent.destroy();
}
