import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { get, type IncomingMessage } from 'node:http';
import { Readable } from 'node:stream';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { describe, expect, test } from '@jest/globals';
import type { Response } from 'express';
import { frameworks, type Handler } from '../support/app.ts';
import { askOnce, begin } from '../support/client.ts';
import { sized } from '../support/long.ts';
import { cacheWith, expectHit, expectPassed } from './support/matrix.ts';
import { stage } from './support/stage.ts';

/* Long responses: the pace is the client's, and the cache holds no more than its cap. */

const MB = 1024 * 1024;

async function open(port: number): Promise<IncomingMessage> {
  const [res] = await once(get({ port, agent: false, headers: { host: 'test.example' } }), 'response');
  return res;
}

async function digest(source: AsyncIterable<Buffer>): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of source) hash.update(chunk);
  return hash.digest('hex');
}

/** Writes until it is told to wait, waits for `drain`, and so on. Returns how often it waited. */
async function writeAll(res: Response, chunks: number, size: number): Promise<number> {
  let waits = 0;
  for (let i = 0; i < chunks; i++) {
    if (res.write(Buffer.alloc(size, i))) continue;
    waits++;
    await once(res, 'drain');
  }
  res.end();
  return waits;
}

async function bytesHeld(): Promise<number> {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  collect();
  // Buffers are freed behind a collection.
  await new Promise(setImmediate);
  collect();
  return process.memoryUsage().arrayBuffers;
}

describe.each(sized(frameworks.slice(0, 1), frameworks))('the memory of $name', (framework) => {
  test.each([
    { name: 'more than maxBodySize', maxBodySize: '1mb', cacheControl: 'public' },
    { name: 'what will not be stored', maxBodySize: '64mb', cacheControl: 'private' },
  ] as const)('of a stream of 24 MB nothing is held that is $name', async ({ maxBodySize, cacheControl }) => {
    let held = 0;
    const cache = cacheWith({ maxBodySize });
    const server = await stage(framework, [cache], async (_req, res) => {
      res.setHeader('Cache-Control', cacheControl);
      const before = await bytesHeld();
      for (let i = 1; i <= 384; i++) if (!res.write(Buffer.alloc(MB / 16, i))) await once(res, 'drain');
      held = (await bytesHeld()) - before;
      res.end();
    });
    await digest(await open(server.port));
    await server.closed();
    await cache.idle();
    // What is on its way in the sockets of both sides counts too.
    expect(held).toBeLessThan(12 * MB);
  });

  test('a stream under the cap is held once, while it runs', async () => {
    let held = 0;
    const cache = cacheWith({ maxBodySize: '16mb' });
    const server = await stage(framework, [cache], async (_req, res) => {
      const before = await bytesHeld();
      for (let i = 1; i <= 128; i++) if (!res.write(Buffer.alloc(MB / 16, i))) await once(res, 'drain');
      held = (await bytesHeld()) - before;
      res.end();
    });
    await digest(await open(server.port));
    await server.closed();
    expect(held).toBeLessThan(14 * MB);
    await cache.idle();
  });
});

describe.each(frameworks)('$name', (framework) => {
  test('a slow reader makes write() false and drain come, and gets every byte of a stream that is stored', async () => {
    let waits: Promise<number> | undefined;
    const cache = cacheWith({ maxBodySize: '8mb' });
    const server = await stage(framework, [cache], (_req, res) => {
      waits = writeAll(res, 64, MB / 8);
      return waits;
    });
    const res = await open(server.port);
    // Nothing is read before the handler has had to wait.
    res.pause();
    await server.ran(1);
    const received = digest(res);
    const whole = digest(Readable.from(Array.from({ length: 64 }, (_, i) => Buffer.alloc(MB / 8, i))));
    expect(await received).toBe(await whole);
    expect(await waits).toBeGreaterThan(0);
    await server.closed();
    await cache.idle();
    const hit = await askOnce(server.port);
    expectHit(hit);
    expect(createHash('sha256').update(hit.bytes).digest('hex')).toBe(await whole);
    expect(server.runs()).toBe(1);
  });

  test('each server-sent event arrives as it is written, for every client at once', async () => {
    const open: Response[] = [];
    const handler: Handler = (_req, res) => {
      res.writeHead(200, { 'Content-Type': 'text/event-stream' });
      res.flushHeaders();
      open.push(res);
    };
    const server = await stage(framework, [cacheWith({ collapse: { wait: 200 } })], handler);
    // The second waits for the first, as it does for any response, and then has its own.
    const clients = [begin(server.port), begin(server.port)];
    await Promise.all(clients.map((client) => client.until('\r\n\r\n')));
    for (let i = 1; i <= 3; i++) {
      for (const res of open) res.write(`data: ${i}\n\n`);
      await Promise.all(clients.map((client) => client.until(`data: ${i}\n\n`)));
    }
    for (const client of clients) client.close();
    await server.closed();
    const late = begin(server.port);
    await late.until('\r\n\r\n');
    expect(late.text).not.toMatch(/age:/i);
    expect(server.runs()).toBe(3);
  });

  test('server-sent events that outgrow the cap go on, and are not stored when they end', () =>
    expectPassed(framework, {
      name: '',
      options: { maxBodySize: 100 },
      async handler(_req, res) {
        res.writeHead(200, { 'Content-Type': 'text/event-stream' });
        for (let i = 0; i < 20; i++) {
          res.write(`data: ${i}\n\n`);
          await new Promise(setImmediate);
        }
        res.end();
      },
    }));

  test('interim responses and the head reach the client before the body exists', async () => {
    let finish = (): void => {};
    const server = await stage(framework, [cacheWith()], (_req, res) => {
      res.writeEarlyHints({ link: '</a.css>; rel=preload' });
      finish = () => {
        res.flushHeaders();
        finish = () => res.end('body');
      };
    });
    const client = begin(server.port);
    await client.until('103 Early Hints');
    expect(client.text).not.toMatch(/HTTP\/1.1 200/);
    finish();
    await client.until('HTTP/1.1 200 OK');
    expect(client.text).not.toMatch(/body/);
    finish();
    expect((await client.answer()).body).toBe('body');
    await cacheWith().idle();
    const hit = await askOnce(server.port);
    expectHit(hit);
    expect(hit.interim).toEqual([]);
  });
});
