import type { RequestListener } from 'node:http';
import type Express from 'express';
import type { CacheMiddleware, CacheOptions } from '../../../../src/index.ts';
import { type Framework, type Handler, newCache, serve, untilTheEnd } from '../../../support/app.ts';
import { type Answer, type Asked, Connection } from '../../../support/client.ts';
import { CALLERS, type Caller } from './callers.ts';
import type { Channel, Req, Res } from './channels.ts';
import { allowed, PAGES, type Page, pageNames, pageOf } from './pages.ts';

/* An app whose callers are told apart by a channel, with a cache in it, and a client who sees that nobody gets another's page. */

export interface Mounting {
  readonly name: string;
  fits(framework: Framework, channel: Channel): boolean;
  build(framework: Framework, cache: CacheMiddleware, front: Handler, page: Handler): RequestListener;
}

const routerOf = ({ name }: Framework): Express.Router =>
  (require(name === 'Express 4' ? 'express4' : 'express') as typeof Express).Router();

const everywhere: Mounting['fits'] = ({ express }, channel) => express || !channel.express;

export const mountings: readonly Mounting[] = [
  {
    name: 'behind the middleware',
    fits: everywhere,
    build: ({ app }, cache, front, page) => app(front, cache as Handler, page),
  },
  {
    name: 'on a route',
    fits: ({ express }) => express,
    build: (framework, cache, front, page) => {
      const router = routerOf(framework).get('/:page', cache as never, page as never);
      return framework.app(front, router as unknown as Handler);
    },
  },
  {
    name: 'at the front door',
    fits: everywhere,
    build: ({ app }, cache, front, page) => cache.before(app(front, page)),
  },
];

/** The two layers of an app. */
function layersOf(channel: Channel): { front: Handler; page: Handler } {
  const { place, find } = channel.wire();
  return {
    front: (req, res, next) => place(req as never, res as never, channel.way.person(req.headers), next),
    page: (req, res) => {
      const person = find(req as unknown as Req, res as unknown as Res);
      res.end(PAGES[pageOf(req.originalUrl ?? req.url)](person));
    },
  };
}

export interface Stage {
  readonly caches: readonly CacheMiddleware[];
  /** What was wrong of all answers so far, each in a line. */
  readonly wrong: string[];
  /** Asks in turn, each caller when nothing goes on behind the answer to the one before. */
  inTurn(path: string, callers: readonly Caller[]): Promise<void>;
  /** Asks one after the other without any waiting. */
  inHaste(path: string, callers: readonly Caller[]): Promise<void>;
  atOnce(path: string, callers: readonly Caller[]): Promise<void>;
}

/** Connections that are kept alive, as many as there are requests at once. */
function keptAlive(port: number): (asked: Asked) => Promise<Answer> {
  const idle: Connection[] = [];
  const all: Connection[] = [];
  untilTheEnd(async () => {
    for (const connection of all) connection.close();
  });
  return async (asked) => {
    let connection = idle.pop();
    if (!connection || connection.closed) {
      connection = new Connection(port);
      all.push(connection);
    }
    const answer = await connection.ask(asked);
    idle.push(connection);
    return answer;
  };
}

export interface Circumstances {
  /** Caches over one store, each in front of an app of its own. Requests go to each in turn. */
  readonly processes?: number;
  /** Called before each request of those in turn. */
  readonly between?: () => void;
}

export async function stage(
  channel: Channel,
  options: CacheOptions,
  build: (cache: CacheMiddleware, front: Handler, page: Handler) => RequestListener,
  { processes = 1, between }: Circumstances = {},
): Promise<Stage> {
  const caches: CacheMiddleware[] = [];
  const clients: ReturnType<typeof keptAlive>[] = [];
  for (let i = 0; i < processes; i++) {
    const { front, page } = layersOf(channel);
    const cache = newCache({ ttl: '1h', ...channel.options, ...options });
    caches.push(cache);
    clients.push(keptAlive(await serve(build(cache, front, page))));
  }
  const wrong: string[] = [];
  let n = 0;
  const idle = () => Promise.all(caches.map((cache) => cache.idle()));

  async function request(path: string, caller: Caller): Promise<void> {
    const headers = channel.way.as(caller);
    const { body, status, cacheStatus } = await (clients[n++ % clients.length] as (typeof clients)[0])({
      path,
      headers: { Host: 'a', ...headers },
    });
    const right = allowed(channel, pageOf(path), caller);
    if (status === 200 && right.includes(body)) return;
    const line = `${caller} at ${path}: ${status} ${body}, not ${right.join(' or ')} (${cacheStatus})`;
    if (!wrong.includes(line)) wrong.push(line);
  }

  return {
    caches,
    wrong,
    async inTurn(path, callers) {
      for (const caller of callers) {
        between?.();
        await request(path, caller);
        await idle();
      }
    },
    async inHaste(path, callers) {
      for (const caller of callers) await request(path, caller);
      await idle();
    },
    async atOnce(path, callers) {
      await Promise.all(callers.map((caller) => request(path, caller)));
      await idle();
    },
  };
}

const ROLES: readonly (readonly Caller[])[] = [
  ['ada', 'ann'],
  ['ann', 'ada'],
];
const ORDERS: Readonly<Record<Page, readonly (readonly Caller[])[]>> = {
  me: [
    ['ann', 'bob'],
    ['gus', 'ann'],
    ['ann', 'gus'],
    ['stranger', 'ann'],
    ['ann', 'stranger'],
    ['stranger', 'gus', 'gil', 'ann', 'bob', 'ada'],
  ],
  tools: [...ROLES, ['gus', 'ann', 'ada']],
  news: [...ROLES, ['stranger', 'ann', 'bob', 'gus', 'ada']],
};

/** Each order at a URL of its own, twice, then once more without waiting for what goes on behind the answers. */
export async function everyOrder(app: Stage): Promise<void> {
  for (const page of pageNames)
    for (const [i, callers] of ORDERS[page].entries()) {
      const path = `/${page}?${i}`;
      await app.inTurn(path, [...callers, ...callers]);
      await app.inHaste(path, callers);
    }
}

/** Thirty at once for what nobody has asked for yet, then again. */
export async function allAtOnce(app: Stage): Promise<void> {
  const crowd = Array.from({ length: 30 }, (_, i) => CALLERS[i % CALLERS.length] as Caller);
  for (const page of pageNames) {
    const path = `/${page}?all`;
    await app.atOnce(path, crowd);
    await app.atOnce(path, crowd);
    await app.inTurn(path, CALLERS);
  }
}
