/* Compiled by test/package/types.test.ts, in a project without Express's types: requests are those of `node:http`. */

import type { IncomingMessage, ServerResponse } from 'node:http';
import { type CacheRequest, type CacheResponse, redisCache } from 'redis-response-cache';
import { inspector } from 'redis-response-cache/inspector';

type Same<A, B> = [A, B] extends [B, A] ? (0 extends A & 1 ? false : true) : false;
export const same: [Same<CacheRequest, IncomingMessage>, Same<CacheResponse, ServerResponse>] = [true, true];

const cache = redisCache({
  key: (req) => [req.method ?? 'GET', req.url ?? '/'],
  when: (req, res) => req.headers['x-preview'] === undefined && res.getHeader('x') === undefined,
});
cache.with({
  // @ts-expect-error: Express has parameters, `node:http` has none.
  key: (req) => [req.params.id],
});
inspector(cache, { authorize: (req) => req.socket.remoteAddress === '127.0.0.1' });
