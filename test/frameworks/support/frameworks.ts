import 'reflect-metadata';
import { once } from 'node:events';
import { createServer, type RequestListener } from 'node:http';
import * as http2 from 'node:http2';
import type { AddressInfo, Server } from 'node:net';
import middie from '@fastify/middie';
import * as nest from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import connect from 'connect';
import express, { type Response } from 'express';
import { type FastifyReply, fastify } from 'fastify';
import type { CacheMiddleware } from '../../../src/index.ts';
import { type Client, Http2Client, http1 } from '../../support/client.ts';
import { certificates } from '../../support/tls.ts';
import { type Made, Origin, type Words } from './origin.ts';

/* A few lines for each framework: the cache in front, and the origin's answers by the framework's own means. */

export interface Running {
  readonly ask: Client;
  /** What the paths of the origin begin with. */
  readonly base?: string;
  close(): Promise<unknown>;
}

export interface Framework {
  readonly name: string;
  start(cache: CacheMiddleware, origin?: Origin): Promise<Running>;
}

const express4 = require('express4') as typeof express;
/** Without types of its own. */
const polka = require('polka') as () => { use(layer: unknown): never; handler: RequestListener };

export const frameworks: readonly Framework[] = [
  { name: 'Express 5', start: (cache, origin) => byExpress(express, cache, origin) },
  { name: 'Express 4', start: (cache, origin) => byExpress(express4, cache, origin) },
  {
    name: 'Connect',
    start(cache, { listener } = new Origin()) {
      return serve(createServer(connect().use(cache).use(listener)));
    },
  },
  {
    name: 'Polka',
    start(cache, { listener } = new Origin()) {
      const app = polka();
      const layers: unknown[] = [cache, listener];
      for (const layer of layers) app.use(layer);
      return serve(createServer(app.handler.bind(app)));
    },
  },
  { name: 'node:http', start: (cache, origin) => serve(createServer(bare(cache, origin))) },
  {
    name: 'node:http2 in clear',
    start: (cache, origin) => serveHttp2(http2.createServer(bare(cache, origin)), 'http'),
  },
  {
    name: 'node:http2 over TLS',
    async start(cache, origin) {
      const { ca, ...own } = await certificates('127.0.0.1');
      return serveHttp2(http2.createSecureServer(own, bare(cache, origin)), 'https', ca);
    },
  },
  {
    name: 'Connect over HTTP/2',
    start(cache, { listener } = new Origin()) {
      const app: unknown = connect().use(cache).use(listener);
      return serveHttp2(http2.createServer(app as Http2Listener), 'http');
    },
  },
  { name: 'Fastify', start: (cache, origin) => byFastify(cache, origin, false) },
  { name: 'Fastify over HTTP/2', start: (cache, origin) => byFastify(cache, origin, true) },
  {
    name: 'NestJS, app.use()',
    async start(cache, origin) {
      const app = await NestFactory.create(moduleOf(controllerOf(origin)), { logger: false });
      app.setGlobalPrefix('api').use(cache);
      return {
        ...(await serve(app.getHttpServer(), () => app.init())),
        base: '/api',
        close: () => app.close(),
      };
    },
  },
  {
    name: 'NestJS, configure(consumer)',
    async start(cache, origin) {
      const configure = (consumer: nest.MiddlewareConsumer): unknown =>
        consumer.apply(cache).forRoutes('{*all}');
      const app = await NestFactory.create(moduleOf(controllerOf(origin), configure), { logger: false });
      return { ...(await serve(app.getHttpServer(), () => app.init())), close: () => app.close() };
    },
  },
];

type Http2Listener = (req: http2.Http2ServerRequest, res: http2.Http2ServerResponse) => void;

function byExpress(
  make: typeof express,
  cache: CacheMiddleware,
  origin: Origin = new Origin(),
): Promise<Running> {
  const app = make();
  // Express's own answer to an error prints it everywhere but in a test.
  app.set('env', 'test');
  app.use(cache);
  const send = (res: Response, { fields, body }: Made): unknown => res.set(fields).json(body);
  app.get('/made', (_req, res) => void send(res, origin.made()));
  app.get('/slow', async (_req, res) => void send(res, await origin.slow()));
  app.get('/stream', (_req, res) => void origin.stream().pipe(res.type('text')));
  app.get('/fails', () => origin.fails());
  app.post('/made', express.json(), (req, res) => void res.send(origin.changed(req.body)));
  return serve(createServer(app));
}

async function byFastify(
  cache: CacheMiddleware,
  origin = new Origin(),
  overHttp2: boolean,
): Promise<Running> {
  // Its types tell servers of HTTP/2 from others, and its routes do not.
  const app = fastify(overHttp2 ? ({ http2: true } as object) : {});
  await app.register(middie);
  app.use(cache);
  const send = (reply: FastifyReply, { fields, body }: Made): unknown => reply.headers(fields).send(body);
  app.get('/made', (_req, reply) => send(reply, origin.made()));
  app.get('/slow', async (_req, reply) => send(reply, await origin.slow()));
  app.get('/stream', (_req, reply) => reply.type('text/plain').send(origin.stream()));
  app.get('/fails', () => origin.fails());
  app.post('/made', (req) => origin.changed(req.body as Words));
  await app.listen({ port: 0, host: '127.0.0.1' });
  const { port } = app.server.address() as AddressInfo;
  if (!overHttp2) return { ask: http1(port), close: () => app.close() };
  const client = new Http2Client(`http://127.0.0.1:${port}`);
  return { ask: client.ask, close: () => client.close().then(() => app.close()) };
}

/** What TypeScript makes of decorators; without a class it would take a compiler option for all tests. */
function controllerOf(origin = new Origin()): nest.Type {
  const send = (res: Response, { fields, body }: Made): unknown => {
    res.set(fields);
    return body;
  };
  class Things {
    made(res: Response): unknown {
      return send(res, origin.made());
    }
    async slow(res: Response): Promise<unknown> {
      return send(res, await origin.slow());
    }
    stream(): nest.StreamableFile {
      return new nest.StreamableFile(origin.stream(), { type: 'text/plain' });
    }
    fails(): never {
      return origin.fails();
    }
    changed(body: Words): string {
      return origin.changed(body);
    }
  }
  const routes = { made: nest.Get, slow: nest.Get, stream: nest.Get, fails: nest.Get };
  for (const [name, method] of Object.entries(routes)) route(Things, name, method(name));
  route(Things, 'changed', nest.Post('made'));
  nest.Res({ passthrough: true })(Things.prototype, 'made', 0);
  nest.Res({ passthrough: true })(Things.prototype, 'slow', 0);
  nest.Body()(Things.prototype, 'changed', 0);
  nest.Controller()(Things);
  return Things;
}

export function route(type: nest.Type, name: string, decorate: MethodDecorator): void {
  decorate(type.prototype, name, Object.getOwnPropertyDescriptor(type.prototype, name)!);
}

function moduleOf(controller: nest.Type, configure: nest.NestModule['configure'] = () => {}): nest.Type {
  class App {
    configure = configure;
  }
  nest.Module({ controllers: [controller] })(App);
  return App;
}

/** As in the README, without a framework. */
function bare(
  cache: CacheMiddleware,
  { listener }: Pick<Origin, 'listener'> = new Origin(),
): RequestListener & Http2Listener {
  return ((req: Parameters<RequestListener>[0], res: Parameters<RequestListener>[1]) =>
    cache(req, res, () => void listener(req, res))) as RequestListener & Http2Listener;
}

export async function listening(server: Server): Promise<number> {
  await once(server.listen(0, '127.0.0.1'), 'listening');
  return (server.address() as AddressInfo).port;
}

async function serve(server: Server, ready: () => Promise<unknown> = async () => {}): Promise<Running> {
  await ready();
  const port = await listening(server);
  return { ask: http1(port), close: () => closed(server) };
}

async function serveHttp2(server: Server, scheme: string, ca?: string): Promise<Running> {
  const port = await listening(server);
  const client = new Http2Client(`${scheme}://127.0.0.1:${port}`, ca === undefined ? {} : { ca });
  return { ask: client.ask, close: () => client.close().then(() => closed(server)) };
}

export async function closed(server: Server): Promise<void> {
  const gone = once(server, 'close');
  server.close();
  await gone;
}
