import type { IncomingMessage } from 'node:http';

/* Who asks: strangers, guests with a session, members, admins, and users of credentials that are no cookie. */

export type Role = 'stranger' | 'guest' | 'member' | 'admin';

/** By what a site tells a member from a guest. */
export type Login =
  /** The session of both has a cookie of the same name. */
  | 'session'
  /** A member has a cookie of another name besides. */
  | 'token'
  /** A member has a bearer token and no cookie. */
  | 'bearer'
  /** Both have a short cookie with their role besides. */
  | 'role-cookie';

/** What middleware finds out of a caller. */
export interface Identity {
  readonly name: string;
  readonly role: Role;
  /** Whether a cookie names the caller: sessions know no other caller. */
  readonly hasSession: boolean;
}

export interface Caller {
  readonly name: string;
  readonly identity: Identity | undefined;
  readonly language: 'de' | 'en';
  readonly device: 'small' | 'large';
  /** Header fields that name the caller, by their names in lower case. A stranger has none. */
  readonly credentials: Readonly<Record<string, string>>;
  /** A cookie that names nobody. */
  readonly analytics: string | undefined;
}

/** The header fields that name a caller; `x-badge` is named by the option `credentials`. */
const CREDENTIALS = ['authorization', 'cookie', 'x-api-key', 'x-forwarded-user', 'x-badge'];
const ANALYTICS = /^_ga=/;

/** No value of a credential is short: short ones belong to the shape. */
function long(name: string): string {
  return `${name}-0123456789abcdef0123456789abcdef`;
}

export function castOf(login: Login): Caller[] {
  const callers: Caller[] = [];
  const add = (name: string, role: Role, credentials: Caller['credentials'], is = name): void => {
    const index = callers.length;
    const hasSession = credentials.cookie !== undefined;
    callers.push({
      name,
      identity: role === 'stranger' ? undefined : { name: is, role, hasSession },
      language: index % 3 === 1 ? 'de' : 'en',
      device: index % 4 === 2 ? 'large' : 'small',
      credentials,
      analytics: index % 5 === 3 ? `_ga=GA1.2.${index}` : undefined,
    });
  };
  for (const name of ['anon-1', 'anon-2', 'anon-3', 'anon-4']) add(name, 'stranger', {});
  const role = login === 'role-cookie' ? '; role=guest' : '';
  for (const name of ['guest-1', 'guest-2', 'guest-3'])
    add(name, 'guest', { cookie: `sid=${long(name)}${role}` });
  add('guest-4', 'guest', { cookie: `sid=${long('guest-4')}${role}; theme=dark` });
  for (const name of ['member-1', 'member-2', 'member-3', 'member-4', 'member-5'])
    add(name, 'member', signedIn(login, name, 'member'));
  for (const name of ['admin-1', 'admin-2']) add(name, 'admin', signedIn(login, name, 'admin'));
  add('key-1', 'member', { 'x-api-key': long('key-1') });
  // The same person by another way.
  add('key-2', 'member', { 'x-api-key': long('key-2') }, 'member-1');
  add('proxy-1', 'member', { 'x-forwarded-user': long('proxy-1') });
  add('badge-1', 'member', { 'x-badge': long('badge-1') });
  return callers;
}

function signedIn(login: Login, name: string, role: Role): Caller['credentials'] {
  switch (login) {
    case 'session':
      return { cookie: `sid=${long(name)}` };
    case 'token':
      return { cookie: `sid=${long(name)}; remember=${long(name)}` };
    case 'bearer':
      return { authorization: `Bearer ${long(name)}` };
    case 'role-cookie':
      return { cookie: `sid=${long(name)}; role=${role}` };
  }
}

/** Its header fields, as it sends them. */
export function fieldsOf({ credentials, analytics, language, device }: Caller): [string, string][] {
  const { cookie, ...others } = credentials;
  const cookies = [analytics, cookie].filter((pair) => pair !== undefined).join('; ');
  return [
    ['accept-language', language],
    ['x-device', device],
    ...(cookies === '' ? [] : ([['cookie', cookies]] as [string, string][])),
    ...Object.entries(others),
  ];
}

/** The credentials of a request as it came, whatever middleware has done to them; empty for a stranger. */
export function credentialsOf({ rawHeaders }: Pick<IncomingMessage, 'rawHeaders'>): string {
  const found: string[] = [];
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const name = (rawHeaders[i] as string).toLowerCase();
    if (!CREDENTIALS.includes(name)) continue;
    const value = name === 'cookie' ? withoutAnalytics(rawHeaders[i + 1] as string) : rawHeaders[i + 1];
    if (value !== '') found.push(`${name}: ${value}`);
  }
  return found.sort().join('\n');
}

/** The same of a caller. */
export function credentialsOfCaller({ credentials }: Caller): string {
  return Object.entries(credentials)
    .map(([name, value]) => `${name}: ${value}`)
    .sort()
    .join('\n');
}

/** The same of header fields that a handler reads by name. */
export function credentialsIn(headers: Readonly<Record<string, unknown>>): string {
  return CREDENTIALS.map((name) => [name, headers[name]] as const)
    .map(
      ([name, value]) => [name, name === 'cookie' ? withoutAnalytics(String(value ?? '')) : value] as const,
    )
    .filter(([, value]) => value !== undefined && value !== '')
    .map(([name, value]) => `${name}: ${value}`)
    .sort()
    .join('\n');
}

function withoutAnalytics(cookies: string): string {
  return cookies
    .split('; ')
    .filter((pair) => pair !== '' && !ANALYTICS.test(pair))
    .join('; ');
}

/** The cookie of a session, with its name. */
export function sidOf(cookies: string | undefined): string | undefined {
  return /(?:^|[ ;])(sid=[^;]*)/.exec(cookies ?? '')?.[1];
}
