import type { IncomingMessage } from 'node:http';
import { Readable } from 'node:stream';
import { isOfEveryRequest } from './placed.ts';

/** What `when` and `key` read of a request. */
export class OptionReads {
  /** Placed values. Reading them covers nobody: coverage is declared by `vary.caller`. */
  readonly placed: Set<string> = new Set();
  /** Whether a property was read that is not there: middleware behind the cache may place it. */
  absent = false;
}

/** A view of the request that notes what is read. The request is unchanged. */
export function optionView(req: IncomingMessage, reads: OptionReads): IncomingMessage {
  const note = (name: PropertyKey, value: unknown): void => {
    if (typeof name !== 'string' || isOfEveryRequest(name)) return;
    if (value === undefined || value === null || value === false) reads.absent = true;
    else if (Object.hasOwn(req, name)) reads.placed.add(`req.${name}`);
  };
  return new Proxy(req, {
    get(target, name) {
      // The request itself must be the receiver: its accessors know no proxy.
      const value: unknown = Reflect.get(target, name, target);
      // The methods of a stream work on the stream itself.
      if (typeof value === 'function' && name in Readable.prototype) return value.bind(target);
      note(name, value);
      return value;
    },
    has(target, name) {
      note(name, Reflect.get(target, name, target));
      return Reflect.has(target, name);
    },
  });
}
