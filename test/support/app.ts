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
import type connect from 'connect';
import type express from 'express';
import type { Request, Response } from 'express';
import {
  type CacheMiddleware,
  type CacheOptions,
  type FaultEvent,
  type GuardEvent,
  type RequestEvent,
  redisCache,
} from '../../src/index.ts';
import { type Answer, type Asked, ask } from './client.ts';
import { sized } from './long.ts';
import { until } from './until.ts';

/* Real servers of four frameworks, and caches of one process in front of their handlers. */

type Next = (error?: unknown) => void;
export type Layer = (req: IncomingMessage, res: ServerResponse, next: Next) => void;
/** With Express's own methods on Express, and only Node's elsewhere. */
export type Handler = (req: Request, res: Response, next: Next) => unknown;

export interface Framework {
  readonly name: string;
  readonly express: boolean;
  app(...layers: readonly Handler[]): RequestListener;
  /** Without the fields that it adds by itself. */
  bareApp(...layers: readonly Handler[]): RequestListener;
}

function ofExpress(name: 'express' | 'express4', poweredBy: boolean): Framework['app'] {
  return (...layers) => {
    // Loaded by the suites that need it.
    const app = (require(name) as typeof express)();
    // Express's own answer to an error prints it everywhere but in a test.
    app.set('env', 'test');
    app.set('x-powered-by', poweredBy);
    for (const layer of layers) app.use(layer as unknown as Layer);
    return app;
  };
}

export const express5app: Framework['app'] = ofExpress('express', true);

const connectApp: Framework['app'] = (...layers) => {
  const app = (require('connect') as typeof connect)();
  for (const layer of layers) app.use(layer as unknown as Layer);
  return app;
};

export const frameworks: readonly Framework[] = [
  { name: 'Express 5', express: true, app: express5app, bareApp: ofExpress('express', false) },
  {
    name: 'Express 4',
    express: true,
    app: ofExpress('express4', true),
    bareApp: ofExpress('express4', false),
  },
  { name: 'Connect', express: false, app: connectApp, bareApp: connectApp },
  { name: 'node:http', express: false, app: bare, bareApp: bare },
];

/** For what a framework has no hand in. */
export const fewFrameworks: readonly Framework[] = sized(
  frameworks.filter(({ name }) => name === 'Express 5' || name === 'node:http'),
  frameworks,
);

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
  // A response that nobody receives any more is nothing that a cache waits for.
  for (const server of servers) server.closeAllConnections();
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
  const { port } = server.address() as AddressInfo;
  lost.set(port, 0);
  server.on('connection', (socket) => {
    socket.once('close', () => lost.set(port, (lost.get(port) ?? 0) + 1));
  });
  return port;
}

const lost = new Map<number, number>();

/** Resolves once the server of this port has lost a connection. The app has no part in it, and so notices nothing. */
export async function lostConnection(port: number): Promise<void> {
  await until(() => (lost.get(port) ?? 0) > 0);
}

/** A cache until the test is over. Its patience is that of a busy machine. */
export function newCache(options: CacheOptions = {}): CacheMiddleware {
  const cache = redisCache({ timeout: '5s', warnings: false, ...options });
  caches.add(cache);
  return cache;
}

/** The guard events of a cache from now on. */
export function guardEvents(cache: CacheMiddleware): GuardEvent[] {
  const events: GuardEvent[] = [];
  cache.on('guard', (event) => events.push(event));
  return events;
}

/** A cache whose clock is set by hand, and what came of it. */
export interface TimedCache {
  readonly cache: CacheMiddleware;
  readonly requests: RequestEvent[];
  readonly faults: FaultEvent[];
  /** Makes its clock show so many milliseconds more, or less. */
  later(ms: number): void;
}

export function timedCache(options: CacheOptions = {}): TimedCache {
  let now = Date.now();
  const cache = newCache({ clock: () => now, ...options });
  const requests: RequestEvent[] = [];
  const faults: FaultEvent[] = [];
  cache.on('request', (event) => requests.push(event)).on('fault', (event) => faults.push(event));
  const later = (ms: number): void => {
    now += ms;
  };
  return { cache, requests, faults, later };
}

/** An app behind a cache, and a client of it. */
export interface TestApp extends TimedCache {
  readonly port: number;
  ask(asked?: Asked | string): Promise<Answer>;
  /** Asks, and waits until nothing goes on behind the answer. */
  settled(asked?: Asked | string): Promise<Answer>;
}

/** Puts the cache where it belongs in an app. */
export type Build = (cache: Handler & CacheMiddleware) => RequestListener;

export async function testApp(build: Build, options: CacheOptions = {}): Promise<TestApp> {
  const timed = timedCache(options);
  const port = await serve(build(timed.cache as Handler & CacheMiddleware));
  return {
    ...timed,
    port,
    ask: (asked) => ask(port, asked),
    async settled(asked) {
      const answer = await ask(port, asked);
      await timed.cache.idle();
      return answer;
    },
  };
}
