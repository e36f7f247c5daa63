import { createHash } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';

/* The callers of an app, and the ways in which their requests say who they are. */

export interface Person {
  readonly id: number;
  readonly name: string;
  readonly role: 'member' | 'admin';
}

export const PEOPLE: Readonly<Record<string, Person>> = {
  ann: { id: 41, name: 'ann', role: 'member' },
  bob: { id: 42, name: 'bob', role: 'member' },
  ada: { id: 7, name: 'ada', role: 'admin' },
};

/** Members, an admin, two guests (known by a session, if the app has sessions) and somebody without any credential. */
export const CALLERS = ['ann', 'bob', 'ada', 'gus', 'gil', 'stranger'] as const;
export type Caller = (typeof CALLERS)[number];

/** How a request says who sends it. */
export interface Way {
  readonly name: string;
  /** The header fields of a caller. */
  as(caller: Caller): Readonly<Record<string, string>>;
  /** The person who sends these fields. */
  person(headers: IncomingHttpHeaders): Person | undefined;
}

/** As long as session ids and tokens are: nobody is told apart by its text. */
const secretOf = (name: string): string => createHash('sha256').update(name).digest('hex');
const byName = (name: string | undefined): Person | undefined => (name ? PEOPLE[name] : undefined);
const bySecret = new Map(CALLERS.map((name) => [secretOf(name), PEOPLE[name]]));

const cookieOf = (headers: IncomingHttpHeaders, name: string): string | undefined =>
  new RegExp(`(?:^|; )${name}=([^;]*)`).exec(headers.cookie ?? '')?.[1];

/** Guests have a session, too: their cookie has the same name, and nothing is behind it. */
export const session: Way = {
  name: 'a session cookie',
  as: (caller) => (caller === 'stranger' ? {} : { Cookie: `sid=${secretOf(caller)}` }),
  person: (headers) => bySecret.get(cookieOf(headers, 'sid') ?? ''),
};

/** Members and admins alone bring a credential. */
const ofMembers = (
  name: string,
  fields: (caller: Caller) => Readonly<Record<string, string>>,
  person: Way['person'],
): Way => ({ name, as: (caller) => (PEOPLE[caller] ? fields(caller) : {}), person });

export const bearer: Way = ofMembers(
  'a bearer token',
  (caller) => ({ Authorization: `Bearer ${secretOf(caller)}` }),
  ({ authorization }) => bySecret.get(authorization?.slice('Bearer '.length) ?? ''),
);

/** A field with a key of 64 characters. */
export const apiKey = (field: string): Way =>
  ofMembers(
    field,
    (caller) => ({ [field]: secretOf(caller) }),
    (headers) => bySecret.get(String(headers[field.toLowerCase()])),
  );

/** A field in which a proxy in front of the app names the caller. */
export const identity = (field: string): Way =>
  ofMembers(
    field,
    (caller) => ({ [field]: `${caller}@example.com` }),
    (headers) => byName(String(headers[field.toLowerCase()]).split('@')[0]),
  );

/** A field in which a proxy names the caller by a text of some length. */
export const longIdentity = (field: string): Way =>
  ofMembers(
    field,
    (caller) => ({ [field]: `accounts.example.com:${caller}@a-company-of-some-size.example.com` }),
    (headers) => byName(/:(\w+)@/.exec(String(headers[field.toLowerCase()]))?.[1]),
  );

/** What somebody may do, and nothing else, in a cookie. */
export const roleCookie: Way = ofMembers(
  'a role in a cookie',
  (caller) => ({ Cookie: `role=${PEOPLE[caller]!.role}` }),
  (headers) => {
    const role = cookieOf(headers, 'role') as Person['role'] | undefined;
    return role && { id: 0, name: role, role };
  },
);

/** A role beside a session that everybody has. */
export const sessionAndRole: Way = {
  name: 'a session and a role in cookies',
  as: (caller) => {
    const { Cookie } = session.as(caller);
    const role = PEOPLE[caller]?.role;
    return Cookie === undefined ? {} : { Cookie: role ? `${Cookie}; role=${role}` : Cookie };
  },
  person: roleCookie.person,
};
