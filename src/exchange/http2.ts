import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http';
import { constants, type Http2Stream } from 'node:http2';

/*
 * What is otherwise in the requests and responses that node:http2 makes in the likeness of node:http. A response that
 * came by one of them answers requests by the other: what is stored holds nothing of a connection.
 */

/** The stream of a message that came by HTTP/2. */
function streamOf(message: object): (Http2Stream & { readonly endAfterHeaders: boolean }) | undefined {
  const { stream } = message as { stream?: Http2Stream & { readonly endAfterHeaders: boolean } };
  return typeof stream?.rstCode === 'number' ? stream : undefined;
}

/** "HTTP/2 does not define a way to carry the [...] reason phrase" (RFC 9113 §8.3.2), and Node warns of the question. */
export function hasReason(res: ServerResponse): boolean {
  return streamOf(res) === undefined;
}

/** Whether the client, or the connection, is gone. */
export function isGone(res: ServerResponse): boolean {
  return streamOf(res)?.destroyed ?? res.destroyed;
}

/**
 * Whether a stream was cancelled, as clients do that hang up and Node when the connection is lost; `undefined` for what
 * did not come by HTTP/2. What the app destroys has another code, or none.
 */
export function isCancelled(res: ServerResponse): boolean | undefined {
  const stream = streamOf(res);
  return stream && stream.rstCode === constants.NGHTTP2_CANCEL;
}

/** Whether a request's body follows, which needs no field to announce it; `undefined` where fields tell. */
export function announcesBody(req: IncomingMessage): boolean | undefined {
  const stream = streamOf(req);
  return stream && !stream.endAfterHeaders;
}

/**
 * A request's header fields with the `Host` that HTTP/2 sends as `:authority`: "an intermediary that converts a request
 * to HTTP/1.1 MUST" make one of it (RFC 9113 §8.3.1), so whatever goes by `Host` goes by that.
 */
export function withHost(headers: IncomingHttpHeaders): IncomingHttpHeaders {
  const authority = headers[':authority'];
  if (typeof authority !== 'string' || headers.host !== undefined) return headers;
  return { ...headers, host: authority };
}

/**
 * Whether what a request says of its target is one thing only: "a server SHOULD treat a request as malformed if it
 * contains a Host header field that identifies an entity that differs from" `:authority` (RFC 9113 §8.3.1), and an app
 * may go by `:scheme` as well as by the connection.
 */
export function isOfOneMind(headers: IncomingHttpHeaders, scheme: string): boolean {
  const { ':authority': authority, ':scheme': said, host } = headers;
  return (said ?? scheme) === scheme && (authority === undefined || (host ?? authority) === authority);
}
