import { randomUUID } from 'node:crypto';
import { describe, expect, test } from '@jest/globals';
import type { Request } from 'express';
import type { GraphQLSchema } from 'graphql';
import i18next from 'i18next';
import * as i18nextHttp from 'i18next-http-middleware';
import type { CacheOptions } from '../../../src/index.ts';
import { frameworks, guardEvents, type Handler, newCache, serve } from '../../support/app.ts';
import { type Answer, ask } from '../../support/client.ts';
import { uniquePrefix } from '../../support/prefix.ts';
import { redis } from '../../support/stores.ts';

/* What differs between requests, and is no person: the language, the scheme, the host, a nonce. Each request gets its own. */

type Fields = Readonly<Record<string, string>>;

interface Difference {
  readonly name: string;
  readonly front?: () => Handler[] | Promise<Handler[]>;
  readonly page: () => Handler | Promise<Handler>;
  /** Requests that are to be answered differently, and the right answer to each. */
  readonly requests: readonly (readonly [Fields, string])[];
  readonly path?: string;
  /** What an answer is compared by; the body, where nothing is given. */
  readonly seen?: (answer: Answer) => string;
  readonly options?: CacheOptions;
  /** Express's own methods are needed. */
  readonly express?: true;
  /** It is the middleware in front that tells the requests apart, so at the door there is nothing of the kind. */
  readonly needsFront?: true;
  /** Nothing is stored. */
  readonly never?: true;
}

const GERMAN = { 'Accept-Language': 'de-AT, de;q=0.9' };
const ENGLISH = { 'Accept-Language': 'en-GB, en;q=0.9' };
const languages = [
  [GERMAN, 'Hallo'],
  [ENGLISH, 'Hello'],
] as const;
const greeting = (language: unknown): string => (String(language).startsWith('de') ? 'Hallo' : 'Hello');

async function translator(order: string[]): Promise<Handler> {
  const instance = i18next.createInstance();
  await instance.use(i18nextHttp.LanguageDetector).init({
    resources: { de: { translation: { hello: 'Hallo' } }, en: { translation: { hello: 'Hello' } } },
    fallbackLng: 'en',
    preload: ['de', 'en'],
    detection: { order, caches: [] },
  });
  return i18nextHttp.handle(instance) as unknown as Handler;
}
const translated =
  (vary?: string): Handler =>
  (req, res) => {
    if (vary) res.setHeader('Vary', vary);
    res.end((req as unknown as { t(key: string): string }).t('hello'));
  };

const sslify = require('express-sslify') as {
  HTTPS(options: { trustProtoHeader: boolean }): Handler;
};
const placing =
  (
    place: (
      req: Record<string, unknown>,
      locals: Record<string, unknown>,
      headers: Request['headers'],
    ) => void,
  ) =>
  (): Handler[] => [
    (req, res, next) => {
      // Express has it already.
      (res as { locals?: object }).locals ??= {};
      place(req as unknown as Record<string, unknown>, res.locals, req.headers);
      next();
    },
  ];

const byPath: CacheOptions = { key: (req) => ['page', req.url ?? ''] };
const proxied: Handler = (req, _res, next) => {
  req.app.set('trust proxy', true);
  next();
};

/** The tenant of a host, as an ORM gives it: one instance for each request. */
class Tenant {
  readonly name: string;
  constructor(name: string) {
    this.name = name;
  }
}

const HOSTS = [
  [{ 'X-Forwarded-Host': 'a.example' }, 'site a.example'],
  [{ 'X-Forwarded-Host': 'b.example' }, 'site b.example'],
] as const;
const SCHEMES = [
  [{ 'X-Forwarded-Proto': 'http' }, '301 https://site/page'],
  [{ 'X-Forwarded-Proto': 'https' }, '200 undefined'],
] as const;

const differences: Difference[] = [
  {
    name: 'the language, by req.acceptsLanguages()',
    express: true,
    page: () => (req, res) => res.end(greeting(req.acceptsLanguages('de', 'en'))),
    requests: languages,
  },
  {
    name: 'the language, by the field',
    page: () => (req, res) => res.end(greeting(req.headers['accept-language'])),
    requests: languages,
  },
  {
    name: 'the language, by req.headersDistinct',
    page: () => (req, res) => res.end(greeting(req.headersDistinct['accept-language']?.[0])),
    requests: languages,
  },
  ...(['Accept-Language', undefined] as const).map(
    (vary): Difference => ({
      name: `the language, by i18next-http-middleware ${vary ? 'and Vary' : 'without Vary'}`,
      front: async () => [await translator(['header'])],
      page: () => translated(vary),
      requests: languages,
      // What the middleware places is a function.
      ...(!vary && { never: true }),
    }),
  ),
  {
    name: 'the language, by a cookie that i18next-http-middleware reads',
    front: async () => [await translator(['cookie'])],
    page: () => translated(),
    requests: [
      [{ Cookie: 'i18next=de' }, 'Hallo'],
      [{ Cookie: 'i18next=en' }, 'Hello'],
      [{}, 'Hello'],
    ],
    never: true,
  },
  {
    name: 'the language, by a rewrite of req.url in front',
    needsFront: true,
    front: placing((req, _locals, headers) => {
      req.url = `/${greeting(headers['accept-language'])}${String(req.url)}`;
    }),
    page: () => (req, res) => res.end(req.url.split('/')[1]),
    requests: languages,
  },
  {
    name: 'the language, by res.locals',
    front: placing((_req, locals, headers) => {
      locals.lang = headers['accept-language']?.slice(0, 2);
    }),
    page: () => (_req, res) => res.end(greeting(res.locals.lang)),
    requests: languages,
  },
  {
    name: 'the language, by a cookie placed in res.locals',
    front: placing((_req, locals, headers) => {
      locals.lang = /lang=(\w+)/.exec(headers.cookie ?? '')?.[1] ?? 'en';
    }),
    page: () => (_req, res) => res.end(greeting(res.locals.lang)),
    requests: [
      [{ Cookie: 'lang=de' }, 'Hallo'],
      [{ Cookie: 'lang=en' }, 'Hello'],
      [{}, 'Hello'],
    ],
    never: true,
  },
  {
    name: 'the scheme, by express-sslify',
    express: true,
    front: () => [],
    page: () => {
      const https = sslify.HTTPS({ trustProtoHeader: true });
      return (req, res, next) =>
        https(req, res, (error) => (error ? next(error) : res.end('secure')) as undefined);
    },
    requests: SCHEMES,
    seen: ({ status, header }) => `${status} ${header('location')}`,
  },
  {
    name: 'the scheme, by express-sslify, under a key of the path',
    express: true,
    page: () => {
      const https = sslify.HTTPS({ trustProtoHeader: true });
      return (req, res, next) =>
        https(req, res, (error) => (error ? next(error) : res.end('secure')) as undefined);
    },
    requests: SCHEMES,
    seen: ({ status, header }) => `${status} ${header('location')}`,
    options: byPath,
  },
  {
    name: 'the scheme, by req.protocol under a key of the path',
    express: true,
    front: () => [proxied],
    page: () => (req, res) => res.end(`${req.protocol}, ${req.secure}`),
    requests: [
      [{ 'X-Forwarded-Proto': 'http' }, 'http, false'],
      [{ 'X-Forwarded-Proto': 'https' }, 'https, true'],
    ],
    options: byPath,
  },
  {
    name: 'the host, by X-Forwarded-Host under a key of the path',
    page: () => (req, res) => res.end(`site ${req.headers['x-forwarded-host']}`),
    requests: HOSTS,
    options: byPath,
  },
  {
    name: 'the host, by X-Forwarded-Host that the app does not trust',
    page: () => (req, res) => res.end(`site ${req.headers['x-forwarded-host']}`),
    requests: HOSTS,
  },
  {
    name: 'the host, by req.hostname under a key of the path',
    express: true,
    front: () => [proxied],
    page: () => (req, res) => res.end(`site ${req.hostname}`),
    requests: HOSTS,
    options: byPath,
  },
  {
    name: 'the host, by Host under a key of the path',
    page: () => (req, res) => res.end(`site ${req.headers.host}`),
    requests: [
      [{ Host: 'a.example' }, 'site a.example'],
      [{ Host: 'b.example' }, 'site b.example'],
    ],
    options: byPath,
  },
  {
    name: 'the tenant of a host, as a text, under a key of the path',
    needsFront: true,
    front: placing((req, _locals, headers) => {
      req.tenant = headers.host;
    }),
    page: () => (req, res) => res.end(`site ${(req as unknown as { tenant: string }).tenant}`),
    requests: [
      [{ Host: 'a.example' }, 'site a.example'],
      [{ Host: 'b.example' }, 'site b.example'],
    ],
    options: byPath,
  },
  {
    name: 'the tenant of a host, as an instance, under a key of the path',
    needsFront: true,
    front: placing((req, _locals, headers) => {
      req.tenant = new Tenant(headers.host as string);
    }),
    page: () => (req, res) => res.end(`site ${(req as unknown as { tenant: Tenant }).tenant.name}`),
    requests: [
      [{ Host: 'a.example' }, 'site a.example'],
      [{ Host: 'b.example' }, 'site b.example'],
    ],
    options: byPath,
    never: true,
  },
  {
    name: 'the currency of a country, placed in front',
    front: placing((_req, locals, headers) => {
      locals.currency = headers['cf-ipcountry'] === 'US' ? 'USD' : 'EUR';
    }),
    page: () => (_req, res) => res.end(res.locals.currency),
    requests: [
      [{ 'CF-IPCountry': 'US' }, 'USD'],
      [{ 'CF-IPCountry': 'DE' }, 'EUR'],
    ],
  },
  {
    name: 'the kind of device, placed in front by User-Agent',
    needsFront: true,
    front: placing((req, _locals, headers) => {
      req.device = { type: /Mobile/.test(headers['user-agent'] ?? '') ? 'phone' : 'desktop' };
    }),
    page: () => (req, res) => res.end((req as unknown as { device: { type: string } }).device.type),
    requests: [
      [{ 'User-Agent': 'A Mobile' }, 'phone'],
      [{ 'User-Agent': 'A Desktop' }, 'desktop'],
    ],
  },
  {
    name: 'the size of the screen, by client hints',
    page: () => (req, res) => res.end(`${req.headers['sec-ch-dpr'] ?? 1}x`),
    requests: [
      [{ 'Sec-CH-DPR': '2' }, '2x'],
      [{}, '1x'],
    ],
  },
  {
    name: 'the form, by req.accepts() without Vary',
    express: true,
    page: () => (req, res) => res.end(String(req.accepts(['html', 'json']))),
    requests: [
      [{ Accept: 'text/html' }, 'html'],
      [{ Accept: 'application/json' }, 'json'],
    ],
  },
  {
    name: 'the origin that may read the answer, without Vary',
    page: () => (req, res) =>
      res.setHeader('Access-Control-Allow-Origin', req.headers.origin ?? 'null').end('a page'),
    requests: [
      [{ Origin: 'https://a.example' }, 'https://a.example'],
      [{ Origin: 'https://b.example' }, 'https://b.example'],
      [{}, 'null'],
    ],
    seen: (answer) => String(answer.header('access-control-allow-origin')),
  },
  {
    name: 'the form, by res.format()',
    express: true,
    page: () => (_req, res) =>
      res.format({ 'text/html': () => res.end('html'), 'application/json': () => res.end('json') }),
    requests: [
      [{ Accept: 'text/html' }, 'html'],
      [{ Accept: 'application/json' }, 'json'],
    ],
  },
  {
    name: 'the media type of GraphQL over GET, by Accept',
    express: true,
    path: '/graphql?query=%7Bhello%7D',
    page: () => {
      const { buildSchema } = require('graphql') as { buildSchema(text: string): GraphQLSchema };
      const { createHandler } = require('graphql-http/lib/use/express') as {
        createHandler(options: object): Handler;
      };
      return createHandler({
        schema: buildSchema('type Query { hello: String }'),
        rootValue: { hello: 'world' },
      });
    },
    requests: [
      [{ Accept: 'application/json' }, 'application/json; charset=utf-8'],
      [{ Accept: 'application/graphql-response+json' }, 'application/graphql-response+json; charset=utf-8'],
    ],
    seen: (answer) => String(answer.header('content-type')),
  },
  {
    name: 'the operation of GraphQL over GET, by the query',
    express: true,
    path: '/graphql?query=%7Bwho%7D',
    page: () => {
      const { buildSchema } = require('graphql') as { buildSchema(text: string): GraphQLSchema };
      const { createHandler } = require('graphql-http/lib/use/express') as {
        createHandler(options: object): Handler;
      };
      return createHandler({
        schema: buildSchema('type Query { who: String }'),
        rootValue: { who: (_args: unknown, { name }: { name: string }) => name },
        context: ({ headers }: Request) => ({ name: headers.authorization ?? 'nobody' }),
      });
    },
    requests: [
      [{ Authorization: 'Bearer ann' }, '{"data":{"who":"Bearer ann"}}'],
      [{ Authorization: 'Bearer bob' }, '{"data":{"who":"Bearer bob"}}'],
      [{}, '{"data":{"who":"nobody"}}'],
    ],
    never: true,
  },
];

const fieldsOf = (fields: Fields): Fields => ({ Host: 'site', ...fields });

/** What was wrong of the answers to rounds of requests in turn, in the other order, and at once. */
async function rounds(
  port: number,
  idle: () => Promise<unknown>,
  { requests, path = '/page', seen = ({ body }) => body }: Difference,
): Promise<{ wrong: string[]; last: string[] }> {
  const wrong = new Set<string>();
  const request = async ([fields, right]: Difference['requests'][number]): Promise<string> => {
    const answer = await ask(port, { path, headers: fieldsOf(fields) });
    const { cacheStatus } = answer;
    if (seen(answer) !== right)
      wrong.add(`${JSON.stringify(fields)}: ${seen(answer)}, not ${right} (${cacheStatus})`);
    return cacheStatus;
  };
  const inTurn = async (list: Difference['requests']): Promise<string[]> => {
    const said: string[] = [];
    for (const one of list) {
      said.push(await request(one));
      await idle();
    }
    return said;
  };
  await Promise.all([...requests, ...requests, ...requests, ...requests].map(request));
  await idle();
  await inTurn(requests);
  await inTurn([...requests].reverse());
  return { last: await inTurn(requests), wrong: [...wrong] };
}

describe.each(frameworks.filter(({ name }) => name !== 'Connect'))('$name', ({ express, app }) => {
  const here = differences.filter((one) => express || !one.express);

  test.each(here)('$name: each request gets its own behind the middleware', async (difference) => {
    const { front, page, options, never } = difference;
    const cache = newCache({ ttl: '1h', ...options });
    const port = await serve(app(...((await front?.()) ?? []), cache as Handler, await page()));
    const { wrong, last } = await rounds(port, () => cache.idle(), difference);
    expect(wrong).toEqual([]);
    if (!never) expect(last).toEqual(last.map(() => expect.stringMatching(/^hit/)));
  });

  test.each(here)('$name: each request gets its own of two processes on Redis', async (difference) => {
    const { front, page, options } = difference;
    const prefix = uniquePrefix();
    for (let process = 0; process < 2; process++) {
      const cache = newCache({ redis, prefix, near: process === 1, ttl: '1h', ...options });
      const port = await serve(app(...((await front?.()) ?? []), cache as Handler, await page()));
      const { wrong } = await rounds(port, () => cache.idle(), difference);
      expect(wrong).toEqual([]);
    }
  });

  test.each(here.filter(({ needsFront }) => !needsFront))(
    '$name: each request gets its own at the front door',
    async (difference) => {
      const { front, page, options } = difference;
      const cache = newCache({ ttl: '1h', ...options });
      const port = await serve(cache.before(app(...((await front?.()) ?? []), await page())));
      const { wrong } = await rounds(port, () => cache.idle(), difference);
      expect(wrong).toEqual([]);
    },
  );
});

/** Values of which no two requests have the same, with the field of the answer that tells the request's own. */
const unrepeated: Record<
  string,
  { readonly front: Handler; readonly page: Handler; readonly detail: string }
> = {
  'a CSP nonce': {
    front: (_req, res, next) => {
      res.locals.cspNonce = randomUUID();
      res.setHeader('X-Own', res.locals.cspNonce);
      next();
    },
    page: (_req, res) => res.end(`nonce ${res.locals.cspNonce}`),
    detail: 'varies: res.locals.cspNonce',
  },
  'a CSP nonce that a function gives': {
    front: (_req, res, next) => {
      const nonce = randomUUID();
      res.locals.nonce = () => nonce;
      res.setHeader('X-Own', nonce);
      next();
    },
    page: (_req, res) => res.end(`nonce ${(res.locals.nonce as () => string)()}`),
    detail: 'varies: res.locals.nonce',
  },
  'a CSRF token': {
    front: (_req, res, next) => {
      res.locals.csrfToken = randomUUID();
      res.setHeader('X-Own', res.locals.csrfToken);
      next();
    },
    page: (_req, res) => res.end(`nonce ${res.locals.csrfToken}`),
    detail: 'varies: res.locals.csrfToken',
  },
  'a CSRF token by req.csrfToken()': {
    front: (req, res, next) => {
      const token = randomUUID();
      (req as unknown as { csrfToken(): string }).csrfToken = () => token;
      res.setHeader('X-Own', token);
      next();
    },
    page: (req, res) => res.end(`nonce ${(req as unknown as { csrfToken(): string }).csrfToken()}`),
    detail: 'varies: req.csrfToken',
  },
};

describe.each(frameworks.filter(({ express }) => express))('$name', ({ app }) => {
  test.each(Object.entries(unrepeated))(
    '%s: each request gets its own, and after a few nothing is stored',
    async (_name, { front, page, detail }) => {
      const cache = newCache({ ttl: '1h' });
      const events = guardEvents(cache);
      const port = await serve(app(front, cache as Handler, page));
      let last = '';
      for (let i = 0; i < 40; i++) {
        const answer = await ask(port);
        await cache.idle();
        expect(answer.body).toBe(`nonce ${answer.header('x-own')}`);
        last = answer.cacheStatus;
      }
      expect(last).toContain(`detail="${detail}"`);
      expect(events.length).toBeGreaterThan(0);
    },
  );

  test('a bucket of a test, placed at random in front: each request gets the page of its own bucket, and both are stored', async () => {
    let n = 0;
    const bucket: Handler = (req, res, next) => {
      (req as unknown as { bucket: string }).bucket = n++ % 3 === 0 ? 'a' : 'b';
      res.setHeader('X-Own', (req as unknown as { bucket: string }).bucket);
      next();
    };
    const cache = newCache({ ttl: '1h' });
    let runs = 0;
    const page: Handler = (req, res) => {
      runs++;
      res.end((req as unknown as { bucket: string }).bucket);
    };
    const port = await serve(app(bucket, cache as Handler, page));
    for (let i = 0; i < 20; i++) {
      const answer = await ask(port);
      await cache.idle();
      expect(answer.body).toBe(answer.header('x-own'));
    }
    expect(runs).toBe(2);
  });

  test('a bucket by a cookie: each caller gets the page of the own bucket', async () => {
    const cache = newCache({ ttl: '1h' });
    const bucketOf = (cookie: string | undefined): string => /ab=(\w)/.exec(cookie ?? '')?.[1] ?? 'a';
    const front: Handler = (req, _res, next) => {
      (req as unknown as { bucket: string }).bucket = bucketOf(req.headers.cookie);
      next();
    };
    const page: Handler = (req, res) => res.end((req as unknown as { bucket: string }).bucket);
    const port = await serve(app(front, cache as Handler, page));
    for (let round = 0; round < 3; round++) {
      for (const own of ['a', 'b', 'c']) {
        const answer = await ask(port, { headers: { Cookie: `ab=${own}` } });
        await cache.idle();
        expect(answer.body).toBe(own);
      }
    }
  });
});
