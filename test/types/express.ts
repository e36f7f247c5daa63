/* Checked by the compiler, never run: what an app of Express 4 or 5 writes, without type arguments. */

import express, { type NextFunction, type Request, type RequestHandler, type Response } from 'express';
import {
  type CacheMiddleware,
  type CacheOptions,
  type KeyPart,
  type OptionFunction,
  type PolicyOptions,
  redisCache,
} from 'redis-response-cache';
import { inspector } from 'redis-response-cache/inspector';

interface User {
  readonly id: number;
  readonly role: 'admin' | 'member';
}

/** As an app declares what its middleware places, and as the types of passport and express-session do. */
declare global {
  namespace Express {
    interface Request {
      visitor?: User;
      office?: { readonly name: string };
    }
    interface Locals {
      plan?: 'free' | 'paid';
    }
  }
}

const cache = redisCache({
  key: (req) => [req.path, req.query.page ?? null, req.query],
  vary: { by: (req) => req.office?.name ?? null, caller: (req) => req.visitor?.id ?? null },
  when: (req, res) => req.get('x-preview') === undefined && res.locals.cached,
  enabled: async (_req, res) => res.locals.plan !== 'free',
  storeWhen: (_req, res) => res.statusCode < 300 && !res.headersSent,
  ttl: (req) => (req.path.startsWith('/slow') ? { default: '1h', 404: '10s' } : false),
  tags: (req) => [`lead-${req.params.id}`],
  invalidation: { header: 'X-Purge', authorize: (req) => req.visitor?.role === 'admin' },
});

cache.with({ key: (req) => ({ path: req.path, page: req.query.page?.toString() ?? null }) });
cache.with({ key: async (req) => (req.visitor ? null : [req.originalUrl]) });

// Annotated by hand: narrower, as wide, wider, and by a function that is declared elsewhere.
redisCache({ key: (req: Request<{ id: string }>) => [req.params.id.toUpperCase()] });
redisCache({ key: (req: express.Request, res: express.Response) => [req.path, res.statusCode] });
redisCache({ when: (req: { readonly method?: string }) => req.method === 'GET' });
redisCache({ vary: { caller: (req: Request & { member?: User }) => req.member?.id ?? null } });
redisCache({ when: ({ query }: Request<unknown, unknown, unknown, { draft?: string }>) => !query.draft });
// One annotation says nothing of the other functions.
redisCache({ key: (req: Request<{ id: string }>) => req.params.id, when: (req) => req.params.other === 'x' });
const byId: OptionFunction<KeyPart> = (req) => ['lead', req.params.id ?? null];
const isAdmin = ({ visitor }: Request): boolean => visitor?.role === 'admin';
redisCache({ key: byId, when: isAdmin });
const policy: PolicyOptions = { key: byId, storeWhen: isAdmin };
const options: CacheOptions = { ...policy, ttl: '1h' };
cache.with(policy);
redisCache(options).with({ when: (req) => req.accepts('html') === 'html' });

// Where Express takes a handler.
const app = express();
const handler: RequestHandler = cache;
app.use(cache, handler).use('/api', cache.with({ ttl: 1000 }));
app.get('/leads/:id', cache, (req, res) => void res.json(req.params.id));
app.route('/news').all(cache);
express.Router().use(cache).get('/', [cache, handler], handler);
app.use('/cache', inspector(cache, { authorize: (req) => req.visitor?.role === 'admin' }));
app.use('/cache', inspector(cache, { authorize: (req: Request, res: Response) => isAdmin(req) || !res }));
app.use((req: Request, res: Response, next: NextFunction) => cache(req, res, next));
cache.before(app);
void cache.warm(['http://localhost/'], { app });
app.get('/explain', async (req, res) => void res.json(await cache.explain(req)));

// A cache is a cache, whatever its functions get.
const caches: CacheMiddleware[] = [cache, redisCache<Request<{ id: string }>>()];
app.use(...caches);

redisCache({
  // @ts-expect-error: Express's request has no such member.
  key: (req) => [req.parms],
});
redisCache({
  // @ts-expect-error: a key is plain JSON.
  key: (req) => [req.socket],
});
redisCache({
  // @ts-expect-error: a condition is a boolean.
  when: (req) => req.path,
});
cache.with({
  // @ts-expect-error: one cache has one Redis.
  redis: 'redis://localhost',
});
// @ts-expect-error: a number is no request.
redisCache({ when: (req: number) => req > 0 });
// @ts-expect-error: `soft` is an option of the purge.
void cache.purge({ tag: 'leads', soft: true });
