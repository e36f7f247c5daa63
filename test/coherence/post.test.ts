import { once } from 'node:events';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, expect, test } from '@jest/globals';
import { redisCache } from '../../src/index.ts';
import { uniquePrefix } from '../support/prefix.ts';

let close = async (): Promise<void> => {};
afterEach(() => close());

test('a purge revokes the right of a POST under way to store what a GET would be answered with', async () => {
  const cache = redisCache({
    redis: process.env.TEST_REDIS_URL as string,
    prefix: uniquePrefix(),
    timeout: '5s',
  });
  const running: ServerResponse[] = [];
  const server = createServer((req, res) =>
    cache(req, res, () => (req.method === 'POST' ? running.push(res) : res.end('from after'))),
  );
  close = async () => {
    server.closeAllConnections();
    server.close();
    await cache.close();
  };
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/item`;

  const posted = fetch(url, { method: 'POST' });
  while (running.length === 0) await new Promise(setImmediate);
  await cache.purge({ url });
  running[0]
    ?.writeHead(200, { 'Content-Location': '/item', 'Cache-Control': 'max-age=60' })
    .end('from before');
  expect(await (await posted).text()).toBe('from before');
  await cache.idle();
  expect(await (await fetch(url)).text()).toBe('from after');
});
