import { IncomingMessage, type ServerResponse } from 'node:http';
import { Socket } from 'node:net';
import { VIEWED } from '../shared-state.ts';
import type { Constants } from './constants.ts';
import { hasGetter, OPAQUE, type Place, placedValue, placesOf, SELECTING_NAME, textOf } from './placed.ts';
import { watchProperty } from './watched-property.ts';

/**
 * What the app behind the cache reads of a request, from when it is called until it has ended its response: header fields,
 * cookies that were parsed in front, and values that middleware in front has placed. What middleware in front does in
 * `writeHead`, `write` and `end` is its own business.
 *
 * Nothing stands between a request and its prototype. `headers` and `rawHeaders` are set to views, and back. Each placed
 * property, of which there are few, gets an accessor: V8 keeps an object whose properties become accessors as a dictionary.
 */
export class ReadWatch {
  /** Header fields that were read by name, in lower case, there or not. */
  get fields(): Set<string> {
    this.#fields ??= new Set();
    return this.#fields;
  }

  /** Whether all header fields were read at once, as a proxy does to copy them. */
  copied = false;
  /** Placed values that were read, each with its text at that moment. */
  get placed(): Map<string, string | null> {
    this.#placed ??= new Map();
    return this.#placed;
  }

  readonly #constants: Constants;
  #fields: Set<string> | undefined;
  #placed: Map<string, string | null> | undefined;
  #undo: (() => void)[] | undefined;
  #views: View[] = [];
  #watching = false;
  /** How many callers deep in what is not the app's. */
  #outside = 0;

  constructor(constants: Constants) {
    this.#constants = constants;
  }

  /** How many things were read so far: while it stays, so does what the response depends on. */
  get count(): number {
    return (this.#fields?.size ?? 0) + (this.#placed?.size ?? 0) + (this.copied ? 1 : 0);
  }

  /** Begins to note what is read; what an earlier call began goes on. @param places what is placed there by now. */
  begin(req: IncomingMessage, res: ServerResponse, places: readonly Place[] = placesOf(req, res)): void {
    if (this.#watching) return;
    this.#watching = true;
    this.#setView(req, 'headers', new FieldsHandler(this));
    this.#watchLists(
      req,
      places.some(({ holder }) => holder === req),
    );
    for (const { prefix, holder, names } of places)
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
    const views = this.#views;
    if (views.length > 0) this.#views = [];
    for (const view of views) takeAway(view);
    const undo = this.#undo;
    this.#undo = undefined;
    for (let i = (undo?.length ?? 0) - 1; i >= 0; i--) undo?.[i]?.();
  }

  /** Enters what belongs to middleware in front, or to the cache. Each call needs one of `return`. */
  leave(): void {
    this.#outside++;
  }

  return(): void {
    this.#outside--;
  }

  get isNoting(): boolean {
    return this.#watching && this.#outside === 0;
  }

  noteField(name: PropertyKey): void {
    // Node has all names in lower case.
    if (!this.isNoting || typeof name !== 'string' || name !== name.toLowerCase()) return;
    this.fields.add(name);
  }

  noteCopy(): void {
    if (this.isNoting) this.copied = true;
  }

  #notePlaced(req: object, name: string, value: unknown, isOpaque: boolean): void {
    if (!this.isNoting || this.#placed?.has(name)) return;
    this.placed.set(
      name,
      SELECTING_NAME.test(name) && !isOpaque ? textOf(this.#constants, req, name, value) : OPAQUE,
    );
  }

  /**
   * Sets a property to a view of its value, until the watch ends. What the app puts in its place stays.
   * @returns whether it could be done.
   */
  #setView(req: IncomingMessage, name: Viewed, handler: ProxyHandler<object>): boolean {
    const value: unknown = req[name];
    if (typeof value !== 'object' || value === null) return false;
    const view = new Proxy(value, handler);
    // HTTP/2 has an accessor without a setter.
    const isSet = Reflect.set(req, name, view);
    if (!isSet) {
      const defined = { value: view, configurable: true, enumerable: true, writable: true };
      if (!Reflect.defineProperty(req, name, defined)) return false;
    }
    this.#views.push({ req, name, value, view, isSet });
    return true;
  }

  /**
   * All fields in another form. Who reads one of them may read any. Node makes `headersDistinct` of `rawHeaders` when it is
   * first read; where it was made before, it is watched by itself.
   * @param hasAccessors whether the request gets accessors anyway. Two more cost little, and tell who spreads the request.
   */
  #watchLists(req: IncomingMessage, hasAccessors: boolean): void {
    if (hasAccessors) {
      this.#watchList(req, 'rawHeaders');
      this.#watchList(req, 'headersDistinct');
      return;
    }
    const isToBeMade = DISTINCT !== undefined && Reflect.get(req, DISTINCT) === undefined;
    const handler = new ListHandler(this, () => this.#watchList(req, 'headersDistinct'));
    if (!this.#setView(req, 'rawHeaders', handler)) this.#watchList(req, 'rawHeaders');
    if (!isToBeMade || Object.hasOwn(req, 'headersDistinct')) handler.onOthers();
  }

  #watchList(req: IncomingMessage, name: string): void {
    if (!this.#watching || !(name in req)) return;
    const undo = watchProperty(req, name, (current) => {
      this.noteCopy();
      return this.untracked(current);
    });
    if (undo) this.#keepUndo(undo);
  }

  #keepUndo(undo: () => void): void {
    this.#undo ??= [];
    this.#undo.push(undo);
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
    if (undo) this.#keepUndo(undo);
    // What cannot be watched counts as read.
    else this.#notePlaced(req, name, placedValue(holder, own), isOpaque);
  }
}

type Viewed = 'headers' | 'rawHeaders';

/** A view in the place of a property's value. */
interface View {
  readonly req: IncomingMessage;
  readonly name: Viewed;
  readonly value: object;
  readonly view: object;
  /** Whether the property was set; otherwise it was defined anew. */
  readonly isSet: boolean;
}

function takeAway({ req, name, value, view, isSet }: View): void {
  if (req[name] !== view) return;
  if (isSet) Reflect.set(req, name, value);
  else Reflect.deleteProperty(req, name);
}

/** By which Node keeps the `headersDistinct` of a request, once they were read. */
const DISTINCT = symbolOfDistinct(new IncomingMessage(new Socket()));

function symbolOfDistinct(req: IncomingMessage): symbol | undefined {
  const before = Object.getOwnPropertySymbols(req);
  const distinct = req.headersDistinct;
  const added = Object.getOwnPropertySymbols(req).filter((symbol) => !before.includes(symbol));
  return added.find((symbol) => Reflect.get(req, symbol) === distinct);
}

/**
 * Header fields. To go through all of them, as a proxy does to copy them, is not to ask for each by its name: it reads
 * the descriptor of one name after the other, and after each the value.
 */
class FieldsHandler implements ProxyHandler<object> {
  readonly #watch: ReadWatch;
  #order: readonly PropertyKey[] = [];
  #at = 0;
  #isCopied = false;

  constructor(watch: ReadWatch) {
    this.#watch = watch;
  }

  get(target: object, name: PropertyKey): unknown {
    if (name === VIEWED) return target;
    if (!(this.#isCopied && this.#order[this.#at - 1] === name)) this.#watch.noteField(name);
    this.#isCopied = false;
    return Reflect.get(target, name);
  }

  set(target: object, name: PropertyKey, value: unknown): boolean {
    return Reflect.set(target, name, value);
  }

  has(target: object, name: PropertyKey): boolean {
    this.#watch.noteField(name);
    return Reflect.has(target, name);
  }

  getOwnPropertyDescriptor(target: object, name: PropertyKey): PropertyDescriptor | undefined {
    this.#isCopied = this.#order[this.#at] === name;
    if (this.#isCopied) this.#at++;
    else this.#watch.noteField(name);
    return Reflect.getOwnPropertyDescriptor(target, name);
  }

  ownKeys(target: object): (string | symbol)[] {
    this.#watch.noteCopy();
    const names = Reflect.ownKeys(target);
    this.#order = names;
    this.#at = 0;
    return names;
  }
}

/** The list of all fields: whoever reads anything of it may read all. */
class ListHandler implements ProxyHandler<object> {
  readonly #watch: ReadWatch;
  #onOthers: (() => void) | undefined;

  /** @param onOthers called when middleware in front has read the list: what was made of it then is not made again. */
  constructor(watch: ReadWatch, onOthers: () => void) {
    this.#watch = watch;
    this.#onOthers = onOthers;
  }

  get(target: object, name: PropertyKey): unknown {
    if (name === VIEWED) return target;
    this.#note();
    return Reflect.get(target, name);
  }

  set(target: object, name: PropertyKey, value: unknown): boolean {
    return Reflect.set(target, name, value);
  }

  has(target: object, name: PropertyKey): boolean {
    this.#note();
    return Reflect.has(target, name);
  }

  getOwnPropertyDescriptor(target: object, name: PropertyKey): PropertyDescriptor | undefined {
    this.#note();
    return Reflect.getOwnPropertyDescriptor(target, name);
  }

  ownKeys(target: object): (string | symbol)[] {
    this.#note();
    return Reflect.ownKeys(target);
  }

  onOthers(): void {
    const call = this.#onOthers;
    this.#onOthers = undefined;
    call?.();
  }

  #note(): void {
    if (this.#watch.isNoting) this.#watch.noteCopy();
    else this.onOthers();
  }
}
