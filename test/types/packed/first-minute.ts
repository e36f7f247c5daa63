/* Compiled by test/package/types.test.ts: what a new user writes, in a project with Express's types. */

import type { Request } from 'express';
import { redisCache } from 'redis-response-cache';

declare global {
  namespace Express {
    interface Request {
      user?: { readonly id: number };
    }
  }
}

redisCache({
  redis: process.env.REDIS_URL,
  key: (req) => [req.params.id],
  vary: { caller: (req) => req.user?.id ?? null },
  when: (_req, res) => res.locals.x,
});
redisCache({ key: (req: Request) => [req.params.id] });
redisCache({ key: (req: Request<{ id: string }>) => [req.params.id] });
