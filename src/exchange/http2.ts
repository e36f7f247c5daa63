import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http';
import { constants, type Http2Stream } from 'node:http2';

/*
 * Where the requests and responses of node:http2's compatibility API differ from those of node:http. A stored response
 * holds nothing of a connection, so one that was stored over HTTP/2 answers requests over HTTP/1.1, and the reverse.
 */

type Stream = Http2Stream & { readonly endAfterHeaders: boolean };

/** The stream of an HTTP/2 message; `undefined` for HTTP/1.1. */
function streamOf(message: object): Stream | undefined {
  const { stream } = message as { stream?: Stream };
  return typeof stream?.rstCode === 'number' ? stream : undefined;
}

/**
 * "HTTP/2 does not define a way to carry the [...] reason phrase" (RFC 9113 §8.3.2). Node warns when it is read or set.
 */
export function hasReasonPhrase(res: ServerResponse): boolean {
  return streamOf(res) === undefined;
}

/** Whether the client or the connection is gone. */
export function isGone(res: ServerResponse): boolean {
  return streamOf(res)?.destroyed ?? res.destroyed;
}

/**
 * Whether the stream was cancelled: by a client that disconnected, or by Node when the connection was lost. A stream
 * that the app destroyed has another error code or none. `undefined` for HTTP/1.1.
 */
export function isCancelled(res: ServerResponse): boolean | undefined {
  const stream = streamOf(res);
  return stream && stream.rstCode === constants.NGHTTP2_CANCEL;
}

/** Whether a request body follows, which HTTP/2 announces by no field. `undefined` for HTTP/1.1, where fields tell. */
export function announcesBody(req: IncomingMessage): boolean | undefined {
  const stream = streamOf(req);
  return stream && !stream.endAfterHeaders;
}

/**
 * The header fields with a `Host` made of `:authority`: "an intermediary that converts a request to HTTP/1.1 MUST"
 * create one (RFC 9113 §8.3.1), so every rule about `Host` applies to HTTP/2 as well.
 */
export function withHost(headers: IncomingHttpHeaders): IncomingHttpHeaders {
  const authority = headers[':authority'];
  if (typeof authority !== 'string' || headers.host !== undefined) return headers;
  return { ...headers, host: authority };
}

/**
 * Whether `:authority` and `Host` agree: "a server SHOULD treat a request as malformed if it contains a Host header
 * field that identifies an entity that differs from" `:authority` (RFC 9113 §8.3.1).
 */
export function authorityMatchesHost({ ':authority': authority, host }: IncomingHttpHeaders): boolean {
  return authority === undefined || (host ?? authority) === authority;
}

/** Whether `:scheme` agrees with the scheme of the target: an app may read either of them. */
export function schemeMatches({ ':scheme': stated }: IncomingHttpHeaders, scheme: string): boolean {
  return (stated ?? scheme) === scheme;
}
