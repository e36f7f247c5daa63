// node bench/compare.mjs BEFORE AFTER     CPU and allocation per request of two builds of this package, each a dist folder
//   --only <scenario>    repeatable; default hit-1k, miss-1k, hit-50k and miss-50k
//   --on <front end>     repeatable; default node and express
//   --starts <n>         starts of the processes; default 3
//   --rounds <n>         rounds per start; default 7
//   --requests <n>       requests to each process in a round; default 2000
//   --connections <n>    default 32

import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import { killAll, start } from './child.mjs';
import { median, quantile } from './figures.mjs';
import { measure } from './measure.mjs';
import { startRedis } from './redis.mjs';
import { scenarios } from './scenarios/index.mjs';
import { elapsed, print, printTable } from './terminal.mjs';

const FRONT_ENDS = { node: 'node:http', express: 'Express 5' };
const MEASURES = [
  { label: 'CPU, us', field: 'cpu', format: (value) => value.toFixed(1) },
  { label: 'heap, B', field: 'heap', format: (value) => String(Math.round(value)) },
  { label: 'buffers, B', field: 'buffers', format: (value) => String(Math.round(value)) },
];

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    only: { type: 'string', multiple: true, default: ['hit-1k', 'miss-1k', 'hit-50k', 'miss-50k'] },
    on: { type: 'string', multiple: true, default: Object.keys(FRONT_ENDS) },
    starts: { type: 'string', default: '3' },
    rounds: { type: 'string', default: '7' },
    requests: { type: 'string', default: '2000' },
    connections: { type: 'string', default: '32' },
  },
});

function fail(message) {
  print(`  ${message}`);
  process.exit(2);
}

if (positionals.length !== 2)
  fail(`Two builds are needed, not ${positionals.length}: node bench/compare.mjs BEFORE/dist AFTER/dist`);
const [before, after] = positionals.map((folder) => {
  const file = join(resolve(folder), 'index.js');
  if (!existsSync(file)) fail(`${file} does not exist. Build the package there: npx tsup`);
  return pathToFileURL(file).href;
});
const comparable = Object.values(scenarios).flatMap(({ id, rate }) => (rate ? [id] : []));
const unknown = [
  ...values.only.filter((id) => !comparable.includes(id)),
  ...values.on.filter((on) => !FRONT_ENDS[on]),
];
if (unknown.length > 0)
  fail(
    `Unknown: ${unknown.join(', ')}. Scenarios are ${comparable.join(', ')}; front ends are node, express`,
  );

/** The first build runs in two processes: what those differ by is the noise of this run. */
const BUILDS = { before, again: before, after };

let redis;
for (const [signal, code] of Object.entries({ SIGINT: 130, SIGTERM: 143 })) {
  process.on(signal, () => process.exit(code));
}
process.on('exit', () => {
  killAll();
  redis?.stop();
});

try {
  redis = await startRedis();
  const load = await start('./load-process.mjs', {});
  const options = {
    rounds: Number(values.rounds),
    count: Number(values.requests),
    // A busy machine must compile as much code as an idle one.
    warmUp: { seconds: 60 },
    connections: Number(values.connections),
    allocations: true,
    targets: [],
  };
  const runs = Number(values.starts) * options.rounds;
  print(`  before: ${positionals[0]}; after: ${positionals[1]}`);
  print(
    `  Node ${process.version}, Redis ${redis.version}; ${runs} interleaved rounds in ${values.starts} starts`,
  );
  print(
    '  per request: median (least; quartiles). Ratios of the same round: median (quartiles; of the least)',
  );
  for (const id of values.only) for (const on of values.on) await compare({ redis, load, options }, id, on);
  print(`  ${elapsed()}`);
  await load.stop();
} catch (error) {
  print(`  failed: ${error.stack}`);
  process.exitCode = 1;
}
process.exit();

async function compare(context, id, on) {
  const scenario = { ...scenarios[id], targets: ['compared'], floors: {} };
  const catalogue = Object.entries(BUILDS).map(([build, url]) => ({
    name: build,
    on,
    kind: 'package',
    module: new URL('./targets.mjs', import.meta.url).href,
    opens: `${on} rrc`,
    build: url,
    groups: ['compared'],
  }));
  const samples = { before: [], again: [], after: [] };
  for (let i = 0; i < Number(values.starts); i++) {
    const result = await measure({ ...context, catalogue }, scenario);
    for (const { name, why } of result.skipped) throw new Error(`${name}: ${why}`);
    for (const [name, defects] of result.wrong) {
      print(`  WRONG: ${name}: ${[...defects].join('; ')}`);
      process.exitCode = 1;
    }
    for (const build of Object.keys(BUILDS)) samples[build].push(...result.samples.get(build));
  }
  print();
  print(`  ${scenario.title}, ${FRONT_ENDS[on]}`);
  printTable([['', 'before', 'after', 'after / before', 'before again / before'], ...rowsOf(samples)]);
}

/** One row per measure, of the rounds that have it: a round in which V8 collected garbage has no allocation figures. */
function rowsOf({ before, again, after }) {
  return MEASURES.map(({ label, field, format }) => {
    const rounds = before
      .map((_, i) => i)
      .filter((i) => [before, again, after].every((of) => field in of[i]));
    const title = rounds.length < before.length ? `${label}, ${rounds.length} rounds` : label;
    if (rounds.length === 0) return [title, '-', '-', '-', '-'];
    const of = (samples) => rounds.map((i) => samples[i][field]);
    const spread = (samples) => {
      const own = of(samples);
      const [least, low, high] = [0, 0.25, 0.75].map((q) => format(quantile(own, q)));
      return `${format(median(own))} (${least}; ${low}-${high})`;
    };
    const ratio = (samples) => {
      const ratios = rounds.map((i) => samples[i][field] / before[i][field]);
      const [low, high] = [0.25, 0.75].map((q) => quantile(ratios, q).toFixed(3));
      const least = Math.min(...of(samples)) / Math.min(...of(before));
      return `${median(ratios).toFixed(3)} (${low}-${high}; least ${least.toFixed(3)})`;
    };
    return [title, spread(before), spread(after), ratio(after), ratio(again)];
  });
}
