// A process with a near cache that is asked without a pause, or purges.

import { once } from 'node:events';
import { Agent, createServer, get } from 'node:http';
import { Redis } from 'ioredis';
import { serve } from './child.mjs';

const HOST = 'example.test';
const now = () => performance.timeOrigin + performance.now();

let cache;
let agent;
let port;
let origin = 0;
let loading = false;
let lastOld = 0;
let clients = [];

serve({
  async open({ build, redisPort, prefix }) {
    const { redisCache } = await import(build);
    cache = redisCache({ redis: new Redis(redisPort, '127.0.0.1'), near: true, prefix, timeout: '1s' });
    const server = createServer((req, res) => cache(req, res, () => res.end(`${origin}`))).listen(
      0,
      '127.0.0.1',
    );
    await once(server, 'listening');
    port = server.address().port;
    agent = new Agent({ keepAlive: true });
  },

  /** Has the version near, and goes on to ask for it. */
  async load({ version, clients: count }) {
    origin = version;
    lastOld = 0;
    for (let near = false; !near; ) {
      const { body, status } = await ask();
      near = Number(body) === version && status.includes('detail=near');
    }
    origin = version + 1;
    loading = true;
    clients = Array.from({ length: count }, async () => {
      while (loading) {
        const askedAt = now();
        const { body } = await ask();
        if (Number(body) === version) lastOld = Math.max(lastOld, askedAt);
      }
    });
  },

  async purge() {
    await cache.purge({ url: `http://${HOST}/` });
    return now();
  },

  async until(version) {
    while (Number((await ask()).body) !== version);
    loading = false;
    await Promise.all(clients);
    return { lastOld };
  },
});

async function ask() {
  const [response] = await once(get({ port, path: '/', agent, headers: { host: HOST } }), 'response');
  let body = '';
  for await (const chunk of response) body += chunk;
  return { body, status: response.headers['cache-status'] };
}
