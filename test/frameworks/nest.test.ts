import 'reflect-metadata';
import { once } from 'node:events';
import type { AddressInfo, Server } from 'node:net';
import { afterEach, describe, expect, test } from '@jest/globals';
import * as nest from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import type { Request, Response } from 'express';
import { map } from 'rxjs';
import type { CacheMiddleware, CacheOptions } from '../../src/index.ts';
import { newCache } from '../support/app.ts';
import { type Client, http1 } from '../support/client.ts';
import { uniquePrefix } from '../support/prefix.ts';
import { route } from './support/frameworks.ts';

/* What NestJS does around a handler is part of what is stored: guards in front of it are not, so they come first. */

const redis = process.env.TEST_REDIS_URL as string;
const HIT = /; hit; ttl=/;

const apps: nest.INestApplication[] = [];
afterEach(async () => {
  for (const app of apps.splice(0)) await app.close();
});

class TeapotFilter implements nest.ExceptionFilter {
  catch(error: Error, host: nest.ArgumentsHost): void {
    host.switchToHttp().getResponse<Response>().status(418).json({ sorry: error.message });
  }
}
nest.Catch(Error)(TeapotFilter);

let runs = 0;

class Cities {
  all(): unknown {
    return { run: ++runs };
  }
  byHand(res: Response): void {
    res.status(203).set('X-Hand', 'made').send(`run ${++runs}`);
  }
  mine(req: Request): string {
    return `run ${++runs} for ${(req as { user?: string }).user}`;
  }
  fails(): never {
    throw new Error(`run ${++runs}`);
  }
  refuses(): never {
    throw new nest.NotFoundException(`run ${++runs}`);
  }
}
for (const [name, path] of Object.entries({
  all: '',
  byHand: 'by-hand',
  mine: 'mine',
  fails: 'fails',
  refuses: 'refuses',
})) {
  route(Cities, name, nest.Get(path) as MethodDecorator);
}
nest.Res()(Cities.prototype, 'byHand', 0);
nest.Req()(Cities.prototype, 'mine', 0);
route(Cities, 'fails', nest.UseFilters(TeapotFilter) as MethodDecorator);
nest.Controller('cities')(Cities);

interface Stage {
  readonly app: nest.INestApplication;
  readonly cache: CacheMiddleware;
  readonly ask: Client;
}

/** With the cache in a module, behind what `front` adds. */
async function stage(
  options: CacheOptions = {},
  front: (app: nest.INestApplication) => unknown = () => {},
): Promise<Stage> {
  runs = 0;
  const cache = newCache({ redis, prefix: uniquePrefix(), ...options });
  class App {
    configure(consumer: nest.MiddlewareConsumer): void {
      consumer.apply(cache).forRoutes('{*all}');
    }
  }
  nest.Module({ controllers: [Cities] })(App);
  const app = await NestFactory.create(App, { logger: false });
  apps.push(app);
  app.setGlobalPrefix('v1');
  front(app);
  await app.init();
  const server: Server = app.getHttpServer();
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const client = http1((server.address() as AddressInfo).port);
  const ask: Client = async (asked) => {
    const answer = await client({ ...asked, path: `/v1/cities${asked.path ?? ''}` });
    await cache.idle();
    return answer;
  };
  return { app, cache, ask };
}

describe('in a module of NestJS', () => {
  test('a global prefix is part of the key, and of a URL to purge', async () => {
    const { ask, cache } = await stage();
    expect((await ask({})).body).toBe('{"run":1}');
    expect(await cache.purge({ url: 'http://test.example/v1/cities' })).toBe(1);
    expect((await ask({})).body).toBe('{"run":2}');
  });

  test('what an interceptor makes of it is stored, and interceptors do not run for hits', async () => {
    let intercepted = 0;
    const { ask } = await stage({}, (app) =>
      app.useGlobalInterceptors({
        intercept(_context, next) {
          intercepted++;
          return next.handle().pipe(map((data) => ({ data })));
        },
      }),
    );
    await ask({});
    const hit = await ask({});
    expect(hit.header('cache-status')).toMatch(HIT);
    expect(hit.body).toBe('{"data":{"run":1}}');
    expect(intercepted).toBe(1);
  });

  test('a handler that takes @Res() is cached, with its status and fields', async () => {
    const { ask } = await stage();
    await ask({ path: '/by-hand' });
    const hit = await ask({ path: '/by-hand' });
    expect(hit).toMatchObject({ status: 203, body: 'run 1' });
    expect(hit.header('x-hand')).toBe('made');
    expect(hit.header('cache-status')).toMatch(HIT);
  });

  test('an exception filter answers each time', async () => {
    const { ask } = await stage();
    for (const run of [1, 2]) {
      expect(await ask({ path: '/fails' })).toMatchObject({ status: 418, body: `{"sorry":"run ${run}"}` });
    }
  });

  test('an exception of a status that is stored is stored, for a minute', async () => {
    const { ask } = await stage();
    const first = await ask({ path: '/refuses' });
    const hit = await ask({ path: '/refuses' });
    expect(hit).toMatchObject({ status: 404, body: first.body });
    expect(hit.header('cache-status')).toMatch(/; hit; ttl=(?:60|5\d)$/);
  });

  test('a guard runs behind the cache, and what it puts on the request is not shared', async () => {
    const { ask } = await stage({}, (app) =>
      app.useGlobalGuards({
        canActivate(context) {
          const req = context.switchToHttp().getRequest<Request & { user?: string }>();
          req.user = req.get('X-Name') ?? 'guest';
          return true;
        },
      }),
    );
    expect((await ask({ path: '/mine', headers: { 'X-Name': 'ann' } })).body).toBe('run 1 for ann');
    expect((await ask({ path: '/mine', headers: { 'X-Name': 'bob' } })).body).toBe('run 2 for bob');
  });

  test('middleware that knows the person goes in front, and the key holds him', async () => {
    const options: CacheOptions = { key: (req) => [(req as { user?: string }).user ?? null, req.url ?? ''] };
    const { ask } = await stage(options, (app) =>
      app.use((req: Request & { user?: string }, _res: Response, next: () => void) => {
        req.user = req.get('X-Name') ?? 'guest';
        next();
      }),
    );
    for (const name of ['ann', 'bob']) await ask({ path: '/mine', headers: { 'X-Name': name } });
    const hit = await ask({ path: '/mine', headers: { 'X-Name': 'ann' } });
    expect(hit.body).toBe('run 1 for ann');
    expect(hit.header('cache-status')).toMatch(HIT);
  });
});
