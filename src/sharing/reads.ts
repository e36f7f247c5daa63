import type { IncomingMessage, ServerResponse } from 'node:http';
import { unviewed, viewedObjects } from '../shared-state.ts';
import type { Constants } from './constants.ts';
import { hasGetter, OPAQUE, placedValue, placesOf, SELECTING_NAME, textOf } from './placed.ts';
import { watchProperty } from './watched-property.ts';

/**
 * What the app behind the cache reads of a request, from when it is called until it has ended its response: header fields,
 * cookies that were parsed in front, and values that middleware in front has placed. What middleware in front does in
 * `writeHead`, `write` and `end` is its own business.
 *
 * Nothing stands between a request and its prototype. `headers` is set to a view, and back. Each placed property, of
 * which there are few, gets an accessor.
 */
export class ReadWatch {
  /** Header fields that were read by name, in lower case, there or not. */
  readonly fields: Set<string> = new Set();
  /** Whether all header fields were read at once, as a proxy does to copy them. */
  copied = false;
  /** Placed values that were read, each with its text at that moment. */
  readonly placed: Map<string, string | null> = new Map();
  readonly #constants: Constants;
  readonly #undo: (() => void)[] = [];
  #watching = false;
  /** How many callers deep in what is not the app's. */
  #outside = 0;

  constructor(constants: Constants) {
    this.#constants = constants;
  }

  /** Begins to note what is read; what an earlier call began goes on. */
  begin(req: IncomingMessage, res: ServerResponse): void {
    if (this.#watching) return;
    this.#watching = true;
    this.#watchFields(req);
    for (const name of ['rawHeaders', 'headersDistinct']) this.#watchList(req, name);
    for (const { prefix, holder, names } of placesOf(req, res, true))
      for (const name of names) this.#watchPlaced(req, prefix, holder, name);
  }

  /** Runs what belongs to middleware in front, or to the cache. */
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

  get #notes(): boolean {
    return this.#watching && this.#outside === 0;
  }

  #noteField(name: PropertyKey): void {
    // Node has all names in lower case.
    if (this.#notes && typeof name === 'string' && name === name.toLowerCase()) this.fields.add(name);
  }

  #noteCopy(): void {
    if (this.#notes) this.copied = true;
  }

  #notePlaced(req: object, name: string, value: unknown, isOpaque: boolean): void {
    if (!this.#notes || this.placed.has(name)) return;
    this.placed.set(
      name,
      SELECTING_NAME.test(name) && !isOpaque ? textOf(this.#constants, req, name, value) : OPAQUE,
    );
  }

  /** Sets `headers` to a view of them, until the watch ends. What the app puts in its place stays. */
  #watchFields(req: IncomingMessage): void {
    const { headers } = req;
    const view = this.#fieldsView(headers);
    viewedObjects.set(view, unviewed(headers));
    // HTTP/2 has an accessor without a setter.
    const isSet = hasSetter(req, 'headers') && Reflect.set(req, 'headers', view);
    if (!isSet) {
      const defined = { value: view, configurable: true, enumerable: true, writable: true };
      if (!Reflect.defineProperty(req, 'headers', defined)) return;
    }
    this.#undo.push(() => {
      viewedObjects.delete(view);
      if (req.headers !== view) return;
      if (isSet) Reflect.set(req, 'headers', headers);
      else Reflect.deleteProperty(req, 'headers');
    });
  }

  /**
   * Header fields. To go through all of them, as a proxy does to copy them, is not to ask for each by its name: it reads
   * the descriptor of one name after the other, and after each the value.
   */
  #fieldsView<T extends object>(headers: T): T {
    let order: readonly PropertyKey[] = [];
    let at = 0;
    let isCopied = false;
    return new Proxy(headers, {
      get: (target, name) => {
        if (!(isCopied && order[at - 1] === name)) this.#noteField(name);
        isCopied = false;
        return Reflect.get(target, name);
      },
      set: (target, name, value) => Reflect.set(target, name, value),
      has: (target, name) => {
        this.#noteField(name);
        return Reflect.has(target, name);
      },
      getOwnPropertyDescriptor: (target, name) => {
        isCopied = order[at] === name;
        if (isCopied) at++;
        else this.#noteField(name);
        return Reflect.getOwnPropertyDescriptor(target, name);
      },
      ownKeys: (target) => {
        this.#noteCopy();
        order = Reflect.ownKeys(target);
        at = 0;
        return order as (string | symbol)[];
      },
    });
  }

  /** All fields in another form. Who reads one of them may read any. */
  #watchList(req: IncomingMessage, name: string): void {
    if (!(name in req)) return;
    const undo = watchProperty(req, name, (current) => {
      this.#noteCopy();
      return this.untracked(current);
    });
    if (undo) this.#undo.push(undo);
  }

  #watchPlaced(req: object, prefix: string, holder: object, own: string): void {
    const name = prefix + own;
    // A getter of middleware in front may do anything, so that it is called by nobody but the app.
    const isOpaque = hasGetter(holder, own);
    const undo = watchProperty(holder, own, (current) => {
      const value = this.untracked(current);
      this.#notePlaced(req, name, value, isOpaque);
      return value;
    });
    if (undo) this.#undo.push(undo);
    // What cannot be watched counts as read.
    else this.#notePlaced(req, name, placedValue(holder, own), isOpaque);
  }
}

/** Whether a property of an object can be set: it is no accessor, own or inherited, without a setter. */
function hasSetter(object: object, name: string): boolean {
  for (let at: object | null = object; at; at = Object.getPrototypeOf(at)) {
    const descriptor = Object.getOwnPropertyDescriptor(at, name);
    if (descriptor) return descriptor.set !== undefined || descriptor.writable === true;
  }
  return true;
}
