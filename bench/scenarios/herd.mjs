// Many requests at once for one cold key: how often does the handler run?

import { median, ms } from '../figures.mjs';

const REQUESTS = 200;
const HERDS = 5;

export function herd({ load, redis }) {
  const head = ['', 'handler runs', 'p50', 'slowest', 'lost'];
  const row = async ({ port, process }) => {
    await load.call('learn', { port, requests: [{ path: '/slow/1k' }] });
    const herds = [];
    for (let i = 0; i < HERDS; i++) {
      const before = await process.call('sample');
      const done = await load.call('run', {
        port,
        requests: [{ path: `/slow/1k?herd=${i}` }],
        check: 'like',
        connections: REQUESTS,
        count: REQUESTS,
      });
      const after = await process.call('sample');
      herds.push({ ...done, runs: after.runs - before.runs });
    }
    await redis.empty();
    const of = (field) => median(herds.map((sample) => sample[field]));
    const runs = Math.max(...herds.map((sample) => sample.runs));
    return { cells: [`${runs}`, ms(of('p50')), ms(of('slowest')), `${of('lost')}`], figures: { runs } };
  };
  return { head, row };
}
