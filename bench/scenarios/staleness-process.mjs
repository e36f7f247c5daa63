// A process with a near cache: its clients request one response without a pause, or it purges that response.

import { once } from 'node:events';
import { Agent, createServer, get } from 'node:http';
import { Redis } from 'ioredis';
import { answerCalls } from '../child.mjs';

const HOST = 'example.test';
const now = () => performance.timeOrigin + performance.now();

let cache;
let agent;
let port;
let originVersion = 0;
let loading = false;
/** When the last request was sent that got the old version. */
let lastOldAt = 0;
let clients = [];

answerCalls({
  async open({ build, redisPort, prefix }) {
    const { redisCache } = await import(build);
    cache = redisCache({ redis: new Redis(redisPort, '127.0.0.1'), near: true, prefix, timeout: '1s' });
    const server = createServer((req, res) => cache(req, res, () => res.end(`${originVersion}`))).listen(
      0,
      '127.0.0.1',
    );
    await once(server, 'listening');
    port = server.address().port;
    agent = new Agent({ keepAlive: true });
  },

  /** Stores the version in the near cache, then requests it without a pause. The origin has the next version. */
  async load({ version, clients: count }) {
    originVersion = version;
    lastOldAt = 0;
    for (let near = false; !near; ) {
      const { body, status } = await request();
      near = Number(body) === version && status.includes('detail=near');
    }
    originVersion = version + 1;
    loading = true;
    clients = Array.from({ length: count }, async () => {
      while (loading) {
        const sentAt = now();
        const { body } = await request();
        if (Number(body) === version) lastOldAt = Math.max(lastOldAt, sentAt);
      }
    });
  },

  async purge() {
    await cache.purge({ url: `http://${HOST}/` });
    return now();
  },

  /** Waits until the version arrives, then stops the clients. */
  async waitFor(version) {
    while (Number((await request()).body) !== version);
    loading = false;
    await Promise.all(clients);
    return { lastOldAt };
  },
});

async function request() {
  const [response] = await once(get({ port, path: '/', agent, headers: { host: HOST } }), 'response');
  let body = '';
  for await (const chunk of response) body += chunk;
  return { body, status: response.headers['cache-status'] };
}
