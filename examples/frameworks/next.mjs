// Next.js as a custom server, in a folder with a built app:
//
//   npx next build && node next.mjs
//   curl -i localhost:3000/
//
// A page or a route handler is stored if it says how long it may be: `Cache-Control: public, max-age=60`. Next says
// `private, no-store` of what is made for one request, and that stays so.

import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import next from 'next';
import { redisCache } from 'redis-response-cache';

const dir = process.env.NEXT_DIR ?? process.cwd();
const app = next({ dev: false, dir });
await app.prepare();

const cache = redisCache({
  redis: process.env.REDIS_URL,
  // A page names the scripts of its own build: no build is given the pages of another.
  prefix: `next-${readFileSync(`${dir}/.next/BUILD_ID`, 'utf8')}:`,
  // Next makes links and redirects by what a proxy in front says of the host.
  vary: { headers: ['x-forwarded-host', 'x-forwarded-proto'] },
});
const handle = app.getRequestHandler();

const server = createServer((req, res) => cache(req, res, () => handle(req, res)));
server.listen(process.env.PORT ?? 3000, () => {
  console.log(`http://localhost:${server.address().port}/`);
});
