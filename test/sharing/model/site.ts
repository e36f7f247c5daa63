import { AsyncLocalStorage } from 'node:async_hooks';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Random } from '../../coherence/model/random.ts';
import { type Caller, castOf, credentialsIn, type Identity, type Login, type Role } from './callers.ts';

/* A site: where its middleware places the caller, what its pages depend on, and how they find it out. */

/** Where middleware in front of the cache places the caller. */
type Placement =
  /** `req.user` and `res.locals.user` as plain JSON, `req.user` as an instance of a class. */
  | 'user'
  | 'user-class'
  | 'locals-user'
  /** An accessor on the request, and a method of it. */
  | 'getter'
  | 'method'
  /** An object of an identity map: the same at each request of a caller, and one for all who are not signed in. */
  | 'mapped'
  /** `req.session`, an instance of a class or plain JSON. */
  | 'session'
  | 'session-plain'
  /** Two levels deep: `req.context.state`. */
  | 'context'
  /** Without a trace: AsyncLocalStorage, a WeakMap, a property that is named by a symbol. */
  | 'als'
  | 'weakmap'
  | 'symbol'
  /** Members have routes of their own, with a cache of their own in front: which, middleware decides. */
  | 'router';

/** How a page finds out who is asking: from where middleware has placed it, or from the fields of the request. */
export type Channel =
  | Placement
  /** Each credential by its name, the role in a short cookie, a copy of all fields, the list of all fields. */
  | 'fields'
  | 'role-cookie'
  | 'copy'
  | 'raw';

/** What a page depends on. Of the caller: */
type Dependence =
  | 'nothing'
  /** The name of a member, the name of everybody with an identity, the role. */
  | 'member'
  | 'basket'
  | 'role'
  /** Whether it is a member; whether it is an admin; whether it is one certain member. */
  | 'signed-in'
  | 'admin'
  | 'vip'
  /** The name of a member, in German only. */
  | 'german-member'
  /** Not of the caller: the language, the device, a number of the request's own. */
  | 'language'
  | 'device'
  | 'nonce';

/** What its responses say of whom they are for. */
type Says = 'nothing' | 'public' | 's-maxage' | 'must-revalidate' | 'private' | 'vary-cookie';

export interface Page {
  readonly path: string;
  readonly dependsOn: Dependence;
  readonly channel: Channel;
  /** How it finds out the language: a value in front, a field by its name, or one it names in `Vary`. */
  readonly language: 'locals' | 'field' | 'vary';
  readonly says: Says;
  /** Whether it has an entity tag, and confirms it with a 304. */
  readonly etag: boolean;
  /** Where its handler waits to be let go on: nowhere, before it reads the data, after that, or in the body. */
  readonly waits: 'never' | 'before' | 'after' | 'body';
}

export interface Site {
  /** Where an object is placed that is to be new to the process. */
  readonly property: string;
  readonly framework: 'node:http' | 'Express 5' | 'Express 4';
  readonly processes: number;
  readonly login: Login;
  readonly placements: readonly Placement[];
  /** Whether strangers have a session, too. */
  readonly sessionForAll: boolean;
  /** Whether middleware in front places what is of no caller: a logger, an id, a database. */
  readonly noise: boolean;
  /** Whether middleware in front deletes the credentials from `req.headers`. */
  readonly deletes: boolean;
  /** Whether the option `vary.caller` names the caller. */
  readonly namesCaller: boolean;
  readonly agree: number | undefined;
  /** What the option `vary` names besides. */
  readonly varies: 'nothing' | 'sid' | 'authorization';
  readonly ttl: number;
  readonly staleWhileRevalidate: number;
  readonly staleIfError: number;
  readonly earlyRefresh: boolean;
  readonly near: boolean;
  readonly pages: readonly Page[];
  readonly callers: readonly Caller[];
}

/** The part of sites with `guard: { agree }`: none, as long as there is no such option. */
const AGREEING = 0;

const PLACEMENTS: readonly Placement[] = [
  ...([
    'user',
    'user-class',
    'locals-user',
    'getter',
    'method',
    'mapped',
    'session',
    'session-plain',
  ] as const),
  ...(['context', 'als', 'als', 'weakmap', 'weakmap', 'symbol', 'router'] as const),
];
const PERSONAL: readonly Dependence[] = [
  ...(['member', 'member', 'basket', 'role', 'signed-in', 'signed-in', 'admin', 'vip'] as const),
  'german-member',
];
/** What leaves no trace: neither a name on the request or `res.locals`, nor anything that is read there. */
const TRACELESS: ReadonlySet<Channel> = new Set(['als', 'weakmap', 'symbol', 'router']);

export function siteOf(random: Random, near: boolean): Site {
  const login = random.pick(['session', 'session', 'token', 'bearer', 'role-cookie'] as const);
  const placements = [...new Set([1, 2, 3].slice(random.int(0, 2)).map(() => random.pick(PLACEMENTS)))];
  const deletes = random.chance(0.2);
  const direct: Channel[] = deletes ? [] : ['fields', 'copy', 'raw'];
  if (login === 'role-cookie' && !deletes) direct.push('role-cookie');
  return {
    property: `person${random.int(0, 2 ** 31)}`,
    framework: random.pick(['node:http', 'node:http', 'Express 5', 'Express 4'] as const),
    processes: random.pick([1, 2, 2, 3]),
    login,
    placements,
    sessionForAll: random.chance(0.3),
    noise: random.chance(0.5),
    deletes,
    namesCaller: random.chance(0.12),
    agree: random.chance(AGREEING) ? 3 : undefined,
    ttl: random.pick([5_000, 20_000, 60_000]),
    varies: random.pick([
      'nothing',
      'nothing',
      'nothing',
      'nothing',
      'nothing',
      'nothing',
      'sid',
      'authorization',
    ]),
    staleWhileRevalidate: random.pick([0, 30_000, 120_000]),
    staleIfError: random.pick([0, 0, 60_000]),
    earlyRefresh: random.chance(0.2),
    near,
    pages: Array.from({ length: 6 }, (_, i) => pageOf(random, i, placements, direct)),
    callers: castOf(login),
  };
}

const OF_ROLE = /^(role|admin|signed-in)$/;

function pageOf(
  random: Random,
  index: number,
  placements: readonly Placement[],
  direct: readonly Channel[],
): Page {
  const dependsOn: Dependence =
    index < 2
      ? 'nothing'
      : index === 5
        ? random.pick(['language', 'device', 'nonce', 'role'])
        : random.pick(PERSONAL);
  const isPersonal = PERSONAL.includes(dependsOn);
  const channel = random.pick(isPersonal && direct.length > 0 && random.chance(0.2) ? direct : placements);
  const says: readonly Says[] = isPersonal
    ? ['nothing', 'nothing', 'nothing', 'nothing', 'nothing', 'private', 'vary-cookie']
    : ['nothing', 'nothing', 'nothing', 'public', 's-maxage', 'must-revalidate'];
  return {
    path: `/page-${index}`,
    dependsOn,
    // A role in a cookie tells no name.
    channel: channel === 'role-cookie' && !OF_ROLE.test(dependsOn) ? 'fields' : channel,
    language: random.pick(['locals', 'field', 'vary']),
    says: index === 0 ? 'nothing' : random.pick(says),
    etag: random.chance(0.35),
    waits: random.pick(['never', 'never', 'before', 'after', 'body']),
  };
}

/** What differs between two requests for a page, apart from its data. */
export interface Circumstances {
  readonly identity: Identity | undefined;
  readonly language: string | undefined;
  readonly device: string | undefined;
  readonly nonce: number | undefined;
}

/** Whether it shows anything of the language. */
export function speaks({ dependsOn }: Page): boolean {
  return dependsOn === 'language' || dependsOn === 'german-member';
}

/** What a page shows, with its data at a version. */
export function contentOf({ path, dependsOn }: Page, version: number, shown: Circumstances): string {
  return `${path} at version ${version}: ${dependsOn} ${valueFor(dependsOn, shown)}\n`;
}

function valueFor(dependsOn: Dependence, { identity, language, device, nonce }: Circumstances): unknown {
  const isMember = identity?.role === 'member' || identity?.role === 'admin';
  switch (dependsOn) {
    case 'nothing':
      return '';
    case 'member':
      return isMember ? identity.name : 'nobody';
    case 'basket':
      return identity?.name ?? 'nobody';
    case 'role':
      return isMember ? identity.role : 'stranger';
    case 'signed-in':
      return isMember;
    case 'admin':
      return identity?.role === 'admin';
    case 'vip':
      return identity?.name === 'member-2';
    case 'german-member':
      return `${language} ${language === 'de' && isMember ? identity.name : 'nobody'}`;
    case 'language':
      return language;
    case 'device':
      return device;
    case 'nonce':
      return nonce;
  }
}

/** What the app answers this caller with at a version; the number of a request is nothing that can be told before. */
export function oracle(page: Page, version: number, { identity, language, device }: Caller): string {
  return contentOf(page, version, {
    identity: known(page.channel, identity),
    language,
    device,
    nonce: undefined,
  });
}

/** Of an identity, what a channel tells. */
function known(channel: Channel, identity: Identity | undefined): Identity | undefined {
  if (!identity) return undefined;
  switch (channel) {
    case 'user':
    case 'user-class':
    case 'locals-user':
    case 'getter':
    case 'method':
    case 'mapped':
    case 'context':
    case 'router':
      return identity.role === 'guest' ? undefined : identity;
    case 'session':
    case 'session-plain':
      return identity.hasSession ? identity : undefined;
    case 'role-cookie':
      return identity.hasSession ? identity : undefined;
    default:
      return identity;
  }
}

/** Whether a caller is led to the routes of members. */
export function isRouted({ placements }: Site, identity: Identity | undefined): boolean {
  return placements.includes('router') && identity !== undefined && identity.role !== 'guest';
}

/** Whether two callers whom a page tells apart need not differ in anything that the cache can see. */
export function leavesNoTrace({ channel }: Page): boolean {
  return TRACELESS.has(channel);
}

class User {
  readonly id: string;
  readonly role: Role;
  constructor({ name, role }: Identity) {
    this.id = name;
    this.role = role;
  }
}

class Session {
  readonly id: string;
  readonly user: User | undefined;
  constructor(id: string, identity: Identity | undefined) {
    this.id = id;
    if (identity && identity.role !== 'guest') this.user = new User(identity);
  }
}

const ANONYMOUS = new User({ name: '', role: 'stranger', hasSession: false });
const users = new Map<string, User>();

function mapped(identity: Identity | undefined): User {
  if (!identity) return ANONYMOUS;
  const user = users.get(identity.name + identity.role) ?? new User(identity);
  users.set(identity.name + identity.role, user);
  return user;
}

type Placed = Record<string | symbol, unknown>;

const people = new AsyncLocalStorage<Identity | undefined>();
const identities = new WeakMap<object, Identity | undefined>();
const IDENTITY = Symbol('identity');

type Places = Pick<Site, 'property' | 'placements' | 'sessionForAll'>;

/** Places a caller as middleware does, and goes on. */
export function place(
  { property, placements, sessionForAll }: Places,
  identity: Identity | undefined,
  req: object,
  locals: object,
  next: () => void,
): void {
  const request = req as Placed;
  const isMember = identity !== undefined && identity.role !== 'guest';
  const member = isMember ? identity : undefined;
  const user = member && { id: member.name, role: member.role };
  const session = identity?.hasSession ? identity : undefined;
  const hasSession = session !== undefined || sessionForAll;
  for (const placement of placements) {
    if (placement === 'user' && user) request.user = user;
    if (placement === 'user-class' && member) request.user = new User(member);
    if (placement === 'locals-user' && user) (locals as Placed).user = user;
    if (placement === 'getter')
      Object.defineProperty(req, 'currentUser', { get: () => user, enumerable: true });
    if (placement === 'mapped') request[property] = mapped(member);
    if (placement === 'method') request.whoami = () => user;
    if (placement === 'session' && hasSession) request.session = new Session(session?.name ?? '', session);
    if (placement === 'session-plain' && hasSession)
      request.session = { id: session?.name ?? '', ...(session && user && { user }) };
    if (placement === 'context') request.context = { state: { ...(user && { user }) } };
    if (placement === 'weakmap') identities.set(req, identity);
    if (placement === 'symbol') request[IDENTITY] = identity;
  }
  if (placements.includes('als')) people.run(identity, next);
  else next();
}

interface PlacedUser {
  readonly id: string;
  readonly role: Role;
}

function identityOf(user: PlacedUser | undefined, hasSession = true): Identity | undefined {
  return user && { name: user.id, role: user.role, hasSession };
}

/** What a handler finds out of the caller by a channel. */
export function read(
  channel: Channel,
  property: string,
  req: IncomingMessage,
  res: ServerResponse,
  byCredentials: (credentials: string) => Identity | undefined,
  routed: Identity | undefined,
): Identity | undefined {
  const request = req as unknown as Placed;
  switch (channel) {
    case 'user':
    case 'user-class':
      return identityOf(request.user as PlacedUser | undefined);
    case 'locals-user':
      return identityOf((res as unknown as { locals: { user?: PlacedUser } }).locals.user);
    case 'getter':
      return identityOf(request.currentUser as PlacedUser | undefined);
    case 'method':
      return identityOf((request.whoami as () => PlacedUser | undefined)());
    case 'mapped': {
      const user = request[property] as PlacedUser;
      return user.role === 'stranger' ? undefined : identityOf(user);
    }
    case 'context':
      return identityOf((request.context as { state: { user?: PlacedUser } }).state.user);
    case 'session':
    case 'session-plain': {
      const session = request.session as { id: string; user?: PlacedUser } | undefined;
      if (session?.user) return identityOf(session.user);
      return session?.id ? { name: session.id, role: 'guest', hasSession: true } : undefined;
    }
    case 'router':
      return routed;
    case 'als':
      return people.getStore();
    case 'weakmap':
      return identities.get(req);
    case 'symbol':
      return request[IDENTITY] as Identity | undefined;
    case 'role-cookie': {
      const role = /(?:^|; )role=(\w+)/.exec(req.headers.cookie ?? '')?.[1] as Role | undefined;
      return role && { name: '', role, hasSession: true };
    }
    case 'fields':
      return byCredentials(credentialsIn(req.headers));
    case 'copy':
      return byCredentials(credentialsIn({ ...req.headers }));
    case 'raw': {
      const { rawHeaders } = req;
      const pairs = rawHeaders.flatMap((name, i) => (i % 2 ? [] : [[name.toLowerCase(), rawHeaders[i + 1]]]));
      return byCredentials(credentialsIn(Object.fromEntries(pairs)));
    }
  }
}

/**
 * The shape of a caller's requests, as far as this model tells shapes apart: names of credentials and cookies, short
 * cookies with their value, and the names that middleware places, two levels deep.
 */
export function shapeOf(site: Places, { credentials, identity }: Caller): string {
  const names: string[] = [];
  for (const [name, value] of Object.entries(credentials)) {
    if (name !== 'cookie') names.push(name);
    else
      for (const pair of value.split('; '))
        names.push(pair.length > 26 ? (pair.split('=')[0] as string) : pair);
  }
  const req = {};
  const locals = {};
  place(site, identity, req, locals, () => {});
  describe('req', req, 3, names);
  describe('res.locals', locals, 3, names);
  return names.sort().join(' ');
}

function describe(prefix: string, object: object, depth: number, names: string[]): void {
  for (const [name, value] of Object.entries(object)) {
    if (value === undefined) continue;
    const path = `${prefix}.${name}`;
    const isTelling = typeof value === 'boolean' || (typeof value === 'string' && name === 'role');
    names.push(isTelling ? `${path}=${value}` : path);
    if (typeof value === 'object' && value !== null && depth > 1) describe(path, value, depth - 1, names);
  }
}
