import { AsyncLocalStorage } from 'node:async_hooks';
import { describe, expect, test } from '@jest/globals';
import compression from 'compression';
import cors from 'cors';
import session from 'express-session';
import helmet from 'helmet';
import onHeaders from 'on-headers';
import { frameworks, type Handler, type Layer } from '../support/app.ts';
import { askOnce } from '../support/client.ts';
import { cacheWith, expectHit } from './support/matrix.ts';
import { stage } from './support/stage.ts';

/* Middleware in front of the cache does its part for each request anew; middleware behind it is part of what is stored. */

const TEXT = 'compress me '.repeat(500);
const GZIP = { 'accept-encoding': 'gzip' };
const squeeze = compression() as unknown as Layer;

const text: Handler = (_req, res) =>
  res.writeHead(200, { 'Content-Type': 'text/plain', ETag: '"v1"' }).end(TEXT);

function requestId(): Layer {
  let id = 0;
  return (_req, res, next) => {
    res.setHeader('X-Request-Id', `r${++id}`);
    next();
  };
}

function sessions(): Layer {
  return session({ secret: 'of a test', resave: false, saveUninitialized: true }) as unknown as Layer;
}

describe.each(frameworks)('$name', (framework) => {
  test('a hit has the id of its own request, and none of the first', async () => {
    const server = await stage(framework, [requestId(), cacheWith()], text);
    for (const [i, id] of ['r1', 'r2', 'r3'].entries()) {
      const answer = await askOnce(server.port);
      if (i > 0) expectHit(answer);
      expect(answer.header('x-request-id')).toBe(id);
      await cacheWith().idle();
    }
  });

  test('the async context of each request reaches the handler', async () => {
    const context = new AsyncLocalStorage<number>();
    let id = 0;
    const front: Layer = (_req, _res, next) => context.run(++id, next);
    const server = await stage(framework, [front, cacheWith()], (_req, res) =>
      res.end(`${context.getStore()}`),
    );
    const answers = await Promise.all(['/a', '/b', '/c'].map((path) => askOnce(server.port, path)));
    expect(answers.map(({ body }) => String(body)).sort()).toEqual(['1', '2', '3']);
  });

  test('a field that the handler takes away is away on a hit, too, and one it changes is changed', async () => {
    const front: Layer = (_req, res, next) => {
      res.setHeader('X-Away', '1');
      res.setHeader('X-Changed', 'by the front');
      next();
    };
    const server = await stage(framework, [front, cacheWith()], (_req, res) => {
      res.removeHeader('X-Away');
      res.setHeader('X-Changed', 'by the handler').end('x');
    });
    for (let i = 0; i < 2; i++) {
      const answer = await askOnce(server.port);
      expect([answer.header('x-away'), answer.header('x-changed')]).toEqual([undefined, 'by the handler']);
      await cacheWith().idle();
    }
    expect(server.runs()).toBe(1);
  });

  test('what the front varies by for one request is joined with what is stored', async () => {
    const front: Layer = (req, res, next) => {
      if (req.headers['x-front']) res.setHeader('Vary', 'X-Front, Accept');
      next();
    };
    const server = await stage(framework, [front, cacheWith()], (_req, res) =>
      res.setHeader('Vary', 'Accept').end('x'),
    );
    await askOnce(server.port);
    await cacheWith().idle();
    const hit = await askOnce(server.port, { headers: { 'x-front': '1' } });
    expectHit(hit);
    expect(hit.header('vary')).toBe('X-Front, Accept');
  });

  test('a response whose status the front changes at the last moment is not stored', async () => {
    const front: Layer = (_req, res, next) => {
      onHeaders(res, () => {
        res.statusCode = 503;
      });
      next();
    };
    const server = await stage(framework, [front, cacheWith()], text);
    for (let i = 1; i <= 2; i++) {
      expect((await askOnce(server.port)).status).toBe(503);
      await cacheWith().idle();
      expect(server.runs()).toBe(i);
    }
  });

  test('CORS of a dynamic origin is each own, with one origin and with the next', async () => {
    const layers = [cors({ origin: true, credentials: true }) as Layer, cacheWith()];
    const server = await stage(framework, layers, text);
    const origins = ['https://a.example', 'https://a.example', 'https://b.example', 'https://b.example'];
    for (const [i, origin] of origins.entries()) {
      const answer = await askOnce(server.port, { headers: { origin } });
      if (i % 2 === 1) expectHit(answer);
      expect(answer.header('access-control-allow-origin')).toBe(origin);
      expect(answer.header('access-control-allow-credentials')).toBe('true');
      expect(answer.header('vary')).toBe('Origin');
      await cacheWith().idle();
    }
  });

  test('fields of helmet are there once, and as it sets them', async () => {
    const server = await stage(framework, [helmet(), cacheWith()], text);
    const miss = await askOnce(server.port);
    await cacheWith().idle();
    const hit = await askOnce(server.port);
    expectHit(hit);
    const names = ({ lines }: typeof hit) =>
      lines.map(([name]) => name).filter((name) => !/^(Age|Transfer-Encoding|Content-Length)$/.test(name));
    expect(names(hit).sort()).toEqual(names(miss).sort());
    expect(hit.header('content-security-policy')).toBe(miss.header('content-security-policy'));
  });

  test('a session in front does not stop caching, and gives each visitor a cookie of their own', async () => {
    const server = await stage(framework, [sessions(), cacheWith()], text);
    const first = await askOnce(server.port);
    await cacheWith().idle();
    const second = await askOnce(server.port);
    expectHit(second);
    expect(server.runs()).toBe(1);
    const [a, b] = [first.header('set-cookie'), second.header('set-cookie')];
    expect(a).toMatch(/^connect\.sid=/);
    expect(b).toMatch(/^connect\.sid=/);
    expect(b).not.toBe(a);
    // Who has a session gets an own run first: the app may know the visitor.
    const asked = { headers: { cookie: (b as string).split(';')[0] as string } };
    const seen = await askOnce(server.port, asked);
    expect(seen.header('cache-status')).toMatch(/detail=verifying$/);
    await cacheWith().idle();
    const known = await askOnce(server.port, asked);
    expectHit(known);
    expect(known.header('set-cookie')).toBeUndefined();
    expect(server.runs()).toBe(2);
  });

  test('a session behind the cache, which sets a cookie, keeps the response from being stored', async () => {
    const server = await stage(framework, [cacheWith(), sessions()], text);
    const cookies = new Set<unknown>();
    for (let i = 1; i <= 2; i++) {
      const answer = await askOnce(server.port);
      cookies.add(answer.header('set-cookie'));
      expect(answer.header('cache-status')).toMatch(/detail=set-cookie/);
      await cacheWith().idle();
      expect(server.runs()).toBe(i);
    }
    expect(cookies.size).toBe(2);
  });

  test('a cookie that the front had set does not keep the response from being stored, and is not part of it', async () => {
    let visits = 0;
    const front: Layer = (_req, res, next) => {
      res.setHeader('Set-Cookie', `visit=${++visits}`);
      next();
    };
    const server = await stage(framework, [front, cacheWith()], text);
    for (let i = 1; i <= 3; i++) {
      expect((await askOnce(server.port)).header('set-cookie')).toBe(`visit=${i}`);
      await cacheWith().idle();
    }
  });

  test('all of them together, in front', async () => {
    const layers = [requestId(), cors({ origin: true }) as Layer, helmet(), squeeze, sessions(), cacheWith()];
    const server = await stage(framework, layers, text);
    const headers = { ...GZIP, origin: 'https://a.example' };
    const first = await askOnce(server.port, { headers });
    await cacheWith().idle();
    const second = await askOnce(server.port, { headers });
    expectHit(second);
    expect(second.bytes.equals(first.bytes)).toBe(true);
    expect([first, second].map((answer) => answer.header('x-request-id'))).toEqual(['r1', 'r2']);
    expect(second.header('set-cookie')).not.toBe(first.header('set-cookie'));
    expect(server.runs()).toBe(1);
  });
});
