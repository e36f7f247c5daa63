// A response far larger than `maxBodySize`: memory, and time to the first byte.

import { STREAM_BYTES } from '../app.mjs';
import { mb, ms } from '../figures.mjs';

const STREAMS = 3;

export function stream({ load, redis }) {
  const head = ['', 'peak rss', 'over idle', 'first byte', 'whole', 'all bytes'];
  const row = async ({ port, process }) => {
    const plan = { port, requests: [{ path: '/stream' }], check: 'any', connections: 1 };
    // The first stream also pays for compiled code and buffer pools.
    await load.call('run', { ...plan, unique: 'first', count: 1 });
    await process.call('collectGarbage');
    const { rss: idle } = await process.call('sample');
    await process.call('watchMemory');
    const done = await load.call('run', { ...plan, unique: 's', count: STREAMS });
    const { peakRss } = await process.call('sample');
    await redis.empty();
    const all = done.bytes === STREAMS * STREAM_BYTES ? 'yes' : 'NO';
    const grown = (peakRss - idle) / 2 ** 20;
    const cells = [mb(peakRss), `+${grown.toFixed(1)} MB`, ms(done.firstByte), ms(done.p50), all];
    return { cells, figures: { firstByte: done.firstByte, grown } };
  };
  return { head, row };
}
