import type { IncomingMessage, ServerResponse } from 'node:http';
import { isProduction, type Settings } from './settings.ts';

/** Who is let in, and which requests were made by the inspector's own page. */

/** A field that nothing but a script can send, and of another origin only one that was allowed to by CORS. */
const MARK = 'x-cache-inspector';

/** Signs of a proxy: who is behind it is not the peer. */
const FORWARDED =
  /^(?:forwarded|via|x-forwarded(?:-.*)?|x-real-ip|x-client-ip|true-client-ip|cf-connecting-ip)$/;
const LOOPBACK = /^(?:(?:::ffff:)?127(?:\.\d{1,3}){3}|::1)$/;
const LOOPBACK_HOST = /^(?:localhost|127(?:\.\d{1,3}){3}|\[::1\])(?::\d+)?$/i;

/** Whether this request may see and do anything at all. Rejects with what `authorize` throws. */
export async function mayEnter(
  req: IncomingMessage,
  res: ServerResponse,
  authorize: Settings['authorize'],
): Promise<boolean> {
  if (authorize === 'development') return isDeveloper(req);
  return (await authorize(req, res)) === true;
}

/** The host is looked at too: a page of another site may have had its name resolved to this machine (DNS rebinding). */
function isDeveloper(req: IncomingMessage): boolean {
  if (isProduction()) return false;
  const names = Object.keys(req.headers);
  return (
    LOOPBACK.test(req.socket.remoteAddress ?? '') &&
    LOOPBACK_HOST.test(hostOf(req)) &&
    !names.some((name) => FORWARDED.test(name))
  );
}

/**
 * Whether the inspector's own page made this request. Browsers say so where the connection is secure or local
 * (`Sec-Fetch-Site`), and elsewhere name the page's origin, but for a GET of that origin itself.
 */
export function isOfThePage(req: IncomingMessage): boolean {
  const { origin, 'sec-fetch-site': site } = req.headers;
  if (req.headers[MARK] === undefined) return false;
  if (site !== undefined) return site === 'same-origin';
  if (origin !== undefined) return URL.canParse(origin) && new URL(origin).host === hostOf(req);
  return req.method === 'GET';
}

function hostOf({ headers }: IncomingMessage): string {
  return String(headers[':authority'] ?? headers.host ?? '').toLowerCase();
}
