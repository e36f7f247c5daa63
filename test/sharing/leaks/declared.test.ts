import type { IncomingMessage } from 'node:http';
import { describe, expect, test } from '@jest/globals';
import type { CacheOptions } from '../../../src/index.ts';
import { frameworks, guardEvents, type Handler, newCache, serve } from '../../support/app.ts';
import { ask } from '../../support/client.ts';
import { uniquePrefix } from '../../support/prefix.ts';
import { redis } from '../../support/stores.ts';

/*
 * Keys that happen to contain something of the caller, and do not tell callers apart. What covers a caller is declared, and
 * never found out.
 */

interface User {
  readonly id: number;
  readonly name?: string;
  readonly company?: { readonly id: string };
}
type Known = IncomingMessage & { user?: User; query: Record<string, string> };

const USERS: readonly User[] = [
  { id: 1, name: 'ann', company: { id: 'acme' } },
  { id: 2, name: 'bob', company: { id: 'acme' } },
  { id: 42, name: 'eve', company: { id: 'other' } },
];
const tokenOf = ({ id }: User): string => `token-of-the-user-with-the-number-${id}`;
const userOf = ({ headers }: IncomingMessage): User | undefined => {
  const token = headers.authorization ?? headers['x-acme-key'] ?? headers['x-api-key'];
  return USERS.find((user) => token === tokenOf(user));
};

/** As passport places it. */
const placed: Handler = (req, _res, next) => {
  const user = userOf(req);
  if (user) (req as unknown as Known).user = { ...user };
  next();
};
/** As an ORM does. */
const instance: Handler = (req, _res, next) => {
  const user = userOf(req);
  if (user) (req as unknown as Known).user = Object.assign(Object.create({ save() {} }), user);
  next();
};
/** Where nothing of it can be seen to be read. */
const hidden = new WeakMap<object, User>();
const unseen: Handler = (req, _res, next) => {
  const user = userOf(req);
  if (user) {
    (req as unknown as Known).user = { ...user };
    hidden.set(req, user);
  }
  next();
};
const nameOf = (req: object): string => (req as Known).user?.name ?? 'nobody';
const hiddenName = (req: object): string => hidden.get(req)?.name ?? 'nobody';

interface Case {
  readonly name: string;
  readonly options: CacheOptions;
  readonly front?: Handler;
  readonly paths: readonly string[];
  readonly find?: (req: object) => string;
  readonly vary?: string;
}

const key = (make: (req: Known) => unknown): CacheOptions => ({ key: (req) => make(req as Known) as never });
const by = (make: (req: Known) => unknown): CacheOptions => ({
  vary: { by: (req) => make(req as Known) as never },
});

const cases: Case[] = [
  {
    name: 'a key with a number of the query that is the id of some caller',
    options: key(({ url = '' }) => [
      'leads',
      'member',
      new URL(url, 'http://a').searchParams.get('page') ?? '',
    ]),
    paths: ['/leads?page=1', '/leads?page=2', '/leads?page=42'],
  },
  {
    name: 'vary.by whether there is a user, at a URL with the id of one',
    options: by((req) => Boolean(req.user?.id)),
    paths: ['/orders/42', '/orders/1', '/orders/2'],
  },
  {
    name: 'a key with what colleagues share',
    options: key((req) => [req.url ?? '', req.user?.company?.id ?? null]),
    paths: ['/reports'],
  },
  {
    name: 'vary.by what colleagues share',
    options: by((req) => req.user?.company?.id ?? null),
    paths: ['/reports'],
  },
  {
    name: 'a key with the length of the name of the user',
    options: key((req) => [req.url ?? '', req.user?.name?.length ?? null]),
    paths: ['/reports'],
  },
  {
    name: 'a key that reads the user and contains nothing of it',
    options: key((req) => (req.user?.id ? '/page' : '/')),
    paths: ['/page'],
  },
  { name: 'Vary: Cookie', options: {}, vary: 'Cookie', paths: ['/page'] },
  {
    name: 'vary.headers of another credential',
    options: { vary: { headers: ['Cookie'] } },
    paths: ['/page'],
  },
  {
    name: 'vary.cookies of a cookie that is not sent',
    options: { vary: { cookies: ['sid'] } },
    paths: ['/page'],
  },
  { name: 'Vary: Origin', options: {}, vary: 'Origin', paths: ['/page'] },
];

/** How the user comes to the handler. */
const manners = [
  ['in a plain req.user', placed, nameOf],
  ['in an instance of req.user', instance, nameOf],
  ['by a channel that is not seen', unseen, hiddenName],
] as const;

const FIELDS = ['Authorization', 'X-Api-Key'];

describe.each(frameworks.filter(({ name }) => name !== 'Connect'))('$name', ({ app }) => {
  describe.each(manners)('a user %s', (_manner, front, find) => {
    for (const field of FIELDS)
      test.each(cases)(
        `$name, by ${field}: each caller gets the own page`,
        async ({ options, paths, vary }) => {
          const cache = newCache({ ttl: '1h', ...options });
          const page: Handler = (req, res) => {
            if (vary) res.setHeader('Vary', vary);
            res.end(find(req));
          };
          const port = await serve(app(front, cache as Handler, page));
          const wrong: string[] = [];
          const request = async (path: string, user: User | undefined): Promise<void> => {
            const headers: Record<string, string> = user ? { [field]: tokenOf(user) } : {};
            const { body, cacheStatus } = await ask(port, { path, headers });
            const own = user?.name ?? 'nobody';
            if (body !== own) wrong.push(`${own} at ${path}: ${body} (${cacheStatus})`);
          };
          for (let round = 0; round < 2; round++)
            for (const path of paths)
              for (const user of [...USERS, undefined]) {
                await request(path, user);
                await cache.idle();
              }
          await Promise.all(
            [...USERS, undefined, ...USERS, undefined].map((user) => request(`${paths[0]}`, user)),
          );
          expect(wrong).toEqual([]);
        },
      );
  });

  test('a key that reads req.user without a declaration: a guard event shows the line to write', async () => {
    const cache = newCache({ key: (req) => [req.url ?? '', (req as Known).user?.id ?? null] });
    const events = guardEvents(cache);
    const port = await serve(app(instance, cache as Handler, (req, res) => res.end(nameOf(req))));
    await ask(port, { headers: { Authorization: tokenOf(USERS[0] as User) } });
    await cache.idle();
    expect(events[0]?.advice).toContain('vary: { caller: (req) => ');
  });

  test('vary.caller: each caller has an own stored page, and strangers have one', async () => {
    let runs = 0;
    const cache = newCache({
      ttl: '1h',
      vary: { caller: (req) => (req as Known).user?.id ?? null },
    } as CacheOptions);
    const page: Handler = (req, res) => {
      runs++;
      res.end(nameOf(req));
    };
    const port = await serve(app(instance, cache as Handler, page));
    for (let round = 0; round < 3; round++)
      for (const user of [...USERS, undefined]) {
        const headers: Record<string, string> = user ? { Authorization: tokenOf(user) } : {};
        expect((await ask(port, { headers })).body).toBe(user?.name ?? 'nobody');
        await cache.idle();
      }
    expect(runs).toBe(4);
  });
});

/** All fields at once, as proxies and adapters to other frameworks take them. */
const copies: Record<string, (req: IncomingMessage) => string | null | undefined> = {
  'new Headers()': (req) => new Headers(req.headers as Record<string, string>).get('x-api-key'),
  'a spread of req.headers': (req) => String({ ...req.headers }['x-api-key']),
  'Object.assign()': (req) => String(Object.assign({}, req.headers)['x-api-key']),
  'Object.entries()': (req) => String(Object.fromEntries(Object.entries(req.headers))['x-api-key']),
  'JSON.stringify()': (req) => JSON.parse(JSON.stringify(req.headers))['x-api-key'],
  structuredClone: (req) => String(structuredClone({ ...req.headers })['x-api-key']),
  'a loop over req.headers': (req) => {
    for (const name in req.headers) if (name === 'x-api-key') return String(req.headers[name]);
    return undefined;
  },
  'req.rawHeaders': ({ rawHeaders }) => {
    const at = rawHeaders.findIndex((text, i) => i % 2 === 0 && text.toLowerCase() === 'x-api-key');
    return at < 0 ? undefined : rawHeaders[at + 1];
  },
  'a copy of req.rawHeaders': ({ rawHeaders }) =>
    [...rawHeaders][rawHeaders.slice().indexOf('X-Api-Key') + 1],
  'req.headersDistinct, spread': (req) => ({ ...req.headersDistinct })['x-api-key']?.[0],
  'a destructured field': ({ headers: { 'x-api-key': key } }) => String(key),
};

describe.each(frameworks.filter(({ name }) => name !== 'Connect'))('$name', ({ app }) => {
  test.each(Object.entries(copies))('%s of all fields: each caller gets the own page', async (_how, copy) => {
    const cache = newCache({ ttl: '1h' });
    const port = await serve(app(cache as Handler, (req, res) => res.end(`for ${copy(req)}`)));
    for (let round = 0; round < 3; round++)
      for (const own of ['ann', 'bob', 'eve']) {
        const { body } = await ask(port, { headers: { 'X-Api-Key': own } });
        await cache.idle();
        expect(body).toBe(`for ${own}`);
      }
    expect((await ask(port)).body).not.toMatch(/ann|bob|eve/);
  });
});

/** A login in front chooses who answers, which reads nothing of anybody. */
const routes: Record<string, (cache: () => Handler, members: Handler, guests: Handler, run: Run) => Handler> =
  {
    'one cache in front of two routers': (cache, members, guests, run) => {
      const shared = cache();
      return (req, res, next) =>
        userOf(req) ? run([shared, members], req, res, next) : run([shared, guests], req, res, next);
    },
    'two caches with one prefix': (cache, members, guests, run) => {
      const [one, other] = [cache(), cache()];
      return (req, res, next) =>
        userOf(req) ? run([one, members], req, res, next) : run([other, guests], req, res, next);
    },
    'a cache in the guests’ router alone': (cache, members, guests, run) => {
      const one = cache();
      return (req, res, next) => (userOf(req) ? members(req, res, next) : run([one, guests], req, res, next));
    },
    'a cache in the members’ router alone': (cache, members, guests, run) => {
      const one = cache();
      return (req, res, next) => (userOf(req) ? run([one, members], req, res, next) : guests(req, res, next));
    },
  };
type Run = (layers: readonly Handler[], ...args: Parameters<Handler>) => unknown;

const inTurn: Run = ([first, ...rest], req, res, next) =>
  first ? first(req, res, (error) => (error ? next(error) : inTurn(rest, req, res, next))) : next();

describe.each(frameworks.filter(({ name }) => name !== 'Connect'))('$name', ({ app }) => {
  describe.each([
    ['in process', () => ({})],
    ['in Redis', () => ({ redis, prefix: uniquePrefix() })],
  ] as const)('%s', (_store, open) => {
    test.each(Object.entries(routes))(
      '%s, chosen by a login in front: guests get the guests’ page, and members the members’',
      async (_how, mount) => {
        const options = open();
        const caches: ReturnType<typeof newCache>[] = [];
        const cache = (): Handler => {
          const one = newCache({ ttl: '1h', ...options });
          caches.push(one);
          return one as Handler;
        };
        const members: Handler = (_req, res) => res.end('dashboard');
        const guests: Handler = (_req, res) => res.end('welcome');
        const port = await serve(app(mount(cache, members, guests, inTurn)));
        const wrong: string[] = [];
        const request = async (path: string, user: User | undefined): Promise<void> => {
          const headers: Record<string, string> = user ? { 'X-Api-Key': tokenOf(user) } : {};
          const { body, cacheStatus } = await ask(port, { path, headers: { Host: 'a', ...headers } });
          if (body !== (user ? 'dashboard' : 'welcome'))
            wrong.push(`${user?.name} at ${path}: ${body} (${cacheStatus})`);
        };
        const [ann, bob] = USERS;
        for (const order of [
          [ann, undefined, bob, undefined],
          [undefined, ann, undefined, bob],
        ]) {
          const path = `/home?${order[0] ? 'members' : 'guests'}`;
          for (const user of [...order, ...order]) {
            await request(path, user);
            await Promise.all(caches.map((one) => one.idle()));
          }
        }
        await Promise.all(
          Array.from({ length: 20 }, (_, i) => request('/home?all', i % 2 ? ann : undefined)),
        );
        expect(wrong).toEqual([]);
      },
    );
  });
});
