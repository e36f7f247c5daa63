// npm run demo              an API before and behind its cache, measured
// npm run demo -- --serve   the same API, left up to be tried with curl

import { randomBytes } from 'node:crypto';
import { start } from './child.mjs';
import { measure } from './measure.mjs';
import { findRedis } from './redis.mjs';
import { report } from './report.mjs';
import { bold, count, facts, say } from './screen.mjs';
import { tryIt } from './serve.mjs';

const QUOTA = 40;
// One whose first twelve draws look like the whole distribution: a median near 1.2 s, and one of over 4 s.
const SEED = 505;

const serving = process.argv.includes('--serve');
const prefix = `rrc-demo:${randomBytes(4).toString('hex')}:`;

const running = [];
let redis;
let tidied;

/** Leaves nothing behind, however the demo ends; asked twice, it is done once. */
function tidy() {
  tidied ??= (async () => {
    const ended = await Promise.all(running.map((child) => child.stop()));
    await redis
      ?.release(prefix)
      .catch((error) => say(`  Keys under ${prefix} may be left: ${error.message}`));
    return ended.every(Boolean);
  })();
  return tidied;
}

let stopping = false;
for (const [signal, code] of Object.entries({ SIGINT: 130, SIGTERM: 143, SIGHUP: 129 })) {
  process.on(signal, async () => {
    stopping = true;
    say('\n  stopping ...');
    await tidy();
    // Ctrl-C is how one leaves --serve; nothing failed.
    process.exit(serving ? 0 : code);
  });
}

async function launch(file, settings) {
  const child = await start(file, settings);
  running.push(child);
  return child;
}

async function demo() {
  say();
  say(`  ${bold('redis-response-cache')}: one line in front of a slow API`);
  say();

  redis = await findRedis();
  facts([['store', redis.label, `(${redis.why})`]]);
  const upstream = await launch('upstream.mjs', { quota: QUOTA, seed: SEED });
  const { leadCount } = await upstream.report();
  facts([
    ['upstream', `${count(leadCount)} leads (GeoNames), up to 6 s an answer, ${QUOTA} calls a day`],
    ['api', `Express 5, app.use(redisCache({ redis, ttl: '1h' }))`],
  ]);
  say();

  const settings = { upstream: upstream.url, redisUrl: redis.url, prefix };
  if (serving) {
    const ports = process.env.PORT ? [Number(process.env.PORT)] : [3000, 0];
    const api = await launch('api.mjs', { ...settings, ports, log: true });
    return tryIt(api.url);
  }

  const stage = { upstream, redis, prefix, quota: QUOTA };
  [stage.api, stage.bareApi] = await Promise.all([
    launch('api.mjs', settings),
    launch('api.mjs', { ...settings, enabled: false }),
  ]);
  stage.restartApi = async () => {
    await stage.api.stop();
    const ports = [Number(new URL(stage.api.url).port)];
    stage.api = await launch('api.mjs', { ...settings, ports });
  };

  const run = await measure(stage);
  report(stage, run);
  if (!(await tidy())) throw new Error('a process of the demo did not end by itself');
}

try {
  await demo();
} catch (error) {
  // A demo that is told to stop fails in whatever it was doing: nothing to tell.
  if (!stopping) say(`  ${bold('The demo failed')}: ${error.message}`);
  process.exitCode = 1;
  await tidy();
}
