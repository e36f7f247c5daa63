import { once } from 'node:events';
import { type AddressInfo, createServer, type Server } from 'node:net';
import { afterEach, expect, test } from '@jest/globals';
import { quietly } from '../support/quietly.ts';
import { until } from '../support/until.ts';
import { MARGIN, startApp } from './support/app.ts';

/* Something answers in place of Redis that keeps nothing: a proxy without a server behind it, or a test double. */

quietly();

let server: Server;
afterEach(() => {
  server.close();
});

/** A server that gives the same reply to everything. */
async function replying(reply: string): Promise<string> {
  server = createServer((socket) => {
    socket.on('error', () => {});
    socket.on('data', (bytes) => {
      // Each command is an array of bulk strings, and each begins a line with `*`.
      const commands = bytes.toString('latin1').match(/^\*\d+\r$/gm) ?? [];
      socket.write(commands.map(() => reply).join(''));
    });
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return `redis://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

test.each([
  ['nil', '$-1\r\n'],
  ['a nil array', '*-1\r\n'],
  ['OK', '+OK\r\n'],
  ['an empty text', '$0\r\n\r\n'],
  ['an empty array', '*0\r\n'],
])('a server that replies with %s to everything costs no time, and is left alone', async (_what, reply) => {
  const app = await startApp({ redis: await replying(reply), timeout: 1000, collapse: { wait: '10s' } });
  for (let i = 0; i < 10; i++) {
    // Followers of one request do not wait either.
    const answers = await Promise.all([1, 2, 3].map(() => app.get(`/item/${i}`)));
    for (const { body, ms, hit } of answers) {
      expect([body.trimEnd().split(' .')[0], hit]).toEqual([`item ${i}`, false]);
      expect(ms).toBeLessThan(1000 + MARGIN);
    }
  }
  await expect(app.cache.purge({ tag: 't' })).rejects.toMatchObject({ code: 'ERR_RRC_STORE' });
  await expect(app.cache.purge({ all: true })).rejects.toMatchObject({ code: 'ERR_RRC_STORE' });
  // The circuit breaker opens, and a ping that is not answered as Redis does not close it.
  await until(async () =>
    (await app.get('/item/last')).cacheStatus.includes('fwd=bypass; detail=unavailable'),
  );
  const faults = app.faults.length;
  for (let i = 0; i < 20; i++) await app.get(`/item/later-${i}`);
  expect(app.faults.length).toBe(faults);
});
