import { randomUUID } from 'node:crypto';
import { isCallersName } from './fields.ts';

/** The only object that was ever placed under a name; `undefined` once there were two. */
interface Sole {
  object: WeakRef<object> | undefined;
  /** The first request that it was seen at. */
  readonly req: WeakRef<object>;
}

const MAX_NAMES = 1000;

/**
 * The objects that middleware in front of a cache places on every request (a database, a library): such an object was there
 * at an earlier request, and no other one was ever seen under its name. The name of a person or a tenant never has one: the
 * first callers of a process may be the same.
 */
export class Constants {
  /** By which such an object selects. Another process may have another object under the name, so each has a text of its own. */
  readonly text: string = `*${randomUUID()}`;
  readonly #soles = new Map<string, Sole>();

  has(req: object, name: string, value: unknown): boolean {
    if (typeof value !== 'object' && typeof value !== 'function') return false;
    if (value === null || isCallersName(name)) return false;
    const sole = this.#soles.get(name);
    if (!sole) {
      const first = { object: new WeakRef(value), req: new WeakRef(req) };
      if (this.#soles.size < MAX_NAMES) this.#soles.set(name, first);
      return false;
    }
    if (sole.object?.deref() !== value) sole.object = undefined;
    return sole.object !== undefined && sole.req.deref() !== req;
  }
}
