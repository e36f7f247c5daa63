import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Next } from '../options/types.ts';
import type { Action, Actions } from './actions.ts';
import { isOfThePage, mayEnter } from './admission.ts';
import { type Asset, assetsFor } from './assets.ts';
import { Refusal, readJson, refusalOf } from './requests.ts';
import type { Settings } from './settings.ts';

/** From a request to its answer: authorization first, then a file of the page, or an action that it asks for. */

/**
 * On every answer. The page runs its own scripts and nothing else, loads nothing from elsewhere, and cannot be framed;
 * what is stored is shown as text, and could not become markup even by mistake (Trusted Types).
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

/** @param name that of the cache. */
export function routerOf(settings: Settings, actions: Actions, name: string): Middleware {
  const assets = assetsFor(settings, name);

  /** @returns whether it was answered. */
  async function answer(req: IncomingMessage, res: ServerResponse): Promise<boolean> {
    if (!(await mayEnter(req, res, settings.authorize))) {
      if (!res.headersSent && !res.writableEnded) refuse(res, new Refusal(403, 'Not allowed.'));
      return true;
    }
    const path = pathOf(req.url);
    const asset = assets.get(path);
    if (asset) {
      serve(req, res, path, asset);
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

function serve(req: IncomingMessage, res: ServerResponse, path: string, { type, body }: Asset): void {
  const { method } = req;
  if (method !== 'GET' && method !== 'HEAD')
    return void refuse(res, new Refusal(405, 'Only GET is allowed.'), { Allow: 'GET, HEAD' });
  const name = path === '/' ? withoutSlash(req) : undefined;
  // The page's own links are relative. The name may come from anybody, and nothing but a path of this host follows `./`.
  if (name !== undefined) return void send(res, 308, 'text/plain', '', { Location: `./${name}/` });
  send(res, 200, type, method === 'HEAD' ? '' : body, { 'Content-Length': String(body.length) });
}

/** The last part of the path that the client asked for, where no slash follows it. */
function withoutSlash(req: IncomingMessage & { originalUrl?: string }): string | undefined {
  const { originalUrl } = req;
  return originalUrl === undefined ? undefined : pathOf(originalUrl).split('/').at(-1) || undefined;
}

async function perform(
  req: IncomingMessage,
  res: ServerResponse,
  { method, changes, run }: Action,
  { readOnly }: Settings,
): Promise<void> {
  const hungUp = new AbortController();
  res.once('close', () => hungUp.abort());
  try {
    if (req.method !== method) throw new Refusal(405, `Only ${method} is allowed.`);
    if (!isOfThePage(req)) throw new Refusal(403, 'Only the page of the inspector may ask for this.');
    if (changes && readOnly) throw new Refusal(403, 'This inspector is read-only.');
    const given = method === 'POST' ? await readJson(req) : queryOf(req);
    const progress = (progress: unknown): void => line(res, { progress });
    const result = await run(given, { progress, signal: hungUp.signal });
    if (res.headersSent) res.end(`${JSON.stringify({ result })}\n`);
    else send(res, 200, JSON_TYPE, JSON.stringify({ result }));
  } catch (error) {
    if (hungUp.signal.aborted) return;
    const refusal = refusalOf(error);
    if (!refusal) throw error;
    if (res.headersSent) res.end(`${JSON.stringify({ error: refusal.message })}\n`);
    else refuse(res, refusal, refusal.status === 405 ? { Allow: method } : {});
  }
}

const JSON_TYPE = 'application/json; charset=utf-8';

/** One of several lines of JSON, the last of which has the result. */
function line(res: ServerResponse, value: unknown): void {
  if (res.destroyed) return;
  if (!res.headersSent) begin(res, 200, 'application/x-ndjson; charset=utf-8', {});
  res.write(`${JSON.stringify(value)}\n`);
}

function refuse(res: ServerResponse, { status, message }: Refusal, fields = {}): void {
  // What is left of a body that nobody reads must not be taken for the next request.
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
  begin(res, status, type, fields);
  res.end(body);
}

function begin(res: ServerResponse, status: number, type: string, fields: Record<string, string>): void {
  for (const [name, value] of Object.entries({ ...FIELDS, 'Content-Type': type, ...fields }))
    res.setHeader(name, value);
  // Validators and a policy that was set for other pages would not fit this one.
  res.removeHeader('ETag');
  res.removeHeader('Content-Security-Policy-Report-Only');
  res.statusCode = status;
}

function pathOf(url = '/'): string {
  const [path = ''] = url.split(/[?#]/, 1);
  return path === '' ? '/' : path;
}

function queryOf(req: IncomingMessage): Record<string, unknown> {
  return Object.fromEntries(new URLSearchParams((req.url ?? '').split('?')[1] ?? ''));
}
