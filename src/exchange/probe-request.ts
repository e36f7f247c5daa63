import { IncomingMessage, ServerResponse } from 'node:http';
import { Socket } from 'node:net';
import { ArgumentError, show } from '../errors.ts';
import { ownMembers } from '../options/parsers.ts';

/** Method and header fields of the request that `cache.explain(url, request)` explains. */
export interface ExplainRequest {
  /** @default 'GET' */
  readonly method?: string | undefined;
  /** Header fields by name. `Host` is that of the URL unless it is given here. */
  readonly headers?: Readonly<Record<string, string>> | undefined;
}

/**
 * Creates the request that a client would send for a URL. Nothing is sent: only its key and its decision are of
 * interest.
 * @returns the request's response, which is connected to no client.
 * @throws {ArgumentError} for a URL that is not an absolute http or https URL.
 */
export function probeRequest(url: string | URL, init: ExplainRequest): ServerResponse {
  const { method = 'GET', headers = {} } = ownMembers<ExplainRequest>('explain', init, ['method', 'headers']);
  const target = URL.canParse(String(url)) ? new URL(url) : undefined;
  if (!target || !/^https?:$/.test(target.protocol)) throw notExplained(url);
  const { protocol, host, pathname, search } = target;
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

/** The error for what `explain` does not take. */
export function notExplained(given: unknown): ArgumentError {
  return new ArgumentError(
    `explain() needs an absolute URL such as https://example.com/leads, or a request; not ${show(given)}.`,
  );
}

/** Whether a value is a request that a server received. */
export function isRequest(value: unknown): value is IncomingMessage {
  const { headers, url } = (value ?? {}) as Partial<IncomingMessage>;
  return typeof headers === 'object' && headers !== null && typeof url === 'string';
}

/** The response of a request, as Express links it; otherwise one that is connected to no client. */
export function responseOf(req: IncomingMessage): ServerResponse {
  return (req as { res?: ServerResponse }).res ?? new ServerResponse(req);
}
