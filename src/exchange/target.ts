import type { IncomingMessage } from 'node:http';
import type { TLSSocket } from 'node:tls';
import { unviewed } from '../shared-state.ts';
import { hostByFastify, isFastifys } from './fastify.ts';
import { authorityMatchesHost, schemeMatches, withHost } from './http2.ts';

/** The target of a request (RFC 9110 §7.1), as far as the app trusts it. */
export interface Target {
  readonly scheme: string;
  /** In normal form: lower case, with the port unless it is the scheme's default (RFC 9110 section 4.2.3). */
  readonly host: string;
  /** Path and query as received. */
  readonly url: string;
}

export interface RequestTarget extends Target {
  /**
   * The host as the request has it. Where it is not in normal form it names the same resource, but the app may answer it in
   * another way, as a virtual host that it does not know.
   */
  readonly receivedHost: string;
  /** Whether `X-Forwarded-Proto` and `X-Forwarded-Host` were taken into account. */
  readonly isForwarded: boolean;
}

/** What Express adds to a request, as far as the target depends on it. */
interface ExpressRequest {
  readonly originalUrl?: string;
  readonly app?: ExpressApp;
}

interface ExpressApp {
  get?(setting: string): unknown;
}

const HOST = /^(?:[a-z0-9._-]+|\[[0-9a-f:.]+\])(?::[0-9]{1,5})?$/;
const DEFAULT_PORT = { http: ':80', https: ':443' } as const;

/**
 * The target of a request: by Express's rules for `trust proxy` or Fastify's for `trustProxy`, otherwise from the
 * connection and `Host` (or `:authority`). `undefined` when the target is ambiguous, so that no stored response may
 * answer it: a missing or malformed host, two different hosts, or a request target that is not a path.
 * @param trust the app's `trust proxy` function, where the request has not entered its app yet.
 */
export function targetOf(
  req: IncomingMessage,
  trust: unknown = trustProxyOf(req),
): RequestTarget | undefined {
  const url = (req as ExpressRequest).originalUrl ?? req.url ?? '';
  const headers = withHost(req.headers);
  let scheme: string | undefined = (req.socket as TLSSocket).encrypted ? 'https' : 'http';
  let { host } = headers;
  const trusts = typeof trust === 'function' && Boolean(trust(req.socket.remoteAddress, 0));
  if (trusts) {
    scheme = firstMember(headers['x-forwarded-proto']) ?? scheme;
    host = firstMember(headers['x-forwarded-host']) ?? host;
  } else if (isFastifys(req)) {
    scheme = req.protocol;
    host = hostByFastify(host, headers['x-forwarded-host'], req.hostname);
  }
  if (scheme !== 'http' && scheme !== 'https') return undefined;
  if (host === undefined || url[0] !== '/') return undefined;
  if (!authorityMatchesHost(headers) || !schemeMatches(headers, scheme)) return undefined;
  const normal = normalHost(scheme, host);
  if (!HOST.test(normal)) return undefined;
  return { scheme, host: normal, url, receivedHost: host, isForwarded: trusts || isFastifys(req) };
}

/** A host in normal form: lower case, without the default port of the scheme (RFC 9110 section 4.2.3). */
export function normalHost(scheme: 'http' | 'https', host: string): string {
  const lower = host.toLowerCase();
  return lower.endsWith(DEFAULT_PORT[scheme]) ? lower.slice(0, -DEFAULT_PORT[scheme].length) : lower;
}

/**
 * The app's `trust proxy` function. For peers that it accepts, the app itself reads X-Forwarded-*.
 * @param app the app that is about to be entered, where the request has not entered one yet.
 */
export function trustProxyOf(req: IncomingMessage, app?: ExpressApp): unknown {
  return (app ?? (req as ExpressRequest).app)?.get?.('trust proxy fn');
}

/** A field of a proxy that Express ignores, since its `trust proxy` is off, and that names another scheme or host. */
export function ignoredProxyField(
  req: IncomingMessage,
  target: RequestTarget,
  app: ExpressApp | undefined = (req as ExpressRequest).app,
): string | undefined {
  if (typeof app?.get !== 'function' || app.get('trust proxy fn') === undefined || app.get('trust proxy'))
    return undefined;
  const headers = unviewed(req.headers);
  const scheme = firstMember(headers['x-forwarded-proto']) ?? target.scheme;
  if (scheme !== target.scheme) return 'X-Forwarded-Proto';
  const host = firstMember(headers['x-forwarded-host']);
  if (host !== undefined && host.toLowerCase() !== target.receivedHost.toLowerCase())
    return 'X-Forwarded-Host';
  return undefined;
}

/** The first list member by Express's reading: an empty field has none, and an empty first member is malformed. */
function firstMember(value: string | string[] | undefined): string | undefined {
  const text = Array.isArray(value) ? value[0] : value;
  return text ? text.split(',', 1)[0]?.trimEnd() : undefined;
}
