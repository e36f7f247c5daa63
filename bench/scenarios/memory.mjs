// Memory per key: in the process, and in Redis.

import { mb, whole } from '../figures.mjs';

/** The responses of 50 KB that are stored. */
const LARGE_KEYS = 2000;
/** The first keys of all. Of 200,000 that is 50,000: the memos of the package are full at 20,000 URLs of an origin. */
const FIRST_SHARE = 0.25;

/**
 * Stores the first quarter of the keys, then the others, and reads each once. What the process keeps per key of the others
 * is what would grow without an end.
 */
export function memory({ load, redis, options }) {
  const all = options.keys;
  const first = Math.ceil(all * FIRST_SHARE);
  const head = [
    '',
    `in the process, B per key: first ${whole(first)}`,
    `next ${whole(all - first)}`,
    'beside the value',
    'rss over idle',
    'Redis keys each',
    'in Redis, B: 1 KB',
    '50 KB',
    '1 KB / floor',
    '50 KB / floor',
    '',
  ];
  /** Bytes in Redis of the floor, by size. */
  let ofFloor = {};

  const row = async ({ kind, port, process }) => {
    const defects = new Set();
    const request = async (path, plan) => {
      const done = await load.call('run', {
        port,
        requests: [{ path }],
        unique: 'key',
        check: 'like',
        connections: options.connections,
        ...plan,
      });
      for (const [defect] of done.wrong) defects.add(defect);
      if (done.lost > 0) defects.add('connections lost');
    };
    /** Stores keys and reads them. Both are work that may leave something in the process. */
    const storeAndRead = async (path, plan) => {
      const before = await process.call('sample');
      await request(path, plan);
      const stored = await process.call('sample');
      await request(path, plan);
      const { runs } = await process.call('sample');
      if (stored.runs - before.runs !== plan.count) defects.add('not every key was a miss');
      // The guard of the package lets the handler run for one hit now and then.
      if (runs - stored.runs > plan.count / 50) defects.add(`${runs - stored.runs} keys were not stored`);
    };

    for (const path of ['/1k', '/50k']) await load.call('learn', { port, requests: [{ path }] });
    await process.call('sample');
    await redis.empty();
    const idle = await process.call('memory');
    const empty = await redis.memory();
    await storeAndRead('/1k', { count: first });
    const firstFull = await process.call('memory');
    const firstStored = await redis.memory();
    const value = await valueBytes(redis.client);
    await storeAndRead('/1k', { first, count: all - first });
    const full = await process.call('memory');
    await redis.empty();

    const emptied = await redis.memory();
    await storeAndRead('/50k', { count: LARGE_KEYS });
    const largeStored = await redis.memory();
    await redis.empty();

    const perFirst = (firstFull.live - idle.live) / first;
    const perKey = (full.live - firstFull.live) / (all - first);
    const inRedis = {
      small: (firstStored.bytes - empty.bytes) / first,
      large: (largeStored.bytes - emptied.bytes) / LARGE_KEYS,
    };
    const keysEach = (firstStored.keys - empty.keys) / first;
    if (kind === 'floor') ofFloor = inRedis;
    const ratio = (size) =>
      ofFloor[size] && keysEach > 0 && kind !== 'floor' ? inRedis[size] / ofFloor[size] : undefined;
    const [small, large] = [ratio('small'), ratio('large')];
    // Only a process that keeps what it reads has a value of each key.
    const beside = value > 0 && perKey > value ? perKey - value : undefined;
    const bytes = (amount) => `${Math.round(amount)}`;
    const cells = [
      bytes(perFirst),
      perKey.toFixed(1),
      beside === undefined ? '' : bytes(beside),
      `+${mb(full.rss - idle.rss)}`,
      keysEach.toFixed(2),
      ...(keysEach > 0 ? [bytes(inRedis.small), bytes(inRedis.large)] : ['', '']),
      ...[small, large].map((of) => (of === undefined ? '' : `${of.toFixed(2)}x`)),
      [...defects].join('; '),
    ];
    return { cells, figures: { perKey, beside, small, large }, defects };
  };
  return { head, row };
}

/** The bytes of one stored value: of the longest field, where it is a hash. */
async function valueBytes(client) {
  const [, keys] = await client.scan(0, 'COUNT', 100);
  let longest = 0;
  for (const key of keys) {
    const type = await client.type(key);
    if (type === 'string') longest = Math.max(longest, await client.strlen(key));
    if (type !== 'hash') continue;
    for (const field of await client.hkeys(key))
      longest = Math.max(longest, await client.hstrlen(key, field));
  }
  return longest;
}
