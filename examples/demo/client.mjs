// A client as other services have one: keep-alive connections, a fixed number of requests at a time.

import { Agent, request } from 'node:http';

/** Asks `base` over at most `concurrency` connections; `ms` runs from the call to the last byte of the body. */
export function createClient(base, concurrency) {
  const agent = new Agent({ keepAlive: true, maxSockets: concurrency });

  function ask(path, { method = 'GET', headers = {} } = {}) {
    const started = performance.now();
    return new Promise((resolve, reject) => {
      request(new URL(path, base), { method, headers, agent }, (response) => {
        const chunks = [];
        response.on('data', (chunk) => chunks.push(chunk));
        response.on('error', reject);
        response.on('end', () => {
          const cacheStatus = response.headers['cache-status'] ?? '';
          resolve({
            path,
            status: response.statusCode,
            headers: response.headers,
            body: Buffer.concat(chunks),
            hit: /;\s*hit\s*(;|$)/.test(cacheStatus),
            stored: /;\s*stored\s*(;|$)/.test(cacheStatus),
            ms: performance.now() - started,
          });
        });
      })
        .on('error', reject)
        .end();
    });
  }

  /** Sends one request per item, `concurrency` at a time; the answers come in the order of the items. */
  async function askAll(items, onAnswer) {
    const answers = new Array(items.length);
    let next = 0;
    async function worker() {
      while (next < items.length) {
        const index = next++;
        const { path, ...init } = items[index];
        answers[index] = await ask(path, init);
        onAnswer();
      }
    }
    await Promise.all(Array.from({ length: concurrency }, worker));
    return answers;
  }

  return { ask, askAll, close: () => agent.destroy() };
}
