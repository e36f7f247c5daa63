import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, expect } from '@jest/globals';
import express, { type Express } from 'express';
import {
  type CacheMiddleware,
  type CacheOptions,
  type FaultEvent,
  type RequestEvent,
  redisCache,
} from '../../../src/index.ts';
import { until } from '../../support/until.ts';

/** What tests of faults allow a call of Redis, in milliseconds. */
export const TIMEOUT = 50;
/** What a loaded machine may add to a request. A Redis that is waited for without a bound takes longer. */
export const MARGIN = 2500;

/** One answer, as the client got it. */
export interface Answer {
  status: number;
  body: string;
  /** From sending the request to the end of the body. */
  ms: number;
  cacheStatus: string;
  hit: boolean;
}

/** A small app behind the cache. `/item/:id` answers `item ID`, and counts its calls. */
export interface App {
  readonly origin: string;
  readonly cache: CacheMiddleware;
  readonly server: Server;
  readonly faults: FaultEvent[];
  readonly requests: RequestEvent[];
  /** How often the handler ran. */
  calls(): number;
  get(path: string): Promise<Answer>;
  /** Asks for `/item/ID`, and expects the right answer within the timeout, whatever state Redis is in. */
  item(id: string | number): Promise<Answer>;
  close(): Promise<void>;
}

const open: App[] = [];
afterEach(async () => {
  await Promise.all(open.splice(0).map((app) => app.close()));
});

export async function startApp(options: CacheOptions, routes?: (app: Express) => void): Promise<App> {
  const cache = redisCache({ timeout: TIMEOUT, ...options });
  const faults: FaultEvent[] = [];
  const requests: RequestEvent[] = [];
  cache.on('fault', (fault) => faults.push(fault)).on('request', (request) => requests.push(request));

  let calls = 0;
  const express5 = express();
  express5.use(cache);
  express5.get('/item/:id', (req, res) => {
    calls++;
    res.send(bodyOf(req.params.id));
  });
  routes?.(express5);
  express5.use((_error: unknown, _req: unknown, res: express.Response, _next: unknown) => {
    res.status(500).send('failed');
  });
  const server = createServer(express5).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;

  const get = async (path: string): Promise<Answer> => {
    const startedAt = performance.now();
    const response = await fetch(origin + path);
    const body = await response.text();
    const cacheStatus = response.headers.get('cache-status') ?? '';
    const ms = performance.now() - startedAt;
    return { status: response.status, body, ms, cacheStatus, hit: /; hit\b/.test(cacheStatus) };
  };
  const app: App = {
    origin,
    cache,
    server,
    faults,
    requests,
    calls: () => calls,
    get,
    async item(id) {
      const answer = await get(`/item/${id}`);
      expect(answer).toMatchObject({ status: 200, body: bodyOf(String(id)) });
      return answer;
    },
    async close() {
      server.closeAllConnections();
      server.close();
      await cache.close();
    },
  };
  open.push(app);
  return app;
}

function bodyOf(id: string): string {
  return `item ${id} `.padEnd(400, '.');
}

/** Asks for an item until it is a hit: as hits resume some time after Redis does. */
export async function untilHit(app: App, id: string | number, within = 15_000): Promise<void> {
  await until(async () => (await app.item(id)).hit, within);
}
