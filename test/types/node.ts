/* Checked by the compiler, never run: what apps without Express write, with or without its types in the project. */

import {
  createServer,
  type IncomingMessage,
  type RequestListener,
  type Server,
  type ServerResponse,
} from 'node:http';
import {
  createServer as createHttp2Server,
  createSecureServer,
  type Http2ServerRequest,
  type Http2ServerResponse,
} from 'node:http2';
import { type CacheHandle, type CacheOptions, redisCache } from 'redis-response-cache';
import { inspector } from 'redis-response-cache/inspector';

// node:http and node:http2, without type arguments.
const cache = redisCache({
  key: (req: IncomingMessage) => req.url ?? null,
  when: (req, res) => req.headers.authorization === undefined && !res.headersSent,
  vary: { by: ({ socket }) => socket.remoteAddress ?? null },
});
const handler: RequestListener = (_req, res) => void res.end();
createServer((req, res) => cache(req, res, () => handler(req, res)));
createServer(cache.before(handler));
createServer(cache.before((req, res) => void res.end(req.complete)));
createHttp2Server((req, res) => cache(req, res, () => res.stream.respond()));
createSecureServer(
  {},
  cache.before((req: Http2ServerRequest, res: Http2ServerResponse) => res.end(req.url)),
);
createServer((req, res) => inspector(cache, { authorize: 'development' })(req, res, () => res.end()));
export const explained = (server: Server): unknown =>
  server.on('request', (req: IncomingMessage) => cache.explain(req));
void cache.warm(['http://localhost/'], { app: handler });

// A framework's own request, by type arguments.
interface MyRequest extends IncomingMessage {
  readonly params: { readonly id: string };
  readonly account?: { readonly id: number };
}
interface MyResponse extends ServerResponse {
  readonly state: { readonly cached: boolean };
}
const mine = redisCache<MyRequest, MyResponse>({
  key: (req) => ['lead', req.params.id],
  when: (_req, res) => res.state.cached,
  vary: { caller: ({ account }) => account?.id ?? null },
  invalidation: { header: 'x-purge', authorize: (req) => req.account?.id === 1 },
});
mine.with({ tags: ({ params }) => [params.id] }).with({ when: (_req, res) => res.state.cached });
inspector<MyRequest>(mine, { authorize: (req) => req.account?.id === 1 });
redisCache<Http2ServerRequest, Http2ServerResponse>({ key: (req) => [req.authority, req.url] });
const options: CacheOptions<MyRequest> = { key: (req) => req.params.id };
redisCache<MyRequest>(options).with({
  // @ts-expect-error: this request has no such parameter.
  key: (req) => req.params.name,
});
export const stop = (...caches: CacheHandle[]): unknown => Promise.all(caches.map((each) => each.close()));
void stop(cache, mine);

// As Connect, NestJS, Polka and middie take a middleware.
type Use<Req, Res, Next> = (middleware: (req: Req, res: Res, next: Next) => unknown) => void;
export function frameworks(
  connect: Use<IncomingMessage, ServerResponse, (error?: unknown) => void>,
  polka: Use<IncomingMessage & { params: object }, ServerResponse, (error?: string | Error) => void>,
  middie: Use<IncomingMessage & { body?: unknown }, ServerResponse, (error?: unknown) => void>,
  // biome-ignore lint/suspicious/noExplicitAny: as NestJS declares it.
  nest: (...middleware: ((...args: any[]) => any)[]) => void,
): void {
  connect(cache);
  connect(mine);
  polka(cache);
  middie(cache.with({ ttl: '1m' }));
  nest(cache, mine);
}
