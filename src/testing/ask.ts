import { isUtf8 } from 'node:buffer';
import { request } from 'node:http';
import { request as requestTls } from 'node:https';
import { type CacheStatus, cacheStatus } from './cache-status.ts';

/** An answer of the app, as far as answers are compared. */
export interface Answer {
  readonly status: number;
  /** In lower case. Several lines of a field are one. */
  readonly headers: ReadonlyMap<string, string>;
  /** Each `Set-Cookie`. */
  readonly cookies: readonly string[];
  /** UTF-8; else one character for each byte, so that different bytes are different text. */
  readonly body: string;
  readonly cacheStatus: CacheStatus | undefined;
}

/** How long an answer may take, in milliseconds. */
const DEADLINE_MS = 30_000;

/** Sends a GET on a connection of its own. Rejects, if the answer does not end in time. */
export function ask(url: URL, headers: Readonly<Record<string, string>>): Promise<Answer> {
  const send = url.protocol === 'https:' ? requestTls : request;
  return new Promise((resolve, reject) => {
    const signal = AbortSignal.timeout(DEADLINE_MS);
    const fail = (error: Error): void => {
      const isLate = signal.aborted;
      const late = `GET ${url.pathname} did not end within ${DEADLINE_MS / 1000} s: leave endless responses out of the audit.`;
      reject(isLate ? new Error(late, { cause: error }) : error);
    };
    const sent = send(url, { headers: { ...headers }, agent: false, signal }, (res) => {
      const chunks: Buffer[] = [];
      res.on('data', (chunk: Buffer) => chunks.push(chunk));
      res.on('error', fail);
      res.on('end', () => {
        const fields = Object.entries(res.headers).map(([name, value]) => [name, String(value)] as const);
        resolve({
          status: res.statusCode ?? 0,
          headers: new Map(fields),
          cookies: res.headers['set-cookie'] ?? [],
          body: decode(Buffer.concat(chunks)),
          cacheStatus: cacheStatus(res),
        });
      });
    });
    sent.on('error', fail);
    sent.end();
  });
}

function decode(body: Buffer): string {
  return body.toString(isUtf8(body) ? 'utf8' : 'latin1');
}
