import type { ServerResponse } from 'node:http';
import onHeaders from 'on-headers';

/**
 * Calls back when a response's head is about to be sent, with the status message that `writeHead` was given. This
 * is on-headers, so that middleware in front still comes after, made to understand every form that Node takes.
 */
export function onHead(res: ServerResponse, listener: (message: string | undefined) => void): void {
  const { writeHead } = res;
  let message: string | undefined;
  // Once, and then it is let go: what hangs on a response stays for as long as Node keeps that.
  let waiting: typeof listener | undefined = listener;
  onHeaders(res, () => {
    const told = waiting;
    waiting = undefined;
    told?.(message);
  });
  const { writeHead: announced } = res;

  // Named first, as those of `capture` are.
  const watched = function writeHeadWatched(this: ServerResponse, ...args: unknown[]): ServerResponse {
    // Too late, which Node says before it changes anything.
    if (this.headersSent) return Reflect.apply(writeHead, this, args) as ServerResponse;
    const [status, ...rest] = args;
    message = typeof rest[0] === 'string' ? (rest.shift() as string) : undefined;
    // `writeHead(200, undefined, fields)`: without a message on-headers looks for fields in its place.
    const fields = rest[1] ?? rest[0];
    const form = [status, ...(message === undefined ? [] : [message]), ...(fields ? [flat(fields)] : [])];
    return Reflect.apply(announced, this, form) as ServerResponse;
  };
  res.writeHead = watched as ServerResponse['writeHead'];
}

/** Pairs, `[['Link', a], ['Link', b]]`, as names and values in turn: of pairs on-headers keeps the last of a name. */
function flat(fields: unknown): unknown {
  return Array.isArray(fields) && Array.isArray(fields[0]) ? fields.flat() : fields;
}
