import { EventEmitter, once } from 'node:events';
import { createServer, type IncomingMessage, type RequestListener, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { ArgumentError, show } from '../errors.ts';

/** A Fastify app, as far as it is asked. */
export interface FastifyApp {
  readonly server: object;
  /** Loads the plugins. */
  readonly ready: () => unknown;
}

/** A Koa app, as far as it is asked. */
export interface KoaApp {
  /** Makes a request listener. */
  readonly callback: () => (req: IncomingMessage, res: ServerResponse) => unknown;
}

/** An app in any form: an Express or Connect app or a request listener, a server, a Fastify or Koa app, or a base URL. */
export type TestedApp =
  | ((req: IncomingMessage, res: ServerResponse) => unknown)
  | EventEmitter
  | FastifyApp
  | KoaApp
  | string
  | URL;

const ACCEPTED =
  'an Express or Connect app, a request listener, an http.Server, a Fastify or Koa app, or a base URL such as http://localhost:3000';

/** Where an app can be asked. */
export interface AppServer {
  readonly origin: URL;
  close(): Promise<void>;
}

/**
 * Serves an app on a port of its own, unless it is a URL. A server of the app is not made to listen: its listeners are called.
 * @throws {ArgumentError}
 */
export async function openApp(app: TestedApp): Promise<AppServer> {
  if (typeof app === 'string' || app instanceof URL) {
    if (!/^https?:\/\//i.test(String(app)) || !URL.canParse(String(app))) throw refused(app);
    return { origin: new URL(app), close: async () => {} };
  }
  const server = createServer(await listenerOf(app));
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    origin: new URL(`http://127.0.0.1:${port}`),
    async close() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

async function listenerOf(app: Exclude<TestedApp, string | URL>): Promise<RequestListener> {
  if (typeof app === 'function') return app as RequestListener;
  const { callback, ready, server } = (app ?? {}) as {
    callback?: unknown;
    ready?: unknown;
    server?: unknown;
  };
  if (typeof callback === 'function') return Reflect.apply(callback, app, []) as RequestListener;
  if (typeof ready === 'function') await Reflect.apply(ready, app, []);
  const emitter = app instanceof EventEmitter ? app : server;
  if (emitter instanceof EventEmitter) return (req, res) => emitter.emit('request', req, res);
  throw refused(app);
}

function refused(app: unknown): ArgumentError {
  return new ArgumentError(`asCallers() needs ${ACCEPTED}; not ${show(app)}.`);
}
