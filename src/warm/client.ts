import { EventEmitter } from 'node:events';
import type { RequestListener } from 'node:http';
import { ArgumentError, OptionError } from '../errors.ts';
import { dispatch } from '../exchange/internal-request.ts';
import { onHead } from '../exchange/on-head.ts';
import { assertKnownKeys } from '../known-names.ts';

/** How a warm-up sends its requests: over HTTP, or to an app in this process. */

/** A GET request that a warm-up sends. */
interface WarmRequest {
  readonly url: URL;
  readonly fields: readonly (readonly [name: string, value: string])[];
}

/** A complete response. */
export interface WarmResponse {
  readonly status: number;
  readonly cacheStatus: string | undefined;
}

/** Resolves to a complete response, or rejects with the reason why there is none. */
export type SendRequest = (request: WarmRequest, signal: AbortSignal) => Promise<WarmResponse>;

/** Fields of a connection or of a request body. A GET that announces a body would wait for it. */
const FORBIDDEN_FIELD =
  /^(?:connection|content-length|expect|keep-alive|te|trailer|transfer-encoding|upgrade)$/i;
const HOST = /^host$/i;
/** The longest timer of Node, in milliseconds: the signal ends the request before. */
const NO_DEADLINE_MS = 2 ** 31 - 1;

/** @throws {CacheError} for a target that is no valid request. */
export function parseTarget(target: unknown): WarmRequest {
  const parts = targetParts(target);
  assertKnownKeys('warm', parts, ['url', 'headers']);
  const { url: given, headers = {} } = parts;
  const url = new URL(String(given));
  if (url.protocol !== 'http:' && url.protocol !== 'https:')
    throw new ArgumentError(`the URL must begin with http:// or https://, not ${url.protocol}`);
  if (url.username || url.password)
    throw new ArgumentError(
      'the URL must not contain credentials: send an Authorization header field instead',
    );
  const fields = Object.entries(headers);
  const forbidden = fields.find(([name]) => FORBIDDEN_FIELD.test(name));
  if (forbidden) throw new ArgumentError(`the header field ${forbidden[0]} cannot be sent: remove it`);
  return { url, fields };
}

function targetParts(target: unknown): {
  readonly url?: unknown;
  readonly headers?: Record<string, string>;
} {
  if (typeof target !== 'object' || target === null || !Object.hasOwn(target, 'url')) return { url: target };
  return Object.assign(Object.create(null), target);
}

/** The URL of a target for messages: as it was given, without credentials. */
export function targetName(target: unknown): string {
  let name = '';
  try {
    name = String(targetParts(target).url);
    const url = new URL(name);
    if (!url.username && !url.password) return name;
    url.username = '';
    url.password = '';
    return url.href;
  } catch {
    return name;
  }
}

/** A short message for an error of any kind. */
export function errorMessage(error: unknown): string {
  // `fetch` rejects with "fetch failed" and puts the reason into `cause`.
  const { message, cause } = (error ?? {}) as {
    message?: unknown;
    cause?: { message?: string; code?: string };
  };
  return String(cause?.message || cause?.code || message || error);
}

/** Sends a request over HTTP. Redirects are not followed. */
export async function sendOverHttp({ url, fields }: WarmRequest, signal: AbortSignal): Promise<WarmResponse> {
  // `fetch` drops a Host field silently, and the response would be stored under another key.
  if (fields.some(([name]) => HOST.test(name)))
    throw new ArgumentError(
      'Host cannot be sent over HTTP: put the host into the URL, or warm up in process (app)',
    );
  const headers = new Headers([...fields] as [string, string][]);
  if (!headers.has('user-agent')) headers.set('User-Agent', 'redis-response-cache');
  const response = await fetch(url, { headers, redirect: 'manual', signal });
  await response.body?.pipeTo(new WritableStream());
  return { status: response.status, cacheStatus: response.headers.get('cache-status') ?? undefined };
}

/** Sends requests to an app in this process, as a client on this machine (127.0.0.1). @throws {OptionError} */
export function inProcessSender(app: unknown): SendRequest {
  const server = app instanceof EventEmitter && app.listenerCount('request') > 0 ? app : undefined;
  if (typeof app !== 'function' && !server)
    throw new OptionError('warm.app', app, 'an app, a request listener, or a server that has one');
  return async ({ url, fields }, signal) => {
    let thrown: { readonly error: unknown } | undefined;
    let cacheStatus: string | undefined;
    const listener: RequestListener = async (req, res) => {
      // A cache may write its head at once, and then `getHeader` knows of it only here.
      onHead(res, () => {
        const field = res.getHeader('cache-status');
        cacheStatus = field === undefined ? undefined : [field].flat().join(', ');
      });
      try {
        await (server ? server.emit('request', req, res) : (app as RequestListener)(req, res));
      } catch (error) {
        thrown = { error };
        req.destroy();
      }
    };
    const hasHost = fields.some(([name]) => HOST.test(name));
    const ending = await dispatch(
      {
        method: 'GET',
        url: url.pathname + url.search,
        fields: hasHost ? fields : [['Host', url.host], ...fields],
        peer: {
          encrypted: url.protocol === 'https:' || undefined,
          server,
          remoteAddress: '127.0.0.1',
          remoteFamily: 'IPv4',
        },
      },
      listener,
      { timeoutMs: NO_DEADLINE_MS, signal },
    );
    if (ending.kind === 'finished') return { status: ending.status, cacheStatus };
    if (thrown) throw thrown.error;
    throw ending.kind === 'threw'
      ? ending.error
      : new Error('the connection was closed before the response was complete');
  };
}
