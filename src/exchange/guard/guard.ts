import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';
import { isFastifys } from './fastify.ts';
import { FIELDS, isProperty, original, PROPERTIES, Views } from './views.ts';

/**
 * The personalisation guard. A response may contain data of the user that the app has read. It is not shared unless the key
 * or `Vary` covers that data. The rules:
 *
 * - It counts what is read behind the cache, from when the app is called until it has ended its response, by whatever
 *   runs meanwhile. What middleware in front does in `writeHead`, `write` and `end` is its own business, and so is
 *   what it does once the response has ended.
 * - Reading what is not there counts: that `req.user` is missing makes the page of a guest, which is not a member's.
 *   (`'user' in req` counts only then: that a property is there is nothing that JavaScript lets one watch.)
 * - To copy all header fields, as a proxy does, is to read those of them that are there.
 * - Parsing counts: a cookie parser or a session behind the cache reads the whole `Cookie` field, and nothing tells
 *   whether what it made of it went into the answer. In front of the cache it may, and there each cookie counts alone.
 * - What plugins of Fastify in front have made of a credential cannot be watched, so there it counts as read.
 * - A response that says `public` or `s-maxage` is for everyone by its own word; one that says `must-revalidate` is
 *   as far as `Authorization` goes (RFC 9111 §3.5).
 */

/** What was read of the person, each in a word: `req.session`, `no req.user` where none was there, `cookie theme`. */
export type Read = ReadonlySet<string>;

/** What else covers a word: what it was made of, and what it shows just as well. */
const COVERED_BY: Readonly<Record<string, readonly string[]>> = {
  authorization: ['req.user', 'req.auth'],
  cookie: ['req.cookies'],
  'req.user': ['req.auth'],
  'req.auth': ['req.user'],
  'req.session': ['cookie'],
  'req.cookies': ['cookie'],
  'req.signedCookies': ['cookie', 'req.cookies'],
};

/**
 * What was read and is not covered by what the key was made of, named as the app names it.
 * @param headers request fields. If the key covers all credentials of the request, it covers the user.
 */
export function uncovered(read: Read, covered: Read, headers: IncomingHttpHeaders): string[] {
  const known = (word: string): boolean => covered.has(word);
  const credentials =
    FIELDS.some(known) && FIELDS.every((name) => known(name) || headers[name] === undefined);
  const isCovered = (word: string): boolean => {
    if (known(word)) return true;
    const name = word.replace(/^no /, '');
    if (known(name)) return true;
    if (name.startsWith('cookie ')) return known('cookie') || known('req.cookies');
    if (credentials && (name === 'req.user' || name === 'req.auth')) return true;
    return COVERED_BY[name]?.some(known) ?? false;
  };
  const names = [...read].filter((word) => !isCovered(word)).map((word) => word.replace(/^no /, ''));
  // Whoever went through all cookies has read each.
  const each = names.includes('req.cookies') || names.includes('cookie');
  return [...new Set(names)].filter((name) => !each || !name.startsWith('cookie '));
}

/** A watch over a request, from when the app behind the cache is called until its answer is complete. */
export class ReadTracker {
  readonly read: Set<string> = new Set();
  /** The properties that were set behind the cache, by a middleware that may belong in front. */
  readonly placed: Set<string> = new Set();
  readonly #undo: (() => void)[] = [];
  readonly #views = new Views((word) => this.#note(word));
  #watching = false;
  /** How many callers deep in what is not the app's. */
  #outside = 0;
  /** What stands between the request and its prototype. */
  #between: object | undefined;

  /** Begins to note what is read of the person; what an earlier call began goes on. */
  begin(req: IncomingMessage): void {
    this.#watching = true;
    if (this.#undo.length > 0) return;
    const headers = original(req.headers);
    const there = FIELDS.filter((name) => headers[name] !== undefined);
    if (isFastifys(req)) for (const name of there) this.#note(name);
    const view = (fields: unknown): unknown => this.#views.headers(fields);
    this.#intercept(req, 'headers', view, there);
    // A list is read whole.
    const whole = (list: unknown): unknown => {
      for (const name of there) this.#note(name);
      return list;
    };
    if (there.length > 0) this.#intercept(req, 'rawHeaders', whole, there);
    for (const name of PROPERTIES) if (Object.hasOwn(req, name)) this.#watchOwn(req, name);
    this.#interpose(req);
    // An app mounted in another gives the request its own prototype, and then its router reads the URL.
    this.#intercept(req, 'url', (url) => {
      if (Object.getPrototypeOf(req) !== this.#between) this.#interpose(req);
      return url;
    });
  }

  /** Runs what belongs to middleware in front, or to the cache: what that reads is its own business. */
  untracked<T>(run: () => T): T {
    this.#outside++;
    try {
      return run();
    } finally {
      this.#outside--;
    }
  }

  /** The same for what takes its time, while the app waits for it. */
  async untrackedAsync<T>(run: () => T | Promise<T>): Promise<T> {
    this.#outside++;
    try {
      return await run();
    } finally {
      this.#outside--;
    }
  }

  /** Leaves the request as it would be without the watch. */
  end(): void {
    this.#watching = false;
    for (const undo of this.#undo.splice(0).reverse()) undo();
  }

  #note(word: string): void {
    if (this.#watching && this.#outside === 0) this.read.add(word);
  }

  #watchOwn(req: IncomingMessage, name: (typeof PROPERTIES)[number]): void {
    this.#intercept(req, name, (value) => this.#views.property(name, value), [`req.${name}`]);
  }

  /**
   * Has a property of the request read through `view`, be it the request's own or inherited, a value or an accessor.
   * @param words what counts as read from the start, where a property can't be watched.
   */
  #intercept(
    req: IncomingMessage,
    name: string,
    view: (value: unknown) => unknown,
    words: readonly string[] = [],
  ): void {
    const own = Object.getOwnPropertyDescriptor(req, name);
    const held: Intercepted = { by: this, req, view, value: own?.value };
    const { get, set } = ReadTracker.#accessors(held, name, own);
    const watched = Reflect.defineProperty(req, name, {
      configurable: true,
      enumerable: own?.enumerable ?? false,
      get,
      ...((own === undefined || own.writable || own.set) && { set }),
    });
    if (!watched) {
      for (const word of words) this.#note(word);
      return;
    }
    this.#undo.push(() => {
      const isOurs = Object.getOwnPropertyDescriptor(req, name)?.get === get;
      // What the app has put in its place, or taken away, is the app's.
      if (isOurs && own === undefined) Reflect.deleteProperty(req, name);
      else if (isOurs && own)
        Object.defineProperty(req, name, isValue(own) ? { ...own, value: held.value } : own);
      held.by = undefined;
      held.req = undefined;
      held.view = undefined;
    });
  }

  /** They outlive the request by far, as what `#seeing` gives does, and so they see no more than what is held. */
  static #accessors(
    held: Intercepted,
    name: string,
    own: PropertyDescriptor | undefined,
  ): { get(this: IncomingMessage): unknown; set(this: IncomingMessage, next: unknown): void } {
    const ofValue = isValue(own);
    const read = (req: IncomingMessage): unknown => {
      if (ofValue) return held.value;
      return own ? own.get?.call(req) : Reflect.get(Object.getPrototypeOf(req) ?? {}, name, req);
    };
    return {
      get() {
        const { by, req = this, view } = held;
        return by && view ? view(by.untracked(() => read(req))) : read(req);
      },
      set(next) {
        const { by, req = this } = held;
        if (ofValue) held.value = next;
        else if (own) own.set?.call(req, next);
        else Reflect.set(Object.getPrototypeOf(req) ?? {}, name, next, req);
        if (isProperty(name)) by?.placed.add(`req.${name}`);
      },
    };
  }

  /**
   * Puts between the request and its prototype what sees the reading of properties that are not there, without
   * putting anything there: `'user' in req` stays false.
   */
  #interpose(req: IncomingMessage): void {
    const prototype: object = Object.getPrototypeOf(req);
    const held: Held = { by: this, req };
    const between = new Proxy<object>(Object.create(prototype), ReadTracker.#seeing(held));
    if (!Reflect.setPrototypeOf(req, between)) return;
    this.#between = between;
    this.#undo.push(() => {
      if (Object.getPrototypeOf(req) === between) Object.setPrototypeOf(req, prototype);
      held.by = undefined;
      held.req = undefined;
    });
  }

  /**
   * Not of the watch itself: an engine keeps the shape of a request with such a prototype, and so what the prototype
   * holds, much longer than the request. Whatever else the app reads runs many times, and passes by quickly.
   */
  static #seeing(held: Held): ProxyHandler<object> {
    return {
      get(target, name, receiver) {
        const watch = held.by;
        if (!watch || (name !== 'headersDistinct' && !isProperty(name)))
          return Reflect.get(target, name, receiver);
        const value: unknown = watch.untracked(() => Reflect.get(target, name, receiver));
        return isProperty(name) ? watch.#views.property(name, value) : watch.#views.headers(value);
      },
      has(target, name) {
        const watch = held.by;
        if (watch && isProperty(name)) watch.#views.property(name, Reflect.get(target, name, held.req));
        return Reflect.has(target, name);
      },
      set(target, name, value, receiver) {
        const done = Reflect.set(target, name, value, receiver);
        const { by: watch, req } = held;
        if (watch && req && isProperty(name) && receiver === req) {
          watch.placed.add(`req.${name}`);
          if (watch.#undo.length > 0 && Object.hasOwn(req, name)) watch.#watchOwn(req, name);
        }
        return done;
      },
    };
  }
}

/** Whose reading is seen, until the watch is over. */
interface Held {
  by: ReadTracker | undefined;
  req: IncomingMessage | undefined;
}

/** The same of one property, and its value where it has one itself. */
interface Intercepted extends Held {
  view: ((value: unknown) => unknown) | undefined;
  value: unknown;
}

function isValue(own: PropertyDescriptor | undefined): boolean {
  return own !== undefined && own.get === undefined && own.set === undefined;
}
