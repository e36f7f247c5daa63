import { EventEmitter } from 'node:events';
import type { RequestListener } from 'node:http';
import { OptionError } from '../errors.ts';
import { dispatch } from '../exchange/internal-request.ts';

/** The ways in which a warm-up asks for a URL: over HTTP, and in this process. */

interface Request {
  readonly url: URL;
  readonly fields: readonly (readonly [name: string, value: string])[];
}

/** Resolves to the status of a complete answer, or rejects with why there is none. */
export type Ask = (request: Request, signal: AbortSignal) => Promise<number>;

/** The fields of a connection and of a body. A GET that says it has one would be waited for. */
const REFUSED = /^(?:connection|content-length|expect|keep-alive|te|trailer|transfer-encoding|upgrade)$/i;
const HOST = /^host$/i;
/** Milliseconds of the longest timer: a deadline that leaves it to the signal. */
const NEVER = 2 ** 31 - 1;

/** @throws {TypeError} for what cannot be a request. */
export function requestOf(target: unknown): Request {
  const { url: given, headers = {} } = partsOf(target);
  const url = new URL(String(given));
  if (url.protocol !== 'http:' && url.protocol !== 'https:') throw new TypeError('no http or https URL');
  if (url.username || url.password)
    throw new TypeError('a URL with credentials: give them in the Authorization field');
  const fields = Object.entries(headers);
  const refused = fields.find(([name]) => REFUSED.test(name));
  if (refused) throw new TypeError(`${refused[0]} is no field to ask with`);
  return { url, fields };
}

function partsOf(target: unknown): { readonly url?: unknown; readonly headers?: Record<string, string> } {
  return typeof target === 'object' && target !== null && 'url' in target ? target : { url: target };
}

/** The URL as it was given, but for credentials. */
export function nameOf(target: unknown): string {
  let name = '';
  try {
    name = String(partsOf(target).url);
    const url = new URL(name);
    if (!url.username && !url.password) return name;
    url.username = '';
    url.password = '';
    return url.href;
  } catch {
    return name;
  }
}

/** Why it failed, in a few words. */
export function reasonOf(error: unknown): string {
  // `fetch` says why only there.
  const { message, cause } = (error ?? {}) as {
    message?: unknown;
    cause?: { message?: string; code?: string };
  };
  return String(cause?.message || cause?.code || message || error);
}

export async function overHttp({ url, fields }: Request, signal: AbortSignal): Promise<number> {
  // `fetch` would leave it out, and what is asked for would have another key than was meant.
  if (fields.some(([name]) => HOST.test(name)))
    throw new TypeError('over HTTP, Host is what the URL says and no field to ask with');
  const headers = new Headers([...fields] as [string, string][]);
  if (!headers.has('user-agent')) headers.set('User-Agent', 'redis-response-cache');
  const response = await fetch(url, { headers, redirect: 'manual', signal });
  await response.body?.pipeTo(new WritableStream());
  return response.status;
}

/** Asks as a client on this machine would, by the address that apps see. @throws {OptionError} */
export function inProcess(app: unknown): Ask {
  const server = app instanceof EventEmitter && app.listenerCount('request') > 0 ? app : undefined;
  if (typeof app !== 'function' && !server)
    throw new OptionError('warm.app', app, 'an app, a request listener, or a server that has one');
  return async ({ url, fields }, signal) => {
    let thrown: { readonly error: unknown } | undefined;
    const enter: RequestListener = async (req, res) => {
      try {
        await (server ? server.emit('request', req, res) : (app as RequestListener)(req, res));
      } catch (error) {
        thrown = { error };
        req.destroy();
      }
    };
    const host: [string, string][] = fields.some(([name]) => HOST.test(name)) ? [] : [['Host', url.host]];
    const peer = {
      ...{ encrypted: url.protocol === 'https:' || undefined, server },
      ...{ remoteAddress: '127.0.0.1', remoteFamily: 'IPv4' },
    };
    const ending = await dispatch(
      { method: 'GET', url: url.pathname + url.search, fields: [...host, ...fields], peer },
      enter,
      { timeoutMs: NEVER, signal },
    );
    if (ending.kind === 'finished') return ending.status;
    if (thrown) throw thrown.error;
    throw ending.kind === 'threw' ? ending.error : new Error('closed without a complete answer');
  };
}
