import type { ServerResponse } from 'node:http';
import onHeaders from 'on-headers';

/**
 * Calls the listener once, when the head of a response is about to be sent, with the reason phrase that `writeHead` was
 * given. The order is that of on-headers: listeners of middleware in front run later. Unlike on-headers alone, this
 * handles every form of arguments that `writeHead` accepts.
 */
export function onHead(res: ServerResponse, listener: (message: string | undefined) => void): void {
  const { writeHead } = res;
  let message: string | undefined;
  // Dropped after the call: Node keeps a response long after its end, and everything that its methods refer to.
  let pending: typeof listener | undefined = listener;
  onHeaders(res, () => {
    const call = pending;
    pending = undefined;
    call?.(message);
  });
  const { writeHead: onHeadersWriteHead } = res;

  // A constant of its own and not an expression in the assignment: see `capture`.
  const patched = function writeHeadWatched(this: ServerResponse, ...args: unknown[]): ServerResponse {
    // Node throws before it changes anything, so on-headers must not run.
    if (this.headersSent) return Reflect.apply(writeHead, this, args) as ServerResponse;
    // So Node calls it where the app does not.
    if (args.length === 1) return Reflect.apply(onHeadersWriteHead, this, args) as ServerResponse;
    const [status, ...rest] = args;
    message = typeof rest[0] === 'string' ? (rest.shift() as string) : undefined;
    // `writeHead(200, undefined, fields)`: on-headers would take `undefined` for the fields.
    const fields = rest[1] ?? rest[0];
    const normalized = [
      status,
      ...(message === undefined ? [] : [message]),
      ...(fields ? [flat(fields)] : []),
    ];
    return Reflect.apply(onHeadersWriteHead, this, normalized) as ServerResponse;
  };
  res.writeHead = patched as ServerResponse['writeHead'];
}

/**
 * Turns `[['Link', a], ['Link', b]]` into `['Link', a, 'Link', b]`: of pairs, on-headers keeps the last of each name.
 */
function flat(fields: unknown): unknown {
  return Array.isArray(fields) && Array.isArray(fields[0]) ? fields.flat() : fields;
}
