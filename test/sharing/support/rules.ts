import type { CacheOptions } from '../../../src/index.ts';
import { express5app, type Layer, newCache, serve } from '../../support/app.ts';
import { type Answer, type Asked, ask } from '../../support/client.ts';
import type { Known } from './people.ts';

/* A key made one way, an app that reads the person another way, and what becomes of its answer. */

type Read = (req: Known) => unknown;

export interface Rule {
  readonly name: string;
  readonly options: CacheOptions;
  readonly reads: Read;
  readonly asked?: Asked;
  readonly front?: readonly Layer[];
  readonly behind?: readonly Layer[];
  readonly vary?: string;
}

const COOKIES = { headers: { Cookie: 'theme=dark; sid=1' } };
export const BEARER = { headers: { Authorization: 'Bearer alice' } };
export const BOTH: Asked = { headers: { ...COOKIES.headers, ...BEARER.headers } };

export const session: Layer = (req: Known, _res, next) => {
  req.session = { id: req.headers.cookie };
  next();
};
export const user: Layer = (req: Known, _res, next) => {
  req.user = { id: 7, role: 'member' };
  next();
};
export const by = (read: Read): CacheOptions => ({
  vary: { by: (req) => String(read(req as unknown as Known)) },
});
export const keyed = (read: Read): CacheOptions => ({
  key: (req) => [req.url ?? '', String(read(req as unknown as Known))],
});

export async function twice({
  options,
  reads,
  asked,
  front = [],
  behind = [],
  vary,
}: Rule): Promise<Answer[]> {
  const cache = newCache(options);
  const app = express5app(...front, cache, ...behind, (req, res) => {
    if (vary) res.setHeader('Vary', vary);
    reads(req as unknown as Known);
    res.end('made');
  });
  const port = await serve(app);
  const first = await ask(port, asked ?? COOKIES);
  await cache.idle();
  return [first, await ask(port, asked ?? COOKIES)];
}
