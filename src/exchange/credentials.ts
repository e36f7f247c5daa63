import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';

/** Request header fields and properties that say who is asking. */
const FIELDS = new Set(['authorization', 'cookie']);
const PROPERTIES = new Set(['user', 'auth', 'session', 'cookies', 'signedCookies']);

/**
 * The request, with a note taken of what is read of the person behind it: how a `key` function shows that the key
 * it makes covers them.
 */
export function watched(req: IncomingMessage, noticed: Set<string>): IncomingMessage {
  const headers = (target: IncomingHttpHeaders): IncomingHttpHeaders =>
    new Proxy(target, {
      get(fields, name, receiver) {
        if (FIELDS.has(name as string)) noticed.add(name as string);
        return Reflect.get(fields, name, receiver);
      },
    });
  return new Proxy(req, {
    get(target, name) {
      if (PROPERTIES.has(name as string)) noticed.add(name as string);
      // The request itself must be the receiver: its accessors know no proxy.
      const value = Reflect.get(target, name, target);
      if (name === 'headers') return headers(value);
      return value;
    },
  });
}
