import { readFileSync } from 'node:fs';
import { afterEach, describe, expect, test } from '@jest/globals';
import { Redis } from 'ioredis';
import { quietly } from '../support/quietly.ts';
import { type RedisProcess, startRedis } from '../support/redis.ts';
import { until } from '../support/until.ts';
import { type App, MARGIN, startApp, TIMEOUT, untilHit } from './support/app.ts';
import { OWN, type Way } from './support/clients.ts';

/* Redis answers, but not what was asked: it is full, read-only, still loading, or does not let us in. */

/** Where nothing may fail, a loaded machine may be late. Milliseconds. */
const PATIENT = 2000;

let redis: RedisProcess;
afterEach(() => redis?.stop());
quietly();

describe('a Redis that is full', () => {
  test('is read from and not written to; storing resumes when there is room', async () => {
    redis = await startRedis({ args: ['--maxmemory-policy', 'noeviction'] });
    const app = await startApp({ redis: redis.url, timeout: PATIENT });
    await untilHit(app, 1);
    await redis.cli('CONFIG', 'SET', 'maxmemory', '1');
    await expect(redis.cli('SET', 'a', 'b')).rejects.toThrow('OOM');

    expect((await app.item(1)).hit).toBe(true);
    await expectForwarded(app, 'uri-miss', 'OOM');
    expect(app.faults.at(-1)).toMatchObject({ step: 'acquire', code: 'OOM' });
    expect(await app.cache.purge({ url: `${app.origin}/item/1` })).toBe(1);

    await redis.cli('CONFIG', 'SET', 'maxmemory', '0');
    await untilHit(app, 1);
  });

  test('that fills up during a fill costs no answer', async () => {
    redis = await startRedis({ args: ['--maxmemory-policy', 'noeviction'] });
    const app = await startApp({ redis: redis.url, timeout: PATIENT }, (express) => {
      express.get('/filling', async (_req, res) => {
        await redis.cli('CONFIG', 'SET', 'maxmemory', '1');
        res.send('full');
      });
    });
    await untilHit(app, 1);
    expect(await app.get('/filling')).toMatchObject({ status: 200, body: 'full' });
    await app.cache.idle();
    expect(app.faults.map(({ step, code }) => `${step} ${code}`)).toEqual(['commit OOM']);
    expect(app.requests.at(-1)).toMatchObject({ stored: false, detail: 'OOM' });

    await redis.cli('CONFIG', 'SET', 'maxmemory', '0');
    expect((await app.get('/filling')).hit).toBe(false);
  });
});

test('a Redis that has become a replica of a dead master is read from and not written to', async () => {
  redis = await startRedis();
  const app = await startApp({ redis: redis.url, timeout: PATIENT });
  await untilHit(app, 1);
  await redis.cli('REPLICAOF', '127.0.0.1', 1);
  await expect(redis.cli('SET', 'a', 'b')).rejects.toThrow('READONLY');

  expect((await app.item(1)).hit).toBe(true);
  await expectForwarded(app, 'uri-miss', 'READONLY');
  await expect(app.cache.purge({ url: `${app.origin}/item/1` })).rejects.toThrow('READONLY');

  await redis.cli('REPLICAOF', 'NO', 'ONE');
  await untilHit(app, 2);
});

describe.each(Object.entries(OWN))('with %s', (_name, way) => {
  test('a missing password is reported once, and requests are answered', async () => {
    redis = await startRedis({ password: 'secret' });
    await refused(way, /NOAUTH/);
  });

  test('a wrong password is reported once, and requests are answered', async () => {
    redis = await startRedis({ password: 'secret' });
    await refused((server) => way(withPassword(server, 'wrong')), /WRONGPASS/);
  });

  test('a password that becomes right lets hits begin without a restart', async () => {
    redis = await startRedis({ password: 'secret' });
    const app = await refused((server) => way(withPassword(server, 'new')), /WRONGPASS/);
    await redis.cli('CONFIG', 'SET', 'requirepass', 'new');
    await untilHit(app, 1);
  });
});

describe('a user of Redis', () => {
  test('without a permission for scripts reads, and does not store', async () => {
    redis = await startRedis();
    const app = await startApp({ redis: await asUser('~*', '+@all', '-@scripting'), timeout: PATIENT });
    await expectForwarded(app, 'uri-miss', 'NOPERM');
    expect(app.faults.at(-1)).toMatchObject({ step: 'acquire', code: 'NOPERM' });
    const other = await startApp({ redis: redis.url });
    await untilHit(other, 1);
    await redis.cli('ACL', 'SETUSER', 'app', '+@scripting');
    await untilHit(app, 2);
  });

  test.each(['pexpire', 'pttl', 'hset', 'hdel', 'unlink', 'type', 'hlen', 'zadd'])(
    'that may not run %s stores nothing, and leaves no key without an end',
    async (command) => {
      redis = await startRedis();
      const other = await startApp({ redis: redis.url, maxEntries: 10, tags: ['item'] });
      await untilHit(other, 1);
      const app = await startApp({
        redis: await asUser('~rrc:*', '+@all', `-${command}`),
        timeout: PATIENT,
        maxEntries: 10,
        tags: ['item'],
      });
      await expectForwarded(app, 'uri-miss', 'NOPERM');
      expect(app.faults.at(-1)).toMatchObject({ step: 'acquire', code: 'NOPERM' });
      expect(app.faults.at(-1)?.message).toMatch(new RegExp(`may not run ${command},.*\\+${command}$`));
      await expect(app.cache.purge({ tag: 'item' })).rejects.toThrow(`may not run ${command}`);
      for (const key of (await redis.cli('KEYS', '*')) as string[]) {
        expect([key, Number(await redis.cli('PTTL', key)) > 0]).toEqual([key, true]);
      }
      await redis.cli('ACL', 'SETUSER', 'app', `+${command}`);
      await untilHit(app, 2);
      // A fill like this needs no UNLINK.
      if (command === 'unlink') return;
      // Taken away again.
      await redis.cli('ACL', 'SETUSER', 'app', `-${command}`);
      await app.item(3);
      await app.cache.idle();
      await expectForwarded(app, 'uri-miss', 'NOPERM');
      expect(app.faults.at(-1)?.message).toContain(`may not run ${command}`);
    },
  );

  test.each(['rename', 'zadd', 'zrange'])(
    'that may not run %s purges nothing half-way: once it may, a purge by tag finds what is stored',
    async (command) => {
      redis = await startRedis();
      const other = await startApp({ redis: redis.url, tags: ['item'] });
      await untilHit(other, 1);
      const app = await startApp({
        redis: await asUser('~rrc:*', '+@all', `-${command}`),
        timeout: PATIENT,
        tags: ['item'],
      });
      await expect(app.cache.purge({ tag: 'item' })).rejects.toThrow(`may not run ${command}`);
      expect((await other.item(1)).hit).toBe(true);
      await redis.cli('ACL', 'SETUSER', 'app', `+${command}`);
      expect(await app.cache.purge({ tag: 'item' })).toBe(1);
    },
  );

  test('of docs/operations.md may do all that an app does', async () => {
    redis = await startRedis();
    const docs = readFileSync('docs/operations.md', 'utf8').replace(/\s+/g, ' ');
    const rules = /ACL SETUSER app on >PASSWORD ([^`]*)`/.exec(docs)?.[1]?.split(' ') ?? [];
    const options = { redis: await asUser(...rules), timeout: PATIENT, tags: ['item'], maxEntries: 10 };
    const app = await startApp(options);
    await untilHit(app, 1);
    expect(await app.cache.purge({ tag: 'item' }, { soft: true })).toBe(1);
    expect(await app.cache.purge({ tag: 'item' })).toBe(1);
    expect(await app.cache.purge({ all: true })).toBe(0);
    expect(app.faults).toEqual([]);
  });

  test('that may not publish stores', async () => {
    redis = await startRedis();
    const app = await startApp({ redis: await asUser('~rrc:*', '+@all', '-publish'), timeout: PATIENT });
    await untilHit(app, 1);
    expect(app.faults).toEqual([]);
  });

  test('without a permission for our keys is as good as none', async () => {
    redis = await startRedis();
    const app = await startApp({ redis: await asUser('~other:*', '+@all'), timeout: PATIENT });
    await expectForwarded(app, 'bypass', 'NOPERM');
    await redis.cli('ACL', 'SETUSER', 'app', '~rrc:*');
    await untilHit(app, 1);
  });

  test('with nothing but what the cache needs is enough', async () => {
    redis = await startRedis();
    const sent = 'hget hmget evalsha eval unlink scan zscan zrange info';
    const hashes = 'hset hdel hlen hkeys hexists hgetall pttl pexpire pexpireat type time rename exists';
    const sets = 'zadd zcard zrem zrangebyscore zremrangebyscore';
    const commands = `${sent} ${hashes} ${sets}`.split(' ').map((command) => `+${command}`);
    const app = await startApp({
      redis: await asUser('~rrc:*', '-@all', ...commands),
      timeout: PATIENT,
      tags: ['item'],
      maxEntries: 10,
    });
    await untilHit(app, 1);
    expect(await app.cache.purge({ url: `${app.origin}/item/1` })).toBe(1);
    await untilHit(app, 1);
    expect(await app.cache.purge({ tag: 'item' }, { soft: true })).toBe(1);
    expect(await app.cache.purge({ tag: 'item' })).toBe(1);
    await untilHit(app, 1);
    expect(await app.cache.purge({ all: true })).toBe(1);
    expect(app.faults).toEqual([]);
  });

  test('that may not see the state of the server gets no word on the console', async () => {
    redis = await startRedis();
    const app = await startApp({ redis: await asUser('~rrc:*', '+@all', '-info') });
    await untilHit(app, 1);
  });
});

test('a Redis that is still loading is waited for', async () => {
  const slowly = ['--key-load-delay', '20000', '--loading-process-events-interval-bytes', '1024'];
  redis = await startRedis({ args: [...slowly, '--rdbcompression', 'no'] });
  const app = await startApp({ redis: redis.url });
  await untilHit(app, 1);
  const seed = new Redis(redis.url);
  for (let i = 0; i < 150; i++) await seed.set(`seed:${i}`, 'x'.repeat(2000));
  seed.disconnect();
  await redis.cli('SAVE');
  await redis.restart();
  await expect(redis.cli('GET', 'a')).rejects.toThrow('LOADING');

  for (let i = 0; i < 10; i++) {
    const { ms, hit } = await app.item(1);
    expect(hit).toBe(false);
    expect(ms).toBeLessThan(2 * TIMEOUT + MARGIN);
  }
  await untilHit(app, 1);
  expect(app.faults.length).toBeLessThan(20);
});

test('a server that has forgotten the scripts is given them again', async () => {
  redis = await startRedis();
  const app = await startApp({ redis: redis.url, timeout: PATIENT });
  await untilHit(app, 1);
  await redis.cli('SCRIPT', 'FLUSH');
  await untilHit(app, 2);
  expect(app.faults).toEqual([]);
});

/** Asks for things that are not stored; none will be. */
async function expectForwarded(app: App, fwd: string, detail: string): Promise<void> {
  for (let i = 0; i < 10; i++) {
    const { cacheStatus, ms } = await app.item('not-stored');
    expect(cacheStatus).toContain(`fwd=${fwd}; detail=${detail}`);
    expect(ms).toBeLessThan(2 * TIMEOUT + MARGIN);
  }
}

/** An app that Redis does not let in. */
async function refused(way: Way, why: RegExp): Promise<App> {
  const app = await startApp({ redis: (await way(redis)).option });
  await until(async () => {
    await app.item(1);
    return app.faults.some(({ step }) => step === 'connection');
  });
  for (let i = 0; i < 30; i++) {
    const { ms, cacheStatus } = await app.item(i);
    expect(cacheStatus).toMatch(/fwd=bypass; detail=/);
    expect(ms).toBeLessThan(2 * TIMEOUT + MARGIN);
  }
  const connection = app.faults.filter(({ step }) => step === 'connection');
  expect(connection).toHaveLength(1);
  expect(connection[0]?.code).toMatch(why);
  expect(connection[0]?.message).toMatch(why);
  expect(JSON.stringify(app.faults)).not.toMatch(/secret|wrong"/);
  expect(app.faults.length).toBeLessThan(20);
  return app;
}

/** The same server, as someone sees it who has a password. */
function withPassword(server: RedisProcess, password: string): RedisProcess {
  const { host, port } = server;
  const url = `redis://:${password}@${host}:${port}`;
  // For a way that takes a URL, and one that takes options.
  return { url, host, port, password } as unknown as RedisProcess;
}

async function asUser(...rules: string[]): Promise<string> {
  await redis.cli('ACL', 'SETUSER', 'app', 'on', '>pw', 'resetkeys', ...rules);
  return `redis://app:pw@${redis.host}:${redis.port}`;
}
