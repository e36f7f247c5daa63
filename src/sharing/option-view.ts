import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';
import { Readable } from 'node:stream';
import { isOfEveryRequest } from './placed.ts';
import { noting } from './reads.ts';

/** What functions among the options (`when`, `key`, `vary.by`) read of a request. */
export class OptionReads {
  /** Header fields, in lower case; `*` where all were read at once. The cache's own requests need the same ones. */
  readonly fields: Set<string> = new Set();
  /** Placed values. Reading them covers nobody: coverage is declared by `vary.caller`. */
  readonly placed: Set<string> = new Set();
  /** Whether a property was read that is not there: middleware behind the cache may place it. */
  absent = false;
}

/** A view of the request that notes what is read. The request is unchanged. */
export function optionView(req: IncomingMessage, reads: OptionReads): IncomingMessage {
  const fieldsView = (headers: object): object =>
    new Proxy(headers, {
      ...noting<object>((name) => {
        if (typeof name === 'string') reads.fields.add(name);
      }),
      ownKeys: (target) => {
        reads.fields.add('*');
        return Reflect.ownKeys(target);
      },
    });
  let view: IncomingHttpHeaders | undefined;
  const note = (name: PropertyKey, value: unknown): void => {
    if (typeof name !== 'string' || isOfEveryRequest(name)) return;
    if (value === undefined || value === null || value === false) reads.absent = true;
    else if (Object.hasOwn(req, name)) reads.placed.add(`req.${name}`);
  };
  return new Proxy(req, {
    get(target, name) {
      // The request itself must be the receiver: its accessors know no proxy.
      const value: unknown = Reflect.get(target, name, target);
      if (name === 'headers') {
        view ??= fieldsView(value as object) as IncomingHttpHeaders;
        return view;
      }
      if (name === 'headersDistinct' && value) return fieldsView(value as object);
      if (name === 'rawHeaders') reads.fields.add('*');
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
