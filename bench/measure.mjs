// Runs one scenario: starts its targets, asks them in turn, stops them.

import { start } from './child.mjs';
import { compress } from './compress.mjs';
import { least, median, medianRatio } from './figures.mjs';
import { growth } from './growth.mjs';
import { herd, hung, keys, stream } from './moments.mjs';
import { processes } from './processes.mjs';
import { progress } from './screen.mjs';
import { staleness } from './staleness.mjs';
import { tracking } from './tracking.mjs';

/** So much is asked before it counts: code is compiled by how often it has run. On a busy machine, no longer than this. */
const WARM = { count: 8000, seconds: 5 };
/** With the default, hits on a busy machine become misses now and then. The same code runs. */
const TIMEOUT = '1s';

/** Requests of one allocation sample: few enough that none of it is collected before the sample ends. */
const ALLOCATION_REQUESTS = 50;
/** The new space is as large from the start as a busy process grows it, in MB. */
const NEW_SPACE = ['--min-semi-space-size=16', '--max-semi-space-size=16'];

/** They start what they need themselves. */
const WHOLE = { processes, growth, tracking, staleness, compress };
const ROWS = { herd, stream, keys, hung };

/** `stage`: the private `redis`, the `load` process, the `catalogue` of targets, and the `options` of the run. */
export async function measure(stage, scenario) {
  await stage.redis.empty();
  const launch = (target, more) => launched(stage, target, { timeout: TIMEOUT, ...more });
  if (WHOLE[scenario.id]) {
    return { scenario, skipped: [], ...(await WHOLE[scenario.id]({ ...stage, launch }, scenario)) };
  }
  const { started, skipped } = await open(stage, scenario, launch);
  try {
    if (scenario.rate) return { scenario, skipped, ...(await rate(stage, scenario, started, skipped)) };
    const { head, row } = ROWS[scenario.id](stage);
    const rows = [];
    const figures = {};
    for (const target of started) {
      progress(scenario.title, target.name);
      const measured = await unlessBroken(target, skipped, () => row(target));
      if (!measured) continue;
      rows.push([target.name, ...measured.cells]);
      figures[target.name] = measured.figures;
    }
    return { scenario, skipped, head, rows, figures };
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
    skipped.push({ name, why: error.message.split('\n')[0] });
    return undefined;
  }
}

async function launched({ redis, options }, target, more) {
  const { name, module, opens, build, node, launch } = target;
  const settings = {
    module,
    name: opens,
    build,
    redisPort: redis.port,
    prefix: `${name.replace(/\W+/g, '-')}:`,
    ...more,
  };
  if (launch) return launch(settings);
  // Memory is compared after a garbage collection.
  return start('./target.mjs', settings, {
    node,
    flags: ['--expose-gc', ...(options.allocations ? NEW_SPACE : [])],
  });
}

/** The targets of a scenario, each in its process. One that does not start is left out, and why is told. */
async function open({ catalogue, options }, scenario, launch) {
  const chosen = catalogue.filter(
    ({ groups, name }) =>
      groups.some((group) => scenario.targets.includes(group)) &&
      (options.targets.length === 0 || options.targets.some((part) => name.includes(part))),
  );
  const skipped = [];
  const more = scenario.id === 'hung' ? { timeout: undefined, quiet: true } : {};
  const started = await Promise.all(
    chosen.map((target) =>
      unlessBroken(target, skipped, async () => {
        const process = await launch(target, more);
        return { ...target, process, port: process.opened };
      }),
    ),
  );
  return { started: started.filter(Boolean), skipped };
}

/** Rounds in which each target is asked for a moment, in an order that changes. */
async function rate({ redis, load, options }, scenario, opened, skipped) {
  const { requests, check, unique, coded } = scenario;
  const { rounds, seconds, count, connections } = options;
  const started = [];
  const wrong = new Map();
  const plan = { requests, check, connections };
  const replays = ['same', '304', 'part', 'head'].includes(check);

  const once = async (target, tag, length) => {
    const { port, process, name } = target;
    const before = { ...(await process.ask('sample')), redis: await redis.cpu() };
    const stores = !/constant|compression/.test(name);
    const told = await load.ask('run', {
      ...plan,
      ...(!stores && replays && { check: check === 'same' ? 'like' : 'any' }),
      ...(name.includes('rrc') && replays && { hit: true }),
      port,
      ...length,
      ...(unique && { unique: tag }),
    });
    const after = { ...(await process.ask('sample')), redis: await redis.cpu() };
    const runs = after.runs - before.runs;
    if (told.answers === 0) throw new Error('no answers');
    for (const [defect] of told.wrong) note(wrong, name, defect);
    if (told.lost > 0) note(wrong, name, 'connections lost');
    if (stores && replays && runs > 0) note(wrong, name, 'the handler ran');
    const allocated = options.allocations && (await allocations(target, tag));
    // Making room is nobody's work.
    if (unique) await redis.empty();
    return {
      ...told,
      cpu: (after.cpu - before.cpu) / told.answers,
      redisCpu: (after.redis - before.redis) / told.answers,
      rss: after.rss,
      ...allocated,
    };
  };

  /**
   * Bytes per request, on the heap and in buffers. A run without a request comes first: what a connection and the
   * sample itself allocate does not count.
   */
  const allocations = async ({ port, process }, tag) => {
    const bytesOf = async (count) => {
      await process.ask('watchAllocations');
      const more = unique && { unique: `${tag}-allocations` };
      await load.ask('run', { ...plan, check: 'any', port, connections: 1, count, ...more });
      return process.ask('allocations');
    };
    const [base, full] = [await bytesOf(0), await bytesOf(ALLOCATION_REQUESTS)];
    const per = (field) => (full[field] - base[field]) / ALLOCATION_REQUESTS;
    return base.complete && full.complete ? { heap: per('heap'), buffers: per('buffers') } : undefined;
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
    // What is compared with is stored by now.
    await process.ask('sample');
    // The floor keeps no fields, and what is compressed when it is stored may first be sent as it was made: what is
    // compared with are those of the replay.
    if (coded || name.includes('floor')) await load.ask('learn', { port, requests: primes, coded });
    await once(target, 'warm', { ...WARM, ...options.warm });
    started.push(target);
  };

  for (const target of opened) {
    progress(scenario.title, `warming ${target.name}`);
    await unlessBroken(target, skipped, () => warm(target));
  }
  const samples = new Map(started.map(({ name }) => [name, []]));
  const broken = new Set();
  for (let round = 0; round < rounds; round++) {
    const order = [...started.slice(round % started.length), ...started.slice(0, round % started.length)];
    for (const target of round % 2 ? order.reverse() : order) {
      progress(scenario.title, `round ${round + 1} of ${rounds}  ${target.name}`);
      if (broken.has(target)) continue;
      const sample = await unlessBroken(target, skipped, () => once(target, `r${round}`, { seconds, count }));
      if (sample) samples.get(target.name).push(sample);
      else broken.add(target);
    }
  }
  const sound = started.filter((target) => !broken.has(target));
  return { rows: sound.map((target) => summary(target, samples, scenario)), wrong, samples };
}

function note(wrong, name, defect) {
  const noted = wrong.get(name) ?? new Set();
  wrong.set(name, noted.add(defect));
}

/** The medians of a target, and of its ratios to the floor of the same round. */
function summary({ name, on }, samples, { floors }) {
  const own = samples.get(name);
  const found = samples.get(floors[on]);
  const floor = found !== own && found?.length === own.length ? found : undefined;
  const of = (field) => ({
    value: median(own.map((sample) => sample[field])),
    ratio: floor && medianRatio(own, floor, field),
  });
  return {
    name,
    isFloor: floors[on] === name,
    least: { value: least(own), ratio: floor && least(own) / least(floor) },
    ...Object.fromEntries(
      ['cpu', 'rate', 'p50', 'p99', 'redisCpu', 'rss', 'busy'].map((field) => [field, of(field)]),
    ),
  };
}
