import type { IncomingMessage } from 'node:http';
import { Readable } from 'node:stream';
import { viewedObjects } from '../../shared-state.ts';

/** Views of a request and its parts that tell what is read of the person behind it. */

/** The header fields that show a person, and what authentication, sessions and cookie parsers make of them. */
export const FIELDS = ['authorization', 'cookie'] as const;
export const PROPERTIES = ['user', 'auth', 'session', 'cookies', 'signedCookies'] as const;

/** Notes a word for what was read. */
export type Note = (what: string) => void;

const fields: ReadonlySet<PropertyKey> = new Set(FIELDS);
const properties: ReadonlySet<PropertyKey> = new Set(PROPERTIES);

export function isProperty(name: PropertyKey): name is (typeof PROPERTIES)[number] {
  return properties.has(name);
}

/** The word for a property of the request: whether it was there to be read makes a difference to what covers it. */
function wordFor(name: string, value: unknown): string {
  return value === undefined || value === null || value === false ? `no req.${name}` : `req.${name}`;
}

/**
 * Header fields. Asking for one by its name is reading it, there or not; going through all of them, as proxies do,
 * reads those that are there.
 */
function headersView<T extends object>(headers: T, note: Note): T {
  const noted = (name: PropertyKey): void => {
    if (fields.has(name)) note(name as string);
  };
  return new Proxy(headers, reading(noted));
}

/** Parsed cookies, of which each is its own: a key may cover one and not the others. */
function cookiesView<T extends object>(cookies: T, note: Note): T {
  const noted = (name: PropertyKey): void => {
    if (typeof name === 'string') note(`cookie ${name}`);
  };
  const ownKeys = (target: T): ArrayLike<string | symbol> => {
    note('req.cookies');
    return Reflect.ownKeys(target);
  };
  return new Proxy(cookies, { ...reading<T>(noted), ownKeys });
}

/** Every way to read one property by its name. */
function reading<T extends object>(noted: (name: PropertyKey) => void): ProxyHandler<T> {
  return {
    get(target, name) {
      noted(name);
      return Reflect.get(target, name);
    },
    has(target, name) {
      noted(name);
      return Reflect.has(target, name);
    },
    getOwnPropertyDescriptor(target, name) {
      noted(name);
      return Reflect.getOwnPropertyDescriptor(target, name);
    },
  };
}

/** What a view shows: a cache behind another looks at the request without that being the app's reading. */
export function original<T extends object>(value: T): T {
  let fields: object = value;
  for (let under = viewedObjects.get(fields); under; under = viewedObjects.get(fields)) fields = under;
  return fields as T;
}

/** The views of one request: of one value always the same, since the app may compare them. */
export class Views {
  readonly #note: Note;
  /** Of most requests nothing is read. */
  #made: WeakMap<object, object> | undefined;

  constructor(note: Note) {
    this.#note = note;
  }

  headers(value: unknown): unknown {
    return this.#view(value, headersView);
  }

  /** What a reader of one of the properties gets: of parsed cookies a view, otherwise its value, noted as read. */
  property(name: (typeof PROPERTIES)[number], value: unknown): unknown {
    const parsed = name === 'cookies' || name === 'signedCookies';
    if (parsed && typeof value === 'object' && value !== null) return this.#view(value, cookiesView);
    this.#note(wordFor(name, value));
    return value;
  }

  #view(value: unknown, make: (value: object, note: Note) => object): unknown {
    if (typeof value !== 'object' || value === null) return value;
    this.#made ??= new WeakMap();
    const view = this.#made.get(value) ?? make(value, this.#note);
    this.#made.set(value, view);
    viewedObjects.set(view, value);
    return view;
  }
}

/** Notes what was read of the person, and the text that would tell this person from others if it were in a key. */
type Evidence = (word: string, text: string | undefined) => void;

/**
 * A view of the request for `when`, `key` and `vary.by` that records what they read. The request is unchanged.
 * @param evidence called for what could tell people apart; with `undefined` where there was nothing to tell.
 * @param asked called for each header field that is read, in lower case; with `*` where all of them are.
 */
export function requestView(
  req: IncomingMessage,
  note: Note,
  evidence: Evidence = () => {},
  asked?: (name: string) => void,
): IncomingMessage {
  const views = new Views((word) => {
    note(word);
    if (word.startsWith('cookie ')) evidence(word, textOf(cookieOf(req, word.slice(7))));
    else if (fields.has(word)) evidence(word, textOf(original(req.headers)[word as 'cookie']));
  });
  return new Proxy(req, {
    get(target, name) {
      // The request itself must be the receiver: its accessors know no proxy.
      const value: unknown = Reflect.get(target, name, target);
      if (name === 'headers' || name === 'headersDistinct') {
        const fields = views.headers(value);
        return asked ? askedView(fields as object, asked) : fields;
      }
      if (name === 'rawHeaders') asked?.('*');
      // The methods of a stream work on the stream itself.
      if (typeof value === 'function' && name in Readable.prototype) return value.bind(target);
      if (!isProperty(name)) return value;
      const seen = views.property(name, value);
      if (name === 'cookies' || name === 'signedCookies') return seen;
      const word = wordFor(name, value);
      if (word.startsWith('no ')) evidence(word, undefined);
      return identityView(seen, (text) => evidence(word, text));
    },
    has(target, name) {
      if (isProperty(name)) views.property(name, Reflect.get(target, name, target));
      return Reflect.has(target, name);
    },
  });
}

function askedView(headers: object, asked: (name: string) => void): object {
  const noted = (name: PropertyKey): void => {
    if (typeof name === 'string') asked(name);
  };
  const ownKeys = (target: object): ArrayLike<string | symbol> => {
    asked('*');
    return Reflect.ownKeys(target);
  };
  return new Proxy(headers, { ...reading<object>(noted), ownKeys });
}

/** Names of properties that tell one person, or one session, from every other; a role or a language does not. */
const IDENTIFYING =
  /^(?:_?id|sub|uid|uuid|guid|oid|email|login|username|user_?name|user_?id|session_?id|user)$/i;

/** A user or a session as a key function sees it: what of it tells people apart is told when it is read. */
function identityView(value: unknown, tell: (text: string) => void, depth = 0): unknown {
  const text = textOf(value);
  if (text !== undefined && depth === 0) tell(text);
  if (typeof value !== 'object' || value === null || depth > 3) return value;
  return new Proxy(value, {
    get(target, name) {
      const found: unknown = Reflect.get(target, name, target);
      if (typeof found === 'function') return found.bind(target);
      const leaf = IDENTIFYING.test(String(name)) ? (textOf(found) ?? idOf(found)) : undefined;
      if (leaf !== undefined) tell(leaf);
      return identityView(found, tell, depth + 1);
    },
  });
}

function textOf(value: unknown): string | undefined {
  return typeof value === 'string' || typeof value === 'number' || typeof value === 'bigint'
    ? String(value)
    : undefined;
}

/** Ids of databases are objects that are written as text. */
function idOf(value: unknown): string | undefined {
  const text = typeof value === 'object' && value !== null ? String(value) : '';
  return text.includes('object') ? undefined : text || undefined;
}

function cookieOf(req: IncomingMessage, name: string): unknown {
  const { cookies, signedCookies } = req as {
    cookies?: Record<string, unknown>;
    signedCookies?: Record<string, unknown>;
  };
  return cookies?.[name] ?? signedCookies?.[name];
}
