import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Http2ServerRequest, Http2ServerResponse } from 'node:http2';
// The build marks this import as one that may fail (scripts/declarations.mjs): then both types are `any`.
import type { Request, Response } from 'express';

/** Types of requests and responses: what the cache takes, and what the functions among the options get. */

/** A request of a server of `node:http`, `node:https` or `node:http2`, and of every framework that is built on them. */
export type NodeRequest = IncomingMessage | Http2ServerRequest;

/** A response of a server of `node:http`, `node:https` or `node:http2`. */
export type NodeResponse = ServerResponse | Http2ServerResponse;

// Without Express's types, `Request` is `any`, and `[any] extends [1]` is true. The tuple is needed: `any extends 1` alone gives
// the union of both branches.

/**
 * The request that the functions among the options get, unless type arguments say otherwise: Express's `Request` if the
 * project has `@types/express`, else `IncomingMessage` of `node:http`.
 */
export type CacheRequest = [Request] extends [1] ? IncomingMessage : Request;

/**
 * The response that the functions among the options get, unless type arguments say otherwise: Express's `Response` if the
 * project has `@types/express`, else `ServerResponse` of `node:http`.
 */
export type CacheResponse = [Response] extends [1] ? ServerResponse : Response;

/** Connect's `next`: runs the rest of the app, or passes an error on. Frameworks differ in the type of the error. */
export type Next = { method(error?: unknown): void }['method'];

/** An Express or Connect app, or a request listener of `node:http`. */
export type AppListener = { method(req: IncomingMessage, res: ServerResponse): unknown }['method'];

/**
 * A function of the request and the response. A parameter may be annotated with a type of its own, such as
 * `Request<{ id: string }>`: parameters of a method are compared in both directions, those of a function type are not.
 */
export type OptionFunction<T, Req = CacheRequest, Res = CacheResponse> = {
  method(req: Req, res: Res): T | Promise<T>;
}['method'];

/** A value, or a function of the request and the response that returns one, or a promise of one. */
export type OptionValue<T, Req = CacheRequest, Res = CacheResponse> = T | OptionFunction<T, Req, Res>;
