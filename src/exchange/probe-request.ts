import { IncomingMessage, ServerResponse } from 'node:http';
import { Socket } from 'node:net';

/** Method and header fields of the request that `cache.explain(url, request)` explains. */
export interface ExplainRequest {
  /** @default 'GET' */
  readonly method?: string;
  /** Header fields by name. `Host` is that of the URL unless it is given here. */
  readonly headers?: Readonly<Record<string, string>>;
}

/**
 * Creates the request that a client would send for a URL. Nothing is sent: only its key and its decision are of
 * interest.
 * @returns the request's response, which is connected to no client.
 * @throws {TypeError} for a URL that is not an absolute http or https URL.
 */
export function probeRequest(
  url: string | URL,
  { method = 'GET', headers = {} }: ExplainRequest,
): ServerResponse {
  const { protocol, host, pathname, search } = new URL(url);
  if (protocol !== 'http:' && protocol !== 'https:')
    throw new TypeError(`explain takes an http or https URL, not ${url}`);
  const socket = Object.assign(new Socket(), { encrypted: protocol === 'https:' });
  const req = new IncomingMessage(socket);
  req.method = method;
  req.url = pathname + search;
  for (const [name, value] of [['Host', host] as const, ...Object.entries(headers)]) {
    req.headers[name.toLowerCase()] = value;
    req.rawHeaders.push(name, value);
  }
  return new ServerResponse(req);
}

/** The response of a request, as Express links it; otherwise one that is connected to no client. */
export function responseOf(req: IncomingMessage): ServerResponse {
  return (req as { res?: ServerResponse }).res ?? new ServerResponse(req);
}
