// npm run bench                      all scenarios; writes RESULTS.md
// npm run bench -- --quick           hits and misses of the floors and of this package: about two minutes
// npm run bench -- --help            all options

import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import { build } from './build.mjs';
import { killAll, start } from './child.mjs';
import { measure } from './measure.mjs';
import { nodeBinary } from './node-binary.mjs';
import { startRedis } from './redis.mjs';
import { goalResults, show, showGoals, write } from './report.mjs';
import { scenarios } from './scenarios/index.mjs';
import { servers } from './servers.mjs';
import { targets } from './targets.mjs';
import { elapsed, print } from './terminal.mjs';

const HELP = `
  npm run bench -- [options]

  --quick              hits and misses of the floors and of this package; RESULTS.md is not written
  --only <scenario>    repeatable: ${Object.keys(scenarios).join(', ')}
  --target <text>      only targets whose name contains the text; repeatable
  --node <node>        a Node for the hits, by path or by major version (from npm); repeatable; default 20, 22, 24
  --against <file>     another build of this package (its index.js), measured as the target "other"
  --rounds <n>         default 15; with --quick 7
  --seconds <n>        load of each target in a round; default 0.3
  --connections <n>    default 32
  --closed             traffic in a closed loop of 50 connections, in place of arrivals at a constant rate
  --keys <n>           distinct keys in the scenario "memory"; default 200000
  --minutes <n>        length of the scenario "soak"; default 10
  --growth <n>         most keys in the scenario "growth"; default 1000000
  --out <file>         default bench/RESULTS.md; results.svg goes into the same folder
`;

const NODES = ['20', '22', '24'];
const here = (file) => fileURLToPath(new URL(file, import.meta.url));
const { values } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    only: { type: 'string', multiple: true, default: [] },
    target: { type: 'string', multiple: true, default: [] },
    node: { type: 'string', multiple: true, default: [] },
    against: { type: 'string' },
    rounds: { type: 'string' },
    seconds: { type: 'string', default: '0.3' },
    connections: { type: 'string', default: '32' },
    closed: { type: 'boolean', default: false },
    keys: { type: 'string', default: '200000' },
    minutes: { type: 'string', default: '10' },
    growth: { type: 'string', default: '1000000' },
    out: { type: 'string' },
    help: { type: 'boolean', default: false },
  },
});

if (values.help) {
  print(HELP);
  process.exit();
}
const options = {
  rounds: Number(values.rounds ?? (values.quick ? 7 : 15)),
  seconds: Number(values.seconds),
  connections: Number(values.connections),
  closed: values.closed,
  keys: Number(values.keys),
  minutes: Number(values.minutes),
  growth: Number(values.growth),
  targets: values.target,
};
const chosen = values.only.length > 0 ? values.only.map(named) : Object.values(scenarios).filter(inMode);
const whole = !values.quick && values.only.length === 0 && values.target.length === 0;

function named(id) {
  if (scenarios[id]) return scenarios[id];
  print(`  Unknown scenario "${id}". The scenarios are ${Object.keys(scenarios).join(', ')}`);
  process.exit(2);
}

function inMode({ quick }) {
  return quick || !values.quick;
}

let redis;
for (const [signal, code] of Object.entries({ SIGINT: 130, SIGTERM: 143 })) {
  process.on(signal, () => process.exit(code));
}
process.on('exit', () => {
  killAll();
  redis?.stop();
});

try {
  const built = await build();
  redis = await startRedis();
  const unavailable = [];
  const nodes = runtimes(unavailable);
  const { catalogue, versions: otherVersions } = await assemble(built, unavailable);
  const load = await start('./load-process.mjs', {});
  const versions = [
    `Node ${nodes.map(({ version }) => version.slice(1)).join(', ')}`,
    `Redis ${redis.version}`,
    ...otherVersions,
  ];
  print(`  ${versions.join('; ')}; ${chosen.length} scenarios`);
  for (const { name, why } of unavailable) print(`  skipped: ${name}: ${why}`);

  const results = [];
  for (const scenario of chosen) {
    for (const node of scenario.everyNode ? nodes : [nodes.find(isMain) ?? nodes[0]]) {
      const context = { redis, load, options, catalogue: under(node, catalogue) };
      const several = scenario.everyNode && nodes.length > 1;
      const runtime = several || !isMain(node) ? node.version.slice(1) : undefined;
      const result = { ...(await measure(context, scenario)), runtime };
      show(result);
      results.push(result);
    }
  }
  showGoals(results);
  if (whole || values.out) {
    const markdown = values.out ?? here('RESULTS.md');
    const files = { markdown, svg: join(dirname(markdown), 'results.svg') };
    write(files, { results, versions, options, duration: elapsed(), unavailable });
    print(`  written: ${relative(here('..'), markdown)}`);
  }
  const others = new Set(catalogue.filter(({ isOther }) => isOther).map(({ name }) => name));
  const bad = results.flatMap(({ wrong = new Map() }) => [...wrong]).filter(([name]) => !others.has(name));
  for (const [name, defects] of bad) print(`  WRONG: ${name}: ${[...defects].join('; ')}`);
  print(`  ${goalResults(results).filter(({ met }) => met === false).length} goals unmet; ${elapsed()}`);
  process.exitCode = bad.length > 0 ? 1 : 0;
  await load.stop();
} catch (error) {
  print(`  failed: ${error.stack}`);
  process.exitCode = 1;
}
process.exit();

/** The Nodes to measure hits under. The running Node is used for its own major version. */
function runtimes(unavailable) {
  const wanted = values.node.length > 0 ? values.node : values.quick ? [process.execPath] : NODES;
  const available = wanted.flatMap((node) => {
    const isRunning = node === process.execPath || process.version.startsWith(`v${node}.`);
    try {
      return [isRunning ? { binary: process.execPath, version: process.version } : nodeBinary(node)];
    } catch (error) {
      unavailable.push({ name: `Node ${node}`, why: error.message.split('\n')[0] });
      return [];
    }
  });
  return available.length > 0 ? available : [{ binary: process.execPath, version: process.version }];
}

function isMain({ binary }) {
  return binary === process.execPath;
}

/** Other caches are measured under one Node only. */
function under(node, catalogue) {
  const all = isMain(node) || (values.node.length === 1 && !values.quick);
  return catalogue
    .filter(({ isOther }) => all || !isOther)
    .map((target) => ({ ...target, node: node.binary }));
}

/** All targets. Those that this machine lacks go into `unavailable`. */
async function assemble(built, unavailable) {
  const own = new URL('./targets.mjs', import.meta.url).href;
  const catalogue = Object.entries(targets).map(([name, { on, kind }]) => {
    return { name, on, kind, module: own, opens: name, build: built, groups: [name] };
  });
  if (values.against !== undefined) {
    const other = pathToFileURL(values.against).href;
    for (const on of ['node', 'express']) {
      const name = `${on} other`;
      catalogue.push({
        name,
        on,
        kind: 'package',
        module: own,
        opens: `${on} rrc`,
        build: other,
        groups: [name],
      });
    }
  }
  if (values.quick) return { catalogue, versions: [] };
  const peers = await peersOf(unavailable);
  const found = servers();
  unavailable.push(...found.unavailable);
  for (const server of found.targets) catalogue.push({ ...server, module: own, isOther: true });
  catalogue.push(...peers.targets);
  return { catalogue, versions: [...peers.versions, ...found.targets.map(({ version }) => version)] };
}

async function peersOf(unavailable) {
  try {
    if (!existsSync(here('peers/node_modules'))) {
      print('  installing the peers: bench/peers');
      execFileSync('npm', ['install', '--silent', '--no-package-lock'], {
        cwd: here('peers'),
        stdio: 'inherit',
      });
    }
    const module = new URL('./peers/targets.mjs', import.meta.url).href;
    const { targets } = await import(module);
    const { dependencies } = JSON.parse(readFileSync(here('peers/package.json'), 'utf8'));
    const versions = Object.entries(dependencies).map(([name, version]) => `${name} ${version}`);
    return {
      targets: Object.entries(targets).map(([name, { on, kind, groups }]) => {
        return { name, on, kind, module, opens: name, groups, isOther: true };
      }),
      versions: [versions.join(', ')],
    };
  } catch (error) {
    unavailable.push({ name: 'the peers', why: error.message.split('\n')[0] });
    return { targets: [], versions: [] };
  }
}
