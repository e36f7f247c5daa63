// The targets of the scenario `compression`, in plain node:http.

import compression from 'compression';
import { connect } from '../targets.mjs';

const ROWS = Array.from({ length: 330 }, (_, id) => ({
  id: (id * 7919) % 100_003,
  name: `City ${((id * 31_337) % 9973).toString(36)}`,
  country: ['de', 'fr', 'us', 'jp'][id % 4],
  population: (id * 2_654_435_761) % 9_000_000,
  lat: Number((Math.sin(id) * 90).toFixed(5)),
  lon: Number((Math.cos(id * 3) * 180).toFixed(5)),
  tags: ['a', 'b'].slice(id % 2),
  updatedAt: new Date(1.7e12 + id * 86_413_777).toISOString(),
}));
const BODY = Buffer.from(JSON.stringify(ROWS));

const target = (compress, middleware) => ({
  async open({ redisPort, build, prefix }) {
    const { redisCache } = await import(build);
    const cache = redisCache({
      redis: await connect({ redisPort }),
      ttl: '1h',
      timeout: '10s',
      prefix,
      compress,
    });
    const app = { runs: 0 };
    const answer = (req, res) =>
      cache(req, res, () => {
        app.runs++;
        res.writeHead(200, { 'Content-Type': 'application/json; charset=utf-8', ETag: 'W/"50k"' }).end(BODY);
      });
    const listener = middleware ? (req, res) => middleware(req, res, () => answer(req, res)) : answer;
    return { app, listener, settle: () => cache.idle() };
  },
});

export const targets = {
  plain: target(false),
  compress: target(true),
  'in front': target(false, compression()),
};
