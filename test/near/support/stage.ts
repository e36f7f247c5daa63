import { once } from 'node:events';
import { Agent, createServer, get } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from '@jest/globals';
import { type CacheMiddleware, type CacheOptions, type FaultEvent, redisCache } from '../../../src/index.ts';

/** What the app answers: the version that a path is at. All processes see the same. */
export class Origin {
  readonly #versions = new Map<string, number>();

  version(path: string): number {
    return this.#versions.get(path) ?? 0;
  }

  change(path: string): void {
    this.#versions.set(path, this.version(path) + 1);
  }
}

/** One process of the app: a cache and a server of its own. */
export interface Process {
  readonly cache: CacheMiddleware;
  readonly faults: FaultEvent[];
  get(path: string, headers?: Record<string, string>): Promise<Answer>;
  close(): Promise<void>;
}

export interface Answer {
  readonly version: number;
  readonly body: string;
  readonly status: string;
  /** Whether Redis was not asked. */
  readonly near: boolean;
}

/** All processes answer for the same host, which belongs to the key. */
const HOST = 'example.test';

export function urlOf(path: string): string {
  return `http://${HOST}${path}`;
}

export async function startProcess(origin: Origin, options: CacheOptions): Promise<Process> {
  const cache = redisCache({ near: true, timeout: '1s', tags: ['all'], ...options });
  const faults: FaultEvent[] = [];
  cache.on('fault', (fault) => faults.push(fault));
  const server = createServer({ keepAliveTimeout: 0 }, (req, res) => {
    cache(req, res, () => {
      const path = req.url ?? '';
      if (path.startsWith('/large')) res.setHeader('Content-Type', 'text/plain');
      if (path.startsWith('/vary')) res.setHeader('Vary', 'X-Kind');
      const kind = req.headers['x-kind'] ?? '';
      res.end(
        `${path} ${kind} is at ${origin.version(path)}${path.startsWith('/large') ? 'x'.repeat(50_000) : ''}`,
      );
    });
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const agent = new Agent({ keepAlive: true });
  const { port } = server.address() as AddressInfo;
  return {
    cache,
    faults,
    async get(path, headers = {}) {
      const request = get({ port, path, agent, headers: { host: HOST, ...headers } });
      const [response] = await once(request, 'response');
      let body = '';
      for await (const chunk of response) body += chunk;
      const status = String(response.headers['cache-status']);
      return {
        body,
        version: Number(/ is at (\d+)/.exec(body)?.[1]),
        status,
        near: status.includes('; detail=near'),
      };
    },
    async close() {
      agent.destroy();
      server.close();
      await cache.close();
    },
  };
}

/** Asks until it is answered from near. */
export async function brought(
  process: Process,
  path: string,
  headers?: Record<string, string>,
): Promise<Answer> {
  for (let i = 0; ; i++) {
    const answer = await process.get(path, headers);
    if (answer.near) return answer;
    expect(i).toBeLessThan(300);
    await sleep(10);
  }
}

/** Asks until the answer is current, which takes as long as Redis's word takes to come. */
export async function untilCurrent(process: Process, origin: Origin, path: string): Promise<Answer> {
  for (let i = 0; ; i++) {
    const answer = await process.get(path);
    if (answer.version === origin.version(path)) return answer;
    expect(i).toBeLessThan(300);
    await sleep(10);
  }
}

/** Purges the URL of a path, as soon as that is possible. */
export async function purged(process: Process, path: string): Promise<void> {
  for (let i = 0; ; i++) {
    const done = await process.cache.purge({ url: urlOf(path) }).catch(() => undefined);
    if (done !== undefined) return;
    expect(i).toBeLessThan(100);
    await sleep(50);
  }
}
