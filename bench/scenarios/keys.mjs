// Many distinct keys: memory in Redis and in the process.

import { mb } from '../figures.mjs';

export function keys({ load, redis, options }) {
  const each = `of ${options.keys.toLocaleString('en-US')} responses:`;
  const head = [each, 'Redis memory each', 'Redis keys each', 'rss', 'over idle'];
  const row = async ({ port, process }) => {
    await load.call('learn', { port, requests: [{ path: '/1k' }] });
    await process.call('sample');
    await redis.empty();
    await process.call('collectGarbage');
    const { rss: idle } = await process.call('sample');
    const empty = await redis.memory();
    await load.call('run', {
      port,
      requests: [{ path: '/1k' }],
      unique: 'key',
      check: 'like',
      connections: options.connections,
      count: options.keys,
    });
    // Waits until the last response is stored.
    await process.call('sample');
    await process.call('collectGarbage');
    const { rss } = await process.call('sample');
    const full = await redis.memory();
    await redis.empty();
    const bytesEach = Math.round((full.bytes - empty.bytes) / options.keys);
    const keysEach = (full.keys - empty.keys) / options.keys;
    const cells = [`${bytesEach} B`, keysEach.toFixed(2), mb(rss), `+${mb(rss - idle)}`];
    return { cells, figures: { bytesEach } };
  };
  return { head, row };
}
