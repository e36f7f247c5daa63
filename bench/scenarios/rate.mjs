// CPU per request: interleaved rounds in which each target is loaded for a moment.

import { leastCpu, median, quartiles, ratios } from '../figures.mjs';
import { orSkip } from '../skipped.mjs';
import { progress } from '../terminal.mjs';
import { trafficOf } from '../traffic.mjs';

/** Code is compiled by how often it has run. On a busy machine the warm-up ends after `seconds`. */
const WARM_UP = { count: 8000, seconds: 5 };
const WARM_UP_TAG = 'warm-up';
/** Of the requests for stored responses, now and then one compares what is stored with what the app gives (`guard`). */
export const LEAST_HITS = 0.98;
/** Connections that are open where requests arrive at a constant rate. */
const OPEN_CONNECTIONS = 64;
/** The seconds of a round then: opening the connections must not count. */
const OPEN_SECONDS = 1;
/** Of one allocation sample: at first, and at least. A sample in which V8 collects garbage halves the number. */
const ALLOCATION_REQUESTS = [50, 5];
/** The new space has from the start the size, in MB, that a busy process gives it. */
export const NEW_SPACE = ['--min-semi-space-size=16', '--max-semi-space-size=16'];

/** @param targets running ones; those that fail are added to `skipped`. */
export async function rate({ redis, load, options }, scenario, targets, skipped) {
  const { requests = [], check, unique, coding, traffic } = scenario;
  const { rounds, seconds, count, connections } = { ...options, ...scenario.load };
  const sound = [];
  const wrong = new Map();
  const plan = { requests, check, connections, ...(traffic && { traffic }) };
  const [mostRequests, fewestRequests] = ALLOCATION_REQUESTS;
  let allocationRequests = mostRequests;
  const replays = ['same', '304', 'part', 'head'].includes(check);

  /** The rate of arrivals for each front end; none where each connection sends its next request at once. */
  const arrivals = new Map();
  const run = async ({ on, port }, tag, plan) => {
    const perSecond = tag === WARM_UP_TAG ? undefined : arrivals.get(on);
    if (!perSecond) return load.call('run', plan);
    const count = Math.ceil(perSecond * OPEN_SECONDS);
    const open = { traffic, port, unique: tag, rate: perSecond, count, connections: OPEN_CONNECTIONS };
    const { all, counted, ...done } = await load.call('runOpen', open);
    return { ...done, ...counted, p50: all.p50, p99: all.p99, rate: (done.answers / done.elapsed) * 1000 };
  };

  const sampleOf = async (target, tag, length) => {
    const { port, process, name, kind } = target;
    const before = { ...(await process.call('sample')), redis: await redis.cpu() };
    const stores = kind !== 'plain';
    const done = await run(target, tag, {
      ...plan,
      ...(!stores && replays && { check: check === 'same' ? 'like' : 'any' }),
      ...(kind === 'package' && replays && { hit: true }),
      port,
      ...length,
      ...((unique || traffic) && { unique: tag }),
    });
    const after = { ...(await process.call('sample')), redis: await redis.cpu() };
    const runs = after.runs - before.runs;
    if (done.answers === 0) throw new Error('no answers');
    for (const [defect] of done.wrong) note(wrong, name, defect);
    if (done.lost > 0) note(wrong, name, 'connections lost');
    if (stores && replays && runs > 0) note(wrong, name, 'the handler ran');
    if (traffic && kind === 'package' && tag !== WARM_UP_TAG && done.hits < done.known * LEAST_HITS)
      note(wrong, name, `${done.hits} hits of ${done.known} stored responses`);
    const allocated = options.allocations && (await allocations(target, tag));
    // After the sample: the deletion is no target's work.
    if (unique) await redis.empty();
    return {
      ...done,
      cpu: (after.cpu - before.cpu) / done.answers,
      redisCpu: (after.redis - before.redis) / done.answers,
      rss: after.rss,
      ...allocated,
    };
  };

  /**
   * Bytes per request, on the heap and in buffers. A run without requests is subtracted: it has what the connection
   * and the sample itself allocate.
   */
  const allocations = async ({ port, process }, tag) => {
    const bytesOf = async (count) => {
      await process.call('watchAllocations');
      const more = unique && { unique: `${tag}-allocations` };
      await load.call('run', { ...plan, check: 'any', port, connections: 1, count, ...more });
      return process.call('allocations');
    };
    const count = allocationRequests;
    const [none, full] = [await bytesOf(0), await bytesOf(count)];
    if (!none.complete || !full.complete) {
      allocationRequests = Math.max(fewestRequests, count >> 1);
      return undefined;
    }
    const per = (field) => (full[field] - none[field]) / count;
    return { heap: per('heap'), buffers: per('buffers') };
  };

  const warmUp = async (target) => {
    const { port, process, kind } = target;
    if (traffic) {
      const { length } = trafficOf(traffic);
      // Once to store everything, once for the guard to see who may have it, then for the code to be compiled.
      for (const count of [length, length, WARM_UP.count]) await sampleOf(target, WARM_UP_TAG, { count });
      sound.push(target);
      return;
    }
    const fills = requests.map(({ path, headers = {}, method }) => ({
      path,
      method: method === 'HEAD' ? 'GET' : method,
      headers: Object.fromEntries(
        Object.entries(headers).filter(([name]) => name !== 'If-None-Match' && name !== 'Range'),
      ),
    }));
    await load.call('learn', { port, requests: fills });
    // Waits until the responses are stored.
    await process.call('sample');
    // The floor stores no header fields, and a fill is sent before it is compressed: there the reference is a replay.
    if (coding || kind === 'floor') await load.call('learn', { port, requests: fills, coding });
    await sampleOf(target, WARM_UP_TAG, { ...WARM_UP, ...options.warmUp });
    sound.push(target);
  };

  for (const target of targets) {
    progress(scenario.title, `warming up ${target.name}`);
    await orSkip(target, skipped, () => warmUp(target));
  }
  if (scenario.arrivals && !options.closed) {
    for (const target of sound.filter(({ name, on }) => scenario.floors[on] === name)) {
      const { rate: throughput } = await sampleOf(target, WARM_UP_TAG, { seconds: 1 });
      arrivals.set(target.on, throughput * scenario.arrivals);
    }
  }
  const samples = new Map(sound.map(({ name }) => [name, []]));
  const broken = new Set();
  for (let round = 0; round < rounds; round++) {
    const order = [...sound.slice(round % sound.length), ...sound.slice(0, round % sound.length)];
    for (const target of round % 2 ? order.reverse() : order) {
      progress(scenario.title, `round ${round + 1} of ${rounds}  ${target.name}`);
      if (broken.has(target)) continue;
      const sample = await orSkip(target, skipped, () => sampleOf(target, `r${round}`, { seconds, count }));
      if (sample) samples.get(target.name).push(sample);
      else broken.add(target);
    }
  }
  const rows = sound
    .filter((target) => !broken.has(target))
    .map((target) => summaryOf(target, samples, scenario));
  return { rows, wrong, samples };
}

function note(wrong, name, defect) {
  const noted = wrong.get(name) ?? new Set();
  wrong.set(name, noted.add(defect));
}

/** The medians of a target, and of its ratios to the floor of the same round; of the CPU also the quartiles. */
function summaryOf({ name, on, kind }, samples, { floors }) {
  const own = samples.get(name);
  const ofFloor = samples.get(floors[on]);
  const floor = ofFloor !== own && ofFloor?.length === own.length ? ofFloor : undefined;
  const figure = (field) => ({
    value: median(own.map((sample) => sample[field])),
    ratio: floor && median(ratios(own, floor, field)),
  });
  return {
    name,
    kind,
    isFloor: floors[on] === name,
    spread: floor && quartiles(ratios(own, floor, 'cpu')),
    least: { value: leastCpu(own), ratio: floor && leastCpu(own) / leastCpu(floor) },
    ...Object.fromEntries(
      ['cpu', 'rate', 'p50', 'p99', 'redisCpu', 'rss'].map((field) => [field, figure(field)]),
    ),
  };
}
