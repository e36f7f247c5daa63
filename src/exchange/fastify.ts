import type { IncomingMessage } from 'node:http';

/** What middie puts on the requests of Fastify, by Fastify's own word. */
interface FastifysRequest {
  readonly protocol: string;
  /** Without its port. */
  readonly hostname: string;
}

/** Whether a request came through Fastify. */
export function isFastifys(req: IncomingMessage): req is IncomingMessage & FastifysRequest {
  return Object.hasOwn(req, 'hostname') && Object.hasOwn(req, 'protocol');
}

/**
 * The host that Fastify uses, with its port; `undefined` if `Host` and `X-Forwarded-Host` differ only in the port.
 */
export function hostByFastify(
  host: string | undefined,
  forwarded: string | string[] | undefined,
  hostname: string,
): string | undefined {
  const other = last(forwarded);
  if (other === undefined || other === host) return host;
  if (withoutPort(host) === hostname) return withoutPort(other) === hostname ? undefined : host;
  return withoutPort(other) === hostname ? other : undefined;
}

function withoutPort(host: string | undefined): string | undefined {
  return host?.replace(/:[0-9]*$/, '');
}

/** The last member, as Fastify takes it. */
function last(value: string | string[] | undefined): string | undefined {
  const text = Array.isArray(value) ? value.at(-1) : value;
  return text ? text.split(',').at(-1)?.trim() : undefined;
}
