// Redis stops to answer: how many requests are still answered, and how fast?

import { ms } from '../figures.mjs';

const LOAD = { connections: 8, seconds: 3, patience: 2000 };

export function redisHangs({ load, redis }) {
  const head = ['', 'answers', 'share of requests', 'p50', 'p99', 'slowest'];
  const row = async ({ port, process }) => {
    const requests = [{ path: '/1k' }];
    await load.call('learn', { port, requests });
    await process.call('sample');
    redis.hang();
    const done = await load.call('run', { port, requests, check: 'any', ...LOAD }).finally(redis.resume);
    const share = (100 * done.answers) / Math.max(1, done.answers + done.lost);
    const times = done.answers > 0 ? [done.p50, done.p99, done.slowest].map(ms) : ['-', '-', '-'];
    const cells = [`${done.answers}`, `${share.toFixed(2)} %`, ...times];
    return { cells, figures: { unanswered: done.lost, slowest: done.slowest } };
  };
  return { head, row };
}
