import { isUtf8 } from 'node:buffer';
import { request } from 'node:http';
import { request as requestTls } from 'node:https';
import { type CacheStatus, cacheStatus } from './cache-status.ts';

/** An answer of the app, as far as answers are compared. */
export interface Answer {
  readonly status: number;
  /** In lower case. Several lines of a field are one. */
  readonly headers: ReadonlyMap<string, string>;
  /** UTF-8; else one character for each byte, so that different bytes are different text. */
  readonly body: string;
  readonly cacheStatus: CacheStatus | undefined;
}

/** Sends a GET on a connection of its own. */
export function ask(url: URL, headers: Readonly<Record<string, string>>): Promise<Answer> {
  const send = url.protocol === 'https:' ? requestTls : request;
  return new Promise((resolve, reject) => {
    const sent = send(url, { headers: { ...headers }, agent: false }, (res) => {
      const chunks: Buffer[] = [];
      res.on('data', (chunk: Buffer) => chunks.push(chunk));
      res.on('error', reject);
      res.on('end', () => {
        const fields = Object.entries(res.headers).map(([name, value]) => [name, String(value)] as const);
        resolve({
          status: res.statusCode ?? 0,
          headers: new Map(fields),
          body: decode(Buffer.concat(chunks)),
          cacheStatus: cacheStatus(res),
        });
      });
    });
    sent.on('error', reject);
    sent.end();
  });
}

function decode(body: Buffer): string {
  return body.toString(isUtf8(body) ? 'utf8' : 'latin1');
}
