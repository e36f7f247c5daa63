import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { Redis } from 'ioredis';
import { Redis as Redis5 } from 'ioredis5';
import { Child } from '../support/process.ts';
import { quietly } from '../support/quietly.ts';
import { type RedisProcess, startRedis } from '../support/redis.ts';
import { certificates } from '../support/tls.ts';
import { until } from '../support/until.ts';
import { MARGIN, startApp, TIMEOUT, untilHit } from './support/app.ts';

/* A hosted Redis: TLS under a CA of its own, a user and a password. */

let redis: RedisProcess;
let url: string;
beforeEach(async () => {
  redis = await startRedis({ tls: true, password: 'of the default user' });
  await redis.cli('ACL', 'SETUSER', 'app', 'on', '>p@ss:w/rd', '~rrc:*', '+@all', '-@admin');
  url = `rediss://app:${encodeURIComponent('p@ss:w/rd')}@127.0.0.1:${redis.port}`;
});
afterEach(() => redis.stop());
quietly();

const trusting = () => ({ tls: { ca: redis.ca as string }, disconnectTimeout: 100 });

describe('Redis over TLS, as a user with a password', () => {
  test("is reached through the app's own client", async () => {
    for (const client of [new Redis(url, trusting()), new Redis5(url, trusting())]) {
      const app = await startApp({ redis: client as Redis, timeout: 2000 });
      await untilHit(app, 1);
      expect(app.faults).toEqual([]);
      await app.close();
      client.disconnect();
    }
  });

  test('is reached by options', async () => {
    const { port } = redis;
    const user = { username: 'app', password: 'p@ss:w/rd' };
    const app = await startApp({
      redis: { host: '127.0.0.1', port, ...user, ...trusting() },
      timeout: 2000,
    });
    await untilHit(app, 1);
    expect(await app.cache.purge({ all: true })).toBe(1);
    expect(app.faults).toEqual([]);
  });

  test('is reached by a URL, where Node trusts the CA', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'rrc-ca-'));
    const ca = join(folder, 'ca.crt');
    writeFileSync(ca, redis.ca as string);
    const child = new Child(
      `const cache = redisCache({ redis: REDIS, timeout: 2000 });
      const server = require('node:http').createServer((req, res) => cache(req, res, () => res.end('body')));
      server.listen(0, '127.0.0.1', async () => {
        for (let i = 0; i < 2; i++) {
          const res = await fetch('http://127.0.0.1:' + server.address().port);
          console.log(await res.text(), res.headers.get('cache-status'));
          await cache.idle();
        }
        server.close();
        server.closeAllConnections();
        await cache.close();
      });`,
      url,
      { NODE_EXTRA_CA_CERTS: ca },
    );
    expect(await child.ended()).toBe(0);
    expect(child.out).toMatch(/^body .*fwd=uri-miss; stored\nbody .*; hit; ttl=\d+\n$/);
    expect(child.err).toBe('');
    rmSync(folder, { recursive: true });
  });
});

describe('a Redis over TLS that cannot be trusted', () => {
  test.each([
    ['its CA is none that Node knows', async () => undefined, /certificate/],
    ['its CA is another', async () => (await certificates('127.0.0.1')).ca, /certificate|signature/],
  ])('is as good as none, when %s', async (_name, ca, why) => {
    const trusted = await ca();
    const tls = trusted === undefined ? {} : { ca: trusted };
    await expectNone({ host: '127.0.0.1', port: redis.port, tls }, why);
  });

  test('is as good as none, when its name is another', async () => {
    await expectNone({ host: 'localhost', port: redis.port, tls: { ca: redis.ca as string } }, /altnames|IP/);
  });

  test('is as good as none for a client that speaks no TLS', async () => {
    await expectNone(`redis://127.0.0.1:${redis.port}`, /./);
  });

  test('is as good as none with a wrong password, which no event tells', async () => {
    const secret = { username: 'app', password: 'not-the-word' };
    const faults = await expectNone(
      { host: '127.0.0.1', port: redis.port, ...secret, ...trusting() },
      /WRONGPASS/,
    );
    expect(faults).not.toContain('not-the-word');
  });
});

/** Requests are answered without delay, and an event says why there is no cache. */
async function expectNone(option: string | object, why: RegExp): Promise<string> {
  const app = await startApp({ redis: option });
  const said = () => app.faults.some(({ step, message }) => step === 'connection' && why.test(message));
  await until(async () => {
    const { hit, ms } = await app.item(1);
    expect(hit).toBe(false);
    expect(ms).toBeLessThan(2 * TIMEOUT + MARGIN);
    return said();
  });
  for (let i = 0; i < 20; i++) {
    const { cacheStatus, ms } = await app.item(i);
    expect(cacheStatus).toMatch(/fwd=bypass; detail=/);
    expect(ms).toBeLessThan(2 * TIMEOUT + MARGIN);
  }
  expect(app.faults.length).toBeLessThan(20);
  return JSON.stringify(app.faults);
}
