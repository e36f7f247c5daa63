import { AsyncLocalStorage } from 'node:async_hooks';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { CacheOptions } from '../../../../src/index.ts';
import {
  apiKey,
  bearer,
  identity,
  longIdentity,
  type Person,
  roleCookie,
  session,
  sessionAndRole,
  type Way,
} from './callers.ts';

/*
 * The channels by which middleware in front of a cache tells the handler behind it who is asking. In each, the middleware
 * finds the person in the request's fields.
 */

export type Req = IncomingMessage & Record<string | symbol, unknown>;
export type Res = ServerResponse & Record<string | symbol, unknown>;

/** Made for each app, with the state that it has. */
interface Wiring {
  /** The middleware in front. */
  place(req: Req, res: Res, person: Person | undefined, next: () => void): void;
  /** How the handler finds the person. */
  find(req: Req, res: Res): Person | undefined;
}

export interface Channel {
  readonly name: string;
  readonly way: Way;
  wire(): Wiring;
  readonly options?: CacheOptions;
  /** Express has what the channel needs. */
  readonly express?: true;
  /**
   * The channel leaves no trace in the request, and the credentials of all callers are of one kind and too long to tell
   * callers apart by their text.
   */
  readonly isTraceless?: true;
}

type As = Person | undefined;

/** A property of the request, of some form. */
const onRequest = (
  property: string,
  form: (person: As) => unknown,
  read: (value: never) => As,
): (() => Wiring) => {
  return () => ({
    place(req, _res, person, next) {
      const value = form(person);
      if (value !== undefined) req[property] = value;
      next();
    },
    find: (req) => read(req[property] as never),
  });
};

const onLocals = (
  property: string,
  form: (person: As) => unknown,
  read: (value: never) => As,
): (() => Wiring) => {
  return () => ({
    place(_req, res, person, next) {
      const locals = ((res.locals as object | undefined) ?? {}) as Record<string, unknown>;
      res.locals = locals;
      const value = form(person);
      if (value !== undefined) locals[property] = value;
      next();
    },
    find: (_req, res) => read((res.locals as Record<string, never>)[property] as never),
  });
};

const own = (person: As): As => person && { ...person };
const same = (person: As): As => person;

class Member implements Person {
  readonly id: number;
  readonly name: string;
  readonly role: Person['role'];
  constructor({ id, name, role }: Person) {
    this.id = id;
    this.name = name;
    this.role = role;
  }
}
const instance = (person: As): As => person && new Member(person);

/** As express-openid-connect's request context: there for everybody. */
class RequestContext {
  readonly #person: As;
  constructor(person: As) {
    this.#person = person;
  }
  get user(): As {
    return this.#person;
  }
  isAuthenticated(): boolean {
    return this.#person !== undefined;
  }
}

/** A property of the request that is computed when it is read. */
const accessor =
  (property: string): (() => Wiring) =>
  () => ({
    place(req, _res, person, next) {
      Object.defineProperty(req, property, { configurable: true, enumerable: true, get: () => person });
      next();
    },
    find: (req) => req[property] as As,
  });

/** A property of all requests of the app. */
const onPrototype = (compute: (req: Req, persons: WeakMap<object, Person>) => As): (() => Wiring) => {
  return () => {
    const persons = new WeakMap<object, Person>();
    return {
      place(req, _res, person, next) {
        const { request } = req.app as { request: object };
        if (!Object.hasOwn(request, 'member'))
          Object.defineProperty(request, 'member', {
            get(this: Req) {
              return compute(this, persons);
            },
          });
        if (person) persons.set(req, person);
        next();
      },
      find: (req) => req.member as As,
    };
  };
};

const asyncLocalStorage = (): Wiring => {
  const storage = new AsyncLocalStorage<As>();
  return {
    place: (_req, _res, person, next) => storage.run(person, next),
    find: () => storage.getStore(),
  };
};

const weakMap = (): Wiring => {
  const persons = new WeakMap<object, Person>();
  return {
    place(req, _res, person, next) {
      if (person) persons.set(req, person);
      next();
    },
    find: (req) => persons.get(req),
  };
};

/** A method of the response, which knows the person. */
const closure = (): Wiring => ({
  place(_req, res, person, next) {
    res.visitor = () => person;
    next();
  },
  find: (_req, res) => (res.visitor as () => As)(),
});

/** One object on every request, which is asked for the person. */
const service = (): Wiring => {
  const persons = new WeakMap<object, Person>();
  const accounts = { of: (req: object): As => persons.get(req) };
  return {
    place(req, _res, person, next) {
      if (person) persons.set(req, person);
      req.accounts = accounts;
      next();
    },
    find: (req) => (req.accounts as typeof accounts).of(req),
  };
};

const symbol = (): Wiring => {
  const key = Symbol('user');
  return {
    place(req, _res, person, next) {
      req[key] = person;
      next();
    },
    find: (req) => req[key] as As,
  };
};

/** The handler reads the field itself. */
const behind = (way: Way) => (): Wiring => ({
  place: (_req, _res, _person, next) => next(),
  find: (req) => way.person(req.headers),
});

/** What the person is found by is gone when the cache is called. */
const deleting =
  (field: string, wire: () => Wiring): (() => Wiring) =>
  () => {
    const wiring = wire();
    return {
      place(req, res, person, next) {
        delete req.headers[field];
        wiring.place(req, res, person, next);
      },
      find: wiring.find,
    };
  };

const plainUser = onRequest('user', own, same);

const IDENTITY_FIELDS = [
  'X-Forwarded-User',
  'X-Auth-Request-User',
  'X-Goog-Authenticated-User-Email',
  'Cf-Access-Authenticated-User-Email',
  'X-Amzn-Oidc-Data',
  'Tailscale-User-Login',
  'Remote-User',
  'X-Tenant-Id',
];

const placed: Channel[] = [
  { name: 'req.user, a plain object', way: session, wire: plainUser },
  { name: 'req.user, an instance of a class', way: session, wire: onRequest('user', instance, same) },
  { name: 'req.user, by a bearer token', way: bearer, wire: plainUser },
  { name: 'req.auth, an instance, by a bearer token', way: bearer, wire: onRequest('auth', instance, same) },
  {
    name: 'req.userName, a text',
    way: session,
    wire: onRequest(
      'userName',
      (person) => person && `${person.name} ${person.role}`,
      (text: string | undefined) => {
        const [name = '', role] = text?.split(' ') ?? [];
        return text === undefined ? undefined : { id: 0, name, role: role as Person['role'] };
      },
    ),
  },
  {
    name: 'req.context.auth.user, below a plain object that everybody has',
    way: session,
    wire: onRequest(
      'context',
      (person) => ({ auth: { ...(person && { user: { ...person } }) } }),
      (context: { auth: { user?: Person } }) => context.auth.user,
    ),
  },
  {
    name: 'req.context, a Map that everybody has',
    way: session,
    wire: onRequest(
      'context',
      (person) => new Map([['user', person]]),
      (map: Map<string, As>) => map.get('user'),
    ),
  },
  {
    name: 'req.oidc, an instance that everybody has',
    way: session,
    wire: onRequest(
      'oidc',
      (person) => new RequestContext(person),
      (oidc: RequestContext) => (oidc.isAuthenticated() ? oidc.user : undefined),
    ),
  },
  {
    name: 'req.kauth.grant, as keycloak-connect has it',
    way: session,
    wire: onRequest(
      'kauth',
      (person) => (person ? { grant: { access_token: { content: { ...person } } } } : {}),
      (kauth: { grant?: { access_token: { content: Person } } }) => kauth.grant?.access_token.content,
    ),
  },
  { name: 'req.appSession, an accessor that everybody has', way: session, wire: accessor('appSession') },
  { name: 'req.currentUser, an accessor, by a bearer token', way: bearer, wire: accessor('currentUser') },
  {
    name: 'req.member, an accessor of all requests that reads the cookie',
    way: session,
    wire: onPrototype((req) => session.person(req.headers)),
    express: true,
  },
  {
    name: 'req.whoami(), a function that everybody has',
    way: session,
    wire: onRequest(
      'whoami',
      (person) => () => person,
      (whoami: () => As) => whoami(),
    ),
  },
  { name: 'res.locals.user, a plain object', way: session, wire: onLocals('user', own, same) },
  { name: 'res.locals.user, an instance of a class', way: session, wire: onLocals('user', instance, same) },
  { name: 'res.locals.user, by a bearer token', way: bearer, wire: onLocals('user', own, same) },
  {
    name: 'res.locals, another object',
    way: session,
    wire: () => ({
      place(_req, res, person, next) {
        res.locals = { user: person };
        next();
      },
      find: (_req, res) => (res.locals as { user: As }).user,
    }),
  },
  {
    name: 'a field that middleware in front has set',
    way: session,
    wire: () => ({
      place(req, _res, person, next) {
        if (person) req.headers['x-acting-user'] = JSON.stringify(person);
        next();
      },
      find: ({ headers }) => JSON.parse(String(headers['x-acting-user'] ?? 'null')) ?? undefined,
    }),
  },
  {
    name: 'req.url, rewritten',
    way: session,
    wire: () => ({
      place(req, _res, person, next) {
        if (person) req.url = `${req.url}&as=${encodeURIComponent(JSON.stringify(person))}`;
        next();
      },
      find: ({ url = '' }) => {
        const as = new URL(url, 'http://a').searchParams.get('as');
        return as === null ? undefined : (JSON.parse(as) as Person);
      },
    }),
  },
];

/** Properties that Express, Node or a parser fills for every request, and middleware in front changes. */
const ofEveryRequest: Channel[] = [
  {
    name: 'req.query.as, added in front',
    way: session,
    wire: () => ({
      place(req, _res, person, next) {
        // Express 5 makes it anew at each reading, unless it is set.
        const query = { ...(req.query as object), ...(person && { as: person }) };
        Object.defineProperty(req, 'query', {
          configurable: true,
          enumerable: true,
          writable: true,
          value: query,
        });
        next();
      },
      find: (req) => (req.query as { as?: Person }).as,
    }),
  },
  { name: 'req.body, set in front', way: session, wire: onRequest('body', own, same) },
  {
    name: 'req.body, set in front, by X-Acme-Key',
    way: apiKey('X-Acme-Key'),
    wire: onRequest('body', own, same),
  },
  { name: 'req.id, the id of a person', way: apiKey('X-Acme-Key'), wire: onRequest('id', own, same) },
  { name: 'res.locals.id, the id of a person', way: apiKey('X-Acme-Key'), wire: onLocals('id', own, same) },
  {
    name: 'res.locals.device, of a person',
    way: apiKey('X-Acme-Key'),
    wire: onLocals('device', own, same),
  },
];

const withoutTrace: Channel[] = [
  { name: 'AsyncLocalStorage', way: session, wire: asyncLocalStorage },
  { name: 'AsyncLocalStorage, by a bearer token', way: bearer, wire: asyncLocalStorage },
  { name: 'a WeakMap by request', way: session, wire: weakMap },
  { name: 'a closure of middleware in front', way: session, wire: closure },
  { name: 'one service on every request', way: session, wire: service },
  {
    name: 'a property of the response',
    way: session,
    wire: () => ({
      place(_req, res, person, next) {
        res.visitor = person;
        next();
      },
      find: (_req, res) => res.visitor as As,
    }),
  },
  {
    name: 'a property of the connection, by an Authorization that is sent each time',
    way: bearer,
    wire: () => ({
      place({ socket }, _res, person, next) {
        (socket as unknown as { person: As }).person = person;
        next();
      },
      find: ({ socket }) => (socket as unknown as { person: As }).person,
    }),
  },
  {
    name: 'req.member, an accessor of all requests that reads a WeakMap',
    way: session,
    wire: onPrototype((req, persons) => persons.get(req)),
    express: true,
  },
  { name: 'a property of the request whose name is a symbol', way: session, wire: symbol },
  {
    name: 'AsyncLocalStorage, by X-Acme-Key of the option credentials',
    way: apiKey('X-Acme-Key'),
    wire: asyncLocalStorage,
    options: { credentials: ['X-Acme-Key'] } as CacheOptions,
  },
  { name: 'a WeakMap by request, by X-Api-Key', way: apiKey('X-Api-Key'), wire: weakMap },
  ...IDENTITY_FIELDS.map(
    (field): Channel => ({
      name: `AsyncLocalStorage, by a long ${field}`,
      way: longIdentity(field),
      wire: asyncLocalStorage,
    }),
  ),
  // A short text that names a person says nothing of the kind of person either.
  {
    name: 'AsyncLocalStorage, by a short Remote-User',
    way: identity('Remote-User'),
    wire: asyncLocalStorage,
  },
  {
    name: 'a WeakMap by request, by an Authorization that is deleted in front',
    way: bearer,
    wire: deleting('authorization', weakMap),
  },
  {
    name: 'a WeakMap by request, by a Cookie that is deleted in front',
    way: session,
    wire: deleting('cookie', weakMap),
  },
  {
    name: 'AsyncLocalStorage, by an X-Forwarded-User that is deleted in front',
    way: longIdentity('X-Forwarded-User'),
    wire: deleting('x-forwarded-user', asyncLocalStorage),
  },
];
const traceless = withoutTrace.map((channel): Channel => ({ ...channel, isTraceless: true }));

const byFields: Channel[] = [
  ...['X-Api-Key', 'X-Auth-Token', 'X-Acme-Key'].flatMap((field): Channel[] => {
    const way = apiKey(field);
    return [
      { name: `${field}, read behind the cache`, way, wire: behind(way) },
      { name: `req.consumer, a plain object, by ${field}`, way, wire: onRequest('consumer', own, same) },
      // Node has a property of that name.
      { name: `req.client, a plain object, by ${field}`, way, wire: onRequest('client', own, same) },
      { name: `res.locals.client, an instance, by ${field}`, way, wire: onLocals('client', instance, same) },
    ];
  }),
  ...IDENTITY_FIELDS.map((field): Channel => {
    const way = identity(field);
    return { name: `${field}, read behind the cache`, way, wire: behind(way) };
  }),
  { name: 'a role in a cookie, read behind the cache', way: roleCookie, wire: behind(roleCookie) },
  { name: 'a role in a cookie, kept in a WeakMap', way: roleCookie, wire: weakMap },
  {
    name: 'a role in a cookie beside a session, kept in AsyncLocalStorage',
    way: sessionAndRole,
    wire: asyncLocalStorage,
  },
  {
    name: 'req.user, by an Authorization that is deleted in front',
    way: bearer,
    wire: deleting('authorization', plainUser),
  },
  {
    name: 'req.user, by an X-Forwarded-User that is deleted in front',
    way: identity('X-Forwarded-User'),
    wire: deleting('x-forwarded-user', plainUser),
  },
];

export const channels: readonly Channel[] = [...placed, ...ofEveryRequest, ...byFields, ...traceless];
