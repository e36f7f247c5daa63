import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';

/**
 * Who is asking, as a request shows it: header fields, and what authentication makes of them. What the app reads of
 * this behind the cache may be in its answer.
 */
const FIELDS = ['authorization', 'cookie'] as const;
const PROPERTIES = ['user', 'auth', 'session', 'cookies', 'signedCookies'] as const;

/** Reading one of these, whole, tells one person from every other. */
const IDENTIFYING: ReadonlySet<string> = new Set(['authorization', 'cookie', 'req.user', 'req.auth']);

/** What was read of the person, each in a word: `req.session`, `cookie`, `cookie theme`. */
export type Read = ReadonlySet<string>;

/** A watch over a request, from when the app behind the cache is called until its answer is complete. */
export class Watch {
  readonly read: Set<string> = new Set();
  #watching = false;
  #restore: (() => void)[] = [];

  /** Begins to note what is read of the person. */
  begin(req: IncomingMessage): void {
    const note = (what: string): void => {
      if (this.#watching) this.read.add(what);
    };
    const { headers } = req;
    const target = req as unknown as Record<string, unknown>;
    this.#restore.push(watchRaw(target, headers, note));
    req.headers = watchedHeaders(headers, note);
    this.#restore.push(() => {
      req.headers = headers;
    });
    for (const name of PROPERTIES) this.#restore.push(watchProperty(target, name, note));
    this.#watching = true;
  }

  /** Runs what belongs to middleware in front, or to the cache: what that reads is its own business. */
  readonly outside = <T>(run: () => T): T => {
    const before = this.#watching;
    this.#watching = false;
    try {
      return run();
    } finally {
      this.#watching = before;
    }
  };

  /** Leaves the request as it would be without the watch. */
  end(): void {
    this.#watching = false;
    for (const undo of this.#restore.splice(0)) undo();
  }
}

/** The request as a `key` function gets it, with a note of what it reads: how it shows what the key covers. */
export function watched(req: IncomingMessage, read: Set<string>): IncomingMessage {
  const note = (what: string): void => {
    read.add(what);
  };
  return new Proxy(req, {
    get(target, name) {
      // The request itself must be the receiver: its accessors know no proxy.
      const value: unknown = Reflect.get(target, name, target);
      if (name === 'headers') return watchedHeaders(value as IncomingHttpHeaders, note);
      if (name === 'cookies' || name === 'signedCookies') return watchedCookies(value, note);
      if ((PROPERTIES as readonly unknown[]).includes(name)) note(`req.${name as string}`);
      return value;
    },
  });
}

/**
 * What was read and is not covered, given what the key was made of. A key made of the person covers whatever is read
 * of the same person.
 */
export function uncovered(read: Read, covered: Read): string[] {
  for (const what of covered) if (IDENTIFYING.has(what)) return [];
  return [...read].filter((what) => !covered.has(what));
}

function watchedHeaders(headers: IncomingHttpHeaders, note: (what: string) => void): IncomingHttpHeaders {
  return new Proxy(headers, {
    get(target, name) {
      if ((FIELDS as readonly unknown[]).includes(name)) note(name as string);
      return Reflect.get(target, name);
    },
  });
}

/** Parsed cookies, of which each is its own: a key may cover one and not the others. */
function watchedCookies(cookies: unknown, note: (what: string) => void): unknown {
  if (typeof cookies !== 'object' || cookies === null) {
    note('req.cookies');
    return cookies;
  }
  return new Proxy(cookies, {
    get(target, name) {
      if (typeof name === 'string') note(`cookie ${name}`);
      return Reflect.get(target, name);
    },
    has(target, name) {
      if (typeof name === 'string') note(`cookie ${name}`);
      return Reflect.has(target, name);
    },
    ownKeys(target) {
      note('req.cookies');
      return Reflect.ownKeys(target);
    },
  });
}

function watchProperty(
  target: Record<string, unknown>,
  name: (typeof PROPERTIES)[number],
  note: (what: string) => void,
): () => void {
  const before = Object.getOwnPropertyDescriptor(target, name);
  // Somebody else's accessor, or a frozen request, is left alone.
  if (before && (!before.configurable || before.get || before.set)) return () => {};
  let value = before?.value;
  let assigned = before !== undefined;
  const isCookies = name === 'cookies' || name === 'signedCookies';
  Object.defineProperty(target, name, {
    configurable: true,
    enumerable: true,
    get() {
      if (isCookies && value) return watchedCookies(value, note);
      note(`req.${name}`);
      return value;
    },
    set(next: unknown) {
      value = next;
      assigned = true;
    },
  });
  return () => {
    delete target[name];
    if (assigned) target[name] = value;
  };
}

/** The raw list of fields, where a person shows in it, is read whole or not at all. */
function watchRaw(
  target: Record<string, unknown>,
  headers: IncomingHttpHeaders,
  note: (what: string) => void,
): () => void {
  const personal = FIELDS.filter((name) => headers[name] !== undefined);
  if (personal.length === 0) return () => {};
  let value = target.rawHeaders;
  Object.defineProperty(target, 'rawHeaders', {
    configurable: true,
    enumerable: true,
    get() {
      for (const name of personal) note(name);
      return value;
    },
    set(next: unknown) {
      value = next;
    },
  });
  return () => {
    delete target.rawHeaders;
    target.rawHeaders = value;
  };
}
