import type { IncomingMessage } from 'node:http';
import type { TLSSocket } from 'node:tls';
import type { Target } from '../key.ts';
import { hostByFastify, isFastifys } from './fastify.ts';
import { isOfOneMind, withHost } from './http2.ts';

/** What Express adds to a request, as far as it decides where the request is aimed. */
interface ExpressRequest {
  readonly originalUrl?: string;
  readonly app?: { get?(setting: string): unknown };
}

const HOST = /^(?:[a-z0-9._-]+|\[[0-9a-f:.]+\])(?::[0-9]{1,5})?$/;
const DEFAULT_PORT = { http: ':80', https: ':443' } as const;

/**
 * Where a request is aimed: scheme, host and URL by Express's own rules for `trust proxy` or Fastify's for `trustProxy`,
 * from the connection and `Host` (or `:authority`) otherwise. `undefined` for what no stored response should stand for:
 * a missing or malformed host, two of them, or a request target that is not a path.
 */
export function targetOf(req: IncomingMessage): Target | undefined {
  const url = (req as ExpressRequest).originalUrl ?? req.url ?? '';
  const headers = withHost(req.headers);
  let scheme: string | undefined = (req.socket as TLSSocket).encrypted ? 'https' : 'http';
  let { host } = headers;
  if (trustsPeer(req)) {
    scheme = first(headers['x-forwarded-proto']) ?? scheme;
    host = first(headers['x-forwarded-host']) ?? host;
  } else if (isFastifys(req)) {
    scheme = req.protocol;
    host = hostByFastify(host, headers['x-forwarded-host'], req.hostname);
  }
  if (scheme !== 'http' && scheme !== 'https') return undefined;
  if (host === undefined || url[0] !== '/' || !isOfOneMind(headers, scheme)) return undefined;
  host = host.toLowerCase();
  if (!HOST.test(host)) return undefined;
  if (host.endsWith(DEFAULT_PORT[scheme])) host = host.slice(0, -DEFAULT_PORT[scheme].length);
  return { scheme, host, url };
}

/** Whether the app's `trust proxy` setting covers the peer, so that the app itself goes by X-Forwarded-*. */
function trustsPeer(req: IncomingMessage): boolean {
  const trust = (req as ExpressRequest).app?.get?.('trust proxy fn');
  return typeof trust === 'function' && Boolean(trust(req.socket.remoteAddress, 0));
}

/** The first member, as Express takes it: an empty field is none, an empty member is a malformed value. */
function first(value: string | string[] | undefined): string | undefined {
  const text = Array.isArray(value) ? value[0] : value;
  return text ? text.split(',', 1)[0]?.trimEnd() : undefined;
}
