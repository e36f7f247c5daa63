import { IncomingMessage, ServerResponse } from 'node:http';
import { Socket } from 'node:net';

/** Of a request that nobody sends: only to see what would be made of it. */
export interface Imagined {
  /** @default 'GET' */
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** The request that a client would send for a URL, and a response that goes nowhere. @throws {TypeError} for a bad URL. */
export function imagined(url: string | URL, { method = 'GET', headers = {} }: Imagined): ServerResponse {
  const { protocol, host, pathname, search } = new URL(url);
  if (protocol !== 'http:' && protocol !== 'https:') throw new TypeError('no http or https URL');
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

/** The response that belongs to a request, as Express knows it, or one that goes nowhere. */
export function responseTo(req: IncomingMessage): ServerResponse {
  return (req as { res?: ServerResponse }).res ?? new ServerResponse(req);
}
