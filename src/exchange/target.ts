import type { IncomingMessage } from 'node:http';
import type { TLSSocket } from 'node:tls';
import { hostByFastify, isFastifys } from './guard/fastify.ts';
import { isOfOneMind, withHost } from './http2.ts';

/** Where a request is aimed, as far as the app trusts it. */
export interface Target {
  readonly scheme: string;
  /** Lower case, with the port unless it is the scheme's own. */
  readonly host: string;
  /** Path and query as received. */
  readonly url: string;
}

/** What Express adds to a request, as far as it decides where the request is aimed. */
interface ExpressRequest {
  readonly originalUrl?: string;
  readonly app?: Settings;
}

/** An Express app, as far as its settings decide. */
interface Settings {
  get?(setting: string): unknown;
}

const HOST = /^(?:[a-z0-9._-]+|\[[0-9a-f:.]+\])(?::[0-9]{1,5})?$/;
const DEFAULT_PORT = { http: ':80', https: ':443' } as const;

/**
 * Where a request is aimed: scheme, host and URL by Express's own rules for `trust proxy` or Fastify's for `trustProxy`,
 * from the connection and `Host` (or `:authority`) otherwise. `undefined` for what no stored response should stand for:
 * a missing or malformed host, two of them, or a request target that is not a path.
 * @param trust what the app trusts, where the request does not yet know its app.
 */
export function targetOf(req: IncomingMessage, trust: unknown = trustOf(req)): Target | undefined {
  const url = (req as ExpressRequest).originalUrl ?? req.url ?? '';
  const headers = withHost(req.headers);
  let scheme: string | undefined = (req.socket as TLSSocket).encrypted ? 'https' : 'http';
  let { host } = headers;
  if (typeof trust === 'function' && trust(req.socket.remoteAddress, 0)) {
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

/**
 * The function behind the app's `trust proxy` setting: of peers that it covers, the app itself goes by X-Forwarded-*.
 * @param app the one that is about to be entered, where the request is in none yet.
 */
export function trustOf(req: IncomingMessage, app?: Settings): unknown {
  return (app ?? (req as ExpressRequest).app)?.get?.('trust proxy fn');
}

/** The first member, as Express takes it: an empty field is none, an empty member is a malformed value. */
function first(value: string | string[] | undefined): string | undefined {
  const text = Array.isArray(value) ? value[0] : value;
  return text ? text.split(',', 1)[0]?.trimEnd() : undefined;
}
