// Memory of a process over minutes of traffic, in which responses are purged all the time.

import { mb, whole } from '../figures.mjs';
import { progress } from '../terminal.mjs';

const NAMES = ['express lean floor', 'express rrc', 'express rrc, front door, near'];
const RATE_EACH = 300;
const TRAFFIC = { order: 'zipf', hits: 0.95 };
const CONNECTIONS = 96;
/** Milliseconds between samples; with few minutes, a twentieth of the time. */
const INTERVAL_MS = 10_000;
const MIN_SAMPLES = 20;
/** Growth over the last half that is smaller than this many standard deviations about the fitted line is noise. */
const NOISE = 2;
/** At this share of the time live bytes are counted, after a full collection; its effect on `rss` is over at half time. */
const FIRST_COUNT_AT = 0.25;
const PREFIX = 'soak-';

export async function soak({ redis, load, catalogue, options, launch }, { title }) {
  const module = new URL('./soak-targets.mjs', import.meta.url).href;
  const [{ build, node }] = catalogue;
  const targets = [];
  const defects = new Set();
  try {
    for (const name of NAMES) {
      const process = await launch({ name: `${PREFIX}${name}`, module, opens: name, build, node }, {});
      targets.push({ name, process, rss: [], live: [] });
    }
    const ports = targets.map(({ process }) => process.opened);
    const total = options.minutes * 60_000;
    const interval = Math.min(INTERVAL_MS, total / MIN_SAMPLES);
    const samples = Math.round(total / interval);
    const rate = RATE_EACH * targets.length;
    const count = Math.round((rate * interval) / 1000);
    const firstCount = Math.floor(samples * FIRST_COUNT_AT);
    const answered = { known: 0, hits: 0 };
    const minuteOf = () => performance.now() / 60_000;
    const startedAt = minuteOf();
    for (let i = 0; i < samples; i++) {
      progress(title, `${(minuteOf() - startedAt).toFixed(1)} of ${options.minutes} minutes`);
      const plan = { traffic: TRAFFIC, ports, port: ports[0], rate, count, connections: CONNECTIONS };
      const done = await load.call('runOpen', { ...plan, first: i * count, unique: `soak-${i}` });
      for (const [defect] of done.wrong) defects.add(defect);
      if (done.lost > 0) defects.add('requests lost');
      for (const field of ['known', 'hits']) answered[field] += done.counted[field];
      for (const { process, rss } of targets) {
        const { rss: bytes } = await process.call('resident');
        rss.push({ minute: minuteOf() - startedAt, bytes });
      }
      if (i === firstCount || i === samples - 1) {
        for (const { process, live } of targets) {
          live.push({ minute: minuteOf() - startedAt, bytes: (await process.call('memory')).live });
        }
      }
    }
    const figures = {};
    const rows = targets.map(({ name, rss, live }) => {
      const lastHalf = rss.slice(Math.floor(rss.length / 2));
      const { slope, noise } = lineThrough(lastHalf);
      const growth = slope * (lastHalf.at(-1).minute - lastHalf[0].minute);
      const verdict = Math.abs(growth) <= NOISE * noise ? 'flat' : growth > 0 ? 'GROWS' : 'falls';
      const liveSlope = (live[1].bytes - live[0].bytes) / (live[1].minute - live[0].minute);
      figures[name] = {
        slope: slope / 2 ** 20,
        liveSlope: liveSlope / 2 ** 20,
        grows: verdict === 'GROWS' ? 1 : 0,
      };
      return [
        name,
        ...[rss[0], lastHalf[0], rss.at(-1)].map(({ bytes }) => mb(bytes)),
        signed(slope),
        mb(noise),
        verdict,
        ...live.map(({ bytes }) => mb(bytes)),
        signed(liveSlope),
      ];
    });
    return {
      head: [
        '',
        'rss at start',
        'at half',
        'at end',
        'slope, MB/min',
        'noise',
        'rss is',
        'live at a quarter',
        'at end',
        'live slope, MB/min',
      ],
      rows,
      figures,
      wrong: new Map(defects.size > 0 ? [['all targets', defects]] : []),
      text:
        `${options.minutes} minutes at ${whole(RATE_EACH)} requests/s to each target; ${Math.round(TRAFFIC.hits * 100)} % of ` +
        'them for 10,000 URLs, the others for new URLs; responses live for 30 s, and the targets of this package purge one URL ' +
        `or tag every 5 ms. Slope: of the line fitted (least squares) through ${Math.ceil(samples / 2)} samples of rss in the last half. ` +
        `Noise: the standard deviation of the samples about that line. rss is flat where the growth over the last half is at most ` +
        `${NOISE} times the noise. Live: heap and buffers after a full collection, which show a leak that rss hides. ` +
        `${Math.round((100 * answered.hits) / Math.max(1, (answered.known * (targets.length - 1)) / targets.length))} % of the ` +
        'requests for the 10,000 URLs were hits.',
    };
  } finally {
    await Promise.all(targets.map(({ process }) => process.stop()));
    await redis.empty();
  }
}

/** The least-squares line through samples: its slope in bytes per minute, and the standard deviation about it. */
function lineThrough(samples) {
  const mean = (values) => values.reduce((sum, value) => sum + value, 0) / values.length;
  const x = mean(samples.map(({ minute }) => minute));
  const y = mean(samples.map(({ bytes }) => bytes));
  const xx = mean(samples.map(({ minute }) => (minute - x) ** 2));
  const xy = mean(samples.map(({ minute, bytes }) => (minute - x) * (bytes - y)));
  const slope = xx > 0 ? xy / xx : 0;
  const rest = samples.map(({ minute, bytes }) => (bytes - y - slope * (minute - x)) ** 2);
  return { slope, noise: Math.sqrt(mean(rest)) };
}

const signed = (bytes) => `${bytes < 0 ? '' : '+'}${(bytes / 2 ** 20).toFixed(2)}`;
