// Latency under load: arrivals at a constant rate, whether or not the earlier requests are answered, at three shares of
// the throughput of the floor.

import { median, ms, quartiles, range, whole } from '../figures.mjs';
import { orSkip } from '../skipped.mjs';
import { progress } from '../terminal.mjs';
import { trafficOf } from '../traffic.mjs';
import { LEAST_HITS } from './rate.mjs';

const SHARES = [0.3, 0.6, 0.9];
/** More rounds would only repeat those of a quiet machine. */
const MAX_ROUNDS = 9;
/** Of one round: with fewer requests, p99.9 would be the slowest one. */
const MIN_REQUESTS = 2000;
const MIN_SECONDS = 1;
/** Connections that are open; those that are busy at once are far fewer while the target keeps up. */
const CONNECTIONS = 256;
/** The throughput of the floor: rounds in which each connection sends its next request at once. */
const THROUGHPUT = { rounds: 5, seconds: 1 };
const WARM_UP_COUNT = 8000;
/** Milliseconds. A generator that is later than this at p99 has no say in the figures. */
const MAX_LATENESS = 1;

/** The latencies that have a column, and their field in a sample. */
const LATENCIES = [
  ['p50', (sample) => sample.all.p50],
  ['p99', (sample) => sample.all.p99],
  ['p99.9', (sample) => sample.all.p999],
  ['hits p50', (sample) => sample.known.p50],
  ['hits p99', (sample) => sample.known.p99],
  ['hits p99.9', (sample) => sample.known.p999],
];

/** @param targets running ones; those that fail are added to `skipped`. */
export async function latency({ load, options }, scenario, targets, skipped) {
  const { traffic, floors, load: loaded, title } = scenario;
  const { length } = trafficOf(traffic);
  const rounds = Math.min(options.rounds, MAX_ROUNDS);
  const wrong = new Map();
  const sound = [];

  const closed = ({ port }, unique, more) =>
    load.call('run', { traffic, port, unique, connections: loaded.connections, ...more });
  const warmUp = async (target) => {
    // Once to store everything, once for the guard to see who may have it, then for the code to be compiled.
    const fill = { traffic: { ...traffic, hits: 1 }, count: length };
    for (const [i, plan] of [fill, fill, { count: WARM_UP_COUNT }].entries()) {
      await closed(target, `warm-up-${i}`, plan);
      // Waits until the responses are stored.
      await target.process.call('sample');
    }
    sound.push(target);
  };
  for (const target of targets) {
    progress(title, `warming up ${target.name}`);
    await orSkip(target, skipped, () => warmUp(target));
  }

  const floor = sound.find(({ name }) => name === floors.express);
  if (!floor) {
    skipped.push({ name: title, why: `the rates are shares of the throughput of ${floors.express}` });
    return { head: [''], rows: [] };
  }
  progress(title, 'the throughput of the floor');
  const throughputs = [];
  for (let i = 0; i < THROUGHPUT.rounds; i++) {
    const { rate } = await closed(floor, `throughput-${i}`, { seconds: THROUGHPUT.seconds });
    await floor.process.call('sample');
    throughputs.push(rate);
  }
  const throughput = median(throughputs);

  const samples = new Map(sound.flatMap(({ name }) => SHARES.map((share) => [sampleKey(name, share), []])));
  const broken = new Set();
  const sampleOf = async ({ name, kind, port, process }, round, share) => {
    const rate = throughput * share;
    const count = Math.ceil(Math.max(MIN_REQUESTS, rate * MIN_SECONDS));
    // Each round has the next part of the sequence, which is the same one for all targets.
    const plan = { traffic, port, rate, count, first: round * count, connections: CONNECTIONS };
    const done = await load.call('runOpen', { ...plan, unique: `r${round}-${share * 100}` });
    await process.call('sample');
    const note = (defect) => wrong.set(name, (wrong.get(name) ?? new Set()).add(defect));
    for (const [defect] of done.wrong) note(defect);
    if (done.lost > 0) note(`${done.lost} requests lost at ${percent(share)}`);
    const { known, hits } = done.counted;
    if (kind === 'package' && hits < known * LEAST_HITS) note(`${hits} hits of ${known} stored responses`);
    return done;
  };
  for (let round = 0; round < rounds; round++) {
    const turned = [...sound.slice(round % sound.length), ...sound.slice(0, round % sound.length)];
    const order = round % 2 ? turned.reverse() : turned;
    for (const share of SHARES) {
      for (const target of order.filter((each) => !broken.has(each))) {
        progress(title, `round ${round + 1} of ${rounds}, ${percent(share)}  ${target.name}`);
        const sample = await orSkip(target, skipped, () => sampleOf(target, round, share));
        if (sample) samples.get(sampleKey(target.name, share)).push(sample);
        else broken.add(target);
      }
    }
  }

  const measured = sound.filter((target) => !broken.has(target));
  return {
    head: ['', ...LATENCIES.map(([name]) => name), 'p99 / floor', 'hits p99 / floor', 'sent late', ''],
    ...tableOf({ measured, samples, floors, wrong }),
    wrong,
    text: textOf({ throughput, rounds, samples: [...samples.values()].flat(), traffic, floors }),
  };
}

/** The rows, and the ratios of p99 to the floor's as figures: `p99At60`, `hitsP99At60`, and so on. */
function tableOf({ measured, samples, floors, wrong }) {
  const rows = [];
  const figures = Object.fromEntries(measured.map(({ name }) => [name, { spread: {} }]));
  for (const share of SHARES) {
    for (const { name, on } of measured) {
      const own = samples.get(sampleKey(name, share));
      const ofFloor = samples.get(sampleKey(floors[on], share));
      const isFloor = floors[on] === name;
      const ratioOf = (field, figure) => {
        if (isFloor || ofFloor?.length !== own.length) return '';
        const ratios = own.map((sample, i) => sample[field].p99 / ofFloor[i][field].p99);
        figures[name][`${figure}At${share * 100}`] = median(ratios);
        figures[name].spread[`${figure}At${share * 100}`] = quartiles(ratios);
        return `${median(ratios).toFixed(2)}x (${range(quartiles(ratios))})`;
      };
      rows.push([
        `${percent(share)}  ${name}${isFloor ? ' =' : ''}`,
        ...LATENCIES.map(([, of]) => withSpread(own.map(of))),
        ratioOf('all', 'p99'),
        ratioOf('known', 'hitsP99'),
        median(own.map(({ lateness }) => lateness)).toFixed(2),
        [...(wrong.get(name) ?? []), ...remarksOf(own)].join('; '),
      ]);
    }
  }
  return { rows, figures };
}

const sampleKey = (name, share) => `${name} ${share}`;
const percent = (share) => `${Math.round(share * 100)} %`;

/** In milliseconds: the median of the rounds, and their quartiles. */
function withSpread(values) {
  return `${ms(median(values)).replace(' ms', '')} (${range(quartiles(values), digits)})`;
}

const digits = (value) => (value < 10 ? value.toFixed(2) : String(Math.round(value)));

/** What a reader of the figures must know: the target did not keep up, or the generator did not. */
function remarksOf(samples) {
  const of = (wanted) => samples.filter(wanted).length;
  const waited = of((sample) => sample.waited > 0);
  const late = of(({ lateness }) => lateness > MAX_LATENESS);
  return [
    ...(waited > 0 ? [`all ${CONNECTIONS} connections busy in ${waited} of ${samples.length} rounds`] : []),
    ...(late > 0 ? [`generator late in ${late} of ${samples.length} rounds`] : []),
  ];
}

function textOf({ throughput, rounds, samples, traffic, floors }) {
  const late = samples.filter(({ lateness }) => lateness > MAX_LATENESS).length;
  const busy = median(samples.map((sample) => sample.busy));
  const lateness =
    late === 0
      ? `The generator was at most ${MAX_LATENESS} ms late at p99 in every round.`
      : `**The generator was more than ${MAX_LATENESS} ms late at p99 in ${late} of ${samples.length} samples: repeat them on a quiet machine.**`;
  return (
    `Shares of the throughput of ${floors.express}, ${whole(throughput)} requests/s, at constant intervals; a latency ` +
    `counts from the time at which its request was due. ${percent(traffic.hits)} of the requests are for stored ` +
    'responses ("hits"), the others for new URLs, whose handler takes 20 ms, so that they alone make p99 of all ' +
    `requests. Latencies in ms and ratios of the same round: median of ${rounds} rounds (quartiles). "Sent late": p99 ` +
    `of the generator's own delay, in ms; it used ${percent(busy)} of a core. ${lateness}`
  );
}
