import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Next } from '../options/request.ts';
import type { Action, Actions } from './actions.ts';
import { isAuthorized, isFromPage } from './admission.ts';
import { type Asset, createAssets } from './assets.ts';
import { HttpError, readJson, toHttpError } from './requests.ts';
import type { Settings } from './settings.ts';

/** Answers the requests of the inspector: authorization first, then a file of the page or an action. */

/**
 * The header fields of every response. The page runs only its own scripts, loads nothing from another origin, and cannot
 * be framed. Stored data is shown as text; Trusted Types prevent that a mistake turns it into markup.
 */
const FIELDS: Readonly<Record<string, string>> = {
  'Cache-Control': 'no-store',
  'Content-Security-Policy': [
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'",
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "require-trusted-types-for 'script'; trusted-types 'none'",
  ].join('; '),
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Resource-Policy': 'same-origin',
  'Referrer-Policy': 'no-referrer',
  'X-Content-Type-Options': 'nosniff',
  'X-Frame-Options': 'DENY',
  'X-Robots-Tag': 'noindex',
};

type Middleware = (req: IncomingMessage, res: ServerResponse, next: Next) => void;

/** @param name the name of the cache, which the page shows. */
export function createRouter(settings: Settings, actions: Actions, name: string): Middleware {
  const assets = createAssets(settings, name);

  /** Resolves to false for a path that the inspector does not know. */
  async function answer(req: IncomingMessage, res: ServerResponse): Promise<boolean> {
    if (!(await isAuthorized(req, res, settings.authorize))) {
      // `authorize` may have answered, for example with a redirect to a login.
      if (!res.headersSent && !res.writableEnded)
        sendError(res, new HttpError(403, 'You are not authorized.'));
      return true;
    }
    const path = pathOf(req.url);
    const asset = assets.get(path);
    if (asset) {
      sendAsset(req, res, path, asset);
      return true;
    }
    const action = path.startsWith('/api/') ? actions.get(path.slice('/api/'.length)) : undefined;
    if (!action) return false;
    await perform(req, res, action, settings);
    return true;
  }

  return function redisCacheInspector(req, res, next) {
    answer(req, res).then((answered) => {
      if (!answered) next();
    }, next);
  };
}

function sendAsset(req: IncomingMessage, res: ServerResponse, path: string, { type, body }: Asset): void {
  const { method } = req;
  if (method !== 'GET' && method !== 'HEAD') {
    sendError(res, new HttpError(405, 'Only GET is allowed.'), { Allow: 'GET, HEAD' });
    return;
  }
  const segment = path === '/' ? segmentWithoutSlash(req) : undefined;
  if (segment !== undefined) {
    // The links in the page are relative and need the slash. `./` keeps the redirect on this host: the segment may
    // contain anything.
    send(res, 308, 'text/plain', '', { Location: `./${segment}/` });
    return;
  }
  send(res, 200, type, method === 'HEAD' ? '' : body, { 'Content-Length': String(body.length) });
}

/** The last segment of the client's path, if no slash follows it. */
function segmentWithoutSlash(req: IncomingMessage & { originalUrl?: string }): string | undefined {
  const { originalUrl } = req;
  return originalUrl === undefined ? undefined : pathOf(originalUrl).split('/').at(-1) || undefined;
}

async function perform(
  req: IncomingMessage,
  res: ServerResponse,
  { method, changes, run }: Action,
  { readOnly }: Settings,
): Promise<void> {
  const disconnected = new AbortController();
  res.once('close', () => disconnected.abort());
  try {
    if (req.method !== method) throw new HttpError(405, `Only ${method} is allowed.`);
    if (!isFromPage(req)) throw new HttpError(403, 'Only the page of the inspector may send this request.');
    if (changes && readOnly) throw new HttpError(403, 'This inspector is read-only.');
    const input = method === 'POST' ? await readJson(req) : {};
    const progress = (value: unknown): void => sendLine(res, { progress: value });
    const result = await run(input, { progress, signal: disconnected.signal });
    if (res.headersSent) res.end(`${JSON.stringify({ result })}\n`);
    else send(res, 200, JSON_TYPE, JSON.stringify({ result }));
  } catch (error) {
    if (disconnected.signal.aborted) return;
    const httpError = toHttpError(error);
    if (!httpError) throw error;
    if (res.headersSent) res.end(`${JSON.stringify({ error: httpError.message })}\n`);
    else sendError(res, httpError, httpError.status === 405 ? { Allow: method } : {});
  }
}

const JSON_TYPE = 'application/json; charset=utf-8';

/** An action with progress is answered with one line of JSON per report; the last line has the result. */
function sendLine(res: ServerResponse, value: unknown): void {
  if (res.destroyed) return;
  if (!res.headersSent) startResponse(res, 200, 'application/x-ndjson; charset=utf-8', {});
  res.write(`${JSON.stringify(value)}\n`);
}

function sendError(res: ServerResponse, { status, message }: HttpError, fields = {}): void {
  // The rest of the request body is not read, and must not be parsed as the next request.
  const connection = status === 413 && res.req.httpVersionMajor < 2 ? { Connection: 'close' } : {};
  send(res, status, JSON_TYPE, JSON.stringify({ error: message }), { ...fields, ...connection });
}

function send(
  res: ServerResponse,
  status: number,
  type: string,
  body: string | Buffer,
  fields: Readonly<Record<string, string>> = {},
): void {
  startResponse(res, status, type, fields);
  res.end(body);
}

function startResponse(
  res: ServerResponse,
  status: number,
  type: string,
  fields: Record<string, string>,
): void {
  for (const [name, value] of Object.entries({ ...FIELDS, 'Content-Type': type, ...fields }))
    res.setHeader(name, value);
  // Other middleware may have set a validator, or a policy for its own pages.
  res.removeHeader('ETag');
  res.removeHeader('Content-Security-Policy-Report-Only');
  res.statusCode = status;
}

function pathOf(url = '/'): string {
  const [path = ''] = url.split(/[?#]/, 1);
  return path === '' ? '/' : path;
}
