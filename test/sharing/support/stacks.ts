import { randomUUID } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { Writable } from 'node:stream';
import compression from 'compression';
import cors from 'cors';
import type { RequestHandler } from 'express';
import { rateLimit } from 'express-rate-limit';
import session from 'express-session';
import helmet from 'helmet';
import i18next from 'i18next';
import * as i18nextHttp from 'i18next-http-middleware';
import { pinoHttp } from 'pino-http';
import type { CacheOptions } from '../../../src/index.ts';
import type { Handler } from '../../support/app.ts';

/** It has no types. */
const morgan = require('morgan') as (format: string, options: { stream: Writable }) => RequestHandler;
const cookieParser = require('cookie-parser') as () => RequestHandler;

/* The middleware that apps have in front of a cache and behind it, with a public page at the end. */

/** A request with all that middleware places on it. */
export type Visited = IncomingMessage & {
  readonly id: unknown;
  readonly log: { info(message: string): void };
  readonly db: { find(): string };
  readonly t: (key: string) => string;
  readonly session: session.Session & { visits?: number };
  readonly user?: { readonly name: string };
};

export interface Stack {
  readonly name: string;
  /** Made for each app. */
  readonly front?: () => Handler[] | Promise<Handler[]>;
  readonly behind?: () => Handler[];
  /** The page, where it does more than to send one text. */
  readonly page?: (req: Visited, res: Parameters<Handler>[1]) => void;
  /** Further fields of the request numbered so. */
  readonly asked?: (n: number) => Record<string, string>;
  readonly options?: CacheOptions;
  /** Runs of the page's handler for a hundred requests of strangers, where that is not 1. */
  readonly strangers?: number;
  /** For a hundred requests of ten callers with sessions, where that is not 2: the first caller's and a stranger's. */
  readonly callers?: number | 'never';
  /** How many of those requests are answered by the handler. The other runs are a stranger's, behind answers. */
  readonly callerMisses?: number;
}

const layer = (handler: RequestHandler): Handler => handler as unknown as Handler;
const nowhere = (): Writable => new Writable({ write: (_line, _encoding, done) => done() });
const placing = (place: (req: Record<string, unknown>, locals: Record<string, unknown>) => void): Handler => {
  return (req, res, next) => {
    place(req as unknown as Record<string, unknown>, res.locals);
    next();
  };
};
const TEXT = 'A line of text. '.repeat(200);

async function translator(): Promise<Handler> {
  const instance = i18next.createInstance();
  await instance.use(i18nextHttp.LanguageDetector).init({
    resources: { de: { translation: { hello: 'Hallo' } }, en: { translation: { hello: 'Hello' } } },
    fallbackLng: 'en',
    preload: ['de', 'en'],
    detection: { order: ['header'], caches: [] },
  });
  return i18nextHttp.handle(instance) as unknown as Handler;
}

/** A session for every visitor, counted in front, so that its cookie is sent and it is saved at each request. */
const visited: Handler = (req, _res, next) => {
  const { session: own } = req as unknown as Visited;
  own.visits = (own.visits ?? 0) + 1;
  next();
};
const sessions = (saveUninitialized: boolean): Handler =>
  layer(session({ secret: 'secret', resave: false, saveUninitialized }));

export const stacks: readonly Stack[] = [
  { name: 'nothing else' },
  { name: 'morgan', front: () => [layer(morgan('combined', { stream: nowhere() }))] },
  {
    name: 'pino-http, and a page that logs with req.log and req.id',
    front: () => [pinoHttp({}, nowhere()) as unknown as Handler],
    page: (req, res) => {
      req.log.info(`page for ${String(req.id)}`);
      res.end('a page');
    },
  },
  { name: 'morgan behind the cache', behind: () => [layer(morgan('combined', { stream: nowhere() }))] },
  {
    name: 'pino-http behind the cache',
    behind: () => [pinoHttp({}, nowhere()) as unknown as Handler],
    // It makes a line of all fields, and whether that becomes a part of the page is nothing that shows.
    callers: 'never',
  },
  {
    name: 'express-rate-limit in front',
    front: () => [layer(rateLimit({ limit: 1000, validate: false }))],
  },
  {
    name: 'express-rate-limit behind the cache',
    behind: () => [layer(rateLimit({ limit: 1000, validate: false }))],
  },
  {
    name: 'a request id in front, which the page logs',
    front: () => [
      placing((req) => {
        req.id = randomUUID();
      }),
    ],
    page: (req, res) => void res.setHeader('X-Seen', String(req.id).length).end('a page'),
  },
  {
    name: 'a request id of the client, which the page reads',
    asked: (n) => ({ 'X-Request-Id': `request-${n}`, traceparent: `00-${n}-${n}-01` }),
    page: (req, res) => {
      void req.headers['x-request-id'];
      void req.headers.traceparent;
      res.end('a page');
    },
  },
  {
    name: 'a page that reads User-Agent and Referer',
    asked: (n) => ({ 'User-Agent': `agent ${n}`, Referer: `https://example.com/${n}` }),
    page: (req, res) => {
      void req.headers['user-agent'];
      void req.headers.referer;
      res.end('a page');
    },
  },
  { name: 'helmet in front', front: () => [layer(helmet())] },
  { name: 'helmet behind the cache', behind: () => [layer(helmet())] },
  {
    name: 'a nonce that the page does not show',
    front: () => [
      placing((_req, locals) => {
        locals.cspNonce = randomUUID();
      }),
    ],
  },
  { name: 'cors in front', front: () => [layer(cors())], asked: () => ({ Origin: 'https://a.example' }) },
  {
    name: 'cors behind the cache, of one origin',
    behind: () => [layer(cors({ origin: 'https://a.example' }))],
    asked: () => ({ Origin: 'https://a.example' }),
  },
  {
    name: 'cors behind the cache, of any origin',
    behind: () => [layer(cors())],
    asked: (n) => ({ Origin: `https://${n}.example` }),
  },
  {
    name: 'compression in front',
    front: () => [layer(compression())],
    asked: () => ({ 'Accept-Encoding': 'gzip' }),
    page: (_req, res) => void res.setHeader('Content-Type', 'text/plain').end(TEXT),
  },
  {
    name: 'compression behind the cache',
    behind: () => [layer(compression())],
    asked: () => ({ 'Accept-Encoding': 'gzip' }),
    page: (_req, res) => void res.setHeader('Content-Type', 'text/plain').end(TEXT),
  },
  {
    name: 'express-session with a session for every guest',
    front: () => [sessions(true)],
  },
  {
    name: 'express-session that counts visits in front',
    front: () => [sessions(false), visited],
  },
  {
    name: 'cookies of analytics and of consent',
    asked: (n) => ({
      Cookie: `_ga=GA1.2.${n}.1; _gid=GA1.2.${n}; _fbp=fb.1.${n}; CookieConsent=true; _ga_ABC=GS1.1.${n}`,
    }),
  },
  {
    name: 'cookies of analytics and of consent, parsed in front',
    front: () => [layer(cookieParser())],
    asked: (n) => ({ Cookie: `_ga=GA1.2.${n}.1; cookieconsent_status=dismiss` }),
  },
  {
    name: 'req.db, one object for all requests, of which the page is made',
    front: () => {
      const db = { find: () => 'a row' };
      return [
        placing((req) => {
          req.db = db;
        }),
      ];
    },
    page: (req, res) => void res.end(req.db.find()),
    // That it is one object is seen at the second request. What callers get is not shared until then.
    strangers: 2,
    callers: 3,
    callerMisses: 2,
  },
  {
    name: 'i18next, and a page that says Vary',
    front: async () => [await translator()],
    asked: (n) => ({ 'Accept-Language': n % 2 ? 'de' : 'en' }),
    page: (req, res) => void res.setHeader('Vary', 'Accept-Language').end(req.t('hello')),
    strangers: 2,
    callers: 4,
  },
  {
    name: 'i18next, and a page that names the language alone',
    front: async () => [await translator()],
    asked: (n) => ({ 'Accept-Language': n % 2 ? 'de' : 'en' }),
    page: (req, res) => void res.end(`in ${(req as unknown as { language: string }).language}`),
    strangers: 2,
    callers: 4,
  },
  {
    name: 'a page by the language that it asks for itself',
    asked: (n) => ({ 'Accept-Language': n % 2 ? 'de' : 'en' }),
    page: (req, res) => void res.end(`in ${req.headers['accept-language']}`),
    strangers: 2,
    callers: 4,
  },
  {
    name: 'a language placed in front',
    front: () => [
      (req, res, next) => {
        res.locals.lang = req.headers['accept-language']?.slice(0, 2);
        next();
      },
    ],
    asked: (n) => ({ 'Accept-Language': n % 2 ? 'de;q=0.9' : 'en;q=0.9' }),
    page: (_req, res) => void res.end(`in ${res.locals.lang}`),
    strangers: 2,
    callers: 4,
  },
  {
    name: 'messages of a session, of which there are none',
    front: () => [
      sessions(true),
      placing((_req, locals) => {
        locals.messages = [];
      }),
    ],
    page: (_req, res) => void res.end(`${(res.locals.messages as unknown[]).length} messages`),
  },
  {
    name: 'req.user of members, which the page does not show',
    front: () => [
      (req, _res, next) => {
        const sid = /sid=(\w+)/.exec(req.headers.cookie ?? '')?.[1];
        if (sid) (req as unknown as { user: object }).user = { name: sid };
        next();
      },
    ],
  },
  {
    name: 'res.render of a page in a layout with a site name of all requests',
    front: () => [
      placing((_req, locals) => {
        locals.site = { name: 'A site', year: 2026 };
      }),
    ],
    page: (_req, res) => {
      res.app.engine('txt', (_path, options, done) =>
        done(null, `page of ${(options as { site: { name: string } }).site.name}`),
      );
      res.render(`${__dirname}/page.txt`);
    },
  },
];
