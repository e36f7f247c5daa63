import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import { describe, expect, test } from '@jest/globals';
import type { RequestHandler } from 'express';
import session from 'express-session';
import { type Handler, newCache, serve } from '../../support/app.ts';
import { type Answer, ask } from '../../support/client.ts';
import { expresses } from '../../support/expresses.ts';
import { uniquePrefix } from '../../support/prefix.ts';
import { redis } from '../../support/stores.ts';
import { session as bySession, CALLERS, type Caller, PEOPLE, type Person } from './support/callers.ts';
import { PAGES, type Page, pageNames, pageOf } from './support/pages.ts';

/* Whole apps of packages that people use: Koa with its state, passport over express-session. */

interface Context {
  readonly req: IncomingMessage;
  readonly res: ServerResponse;
  readonly path: string;
  readonly state: { user?: Person | undefined };
  body: string;
}
type KoaLayer = (context: Context, next: () => Promise<void>) => unknown;
const Koa = require('koa') as new () => { use(layer: KoaLayer): void; callback(): RequestListener };

/** As koa-connect makes a middleware of Koa of one. */
const connected =
  (middleware: Handler): KoaLayer =>
  ({ req, res }, next) =>
    new Promise<void>((resolve, reject) => {
      middleware(req as never, res as never, (error) => (error ? reject(error as Error) : resolve(next())));
    });

const stores = [
  ['in process', () => ({})],
  ['in Redis', () => ({ redis, prefix: uniquePrefix() })],
] as const;

describe.each(stores)('Koa, %s', (_store, open) => {
  test('ctx.state.user: nobody is given the page of another person', async () => {
    const cache = newCache({ ttl: '1h', ...open() });
    const app = new Koa();
    app.use((context, next) => {
      context.state.user = bySession.person(context.req.headers);
      return next();
    });
    app.use(connected(cache as Handler));
    app.use((context) => {
      context.body = PAGES[pageOf(context.path)](context.state.user);
    });
    const port = await serve(app.callback());
    const wrong: string[] = [];
    const request = async (path: string, caller: Caller): Promise<void> => {
      const { body, cacheStatus } = await ask(port, { path, headers: bySession.as(caller) });
      const page = PAGES[pageOf(path) as Page];
      // The state is not on the request, so guests and members with a session look alike: see `allowed`.
      const right = caller === 'stranger' ? [page(undefined)] : [page(PEOPLE[caller]), page(undefined)];
      if (!right.includes(body)) wrong.push(`${caller} at ${path}: ${body} (${cacheStatus})`);
    };
    for (const page of pageNames) {
      await Promise.all(
        [...CALLERS, ...CALLERS, ...CALLERS].map((caller) => request(`/${page}?all`, caller)),
      );
      for (let round = 0; round < 2; round++)
        for (const order of [CALLERS, [...CALLERS].reverse()])
          for (const caller of order) {
            await request(`/${page}?${order[0]}`, caller);
            await cache.idle();
          }
    }
    expect(wrong).toEqual([]);
  });
});

interface Passports {
  use(name: string, strategy: object): void;
  serializeUser(serialize: (user: object, done: (error: null, value: unknown) => void) => void): void;
  deserializeUser(deserialize: (value: unknown, done: (error: null, value: unknown) => void) => void): void;
  initialize(): RequestHandler;
  session(): RequestHandler;
  authenticate(name: string): RequestHandler;
}
const { Passport } = require('passport') as { Passport: new () => Passports };

describe.each(expresses)('%s with express-session and passport', (_name, express) => {
  describe.each(stores)('%s', (_store, open) => {
    /** Callers who have logged in, or have a session with a cart, or neither. */
    async function shop(isDoor: boolean, saveUninitialized: boolean) {
      const cache = newCache({ ttl: '1h', ...open() });
      const passports = new Passport();
      passports.use('name', {
        authenticate(this: { success(user: object): void }, { query }: { query: { name: string } }) {
          this.success({ ...PEOPLE[query.name] });
        },
      });
      passports.serializeUser((user, done) => done(null, user));
      passports.deserializeUser((value, done) => done(null, value));
      const app = express().set('env', 'test');
      app.use(session({ secret: 'secret', resave: false, saveUninitialized }));
      app.use(passports.initialize(), passports.session());
      app.post('/login', passports.authenticate('name'), (_req, res) => void res.end());
      app.post('/cart', (req, res) => {
        (req as unknown as { session: { cart: unknown } }).session.cart = req.query.name;
        res.end();
      });
      if (!isDoor) app.use(cache as RequestHandler);
      app.get('/cart', (req, res) => {
        res.end(`cart of ${(req as unknown as { session: { cart?: string } }).session.cart ?? 'nobody'}`);
      });
      app.get('/public', (_req, res) => void res.end('for all'));
      app.get('/:page', (req, res) => {
        const { user } = req as unknown as { user?: Person };
        res.end(PAGES[pageOf(req.path)](user));
      });
      const port = await serve(isDoor ? cache.before(app) : app);
      const jars = new Map<Caller, string>();
      for (const caller of CALLERS) {
        if (caller === 'stranger') continue;
        const path = PEOPLE[caller] ? `/login?name=${caller}` : `/cart?name=${caller}`;
        const answer = await ask(port, { method: 'POST', path });
        jars.set(caller, answer.header('set-cookie')!.split(';')[0]!);
      }
      const request = async (path: string, caller: Caller): Promise<Answer> => {
        const Cookie = jars.get(caller);
        return ask(port, { path, headers: Cookie ? { Cookie } : {} });
      };
      return { cache, request };
    }

    const ownOf = (path: string, caller: Caller): string => {
      if (path.startsWith('/public')) return 'for all';
      if (path.startsWith('/cart'))
        return `cart of ${caller === 'gus' || caller === 'gil' ? caller : 'nobody'}`;
      return PAGES[pageOf(path)](PEOPLE[caller]);
    };

    test.each([
      ['behind the session, which every guest has', false, true],
      ['behind the session', false, false],
      ['at the front door', true, false],
    ])('%s: each caller gets the own page and the own cart', async (_where, isDoor, saveUninitialized) => {
      const { cache, request } = await shop(isDoor, saveUninitialized);
      const wrong: string[] = [];
      const visit = async (path: string, caller: Caller): Promise<string> => {
        const { body, cacheStatus } = await request(path, caller);
        if (body !== ownOf(path, caller)) wrong.push(`${caller} at ${path}: ${body} (${cacheStatus})`);
        return cacheStatus;
      };
      for (const page of ['cart', 'public', ...pageNames]) {
        const crowd = Array.from({ length: 24 }, (_, i) => CALLERS[i % CALLERS.length] as Caller);
        await Promise.all(crowd.map((caller) => visit(`/${page}?all`, caller)));
        await cache.idle();
        for (const order of [CALLERS, [...CALLERS].reverse()])
          for (const caller of [...order, ...order]) {
            await visit(`/${page}?${order[0]}`, caller);
            await cache.idle();
          }
      }
      expect(wrong).toEqual([]);
      if (!isDoor) for (const caller of CALLERS) expect(await visit('/public?ann', caller)).toMatch(/^hit/);
    });
  });
});
