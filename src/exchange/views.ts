import type { IncomingMessage } from 'node:http';

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
  const view = new Proxy(headers, {
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
  });
  viewed.set(view, headers);
  return view;
}

/** What every view of header fields is a view of. */
const viewed = new WeakMap<object, object>();

/** The fields themselves, for a cache behind another, whose look at them is not the app's. */
export function unviewed<T extends object>(headers: T): T {
  let fields: object = headers;
  for (let under = viewed.get(fields); under; under = viewed.get(fields)) fields = under;
  return fields as T;
}

/** Parsed cookies, of which each is its own: a key may cover one and not the others. */
function cookiesView<T extends object>(cookies: T, note: Note): T {
  const noted = (name: PropertyKey): void => {
    if (typeof name === 'string') note(`cookie ${name}`);
  };
  return new Proxy(cookies, {
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
    ownKeys(target) {
      note('req.cookies');
      return Reflect.ownKeys(target);
    },
  });
}

/** The views of one request: of one value always the same, since the app may compare them. */
export class Views {
  readonly #note: Note;
  readonly #made = new WeakMap<object, object>();

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
    const view = this.#made.get(value) ?? make(value, this.#note);
    this.#made.set(value, view);
    return view;
  }
}

/** The request as a function of the user's gets it, for a note of what it goes by. The request stays as it is. */
export function requestView(req: IncomingMessage, note: Note): IncomingMessage {
  const views = new Views(note);
  return new Proxy(req, {
    get(target, name) {
      // The request itself must be the receiver: its accessors know no proxy.
      const value: unknown = Reflect.get(target, name, target);
      if (name === 'headers' || name === 'headersDistinct') return views.headers(value);
      return isProperty(name) ? views.property(name, value) : value;
    },
    has(target, name) {
      if (isProperty(name)) views.property(name, Reflect.get(target, name, target));
      return Reflect.has(target, name);
    },
  });
}
