// Runs one scenario: starts its targets, asks them in turn, stops them.

import { STREAM_BYTES } from './app.mjs';
import { start } from './child.mjs';
import { goals } from './scenarios.mjs';
import { progress } from './screen.mjs';

const WARM_SECONDS = 1;
/** With the default, hits on a busy machine become misses now and then. The same code runs. */
const TIMEOUT = '1s';
const HERD = 200;
const HERDS = 5;
const STREAMS = 3;
const HUNG = { connections: 8, seconds: 3, patience: 2000 };

/** `stage`: the private `redis`, the `load` process, the `catalogue` of targets, and the `options` of the run. */
export async function measure(stage, scenario) {
  await stage.redis.empty();
  const { started, skipped } = await open(stage, scenario);
  try {
    if (scenario.rate) return { scenario, skipped, ...(await rate(stage, scenario, started, skipped)) };
    const { head, row } = { herd, stream, keys, hung }[scenario.id](stage);
    const rows = [];
    for (const target of started) {
      progress(scenario.title, target.name);
      const cells = await unlessBroken(target, skipped, () => row(target));
      if (cells) rows.push([target.name, ...cells]);
    }
    return { scenario, skipped, head, rows };
  } finally {
    await Promise.all(started.map(({ process }) => process.stop()));
    await stage.load.ask('forget');
  }
}

/** A target that fails is left out of its scenario, and why is told. */
async function unlessBroken({ name }, skipped, work) {
  try {
    return await work();
  } catch (error) {
    skipped.push({ name, why: error.message });
    return undefined;
  }
}

/** The targets of a scenario, each in its process. One that does not start is left out, and why is told. */
async function open({ catalogue, options, redis }, scenario) {
  const chosen = catalogue.filter(
    ({ groups, name }) =>
      groups.some((group) => scenario.targets.includes(group)) &&
      (options.targets.length === 0 || options.targets.some((part) => name.includes(part))),
  );
  const skipped = [];
  const started = await Promise.all(
    chosen.map(async (target) => {
      const { name, module, opens, build, node } = target;
      const settings = {
        module,
        name: opens,
        build,
        redisPort: redis.port,
        timeout: scenario.id === 'hung' ? undefined : TIMEOUT,
        prefix: `${name.replace(/\W+/g, '-')}:`,
      };
      try {
        // Memory is compared after the garbage is gone.
        const process = await start('./target.mjs', settings, { node, flags: ['--expose-gc'] });
        return { ...target, process, port: process.opened };
      } catch (error) {
        skipped.push({ name, why: error.message.split('\n')[0] });
        return undefined;
      }
    }),
  );
  return { started: started.filter(Boolean), skipped };
}

/** Rounds in which each target is asked for a moment, in an order that changes. */
async function rate({ redis, load, options }, scenario, opened, skipped) {
  const { requests, check, unique } = scenario;
  const { rounds, seconds, connections } = options;
  const started = [];
  const wrong = new Map();
  const plan = { requests, check, connections };

  const once = async (target, tag, length) => {
    const { port, process, name } = target;
    const before = { ...(await process.ask('sample')), redis: await redis.cpu() };
    const constant = name.includes('constant');
    const told = await load.ask('run', {
      ...plan,
      ...(constant && check === 'same' && { check: 'like' }),
      ...(constant && check === '304' && { check: 'any' }),
      port,
      seconds: length,
      ...(unique && { unique: tag }),
    });
    const after = { ...(await process.ask('sample')), redis: await redis.cpu() };
    const runs = after.runs - before.runs;
    for (const [defect] of told.wrong) note(wrong, name, defect);
    if (told.lost > 0) note(wrong, name, 'connections lost');
    const caches = !constant && ['same', '304', 'part', 'head'].includes(check);
    if (caches && runs > 0) note(wrong, name, 'the handler ran');
    // Making room is nobody's work.
    if (unique) await redis.empty();
    return {
      ...told,
      cpu: (after.cpu - before.cpu) / told.answers,
      redisCpu: (after.redis - before.redis) / told.answers,
      rss: after.rss,
    };
  };

  const warm = async (target) => {
    const { port, process, name } = target;
    const primes = requests.map(({ path, headers = {}, method }) => ({
      path,
      method: method === 'HEAD' ? 'GET' : method,
      headers: Object.fromEntries(
        Object.entries(headers).filter(([name]) => name !== 'If-None-Match' && name !== 'Range'),
      ),
    }));
    await load.ask('learn', { port, requests: primes });
    // It keeps no fields: what is compared with are those of its own replay.
    if (name.includes('floor')) await load.ask('learn', { port, requests: primes });
    // What is compared with is stored by now.
    await process.ask('sample');
    await once(target, 'warm', WARM_SECONDS);
    started.push(target);
  };

  for (const target of opened) {
    progress(scenario.title, `warming ${target.name}`);
    await unlessBroken(target, skipped, () => warm(target));
  }
  const samples = new Map(started.map(({ name }) => [name, []]));
  for (let round = 0; round < rounds; round++) {
    const order = [...started.slice(round % started.length), ...started.slice(0, round % started.length)];
    for (const target of round % 2 ? order.reverse() : order) {
      progress(scenario.title, `round ${round + 1} of ${rounds}  ${target.name}`);
      samples.get(target.name).push(await once(target, `r${round}`, seconds));
    }
  }
  return { rows: started.map((target) => summary(target, samples, scenario)), wrong };
}

function note(wrong, name, defect) {
  const noted = wrong.get(name) ?? new Set();
  wrong.set(name, noted.add(defect));
}

/** The medians of a target, and of its ratios to the floor of the same round. */
function summary({ name, on, suffix = '' }, samples, { id, floors }) {
  const own = samples.get(name);
  const floorName = `${floors[on]}${suffix}`;
  const floor = samples.get(floorName);
  const constant = samples.get(`${on} constant${suffix}`);
  const of = (field) => median(own.map((sample) => sample[field]));
  const ratio = (field) =>
    floor && floor !== own ? median(own.map((sample, i) => sample[field] / floor[i][field])) : undefined;
  const columns = ['cpu', 'rate', 'p50', 'p99', 'redisCpu', 'rss'];
  const adds =
    constant &&
    floor &&
    floor !== own &&
    constant !== own &&
    goals.some((goal) => goal.adds && goal.id === id)
      ? (least(own) - least(constant)) / (least(floor) - least(constant))
      : undefined;
  return {
    name,
    floor: floorName,
    isFloor: floorName === name,
    least: { value: least(own), ratio: floor && floor !== own ? least(own) / least(floor) : undefined },
    busy: of('busy'),
    adds,
    ...Object.fromEntries(columns.map((field) => [field, { value: of(field), ratio: ratio(field) }])),
  };
}

/** What is left when nothing else gets in the way: other work on the machine only ever adds. */
function least(samples) {
  return Math.min(...samples.map(({ cpu }) => cpu));
}

function herd({ load, redis }) {
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
    return [`${of('runs')}`, ms(of('p50')), ms(of('slowest')), `${of('lost')}`];
  };
  return { head, row };
}

function stream({ load, redis }) {
  const head = ['', 'peak rss', 'over idle', 'first byte', 'whole', 'all bytes'];
  const row = async ({ port, process }) => {
    await process.ask('collect');
    const { rss: idle } = await process.ask('sample');
    await process.ask('watchMemory');
    const told = await load.ask('run', {
      port,
      requests: [{ path: '/stream' }],
      unique: 's',
      check: 'any',
      connections: 1,
      count: STREAMS,
    });
    const { highest } = await process.ask('sample');
    await redis.empty();
    const all = told.bytes === STREAMS * STREAM_BYTES ? 'yes' : 'NO';
    return [mb(highest), `+${mb(highest - idle)}`, ms(told.firstByte), ms(told.p50), all];
  };
  return { head, row };
}

function keys({ load, redis, options }) {
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
    return [`${per} B`, several.toFixed(2), mb(rss), `+${mb(rss - idle)}`];
  };
  return { head, row };
}

function hung({ load, redis }) {
  const head = ['', 'answers', 'of all asked', 'p50', 'p99', 'slowest'];
  const row = async ({ port, process }) => {
    const requests = [{ path: '/1k' }];
    await load.ask('learn', { port, requests });
    await process.ask('sample');
    redis.hang();
    const told = await load.ask('run', { port, requests, check: 'any', ...HUNG }).finally(redis.wake);
    const share = (100 * told.answers) / Math.max(1, told.answers + told.lost);
    const times = told.answers > 0 ? [told.p50, told.p99, told.slowest].map(ms) : ['-', '-', '-'];
    return [`${told.answers}`, `${share.toFixed(2)} %`, ...times];
  };
  return { head, row };
}

export function median(values) {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

const ms = (value) => `${value < 10 ? value.toFixed(2) : Math.round(value)} ms`;
const mb = (bytes) => `${(bytes / 2 ** 20).toFixed(1)} MB`;
