import { afterEach, describe, expect, test } from '@jest/globals';
import { Redis } from 'ioredis';
import { uniquePrefix } from './prefix.ts';
import { type RedisProcess, startRedis } from './redis.ts';

/* The servers that the tests of faults lean on: a fault that is not one would prove nothing. */

let redis: RedisProcess;
afterEach(() => redis?.stop());

describe('a redis-server of a test', () => {
  test('is empty, keeps nothing on disk, and answers', async () => {
    redis = await startRedis();
    expect(await redis.cli('DBSIZE')).toBe(0);
    expect(await redis.cli('CONFIG', 'GET', 'save')).toEqual(['save', '']);
    expect(await redis.cli('SET', uniquePrefix(), 1)).toBe('OK');
  });

  test('is gone after kill, and back empty on its port after restart', async () => {
    redis = await startRedis();
    const { pid, port } = redis;
    await redis.cli('SET', 'a', 1);
    await redis.kill();
    await expect(redis.cli('PING')).rejects.toThrow();
    await redis.restart();
    expect(redis.port).toBe(port);
    expect(redis.pid).not.toBe(pid);
    expect(await redis.cli('GET', 'a')).toBeNull();
  });

  test('answers nothing while paused, and the rest when resumed; stop ends it even so', async () => {
    redis = await startRedis();
    const client = new Redis(redis.url, { commandTimeout: 300 });
    await client.ping();
    redis.pause();
    await expect(client.ping()).rejects.toThrow('timed out');
    redis.resume();
    expect(await client.ping()).toBe('PONG');
    client.disconnect();
    redis.pause();
    await redis.stop();
    expect(() => redis.pid).toThrow('not running');
    await redis.stop();
  });

  test('speaks TLS under its own CA, and nothing else', async () => {
    redis = await startRedis({ tls: true, password: 'secret' });
    expect(redis.url).toBe(`rediss://127.0.0.1:${redis.port}`);
    expect(await redis.cli('PING')).toBe('PONG');
    const stranger = new Redis(redis.url, { lazyConnect: true, retryStrategy: () => null });
    const faults: string[] = [];
    stranger.on('error', (error) => faults.push(String(error)));
    await expect(stranger.connect()).rejects.toThrow();
    expect(faults.join()).toMatch(/certificate/);
  });

  test('says why it did not start', async () => {
    await expect(startRedis({ args: ['--no-such-thing', '1'] })).rejects.toThrow(/FATAL CONFIG/);
  });

  test('takes what a server takes: memory limits, users, replicas', async () => {
    redis = await startRedis({ args: ['--maxmemory', '2mb', '--user', 'app', 'on', '>pw', '~*', '+get'] });
    expect(await redis.cli('CONFIG', 'GET', 'maxmemory')).toEqual(['maxmemory', '2097152']);
    expect(await redis.cli('ACL', 'USERS')).toEqual(['app', 'default']);
    const replica = await startRedis({ args: ['--replicaof', '127.0.0.1', `${redis.port}`] });
    await expect(replica.cli('SET', 'a', 1)).rejects.toThrow(/READONLY/);
    await replica.stop();
  });
});
