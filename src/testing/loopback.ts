import { Exchange } from '../exchange/exchange.ts';
import type { RequestTarget } from '../exchange/target.ts';
import { loopbackHost } from '../http/loopback.ts';

function withoutPort(host: string): string {
  return loopbackHost(host)?.name ?? host;
}

/**
 * A request whose cache key has no port if it is for this machine. Clients such as supertest start a server on a new port
 * for each request, so that no request would have the key of another.
 */
export class LoopbackExchange extends Exchange {
  override get target(): RequestTarget | undefined {
    const received = super.target;
    if (!received) return undefined;
    return {
      ...received,
      host: withoutPort(received.host),
      receivedHost: withoutPort(received.receivedHost),
    };
  }
}

/** A URL that names what is stored, as the keys of such requests have it. A path, and what is no URL, stays as it is. */
export function urlWithoutPort<T>(url: T): T | string {
  const text = url instanceof URL ? url.href : url;
  if (typeof text !== 'string') return url;
  const [, start = '', host = '', rest = ''] = /^(https?:\/\/)([^/?#]+)(.*)$/is.exec(text) ?? [];
  return start === '' ? url : start + withoutPort(host) + rest;
}
