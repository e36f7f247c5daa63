import type { IncomingMessage, ServerResponse } from 'node:http';
import { isLoopbackAddress, loopbackHost } from '../http/loopback.ts';
import { isProduction, type Settings } from './settings.ts';

/** Decides who may use the inspector, and which requests come from its own page. */

/** Only a script can send this field; a script of another origin only if CORS allows it. */
const PAGE_FIELD = 'x-cache-inspector';

/** Fields that a proxy adds. Behind a proxy, the peer is not the client. */
const FORWARDED =
  /^(?:forwarded|via|x-forwarded(?:-.*)?|x-real-ip|x-client-ip|true-client-ip|cf-connecting-ip)$/;

/** Rejects with what the `authorize` function throws. */
export async function isAuthorized(
  req: IncomingMessage,
  res: ServerResponse,
  authorize: Settings['authorize'],
): Promise<boolean> {
  if (authorize === 'development') return isLocal(req);
  return (await authorize(req, res)) === true;
}

/** The host counts too: an attacker can let the name of their page resolve to this machine (DNS rebinding). */
function isLocal(req: IncomingMessage): boolean {
  if (isProduction()) return false;
  const fields = Object.keys(req.headers);
  return (
    isLoopbackAddress(req.socket.remoteAddress ?? '') &&
    loopbackHost(hostOf(req)) !== undefined &&
    !fields.some((name) => FORWARDED.test(name))
  );
}

/**
 * Whether the inspector's own page sent this request. Over https and on localhost, browsers send `Sec-Fetch-Site`.
 * Elsewhere they send `Origin`, except in a GET request to the same origin.
 */
export function isFromPage(req: IncomingMessage): boolean {
  const { origin, 'sec-fetch-site': site } = req.headers;
  if (req.headers[PAGE_FIELD] === undefined) return false;
  if (site !== undefined) return site === 'same-origin';
  if (origin !== undefined) return URL.canParse(origin) && new URL(origin).host === hostOf(req);
  return req.method === 'GET';
}

function hostOf({ headers }: IncomingMessage): string {
  return String(headers[':authority'] ?? headers.host ?? '').toLowerCase();
}
