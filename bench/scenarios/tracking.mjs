// The cost of client tracking, which near caches need, in Redis: memory per key and reader, and a message to each reader
// when a key is written.

import { once } from 'node:events';
import { Redis } from 'ioredis';
import { whole } from '../figures.mjs';
import { startRedis } from '../redis.mjs';
import { progress } from '../terminal.mjs';

const KEYS = 20_000;
const BATCH = 1000;
const READERS = [1, 2, 4, 8, 16];
const keyOf = (n) => `rrc:{GET http://bench.example/1k?k=${String(n).padStart(8, '0')}}`;

export async function tracking(_context, { title }) {
  const head = ['processes', 'tracked keys', 'B per key', 'messages per write', 'Redis us per write'];
  const rows = [];
  // 0: the figures without tracking.
  for (const count of [0, ...READERS]) {
    progress(title, `${count} processes`);
    rows.push(await row(count));
  }
  return {
    head,
    rows,
    text:
      `Each process reads ${whole(KEYS)} keys over a connection with CLIENT TRACKING ON, and receives its ` +
      `invalidations over another; then each key is written once. Above tracking-table-max-keys (1,000,000 by ` +
      `default) Redis drops tracked keys at random, and sends their readers an invalidation as if they had been written.`,
  };
}

async function row(count) {
  const redis = await startRedis();
  const clients = [];
  const connect = async () => {
    const client = new Redis(redis.port, '127.0.0.1', { protocol: 2 });
    clients.push(client);
    await once(client, 'ready');
    return client;
  };
  try {
    let messages = 0;
    const readers = [];
    for (let i = 0; i < count; i++) {
      const listener = await connect();
      const id = await listener.client('ID');
      await listener.subscribe('__redis__:invalidate');
      // One message may name several keys.
      listener.on('messageBuffer', () => {
        messages++;
      });
      const reader = await connect();
      await reader.call('CLIENT', 'TRACKING', 'ON', 'REDIRECT', id);
      readers.push(reader);
    }
    await each(redis.client, (pipeline, n) => pipeline.hset(keyOf(n), '', 'x'));
    const before = (await redis.memory()).bytes;
    for (const reader of readers) await each(reader, (pipeline, n) => pipeline.hget(keyOf(n), ''));
    const grown = (await redis.memory()).bytes - before;
    const { tracking_total_keys: tracked } = await redis.info('stats');
    const cpu = await redis.cpu();
    await each(redis.client, (pipeline, n) => pipeline.hset(keyOf(n), '', 'y'));
    const spent = (await redis.cpu()) - cpu;
    await Promise.all(clients.map((client) => client.ping().catch(() => {})));
    const perKey = count > 0 ? `${Math.round(grown / KEYS)}` : '-';
    return [
      `${count}`,
      whole(Number(tracked)),
      perKey,
      (messages / KEYS).toFixed(2),
      (spent / KEYS).toFixed(2),
    ];
  } finally {
    for (const client of clients) client.disconnect();
    redis.stop();
  }
}

async function each(client, add) {
  for (let first = 0; first < KEYS; first += BATCH) {
    const pipeline = client.pipeline();
    for (let n = first; n < first + BATCH; n++) add(pipeline, n);
    await pipeline.exec();
  }
}
