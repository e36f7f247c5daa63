// A client as other services have one: keep-alive connections, a fixed number of requests at a time.

import { Agent, request } from 'node:http';

/** Asks `base` over at most `concurrency` connections. */
export function createClient(base, concurrency) {
  const agent = new Agent({ keepAlive: true, maxSockets: concurrency });

  /** Resolves to the item with its answer; `ms` runs from the call to the last byte of the body. */
  function ask(item) {
    const { path, method = 'GET', headers = {} } = item;
    const started = performance.now();
    return new Promise((resolve, reject) => {
      const outgoing = request(new URL(path, base), { method, headers, agent }, (response) => {
        const chunks = [];
        response.on('data', (chunk) => chunks.push(chunk));
        response.on('error', reject);
        response.on('end', () => {
          const ms = performance.now() - started;
          resolve({ ...item, method, ...readAnswer(response), body: Buffer.concat(chunks), ms });
        });
      });
      outgoing.on('error', reject);
      outgoing.end();
    });
  }

  /** Asks all items; the answers come in the order of the items, `onAnswer` sees each as it arrives. */
  async function askAll(items, onAnswer) {
    const answers = new Array(items.length);
    let next = 0;
    async function worker() {
      while (next < items.length) {
        const index = next++;
        answers[index] = await ask(items[index]);
        onAnswer(answers[index]);
      }
    }
    await Promise.all(Array.from({ length: concurrency }, worker));
    return answers;
  }

  return { ask, askAll, close: () => agent.destroy() };
}

/** What the cache did is read where every client can read it: in `Cache-Status` (RFC 9211). */
function readAnswer({ statusCode, headers }) {
  const cacheStatus = headers['cache-status'] ?? '';
  return {
    status: statusCode,
    headers,
    hit: /;\s*hit\s*(;|$)/.test(cacheStatus),
    stored: /;\s*stored\s*(;|$)/.test(cacheStatus),
  };
}
