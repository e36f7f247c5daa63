// A small fleet in front of a real redis-server: near caches that Redis keeps coherent by client tracking, asked and
// written by the law that bench/simulate.mjs simulates.

import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { LRUCache } from 'lru-cache';
import { startRedis } from './redis.mjs';

const STEP_MS = 5;

export async function measureFleet(model, { draw, next }) {
  const { rate, processes, keys, near, ttl, writes, seconds } = model;
  const redis = await startRedis();
  const connect = async () => {
    const client = new Redis(redis.port, '127.0.0.1', { protocol: 2 });
    await once(client, 'ready');
    return client;
  };
  const count = { requests: 0, near: 0, writes: 0, messages: 0 };
  const open = async () => {
    const cache = new LRUCache({ max: near, ttl: ttl * 1000, ttlResolution: 0 });
    const listener = await connect();
    const id = await listener.client('ID');
    listener.on('messageBuffer', (_channel, names) => {
      for (const name of [names ?? []].flat()) {
        count.messages++;
        cache.delete(String(name));
      }
    });
    await listener.subscribe('__redis__:invalidate');
    const reader = await connect();
    await reader.call('CLIENT', 'TRACKING', 'ON', 'REDIRECT', id);
    return { cache, listener, reader };
  };
  const fleet = [];
  try {
    for (let i = 0; i < processes; i++) fleet.push(await open());
    const writer = await connect();
    const asked = async () =>
      Number(/calls=(\d+)/.exec((await redis.info('commandstats')).cmdstat_hget)?.[1] ?? 0);

    const event = () => {
      if (next() < writes / (rate + writes)) {
        count.writes++;
        writer.hset(String(Math.floor(next() * keys)), '', 'value');
        return;
      }
      const { cache, reader } = fleet[Math.floor(next() * processes)];
      const key = String(draw(next()));
      count.requests++;
      if (cache.get(key)) {
        count.near++;
        return;
      }
      // Set before the answer is there: who asks in the meantime waits for the same answer.
      cache.set(key, true);
      reader.hget(key, '');
    };
    const run = async () => {
      const startedAt = performance.now();
      for (let done = 0; done < seconds * (rate + writes); ) {
        const due = Math.min(seconds, (performance.now() - startedAt) / 1000) * (rate + writes);
        for (; done < due; done++) event();
        await delay(STEP_MS);
      }
    };
    await Promise.all(Array.from({ length: keys }, (_, key) => writer.hset(String(key), '', 'value')));
    await run();
    Object.assign(count, { requests: 0, near: 0, writes: 0, messages: 0 });
    const before = await asked();
    await run();
    const commands = ((await asked()) - before) / seconds;
    await delay(100);
    return {
      near: count.near / count.requests,
      commands,
      busiest: commands,
      fanOut: count.messages / count.writes,
      messages: count.messages / seconds,
    };
  } finally {
    redis.stop();
  }
}
