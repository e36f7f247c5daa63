// node bench/profile.mjs [scenario]     the CPU time of one target by group, file and function; default hit-1k
//   --target <name>      default "express rrc"
//   --seconds <n>        default 8
//   --node <node>        another Node: a path, or a major version such as 22
//   --against <file>     another build of this package (its index.js), in place of the current sources

import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { SourceMap } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import { build } from './build.mjs';
import { killAll, start } from './child.mjs';
import { nodeBinary } from './node-binary.mjs';
import { startRedis } from './redis.mjs';
import { scenarios } from './scenarios/index.mjs';
import { print, printTable } from './terminal.mjs';
import { trafficOf } from './traffic.mjs';

const WARM_SECONDS = 2;
const CONNECTIONS = 32;
const MAX_FUNCTIONS = 60;
/** Packages that belong to Express. */
const FRAMEWORK = new Set(
  'express router parseurl etag send accepts negotiator fresh vary content-type type-is qs mime-types'.split(
    ' ',
  ),
);

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    target: { type: 'string', default: 'express rrc' },
    seconds: { type: 'string', default: '8' },
    node: { type: 'string' },
    against: { type: 'string' },
  },
});
const [id = 'hit-1k'] = positionals;
const { requests = [], unique, title, traffic, load: loaded } = scenarios[id];

const folder = mkdtempSync(join(tmpdir(), 'rrc-profile-'));
process.on('exit', () => {
  killAll();
  rmSync(folder, { recursive: true, force: true });
});

const redis = await startRedis();
const load = await start('./load-process.mjs', {});
const built = values.against ? pathToFileURL(values.against).href : await build();
const { binary, version } = nodeBinary(values.node ?? process.execPath);
const settings = {
  module: new URL('./targets.mjs', import.meta.url).href,
  name: values.target,
  build: built,
  redisPort: redis.port,
  prefix: 'profile:',
  timeout: '1s',
};
const target = await start('./target-process.mjs', settings, { node: binary });
const map = sourceMap(built);
const port = target.opened;
await load.call('learn', { port, requests: requests.map(({ path, headers }) => ({ path, headers })) });
await target.call('sample');
const plan = { port, requests, traffic, connections: CONNECTIONS, check: 'any', ...loaded };
// Once to store everything, once for the guard to see who may have it.
if (traffic) await load.call('run', { ...plan, count: 2 * trafficOf(traffic).length, unique: 'learn' });
await load.call('run', { ...plan, seconds: WARM_SECONDS, ...((unique || traffic) && { unique: 'warm' }) });
await target.call('startProfile');
const before = await target.call('sample');
const done = await load.call('run', {
  ...plan,
  seconds: Number(values.seconds),
  ...((unique || traffic) && { unique: 'n' }),
});
const after = await target.call('sample');
const file = join(folder, 'target.cpuprofile');
await target.call('stopProfile', { file });
report(JSON.parse(readFileSync(file, 'utf8')), (after.cpu - before.cpu) / done.answers);
await Promise.all([target.stop(), load.stop()]);
redis.stop();
process.exit();

/** Self time by function, file and group. Idle time does not count. */
function report({ nodes, samples, timeDeltas }, cpu) {
  const byId = new Map(nodes.map((node) => [node.id, node]));
  const own = new Map();
  samples.forEach((id, i) => {
    own.set(id, (own.get(id) ?? 0) + timeDeltas[i]);
  });
  const functions = new Map();
  const groups = new Map();
  const files = new Map();
  let total = 0;
  for (const [id, time] of own) {
    const { callFrame } = byId.get(id);
    const group = groupOf(callFrame);
    if (group === 'idle') continue;
    total += time;
    groups.set(group, (groups.get(group) ?? 0) + time);
    const location = locationOf(callFrame, group);
    if (group === 'package') {
      const [path] = location.split(':', 1);
      files.set(path, (files.get(path) ?? 0) + time);
    }
    const name = `${callFrame.functionName || '(anonymous)'}  ${location}`;
    const entry = functions.get(name) ?? { group, time: 0 };
    entry.time += time;
    functions.set(name, entry);
  }
  const per = (time) => ((time / total) * cpu).toFixed(2);
  const share = (time) => `${((100 * time) / total).toFixed(1)} %`;
  const byTime = (a, b) => b[1] - a[1];
  print(`  ${title}: ${values.target}, Node ${version}: ${cpu.toFixed(1)} us of CPU each, with the profiler`);
  print();
  printTable([
    ['group', 'us', 'share'],
    ...[...groups].sort(byTime).map(([name, time]) => [name, per(time), share(time)]),
  ]);
  print();
  printTable([
    ['file', 'us', 'share'],
    ...[...files].sort(byTime).map(([name, time]) => [name, per(time), share(time)]),
  ]);
  print();
  printTable([
    ['function', 'us', 'share'],
    ...[...functions]
      .sort(([, a], [, b]) => b.time - a.time)
      .slice(0, MAX_FUNCTIONS)
      .map(([name, { group, time }]) => [`${group.padEnd(8)} ${name}`, per(time), share(time)]),
  ]);
}

function groupOf({ url, functionName }) {
  if (functionName === '(idle)' || functionName === '(root)') return 'idle';
  if (functionName === '(garbage collector)') return 'garbage';
  if (functionName === '(program)') return 'native';
  const [, dependency] = /.*\/node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(url) ?? [];
  if (dependency) return FRAMEWORK.has(dependency) ? 'express' : dependency;
  if (url.includes('/dist/') || url === pathToFileURL(values.against ?? '').href) return 'package';
  if (url.startsWith('node:') || url === '') return 'node';
  return 'bench';
}

/** File and line of a function; for this package, in its sources. */
function locationOf({ url, lineNumber, columnNumber }, group) {
  if (!url) return '';
  if (group === 'package') {
    const { originalSource, originalLine } = map?.findEntry(lineNumber, columnNumber) ?? {};
    if (originalSource) return `${originalSource.replace(/^.*?(?=src\/)/, '')}:${originalLine + 1}`;
  }
  return `${url.split('/').slice(-2).join('/')}:${lineNumber + 1}`;
}

function sourceMap(url) {
  const file = fileURLToPath(`${url}.map`);
  return existsSync(file) ? new SourceMap(JSON.parse(readFileSync(file, 'utf8'))) : undefined;
}
