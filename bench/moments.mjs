// The scenarios in which it is not the rate that counts. Each gives the head of its table, and what makes a row of it:
// the cells, and the figures that goals are about.

import { STREAM_BYTES } from './app.mjs';
import { mb, median, ms } from './figures.mjs';

const HERD = 200;
const HERDS = 5;
const STREAMS = 3;
const HUNG = { connections: 8, seconds: 3, patience: 2000 };

export function herd({ load, redis }) {
  const head = ['', 'handler runs', 'p50', 'slowest', 'lost'];
  const row = async ({ port, process }) => {
    await load.ask('learn', { port, requests: [{ path: '/slow/1k' }] });
    const herds = [];
    for (let i = 0; i < HERDS; i++) {
      const before = await process.ask('sample');
      const told = await load.ask('run', {
        port,
        requests: [{ path: `/slow/1k?herd=${i}` }],
        check: 'like',
        connections: HERD,
        count: HERD,
      });
      const after = await process.ask('sample');
      herds.push({ ...told, runs: after.runs - before.runs });
    }
    await redis.empty();
    const of = (field) => median(herds.map((sample) => sample[field]));
    const runs = Math.max(...herds.map((sample) => sample.runs));
    return { cells: [`${runs}`, ms(of('p50')), ms(of('slowest')), `${of('lost')}`], figures: { runs } };
  };
  return { head, row };
}

export function stream({ load, redis }) {
  const head = ['', 'peak rss', 'over idle', 'first byte', 'whole', 'all bytes'];
  const row = async ({ port, process }) => {
    const plan = { port, requests: [{ path: '/stream' }], check: 'any', connections: 1 };
    // What the first one costs (code, pools) is not the stream's.
    await load.ask('run', { ...plan, unique: 'first', count: 1 });
    await process.ask('collect');
    const { rss: idle } = await process.ask('sample');
    await process.ask('watchMemory');
    const told = await load.ask('run', { ...plan, unique: 's', count: STREAMS });
    const { highest } = await process.ask('sample');
    await redis.empty();
    const all = told.bytes === STREAMS * STREAM_BYTES ? 'yes' : 'NO';
    const grown = (highest - idle) / 2 ** 20;
    const cells = [mb(highest), `+${grown.toFixed(1)} MB`, ms(told.firstByte), ms(told.p50), all];
    return { cells, figures: { firstByte: told.firstByte, grown } };
  };
  return { head, row };
}

export function keys({ load, redis, options }) {
  const each = `of ${options.keys.toLocaleString('en-US')} responses:`;
  const head = [each, 'Redis memory each', 'Redis keys each', 'rss', 'over idle'];
  const row = async ({ port, process }) => {
    await load.ask('learn', { port, requests: [{ path: '/1k' }] });
    await process.ask('sample');
    await redis.empty();
    await process.ask('collect');
    const { rss: idle } = await process.ask('sample');
    const empty = await redis.memory();
    await load.ask('run', {
      port,
      requests: [{ path: '/1k' }],
      unique: 'key',
      check: 'like',
      connections: options.connections,
      count: options.keys,
    });
    // Also what it stored last.
    await process.ask('sample');
    await process.ask('collect');
    const { rss } = await process.ask('sample');
    const full = await redis.memory();
    await redis.empty();
    const per = Math.round((full.bytes - empty.bytes) / options.keys);
    const several = (full.keys - empty.keys) / options.keys;
    return { cells: [`${per} B`, several.toFixed(2), mb(rss), `+${mb(rss - idle)}`], figures: { per } };
  };
  return { head, row };
}

export function hung({ load, redis }) {
  const head = ['', 'answers', 'of all asked', 'p50', 'p99', 'slowest'];
  const row = async ({ port, process }) => {
    const requests = [{ path: '/1k' }];
    await load.ask('learn', { port, requests });
    await process.ask('sample');
    redis.hang();
    const told = await load.ask('run', { port, requests, check: 'any', ...HUNG }).finally(redis.wake);
    const share = (100 * told.answers) / Math.max(1, told.answers + told.lost);
    const times = told.answers > 0 ? [told.p50, told.p99, told.slowest].map(ms) : ['-', '-', '-'];
    const cells = [`${told.answers}`, `${share.toFixed(2)} %`, ...times];
    return { cells, figures: { unanswered: told.lost, slowest: told.slowest } };
  };
  return { head, row };
}
