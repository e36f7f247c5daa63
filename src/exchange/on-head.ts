import type { OutgoingHttpHeader, ServerResponse } from 'node:http';

/** `writeHead` with arguments of whatever form. */
type WriteHead = (...args: unknown[]) => unknown;

/**
 * Calls the listener once, when the head of a response is about to be sent, with the reason phrase that `writeHead` was
 * given. By then, all fields are set on the response. Every form of arguments that `writeHead` accepts will do.
 *
 * The order is that of on-headers, which middleware uses: listeners of middleware in front run later.
 * @param under what the head is passed on to; by default the `writeHead` that the response has.
 */
export function onHead(
  res: ServerResponse,
  listener: (message: string | undefined) => void,
  under: WriteHead = res.writeHead as WriteHead,
): void {
  // Dropped after the call: Node keeps a response long after its end, and everything that its methods refer to.
  let pending: typeof listener | undefined = listener;
  // A constant of its own and not an expression in the assignment: see `capture`.
  const patched = function writeHead(this: ServerResponse, ...args: unknown[]): unknown {
    // Node throws before it changes anything.
    if (this.headersSent) return Reflect.apply(under, this, args);
    const [status] = args;
    const message = typeof args[1] === 'string' ? args[1] : undefined;
    this.statusCode = status as number;
    if (args.length > 1) setFields(this, message === undefined ? (args[2] ?? args[1]) : args[2]);
    const call = pending;
    pending = undefined;
    call?.(message);
    // The listener may have changed the status, and then the phrase is that of the other.
    if (typeof status === 'number' && this.statusCode !== status) args = [this.statusCode];
    else if (args.length > 1) args = message === undefined ? [status] : [status, message];
    return Reflect.apply(under, this, args);
  };
  res.writeHead = patched as ServerResponse['writeHead'];
}

/** Sets what `writeHead` was given: an object, names and values in turn, or pairs of them. */
function setFields(res: ServerResponse, fields: unknown): void {
  if (!fields) return;
  if (!Array.isArray(fields)) {
    const object = fields as Record<string, OutgoingHttpHeader>;
    for (const name of Object.keys(object)) if (name) res.setHeader(name, object[name] as OutgoingHttpHeader);
    return;
  }
  const list: unknown[] = Array.isArray(fields[0]) ? fields.flat() : fields;
  if (list.length % 2 !== 0) throw new TypeError('headers array is malformed');
  // A list may have several lines of one field.
  for (let i = 0; i < list.length; i += 2) res.removeHeader(list[i] as string);
  for (let i = 0; i < list.length; i += 2)
    if (list[i]) res.appendHeader(list[i] as string, list[i + 1] as string);
}
