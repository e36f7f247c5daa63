import { once } from 'node:events';
import {
  createServer,
  type IncomingMessage,
  type RequestListener,
  type Server,
  type ServerResponse,
} from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach } from '@jest/globals';
import connect from 'connect';
import express, { type Request, type Response } from 'express';
import { type CacheMiddleware, type CacheOptions, type GuardEvent, redisCache } from '../../src/index.ts';

/* Real servers of four frameworks, and caches of one process in front of their handlers. */

type Next = (error?: unknown) => void;
export type Layer = (req: IncomingMessage, res: ServerResponse, next: Next) => void;
/** With Express's own methods on Express, and only Node's elsewhere. */
export type Handler = (req: Request, res: Response, next: Next) => unknown;

const express4 = require('express4') as typeof express;

export interface Framework {
  readonly name: string;
  app(...layers: readonly Handler[]): RequestListener;
}

function ofExpress(make: typeof express): Framework['app'] {
  return (...layers) => {
    const app = make();
    // Express's own answer to an error prints it everywhere but in a test.
    app.set('env', 'test');
    for (const layer of layers) app.use(layer as unknown as Layer);
    return app;
  };
}

export const express5app: Framework['app'] = ofExpress(express);

export const frameworks: readonly Framework[] = [
  { name: 'Express 5', app: express5app },
  { name: 'Express 4', app: ofExpress(express4) },
  {
    name: 'Connect',
    app(...layers) {
      const app = connect();
      for (const layer of layers) app.use(layer as unknown as Layer);
      return app;
    },
  },
  { name: 'node:http', app: bare },
];

export const expresses: readonly (readonly [string, typeof express])[] = [
  ['Express 5', express],
  ['Express 4', express4],
];

/** Layers called one by the other, and nothing else. */
export function bare(...layers: readonly Handler[]): RequestListener {
  return (req, res) => {
    const run = (i: number): void => {
      layers[i]?.(req as Request, res as Response, () => run(i + 1));
    };
    run(0);
  };
}

const servers = new Set<Server>();
const caches = new Set<CacheMiddleware>();
const clients = new Set<() => Promise<unknown>>();
afterEach(async () => {
  await Promise.all([...clients].map((leave) => leave()));
  clients.clear();
  await Promise.all([...caches].map((cache) => cache.close()));
  caches.clear();
  for (const server of servers) {
    server.closeAllConnections();
    server.close();
    await once(server, 'close');
  }
  servers.clear();
});

/** Has a client leave when the test is over, before what it asks is gone. */
export function untilTheEnd(leave: () => Promise<unknown>): void {
  clients.add(leave);
}

/** Serves on a port of its own until the test is over. */
export async function serve(listener: RequestListener): Promise<number> {
  const server = createServer(listener);
  servers.add(server);
  await once(server.listen(0, '127.0.0.1'), 'listening');
  return (server.address() as AddressInfo).port;
}

/** A cache until the test is over. Its patience is that of a busy machine. */
export function newCache(options: CacheOptions = {}): CacheMiddleware {
  const cache = redisCache({ timeout: '5s', ...options });
  caches.add(cache);
  return cache;
}

/** The guard events of a cache from now on. */
export function guardEvents(cache: CacheMiddleware): GuardEvent[] {
  const events: GuardEvent[] = [];
  cache.on('guard', (event) => events.push(event));
  return events;
}
