import type { IncomingMessage } from 'node:http';
import type { Layer } from '../../support/app.ts';

/* Middlewares that find out who is asking, each in the manner of a package that everybody has. */

/** A request with all that they may have put on it. */
export interface Known extends IncomingMessage {
  user?: unknown;
  auth?: unknown;
  session?: Record<string, unknown> | undefined;
  cookies?: Record<string, unknown>;
  signedCookies?: Record<string, unknown>;
  secret?: unknown;
  isAuthenticated?(): boolean;
}

/** As cookie-parser does it, with its look whether it was there before, and its second pass over what it parsed. */
export function cookieParser(secret?: string): Layer {
  return (req: Known, _res, next) => {
    if (req.cookies) return next();
    const { cookie } = req.headers;
    req.secret = secret;
    req.cookies = Object.create(null) as Record<string, unknown>;
    req.signedCookies = Object.create(null) as Record<string, unknown>;
    if (!cookie) return next();
    req.cookies = parsed(cookie);
    if (secret) req.signedCookies = withJson(req.cookies);
    req.cookies = withJson(req.cookies);
    next();
  };
}

function parsed(cookie: string): Record<string, unknown> {
  const pairs = cookie.split(';').map((pair) => pair.split('=', 2).map((part) => part.trim()));
  return Object.assign(Object.create(null), Object.fromEntries(pairs));
}

/** Its `JSONCookies`: values that begin with `j:`. */
function withJson(cookies: Record<string, unknown>): Record<string, unknown> {
  for (const name of Object.keys(cookies)) {
    const value = cookies[name];
    if (typeof value === 'string' && value.startsWith('j:')) cookies[name] = JSON.parse(value.slice(2));
  }
  return cookies;
}

/** As passport does it: `req.user` for whoever has a bearer token, methods for everybody. */
export const passport: Layer = (req: Known, _res, next) => {
  req.isAuthenticated = function isAuthenticated(this: Known) {
    return Boolean(this.user);
  };
  const token = /^Bearer (.+)$/.exec(req.headers.authorization ?? '')?.[1];
  if (token) req.user = { username: token };
  next();
};

/** As loggers in the common formats do it: once the response is out, who it was for. */
export function logger(lines: string[]): Layer {
  return (req: Known, res, next) => {
    res.on('finish', () => {
      lines.push(`${req.headers.authorization} ${req.headers.cookie} ${JSON.stringify(req.user)}`);
    });
    next();
  };
}
