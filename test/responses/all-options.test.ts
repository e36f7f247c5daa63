import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer, get, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';
import { brotliDecompressSync } from 'node:zlib';
import { afterEach, expect, test } from '@jest/globals';
import express from 'express';
import { type CacheOptions, type FaultEvent, redisCache } from '../../src/index.ts';
import { uniquePrefix } from '../support/prefix.ts';

/*
 * The options that change where a response is and in what form, all at once: in front of the app, near, compressed and
 * sealed.
 */

const BODY = JSON.stringify({ leads: Array.from({ length: 400 }, (_, i) => `lead number ${i}`) });

const closing: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
  readonly how: string;
}

async function site(options: CacheOptions = {}) {
  let runs = 0;
  const app = express();
  app.get('/leads', (_req, res) => {
    runs++;
    res.set('ETag', `"v${runs}"`).type('json').send(BODY);
  });
  const faults: FaultEvent[] = [];
  const cache = redisCache({
    redis: process.env.TEST_REDIS_URL as string,
    prefix: uniquePrefix(),
    timeout: '5s',
    near: true,
    compress: true,
    tags: ['leads'],
    encrypt: { keys: [{ id: 'a', key: randomBytes(32) }] },
    ...options,
  }).on('fault', (fault) => faults.push(fault));
  const server = createServer(cache.before(app)).listen(0, '127.0.0.1');
  await once(server, 'listening');
  closing.push(
    () => cache.close(),
    () => server.close(),
  );
  const { port } = server.address() as AddressInfo;
  const ask = async (headers: Record<string, string> = {}): Promise<Answer> => {
    const [response] = await once(get({ port, path: '/leads', headers }), 'response');
    const chunks: Buffer[] = [];
    for await (const chunk of response) chunks.push(chunk);
    await cache.idle();
    const how = String(response.headers['cache-status']).replace(/^redis-response-cache; | ttl=\d+;?/g, '');
    return { status: response.statusCode, headers: response.headers, body: Buffer.concat(chunks), how };
  };
  /** Asks until the answer comes from near. */
  const near = async (headers: Record<string, string>): Promise<Answer> => {
    for (;;) {
      const answer = await ask(headers);
      if (answer.how.includes('near')) return answer;
    }
  };
  return { cache, ask, near, faults, runs: () => runs, url: `http://localhost:${port}/leads` };
}

const BR = { 'accept-encoding': 'br' };

test('in front, near, compressed and sealed: each client gets the bytes it can read, and nothing is run twice', async () => {
  const { ask, near, faults, runs } = await site();
  expect((await ask(BR)).body.toString()).toBe(BODY);
  const stored = await ask(BR);
  expect(stored.how).toBe('hit;');
  expect(stored.headers['content-encoding']).toBe('br');
  expect(brotliDecompressSync(stored.body).toString()).toBe(BODY);
  expect(await near(BR)).toMatchObject({ status: 200, body: stored.body });
  const etag = stored.headers.etag as string;
  expect(await near({ ...BR, 'if-none-match': etag })).toMatchObject({ status: 304, headers: { etag } });
  const plain = await ask();
  expect(plain.headers['content-encoding']).toBeUndefined();
  expect(plain.body.toString()).toBe(BODY);
  expect(runs()).toBe(1);
  expect(faults).toEqual([]);
});

test.each([{ soft: false }, { soft: true }])('a purge reaches all of it: %j', async ({ soft }) => {
  const { cache, ask, near, runs } = await site();
  await ask(BR);
  for (let run = 2; run < 5; run++) {
    await near(BR);
    expect(await cache.purge({ tag: 'leads' }, { soft })).toBe(1);
    const answer = await ask(BR);
    expect(answer.how).toMatch(soft ? /^fwd=stale/ : /^fwd=uri-miss/);
    expect(runs()).toBe(run);
  }
});

test('what Redis holds has neither the body nor its URL', async () => {
  const prefix = uniquePrefix();
  const { cache, ask } = await site({ prefix });
  await ask(BR);
  const { Redis } = await import('ioredis');
  const redis = new Redis(process.env.TEST_REDIS_URL as string);
  closing.push(() => redis.disconnect());
  const keys = await redis.keys(`${prefix}*`);
  const values = await Promise.all(
    keys.filter((key) => key.includes('{#')).map((key) => redis.hgetallBuffer(key)),
  );
  const all = Buffer.concat([
    Buffer.from(keys.join()),
    ...values.flatMap((fields) =>
      Object.entries(fields).flatMap(([name, value]) => [Buffer.from(name), value]),
    ),
  ]);
  expect(values).toHaveLength(1);
  expect(all.includes('/leads')).toBe(false);
  expect(all.includes('lead number')).toBe(false);
  await cache.purge({ all: true });
});
