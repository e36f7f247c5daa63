import { AsyncLocalStorage } from 'node:async_hooks';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, test } from '@jest/globals';
import express, { type Express, type RequestHandler } from 'express';
import session from 'express-session';
import i18next from 'i18next';
import * as i18nextMiddleware from 'i18next-http-middleware';
import { type CacheMiddleware, type CacheOptions, redisCache } from '../../src/index.ts';
import { DETAILS } from '../../src/observe/reasons.ts';
import { http1 } from '../support/client.ts';
import { snippets } from './support/snippets.ts';

/* Below some programs of the documentation stands what requests get from them, in this order. It is true. */

const recipes = snippets.filter(({ mark, requests }) => mark === '' && requests.length > 0);

interface User {
  readonly id: number;
  readonly name: string;
  readonly role: string;
}

const USERS: Readonly<Record<string, User>> = {
  ada: { id: 1, name: 'Ada', role: 'admin' },
  grace: { id: 2, name: 'Grace', role: 'member' },
  linus: { id: 3, name: 'Linus', role: 'member' },
};

/** Stands for the app's own: it places the user whom a bearer token names. */
function authentication({ required = false } = {}): RequestHandler {
  return (req, res, next) => {
    const user = USERS[req.get('authorization')?.replace('Bearer ', '') ?? ''];
    if (!user && required) {
      res.sendStatus(401);
      return;
    }
    if (user) Object.assign(req, { user });
    next();
  };
}

/** Stands for cookie-parser. */
const cookieParser = (): RequestHandler => (req, _res, next) => {
  const pairs = req.headers.cookie?.split('; ') ?? [];
  Object.assign(req, { cookies: Object.fromEntries(pairs.map((pair) => pair.split('='))) });
  next();
};

/** A template. The one that is called `hello` shows the user. */
class View {
  readonly path: string;

  constructor(name: string) {
    this.path = name;
  }

  render({ user }: { user?: User }, done: (error: null, text: string) => void): void {
    done(null, this.path === 'hello' ? `"Hello ${user?.name ?? 'guest'}"` : this.path);
  }
}

class Tenant {
  readonly name: string;

  constructor(name = '') {
    this.name = name;
  }
}

const translations = {
  en: { translation: { hello: 'Hello', bye: 'Bye' } },
  de: { translation: { hello: 'Hallo', bye: 'Tschau' } },
};

const caches: CacheMiddleware[] = [];
afterEach(async () => {
  for (const cache of caches.splice(0)) await cache.close();
});

function cacheOf(options: CacheOptions): CacheMiddleware {
  const cache = redisCache(options);
  caches.push(cache);
  return cache;
}

/** The names that a program takes for granted. @param listen what `http.createServer(listener).listen()` does. */
async function globalsOf(app: Express, listen: (listener: RequestListener) => void): Promise<object> {
  const language = i18next.createInstance();
  await language.use(i18nextMiddleware.LanguageDetector).init({
    preload: ['en', 'de'],
    fallbackLng: 'en',
    resources: translations,
    showSupportNotice: false,
  } as object);
  return {
    app,
    express,
    cache: cacheOf({ ttl: '1h' }),
    redisCache: cacheOf,
    http: { createServer: (listener: RequestListener) => ({ listen: () => listen(listener) }) },
    session,
    cookieParser,
    authentication,
    i18next: language,
    i18nextMiddleware,
    Tenant,
    plan: new AsyncLocalStorage<string | undefined>(),
    log: { info: () => {} },
  };
}

interface Expected {
  readonly method: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  /** JSON to send. */
  readonly content: string | undefined;
  readonly cacheStatus: string;
  readonly body: string | undefined;
}

/** `GET /me  Cookie: sid=ada    hit    "Hello"`: columns with two spaces or more between them. */
function parsed(line: string): Expected {
  const [target = '', ...columns] = line.split(/ {2,}/);
  const headers: Record<string, string> = {};
  let cacheStatus = '';
  let content: string | undefined;
  let body: string | undefined;
  for (const column of columns) {
    const [, name, value = ''] = /^([\w-]+): (.*)$/.exec(column) ?? [];
    if (name !== undefined) headers[name] = value;
    else if (column.startsWith('"')) body = column;
    else if (column.startsWith('{')) content = column;
    else cacheStatus = column === 'none' ? '' : column;
  }
  if (content !== undefined) headers['Content-Type'] = 'application/json';
  const [method = '', path = ''] = target.split(' ');
  return { method, path, headers, content, cacheStatus, body };
}

test.each(recipes)('$page:$line gives what it says', async ({ code, requests }) => {
  const app = express().set('view', View).set('view engine', 'html');
  let listener: RequestListener = app;
  const globals = await globalsOf(app, (built) => {
    listener = built;
  });
  new Function(...Object.keys(globals), code)(...Object.values(globals));
  const server = createServer((req, res) => listener(req, res)).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const ask = http1((server.address() as AddressInfo).port);
  try {
    for (const line of requests) {
      const { method, path, headers, content, cacheStatus, body } = parsed(line);
      const answer = await ask({
        method,
        path,
        headers: { Host: 'www.example.com', ...headers },
        ...(content !== undefined && { body: content }),
      });
      const got = answer.cacheStatus.replace(/; ttl=\d+/, '');
      expect({ line, got, body: body && answer.body }).toEqual({ line, got: cacheStatus, body });
      for (const cache of caches) await cache.idle();
    }
  } finally {
    server.close();
  }
});

describe('docs/why-not-cached.md', () => {
  const page = readFileSync('docs/why-not-cached.md', 'utf8');
  const words = [...page.matchAll(/^\| (`[^|]*) \|/gm)].flatMap(([, cell = '']) =>
    [...cell.matchAll(/`([a-z][a-z-]+)/g)].map(([, word = '']) => word),
  );

  test('has a recipe of each kind', () => {
    expect(recipes.filter((recipe) => recipe.page === 'docs/why-not-cached.md').length).toBeGreaterThan(20);
  });

  test('names words that exist, and all about sharing', () => {
    expect(words.filter((word) => word !== 'detail' && !Object.hasOwn(DETAILS, word))).toEqual([]);
    const sharing = [
      'verifying',
      'credentials',
      'depends-on-credentials',
      'varies',
      'set-cookie',
      'authorization',
    ];
    expect(words).toEqual(expect.arrayContaining(sharing));
  });
});
